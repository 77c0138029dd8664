//! A dry run: the changes of the whole plan, in their order.

use std::time::Duration;

use shared::policy::Finish;
use shared::split::Share;

use super::ending::{Ending, Task};
use super::step::{Change, Step};
use super::{Cause, Mode, Phase, Plan, Turn};

/// Every change that a run of this plan would make.
pub fn changes(plan: &Plan, from: Share, settles: Option<&str>) -> Vec<Change> {
    let mut changes = Vec::new();
    changes.extend(settles.map(|of| Change::Settle { of: of.to_owned() }));
    let from = if settles.is_some() { Share::NONE } else { from };
    changes.extend(plan.hooks.deploy.then_some(Change::Deploy));
    let mut before = from;
    for stage in plan.stages.all() {
        let (to, wait) = (stage.share, stage.wait);
        changes.push(Change::Move {
            from: before,
            to,
            wait,
        });
        before = to;
    }
    changes.push(match plan.finish {
        Finish::Promote => Change::Promote,
        Finish::Swap => Change::Swap,
        Finish::Stay => Change::Stay,
    });
    if plan.soak > Duration::ZERO {
        changes.push(Change::Soak(plan.soak));
    }
    changes.push(Change::Record);
    changes
}

impl Turn<'_> {
    fn change(&self, said: usize, settles: Option<&str>) -> Option<Change> {
        let from = self.state.share.unwrap_or(Share::NONE);
        changes(self.plan, from, settles).into_iter().nth(said)
    }

    pub(super) fn said(&mut self, said: usize, settles: Option<String>) -> Phase {
        if self.change(said, settles.as_deref()).is_some() {
            return Phase::Planning { said, settles };
        }
        let mut ending = Ending::at_once(Cause::DryRun);
        if self.plan.mode == (Mode::Dry { record: true }) {
            ending.left.push_back(Task::Record);
        }
        Phase::Ending(ending)
    }

    pub(super) fn say(&self, said: usize, settles: Option<&str>) -> Step {
        match self.change(said, settles) {
            Some(change) => Step::Say(change),
            None => Step::Finish(Cause::DryRun.exit()),
        }
    }
}
