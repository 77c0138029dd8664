//! Learning from counted requests: what a look adds is weighed, noted for whoever goes on after this run, and taken over
//! from whoever was before it.

use shared::intent::Intent;

use super::state::Noted;
use super::step::Step;
use super::{Reach, Turn, What};
use crate::stage::{Asked, Look, Watch, weigh};

impl Turn<'_> {
    /// Weighs what a look counted. Before the first share and at a promote nobody but the probes comes to the version.
    pub(super) fn learn(&mut self, what: What, watch: &Watch, look: &mut Look) {
        let asked = match what {
            What::Stage(_) => Asked::Yes,
            What::Soak => Asked::No,
            What::First | What::Promoted => {
                look.counts = None;
                return;
            }
        };
        let before = self.state.intent.evidence.clone().unwrap_or_default();
        let mut trials = before.clone();
        weigh(&mut trials, watch, look, &self.plan.rules, asked);
        if trials != before {
            self.state.intent.evidence = Some(trials);
            self.state.noted = Noted::NotYet;
        }
    }

    /// A bet is laid on the version's being bad from here on, in a rollout that counts.
    pub(super) fn begin_weighing(&mut self) {
        if let Some(trials) = &mut self.state.intent.evidence {
            trials.begin_stage();
        }
    }

    /// Writes down what was learnt, where traffic may have been moved: whoever goes on after this run shall judge on, and
    /// not anew.
    pub(super) fn note(&self) -> Option<Step> {
        let is_due = self.state.noted == Noted::NotYet && self.state.reach >= Reach::Written;
        is_due.then(|| Step::Journal(Box::new(self.state.intent.clone())))
    }

    /// What the same version has shown in an earlier run of this deployment is not forgotten.
    pub(super) fn inherit(&mut self, past: Option<&Intent>) {
        let same = |past: &&Intent| {
            past.deployment_id == self.plan.deployment_id && past.commit == self.plan.commit
        };
        if let Some(past) = past.filter(same) {
            self.state.intent.evidence.clone_from(&past.evidence);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shared::evidence::{Against, Counted, Pair, Window};
    use shared::split::{Counts, Share, Snapshot};
    use shared::threshold::Thresholds;
    use shared::tick::{Judged, Tick};

    use super::*;
    use crate::rollout::{
        Facts, Lease, Outcome, Phase, Plan, Reading, Span, State, next, some_plan,
    };

    fn look(requests: u64, failed: u64) -> Look {
        let new = Tick {
            started: Duration::ZERO,
            ended: Duration::ZERO,
            samples: Vec::new(),
            judged: Judged::Good {
                warnings: Vec::new(),
            },
        };
        let pair = Pair {
            canary: Counts { requests, failed },
            baseline: Counts {
                requests: 9 * requests,
                failed: 0,
            },
        };
        let window = Window::Beside(pair);
        let counted = Counted::new(
            "haproxy",
            window,
            None,
            Against::Beside,
            &Thresholds::default(),
        );
        Look::new(new, None, Some(counted), Ok(Share::ALL))
    }

    fn facts(outcome: Outcome) -> Facts {
        Facts {
            now: Duration::ZERO,
            cancelled: false,
            abort: None,
            lease: Lease::Good,
            outcome,
        }
    }

    fn watching(plan: &Plan, what: What, reach: Reach) -> State {
        State {
            phase: Phase::Watching(Span {
                what,
                watch: Watch::open(Duration::ZERO, Duration::from_secs(60)),
            }),
            reach,
            ..State::new(plan)
        }
    }

    fn looked(state: State, look: Look) -> (State, Step) {
        next(&some_plan(), state, facts(Outcome::Looked(Box::new(look))))
    }

    #[test]
    fn what_was_learnt_is_noted_once_and_that_it_could_not_be_is_no_end() {
        let plan = some_plan();
        for came in [
            Outcome::Done,
            Outcome::Failed("the disk is full".to_owned()),
        ] {
            let state = watching(&plan, What::Stage(0), Reach::Written);
            let (state, step) = looked(state, look(10, 1));
            let Step::Journal(intent) = step else {
                panic!("{step:?}")
            };
            assert!(intent.evidence.is_some() && intent.evidence == state.intent.evidence);
            let (state, step) = next(&plan, state, facts(came));
            assert!(matches!(step, Step::Sleep(_)), "{step:?}");
            assert!(
                matches!(state.phase, Phase::Watching(_)),
                "{:?}",
                state.phase
            );
        }
    }

    #[test]
    fn without_a_request_or_a_write_nothing_is_noted() {
        let plan = some_plan();
        let idle = watching(&plan, What::Stage(0), Reach::Written);
        let (state, step) = looked(idle, look(0, 0));
        assert!(matches!(step, Step::Sleep(_)), "{step:?}");
        assert_eq!(state.intent.evidence, None);
        let (_, step) = looked(watching(&plan, What::Stage(0), Reach::Begun), look(10, 1));
        assert!(matches!(step, Step::Sleep(_)), "{step:?}");
    }

    #[test]
    fn what_comes_before_the_first_share_and_at_a_promote_is_not_weighed() {
        let plan = some_plan();
        for what in [What::First, What::Promoted] {
            let (state, _) = looked(watching(&plan, what, Reach::Written), look(10, 10));
            assert_eq!(state.intent.evidence, None, "{what:?}");
        }
    }

    #[test]
    fn the_same_version_of_the_same_deployment_is_judged_on_and_any_other_anew() {
        let plan = some_plan();
        let known = Some(Box::default());
        let past = Intent {
            evidence: known.clone(),
            ..Intent::begun(&plan.deployment_id, plan.commit.as_deref())
        };
        let after = |past: Intent| {
            let mut state = State::new(&plan);
            state.phase = Phase::Reading(Some(past));
            let snapshot = Snapshot {
                manager: "haproxy".to_owned(),
                share: Share::NONE,
                detail: serde_json::Value::Null,
            };
            let read = Ok(Reading {
                share: Some(Share::NONE),
                snapshot,
            });
            next(&plan, state, facts(Outcome::Traffic(read)))
                .0
                .intent
                .evidence
        };
        assert_eq!(after(past.clone()), known);
        let other = Intent {
            commit: Some("badc0de".to_owned()),
            ..past.clone()
        };
        assert_eq!(after(other), None);
        let other = Intent {
            deployment_id: "d0".to_owned(),
            ..past
        };
        assert_eq!(after(other), None);
    }
}
