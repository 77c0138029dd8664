//! What is kept of a plan with every look: all that it takes to play the rollout again.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::policy::Finish;

use super::plan::{Hooks, Lifted, Mode, OnInconclusive, Plan, PutBack, Stage, Stages};
use crate::stage::Rules;

/// A plan as far as looks are judged by it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outline {
    /// Where it goes.
    pub stages: Vec<Stage>,
    /// Good looks in a row that the canary needs before its first share.
    pub healthy_threshold: u32,
    /// The longest that they are waited for.
    pub proving_max: Duration,
    /// When all of it must be over, since the run began.
    pub deadline: Duration,
    /// What becomes of an inconclusive stage.
    pub on_inconclusive: OnInconclusive,
    /// The word of what becomes of the traffic after the last stage.
    pub finish: String,
    /// How long the end is watched.
    pub soak: Duration,
    /// Our own probes that took longer were counted as slow.
    pub slow_over: Option<Duration>,
    /// Whether a part of α was kept for what is usual here.
    pub knows_usual: bool,
}

impl Outline {
    /// What is kept of a plan.
    pub fn of(plan: &Plan, slow_over: Option<Duration>, knows_usual: bool) -> Self {
        Self {
            stages: plan.stages.all().to_vec(),
            healthy_threshold: plan.healthy_threshold,
            proving_max: plan.proving_max,
            deadline: plan.deadline,
            on_inconclusive: plan.on_inconclusive,
            finish: plan.finish.word().to_owned(),
            soak: plan.soak,
            slow_over,
            knows_usual,
        }
    }

    /// The plan again, of a rollout that calls nobody; `None` where it is no plan at all.
    pub fn plan(&self, deployment_id: &str, rules: Rules, is_dry: bool) -> Option<Plan> {
        Some(Plan {
            deployment_id: deployment_id.to_owned(),
            commit: None,
            mode: if is_dry {
                Mode::Dry { record: true }
            } else {
                Mode::Roll
            },
            stages: Stages::new(self.stages.clone())?,
            rules,
            healthy_threshold: self.healthy_threshold,
            proving_max: self.proving_max,
            deadline: self.deadline,
            on_inconclusive: self.on_inconclusive,
            put_back: PutBack::Always,
            finish: Finish::of(&self.finish)?,
            soak: self.soak,
            settle_to: None,
            hooks: Hooks {
                any: false,
                deploy: false,
                flags: false,
            },
            drain: Duration::ZERO,
            lifted: Lifted::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::some_plan;

    #[test]
    fn a_plan_comes_back_from_its_outline_and_nonsense_does_not() {
        let plan = some_plan();
        let outline = Outline::of(&plan, None, true);
        let text = serde_json::to_string(&outline).unwrap();
        let read: Outline = serde_json::from_str(&text).unwrap();
        let rules = plan.rules.clone();
        assert_eq!(read.plan("d1", rules.clone(), false), Some(plan));
        for wrong in [
            Outline {
                stages: Vec::new(),
                ..outline.clone()
            },
            Outline {
                finish: "later".to_owned(),
                ..outline
            },
        ] {
            assert_eq!(wrong.plan("d1", rules.clone(), false), None);
        }
    }
}
