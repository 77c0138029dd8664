//! The verdict: the last line, alone, with what to do next.

use shared::exit::Exit;
use shared::message::Outcome;
use shared::reason::Reason;
use shared::verdict::Verdict;

use super::lines;
use crate::course::Ending;

/// The exit code of an ending.
pub fn exit(ending: &Ending, failure_fails: bool) -> Exit {
    match ending {
        Ending::Judged(Verdict::Pass { .. }) => Exit::Passed,
        _ if !failure_fails => Exit::Passed,
        Ending::Judged(Verdict::Fail { .. }) => Exit::Bad,
        Ending::Judged(Verdict::Inconclusive { .. }) => Exit::Inconclusive,
        Ending::TimedOut { .. } => Exit::TimedOut,
    }
}

/// How it ended, for those who are told.
pub fn outcome(ending: &Ending) -> Outcome {
    match ending {
        Ending::Judged(Verdict::Pass { warnings }) if warnings.is_empty() => Outcome::Success,
        Ending::Judged(Verdict::Pass { .. }) => Outcome::Warning,
        Ending::Judged(_) | Ending::TimedOut { .. } => Outcome::Failure,
    }
}

/// The word of the verdict.
pub fn word(ending: &Ending) -> &'static str {
    match ending {
        Ending::Judged(Verdict::Pass { warnings }) if warnings.is_empty() => "PASSED",
        Ending::Judged(Verdict::Pass { .. }) => "PASSED WITH WARNINGS",
        Ending::Judged(Verdict::Fail { .. }) => "FAILED",
        Ending::Judged(Verdict::Inconclusive { .. }) => "INCONCLUSIVE",
        Ending::TimedOut { .. } => "TIMED OUT",
    }
}

/// The reasons or warnings.
pub fn reasons(ending: &Ending) -> &[Reason] {
    match ending {
        Ending::Judged(verdict) => verdict.reasons(),
        Ending::TimedOut { reasons } => reasons,
    }
}

/// What to do next; nothing after a clean pass.
pub fn next(ending: &Ending, failure_fails: bool) -> Option<&'static str> {
    match ending {
        Ending::Judged(Verdict::Pass { warnings }) if warnings.is_empty() => None,
        Ending::Judged(Verdict::Pass { .. }) => Some("have a look before it becomes a failure"),
        _ if !failure_fails => Some("have a look: on_failure is warn, so the pipeline goes on"),
        Ending::Judged(Verdict::Fail { .. }) => Some(
            "look at the service's own log; a step with `when: [{status: [failure]}]` can roll back now",
        ),
        Ending::Judged(Verdict::Inconclusive { .. }) => {
            Some("watch longer, or with a shorter interval")
        }
        Ending::TimedOut { .. } => {
            Some("look at the service's own log; if it only starts slowly, raise max_wait")
        }
    }
}

/// The last line.
pub fn verdict(ending: &Ending, failure_fails: bool, endpoints: usize) -> String {
    let code = exit(ending, failure_fails).code();
    let reasons = reasons(ending);
    let why = match (reasons.is_empty(), endpoints) {
        (false, _) => lines::joined(reasons),
        (true, 1) => "the endpoint is well and within its limits".to_owned(),
        (true, n) => format!("all {n} endpoints are well and within their limits"),
    };
    let next = next(ending, failure_fails)
        .map(|next| format!(". Next: {next}"))
        .unwrap_or_default();
    format!("{} (exit {code}): {why}{next}", word(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ending_has_its_code_and_warn_lets_the_pipeline_go_on() {
        let reasons = vec![Reason::Unhealthy];
        for (ending, code) in [
            (
                Ending::Judged(Verdict::Pass {
                    warnings: reasons.clone(),
                }),
                0,
            ),
            (
                Ending::Judged(Verdict::Fail {
                    reasons: reasons.clone(),
                }),
                1,
            ),
            (
                Ending::Judged(Verdict::Inconclusive {
                    reasons: reasons.clone(),
                }),
                3,
            ),
            (Ending::TimedOut { reasons }, 124),
        ] {
            assert_eq!(exit(&ending, true).code(), code);
            assert_eq!(exit(&ending, false).code(), 0);
        }
    }

    #[test]
    fn the_last_line_says_why_and_what_next() {
        let ending = Ending::Judged(Verdict::Fail {
            reasons: vec![Reason::Unhealthy],
        });
        let line = verdict(&ending, true, 1);
        assert!(
            line.starts_with("FAILED (exit 1): the service calls itself unhealthy. Next: look at"),
            "{line}"
        );
        let passed = Ending::Judged(Verdict::Pass { warnings: vec![] });
        assert_eq!(
            verdict(&passed, true, 2),
            "PASSED (exit 0): all 2 endpoints are well and within their limits"
        );
    }

    #[test]
    fn a_pass_with_warnings_is_called_so_and_told_as_a_warning() {
        let passed = |warnings| Ending::Judged(Verdict::Pass { warnings });
        let warned = passed(vec![Reason::Degraded]);
        assert_eq!(
            (word(&warned), outcome(&warned)),
            ("PASSED WITH WARNINGS", Outcome::Warning)
        );
        let clean = passed(vec![]);
        assert_eq!(
            (word(&clean), outcome(&clean)),
            ("PASSED", Outcome::Success)
        );
        for bad in [
            Ending::Judged(Verdict::Inconclusive { reasons: vec![] }),
            Ending::TimedOut { reasons: vec![] },
        ] {
            assert_eq!(outcome(&bad), Outcome::Failure);
        }
    }
}
