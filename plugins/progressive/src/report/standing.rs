//! How the commit of a rollout stands at the forge: a state, and the deciding figures in few words.

use shared::exit::Exit;
use shared::standing::State as Stands;
use shared::threshold::Thresholds;

use super::{lines, verdict};
use crate::rollout::{Cause, Ending, Plan};
use crate::stage::Summary;

/// While it goes on.
pub fn begun(plan: &Plan) -> (Stands, String) {
    let shares = plan
        .stages
        .all()
        .iter()
        .map(|stage| stage.share.to_string());
    let shares: Vec<String> = shares.collect();
    (
        Stands::Pending,
        format!("rolling out: {} of the traffic", shares.join(", ")),
    )
}

/// How it ended.
pub fn ended(
    ending: &Ending,
    exit: Exit,
    results: &[Summary],
    limits: &Thresholds,
) -> (Stands, String) {
    let stands = match (exit, &ending.cause) {
        // Of a run that died: its version is bad, or nobody said so.
        (Exit::Passed, Cause::Unfinished { blamed, .. }) => {
            if *blamed {
                Stands::Failure
            } else {
                Stands::Error
            }
        }
        (Exit::Passed, _) => Stands::Success,
        (Exit::Bad | Exit::NeedsPerson | Exit::TimedOut, _) => Stands::Failure,
        (Exit::Refused | Exit::Inconclusive | Exit::Busy | Exit::Bug | Exit::Cancelled, _) => {
            Stands::Error
        }
    };
    let last = results.last().map(|last| lines::figures(last, limits));
    let why = match (&ending.cause, last) {
        (Cause::Success { warnings }, Some(last)) if warnings.is_empty() => {
            format!("the last of {} stages {last}", results.len())
        }
        (cause @ Cause::Success { warnings }, _) if warnings.is_empty() => cause.to_string(),
        (cause, _) => cause.why().join("; "),
    };
    let word = verdict::word(ending, exit).to_lowercase();
    (stands, format!("{word}: {why}"))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use shared::metric::Metric;
    use shared::reason::Reason;
    use shared::split::Share;

    use super::*;
    use crate::rollout::{Facts, Lease, Outcome, Phase, Refusal, State, next, some_plan};
    use crate::stage::Ended;

    /// How the commit stands after an ending for this cause.
    fn of(cause: Cause, exit: Exit) -> (Stands, String) {
        let mut ending = stopped();
        ending.cause = cause;
        let last = Summary {
            number: 2,
            share: Share::ALL,
            ended: Ended::Passed,
            took: Duration::from_secs(1),
            looks: 3,
            failed: 0,
            outages: 0,
            means: vec![(Metric::ErrorRate, 1.5)],
            counts: None,
            slow: None,
            weighed: None,
        };
        ended(&ending, exit, &[last.clone(), last], &Thresholds::default())
    }

    /// The ending of a run that is cancelled at once.
    pub(crate) fn stopped() -> Ending {
        let plan = some_plan();
        let facts = Facts {
            now: Duration::ZERO,
            cancelled: true,
            abort: None,
            lease: Lease::Good,
            outcome: Outcome::Began,
        };
        match next(&plan, State::new(&plan), facts).0.phase {
            Phase::Ending(ending) => ending,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_success_says_what_its_last_stage_measured() {
        let warnings = Vec::new();
        let (stands, text) = of(Cause::Success { warnings }, Exit::Passed);
        assert_eq!(stands, Stands::Success);
        assert_eq!(
            text,
            "passed: the last of 2 stages passed on 3 looks, error rate 1.5 % (limit 5 %)"
        );
        let warnings = vec![Reason::Degraded];
        let (stands, text) = of(Cause::Success { warnings }, Exit::Passed);
        assert_eq!(stands, Stands::Success);
        assert!(text.starts_with("passed with warnings: "), "{text}");
    }

    #[test]
    fn a_bad_version_fails_and_what_says_nothing_against_it_is_an_error() {
        let cancelled = of(Cause::Cancelled, Exit::Cancelled);
        assert_eq!(
            cancelled,
            (Stands::Error, "cancelled: the run was cancelled".to_owned())
        );
        let by = || "ops".to_owned();
        assert_eq!(of(Cause::Abort { by: by() }, Exit::Bad).0, Stands::Failure);
        let held = of(Cause::Abort { by: by() }, Exit::NeedsPerson);
        assert_eq!(held.0, Stands::Failure);
        let refused = Cause::Refused(Refusal::SettledToCanary);
        assert_eq!(of(refused, Exit::Refused).0, Stands::Error);
    }

    #[test]
    fn a_run_that_died_stands_as_its_version_was_judged() {
        let died = |blamed| Cause::Unfinished {
            of: "d0".to_owned(),
            why: Vec::new(),
            blamed,
        };
        assert_eq!(of(died(true), Exit::Passed).0, Stands::Failure);
        assert_eq!(of(died(false), Exit::Passed).0, Stands::Error);
    }

    #[test]
    fn while_it_goes_on_it_says_through_which_shares() {
        let (stands, text) = begun(&some_plan());
        assert_eq!(stands, Stands::Pending);
        assert_eq!(text, "rolling out: 100 % of the traffic");
    }
}
