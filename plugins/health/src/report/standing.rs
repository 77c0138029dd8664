//! How the commit stands at the forge after a verdict: a state, and the deciding figures in few words.

use shared::message::Outcome;
use shared::metric::Metric;
use shared::standing::State;
use shared::threshold::Thresholds;
use shared::verdict::Verdict;

use super::ending;
use crate::course::Ending;
use crate::rows;
use crate::tick::Tick;

/// After a check, a wait or a watch. A bad verdict is a failure also where `on_failure` lets the step succeed.
pub fn checked(ending: &Ending, seen: &[Tick], thresholds: &Thresholds) -> (State, String) {
    let state = match ending {
        Ending::Judged(Verdict::Pass { .. }) => State::Success,
        Ending::Judged(Verdict::Fail { .. }) | Ending::TimedOut { .. } => State::Failure,
        Ending::Judged(Verdict::Inconclusive { .. }) => State::Error,
    };
    let word = ending::word(ending).to_lowercase();
    let reasons = ending::reasons(ending).iter().map(ToString::to_string);
    let mut why: Vec<String> = reasons.collect();
    if why.is_empty() {
        why = last_seen(seen, thresholds);
    }
    let text = if why.is_empty() {
        word
    } else {
        format!("{word}: {}", why.join("; "))
    };
    (state, text)
}

/// The worst value of each metric at the last look, with its limit.
fn last_seen(seen: &[Tick], thresholds: &Thresholds) -> Vec<String> {
    let last = seen.last().map_or(&[][..], std::slice::from_ref);
    let figure = |metric: Metric| {
        let (_, value) = rows::series(last, metric).pop()?;
        let limit = metric.show(thresholds.fail.of(metric));
        Some(format!("{metric} {} (limit {limit})", metric.show(value)))
    };
    Metric::ALL.into_iter().filter_map(figure).collect()
}

/// After a summary: a deployment of which nobody says how it ended is an error.
pub fn summed_up(outcome: Outcome, word: &str, why: Option<&str>) -> (State, String) {
    let state = match outcome {
        Outcome::Success => State::Success,
        Outcome::Failure => State::Failure,
        Outcome::Warning => State::Error,
    };
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    (state, format!("the deployment {word}{why}"))
}

#[cfg(test)]
mod tests {
    use shared::reason::Reason;
    use shared::sample::Role;

    use super::*;
    use crate::course::tests::ticks;
    use crate::tick::tests::{answer, sample};

    fn of(ending: &Ending) -> (State, String) {
        let mut seen = ticks("..", 0, 1);
        seen[1].samples = vec![sample(Role::Health, Ok(answer(1.5)))];
        checked(ending, &seen, &Thresholds::default())
    }

    #[test]
    fn a_pass_shows_what_was_seen_last_against_its_limits() {
        let warnings = Vec::new();
        let (state, text) = of(&Ending::Judged(Verdict::Pass { warnings }));
        assert_eq!(state, State::Success);
        assert_eq!(
            text,
            "passed: error rate 1.5 % (limit 5 %); response time 10 ms (limit 2000 ms)"
        );
    }

    #[test]
    fn anything_else_shows_its_reasons_and_what_is_not_known_is_an_error() {
        let reasons = || vec![Reason::Unhealthy];
        let judged = |verdict| of(&Ending::Judged(verdict));
        let (state, text) = judged(Verdict::Fail { reasons: reasons() });
        assert_eq!(state, State::Failure);
        assert_eq!(text, "failed: the service calls itself unhealthy");
        let (state, text) = judged(Verdict::Pass {
            warnings: reasons(),
        });
        assert_eq!(state, State::Success);
        assert!(text.starts_with("passed with warnings: "), "{text}");
        assert_eq!(
            judged(Verdict::Inconclusive { reasons: reasons() }).0,
            State::Error
        );
        assert_eq!(
            of(&Ending::TimedOut { reasons: reasons() }).0,
            State::Failure
        );
    }

    #[test]
    fn a_summary_stands_as_the_deployment_ended() {
        let good = summed_up(Outcome::Success, "succeeded", None);
        assert_eq!(
            good,
            (State::Success, "the deployment succeeded".to_owned())
        );
        let bad = summed_up(Outcome::Failure, "was rolled back", Some("too slow"));
        assert_eq!(bad.1, "the deployment was rolled back: too slow");
        assert_eq!(
            summed_up(Outcome::Warning, "is unknown", None).0,
            State::Error
        );
    }
}
