//! The last line of a cancelled run that did not end by itself.

use shared::exit::Exit;
use shared::split::Share;

use crate::rollout::Duty;

/// What is known of a run that hangs.
#[derive(Debug, Clone, PartialEq)]
pub struct Overdue {
    /// What the run owed the traffic when it was last heard of.
    pub duty: Duty,
    /// What became of it when somebody else put the traffic back; absent where nobody tried.
    pub rescued: Option<Result<(), String>>,
    /// The canary's share as last known.
    pub share: Option<Share>,
    /// The verdict it had come to, with the exit code.
    pub verdict: Option<(Exit, String)>,
}

const LEFT: &str =
    "what did not answer in time was left (a server, the database, the disk, people to tell)";
const NEXT: &str = "Next: bring the traffic where it belongs by hand, then run with settle: true";

/// The exit code and the line.
pub fn last_line(overdue: &Overdue) -> (Exit, String) {
    let verdict = overdue.verdict.as_ref();
    let had = verdict.map_or_else(
        || "there was no verdict yet".to_owned(),
        |(_, text)| format!("the verdict had been: {text}"),
    );
    let share = overdue.share.map(|share| share.to_string());
    let share = share.unwrap_or_else(|| "an unknown share".to_owned());
    let stuck = |why: &str| {
        format!(
            "STUCK (exit 4): the pipeline was cancelled, the step hung, and traffic is not back: {why}; the canary was \
             last known to have {share}; {had}. {NEXT}"
        )
    };
    match (&overdue.duty, &overdue.rescued) {
        (Duty::Restore(_), Some(Ok(()))) => (
            Exit::Cancelled,
            format!(
                "CANCELLED (exit 143): the pipeline was cancelled and the step hung; traffic was put back, {LEFT}; {had}"
            ),
        ),
        (Duty::Restore(_), Some(Err(why))) => (Exit::NeedsPerson, stuck(why)),
        (Duty::Restore(_), None) => (Exit::NeedsPerson, stuck("there was no time")),
        (Duty::Leave, _) => (
            Exit::NeedsPerson,
            format!(
                "HELD (exit 4): the pipeline was cancelled and the step hung; traffic was left as it is, the canary has \
                 {share}; {had}. {NEXT}"
            ),
        ),
        (Duty::Nothing, _) => match verdict {
            Some((Exit::NeedsPerson, text)) => (Exit::NeedsPerson, text.clone()),
            // After a recorded success a signal changes nothing.
            Some((Exit::Passed, text)) => (Exit::Passed, text.clone()),
            Some((Exit::Cancelled, text)) => (Exit::Cancelled, format!("{text}; {LEFT}")),
            _ => (
                Exit::Cancelled,
                format!(
                    "CANCELLED (exit 143): the pipeline was cancelled; traffic is where it belongs, {LEFT}; {had}"
                ),
            ),
        },
    }
}

#[cfg(test)]
mod tests {
    use shared::split::Snapshot;

    use super::*;

    fn overdue(duty: Duty, rescued: Option<Result<(), String>>) -> Overdue {
        Overdue {
            duty,
            rescued,
            share: Share::new(25),
            verdict: None,
        }
    }

    fn restore() -> Duty {
        Duty::Restore(Snapshot {
            manager: "haproxy".to_owned(),
            share: Share::NONE,
            detail: serde_json::Value::Null,
        })
    }

    #[test]
    fn traffic_that_is_not_back_calls_a_person_with_the_last_known_share() {
        for rescued in [None, Some(Err("connection refused".to_owned()))] {
            let (exit, line) = last_line(&overdue(restore(), rescued));
            assert_eq!(exit, Exit::NeedsPerson);
            assert!(line.starts_with("STUCK (exit 4): "), "{line}");
            assert!(line.contains("last known to have 25 %"), "{line}");
        }
        let (exit, line) = last_line(&overdue(Duty::Leave, None));
        assert_eq!((exit, &line[..15]), (Exit::NeedsPerson, "HELD (exit 4): "));
    }

    #[test]
    fn traffic_that_is_back_is_a_cancel() {
        for (duty, rescued) in [(restore(), Some(Ok(()))), (Duty::Nothing, None)] {
            let (exit, line) = last_line(&overdue(duty, rescued));
            assert_eq!(exit, Exit::Cancelled);
            assert!(line.starts_with("CANCELLED (exit 143): "), "{line}");
        }
    }

    #[test]
    fn a_success_that_was_recorded_stays_one() {
        let mut over = overdue(Duty::Nothing, None);
        for exit in [Exit::Passed, Exit::NeedsPerson] {
            over.verdict = Some((exit, "as it was".to_owned()));
            assert_eq!(last_line(&over), (exit, "as it was".to_owned()));
        }
        over.verdict = Some((Exit::Bad, "ROLLED BACK".to_owned()));
        let (exit, line) = last_line(&over);
        assert_eq!(exit, Exit::Cancelled);
        assert!(
            line.ends_with("the verdict had been: ROLLED BACK"),
            "{line}"
        );
    }
}
