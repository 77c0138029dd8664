//! How a rollback ended: its exit code, and the last line, alone, with what is left for a person.

use shared::exit::Exit;
use shared::verdict::Verdict;

use crate::plan::branch::Way;
use crate::plan::facts::{End, short};
use crate::plan::{Block, Part, Plan};

/// What came of the parts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Came {
    /// Parts that are done, with what came of them.
    pub done: Vec<(&'static str, Option<String>)>,
    /// Parts that failed, each tried several times.
    pub failed: Vec<Block>,
    /// Who could not be told, and what could not be delivered.
    pub untold: Vec<String>,
    /// What watching came to.
    pub health: Option<Verdict>,
    /// Whether the pipeline was cancelled before everything was done.
    pub cancelled: bool,
    /// Who has the environment now, where somebody took it.
    pub fenced: Option<String>,
    /// Whether parts stopped in the middle, which is a bug of ours.
    pub broke: bool,
}

/// Parts that only tell of it: what was brought back stays so without them.
const TELLING: [&str; 3] = ["incident", "status", "notify"];

impl Came {
    /// What a person has to do: parts that bring something back, and are not done.
    pub fn remaining<'a>(&'a self, plan: &'a Plan) -> Vec<&'a Block> {
        let failed = self
            .failed
            .iter()
            .filter(|one| !TELLING.contains(&one.part));
        plan.blocked.iter().chain(failed).collect()
    }

    /// Whether what was gone back to was looked at and is not well.
    pub fn is_unhealthy(&self) -> bool {
        matches!(
            self.health,
            Some(Verdict::Fail { .. } | Verdict::Inconclusive { .. })
        )
    }

    /// How it ends.
    pub fn exit(&self, plan: &Plan) -> Exit {
        if self.fenced.is_some() {
            return Exit::Busy;
        }
        if !self.remaining(plan).is_empty() || self.is_unhealthy() {
            return Exit::NeedsPerson;
        }
        match (self.cancelled, self.broke) {
            (true, _) => Exit::Cancelled,
            (false, true) => Exit::Bug,
            (false, false) => Exit::Passed,
        }
    }

    /// Whether the rollback as a whole is done: nothing of it has to be done again.
    pub fn is_whole(&self, plan: &Plan) -> bool {
        self.exit(plan) == Exit::Passed
    }
}

/// The word of an end.
pub fn word(exit: Exit) -> &'static str {
    match exit {
        Exit::Passed => "ROLLED BACK",
        Exit::NeedsPerson => "STUCK",
        Exit::Busy => "BUSY",
        Exit::Cancelled => "CANCELLED",
        Exit::Bug => "BUG",
        Exit::Bad | Exit::Inconclusive => "FAILED",
        Exit::Refused => "REFUSED",
        Exit::TimedOut => "TIMED OUT",
    }
}

/// Why it went back, and how far it came, one sentence each.
pub fn reasons(plan: &Plan, came: &Came) -> Vec<String> {
    let mut reasons: Vec<String> = came
        .remaining(plan)
        .iter()
        .map(|block| format!("{} is not done: {}", block.part, block.why))
        .collect();
    if let Some(verdict @ (Verdict::Fail { .. } | Verdict::Inconclusive { .. })) = &came.health {
        let each: Vec<String> = verdict.reasons().iter().map(ToString::to_string).collect();
        reasons.push(format!(
            "what was gone back to is not healthy: {}",
            each.join("; ")
        ));
    }
    reasons.extend(
        came.fenced
            .iter()
            .map(|by| format!("another run has the environment: {by}")),
    );
    let telling = came.failed.iter().filter(|one| TELLING.contains(&one.part));
    reasons.extend(telling.map(|block| format!("{} is not done: {}", block.part, block.why)));
    reasons
}

/// The last line of a rollback.
pub fn line(plan: &Plan, came: &Came) -> String {
    let exit = came.exit(plan);
    let done: Vec<&str> = came.done.iter().map(|(word, _)| *word).collect();
    let done = if done.is_empty() {
        "nothing".to_owned()
    } else {
        done.join(", ")
    };
    let (bad, good) = (short(&plan.bad.commit), short(&plan.target.commit));
    let mut parts = vec![format!(
        "{} (exit {}): {} from {bad} to {good}. Done: {done}",
        word(exit),
        exit.code(),
        plan.bad.id
    )];
    let reasons = reasons(plan, came);
    if !reasons.is_empty() {
        parts.push(reasons.join("; "));
    }
    if !came.untold.is_empty() {
        parts.push(format!("Not told: {}", came.untold.join("; ")));
    }
    parts.extend(next(plan, came).map(|next| format!("Next: {next}")));
    parts.join(". ")
}

/// What to do next; nothing after a rollback that leaves nothing to wait for.
pub fn next(plan: &Plan, came: &Came) -> Option<&'static str> {
    match came.exit(plan) {
        Exit::Passed => still_to_come(plan),
        Exit::Cancelled => Some("start it again, what is done is not done twice"),
        Exit::Busy => Some("wait for the other run, then start this one again"),
        Exit::Bug => Some("report it with this log, and start it again"),
        _ if came.remaining(plan).is_empty() => {
            Some("look at the service: the version that was good before is not well now")
        }
        _ => Some(
            "do by hand what is not done, or put right what stopped it and start this again: what is done is not done twice",
        ),
    }
}

/// What was only set going: it is not live yet.
fn still_to_come(plan: &Plan) -> Option<&'static str> {
    match plan.parts.last()? {
        // One that is waited for comes first.
        Part::Redeploy => Some(
            "see that the pipeline that was started ends well: it was not waited for, and until then the bad version may be live",
        ),
        Part::Branch { ways, .. } if ways[..] == [Way::PullRequest] => {
            Some("merge what was proposed: until then the branch has the bad commit")
        }
        _ => None,
    }
}

/// The last line of a run that did nothing.
pub fn ended(end: &End) -> String {
    let word = match end.exit {
        Exit::Passed => "NOTHING TO DO",
        other => word(other),
    };
    let next = end.next.as_ref().map(|next| format!(". Next: {next}"));
    let touched = if end.exit == Exit::Refused {
        "; nothing was touched"
    } else {
        ""
    };
    format!(
        "{word} (exit {}): {}{touched}{}",
        end.exit.code(),
        end.why,
        next.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use shared::reason::Reason;

    use super::*;
    use crate::plan::facts::Source;
    use crate::plan::target::Target;
    use crate::plan::tests::{GOOD, bad};

    fn plan() -> Plan {
        Plan {
            bad: bad(),
            target: Target {
                commit: GOOD.into(),
                source: Source::Marker,
                passed_over: Vec::new(),
            },
            parts: Vec::new(),
            done: Vec::new(),
            blocked: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn block(part: &'static str) -> Block {
        Block {
            part,
            why: "no route".into(),
        }
    }

    #[test]
    fn what_a_person_must_do_beats_all_but_another_run() {
        let code = |came: &Came| came.exit(&plan()).code();
        let mut came = Came::default();
        assert_eq!(code(&came), 0);
        came.broke = true;
        assert_eq!(code(&came), 70);
        came.cancelled = true;
        assert_eq!(code(&came), 143);
        came.failed = vec![block("script")];
        assert_eq!(code(&came), 4);
        came.fenced = Some("held by d2".into());
        assert_eq!(code(&came), 5);
    }

    #[test]
    fn what_could_not_be_told_fails_no_rollback_and_is_said() {
        let came = Came {
            failed: vec![block("incident")],
            untold: vec!["slack: refused".into()],
            done: vec![("script", None), ("record", None)],
            ..Came::default()
        };
        assert_eq!(
            line(&plan(), &came),
            "ROLLED BACK (exit 0): d1 from bbbbbbbbbbbb to aaaaaaaaaaaa. Done: script, record. \
             incident is not done: no route. Not told: slack: refused"
        );
    }

    #[test]
    fn a_block_of_the_plan_is_a_persons_work() {
        let blocked = Plan {
            blocked: vec![block("branch")],
            ..plan()
        };
        let came = Came::default();
        assert_eq!(came.exit(&blocked), Exit::NeedsPerson);
        assert!(line(&blocked, &came).contains("branch is not done: no route"));
    }

    #[test]
    fn an_unhealthy_good_version_is_a_persons_work() {
        for health in [
            Verdict::Fail {
                reasons: vec![Reason::Unhealthy],
            },
            Verdict::Inconclusive { reasons: vec![] },
        ] {
            let came = Came {
                health: Some(health),
                ..Came::default()
            };
            assert_eq!(came.exit(&plan()), Exit::NeedsPerson);
        }
    }

    #[test]
    fn what_was_only_set_going_is_said() {
        let with = |part| Plan {
            parts: vec![Part::Records, part],
            ..plan()
        };
        let says = |part| next(&with(part), &Came::default()).unwrap_or_default();
        assert!(says(Part::Redeploy).contains("not waited for"));
        let by = |ways: &[Way]| Part::Branch {
            ways: ways.to_vec(),
            head: String::new(),
        };
        assert!(says(by(&[Way::PullRequest])).starts_with("merge what was proposed"));
        assert_eq!(says(by(&[Way::Restore, Way::PullRequest])), "");
        assert_eq!(says(Part::Watch), "");
    }
}
