//! Forward moves: journal, act, announce; and what each leads to.

use shared::intent::At;
use shared::split::{Share, Side};

use super::ending::{Ending, Task};
use super::state::Noted;
use super::step::{Action, Row, Step};
use super::{Cause, Effect, Phase, Reach, Refusal, Span, Turn, What, Write};
use crate::stage::Watch;

impl Turn<'_> {
    pub(super) fn share_of(&self, stage: usize) -> Share {
        let stages = self.plan.stages.all();
        stages.get(stage).map_or(Share::ALL, |stage| stage.share)
    }

    /// Begins a write by journalling it.
    pub(super) fn enter(&mut self, write: Write) -> Phase {
        self.state.noted = Noted::Yes;
        self.state.intent.at = match write {
            Write::Deploy => At::Deploying,
            Write::Move { stage } => At::Moving {
                to: self.share_of(stage),
            },
            Write::Promote => At::Promoting,
            Write::Return => At::Returning,
        };
        Phase::Journaling(write)
    }

    /// From here on the write may have happened, whatever becomes of us.
    pub(super) fn journalled(&mut self, write: Write) -> Phase {
        let reach = match write {
            Write::Deploy => Reach::Deployed,
            Write::Move { .. } => Reach::Written,
            Write::Promote | Write::Return => Reach::Void,
        };
        if self.movable {
            self.state.reach = self.state.reach.max(reach);
            return Phase::Acting(write);
        }
        // The lease cannot be renewed: no forward move, but watching goes on.
        if write == Write::Promote {
            self.state.reach = Reach::Void;
        }
        self.watch_again(write)
    }

    fn watch_again(&mut self, write: Write) -> Phase {
        let (what, wait) = match write {
            Write::Deploy => {
                let detail = "it was lost before anything was deployed".to_owned();
                return self.conclude(Cause::Refused(Refusal::NoLease(detail)));
            }
            Write::Move { stage: 0 } => return self.first(),
            Write::Move { stage } => (What::Stage(stage - 1), self.plan.rules.interval),
            Write::Promote => (
                What::Stage(self.plan.stages.all().len() - 1),
                self.plan.rules.interval,
            ),
            Write::Return => (What::Promoted, self.plan.proving_max),
        };
        Phase::Watching(Span {
            what,
            watch: Watch::open(self.now, wait),
        })
    }

    pub(super) fn act(&self, write: Write) -> Step {
        let hook = |action| Step::Hook { action, attempt: 1 };
        match write {
            Write::Deploy => hook(Action::Deploy),
            Write::Promote => hook(Action::Promote),
            Write::Move { stage } => Step::Set {
                share: self.share_of(stage),
                stage: stage + 1,
            },
            Write::Return => Step::Set {
                share: Share::NONE,
                stage: self.plan.stages.all().len(),
            },
        }
    }

    pub(super) fn acted(&mut self, write: Write) -> Phase {
        match write {
            Write::Deploy => self.first(),
            Write::Move { stage } => {
                self.state.share = Some(self.share_of(stage));
                self.begin_watching(stage)
            }
            Write::Promote => Phase::Watching(Span {
                what: What::Promoted,
                watch: Watch::open(self.now, self.plan.proving_max),
            }),
            Write::Return => {
                self.state.share = Some(Share::NONE);
                self.soak()
            }
        }
    }

    /// A forward action that failed, or of which nobody knows whether it took effect, is never tried again: it is
    /// only gone back on.
    pub(super) fn failed(&mut self, write: Write, detail: String) -> Phase {
        // What a cancel broke off did not fail.
        if self.state.cancelled {
            return self.conclude(Cause::Cancelled);
        }
        let effect = match write {
            Write::Deploy => Effect::Deploy,
            Write::Move { stage } => Effect::Set {
                to: self.share_of(stage),
            },
            Write::Promote => Effect::Promote,
            Write::Return => Effect::Set { to: Share::NONE },
        };
        self.conclude(Cause::Failed { effect, detail })
    }

    /// Goes to the stage at this place; a preview has its share already.
    pub(super) fn stage(&mut self, stage: usize) -> Phase {
        if self.state.share == Some(self.share_of(stage)) {
            self.begin_watching(stage)
        } else {
            self.enter(Write::Move { stage })
        }
    }

    fn begin_watching(&self, stage: usize) -> Phase {
        Phase::Announcing {
            stage,
            flags_told: !self.plan.hooks.flags,
        }
    }

    pub(super) fn announce(&self, stage: usize, flags_told: bool) -> Step {
        let share = self.share_of(stage);
        if flags_told {
            let number = stage + 1;
            Step::Record(Row::StageBegan { number, share })
        } else {
            Step::Flags(share)
        }
    }

    pub(super) fn announced(&mut self, stage: usize, flags_told: bool) -> Phase {
        if !flags_told {
            return Phase::Announcing {
                stage,
                flags_told: true,
            };
        }
        self.begin_weighing();
        let stages = self.plan.stages.all();
        let wait = stages.get(stage).map(|stage| stage.wait);
        Phase::Watching(Span {
            what: What::Stage(stage),
            watch: Watch::open(self.now, wait.unwrap_or_default()),
        })
    }

    /// What the row of the stage that was judged last says.
    pub(super) fn stage_row(&self) -> Row {
        match &self.state.unrecorded_stage {
            Some(summary) => Row::StageEnded(Box::new(summary.clone())),
            None => Row::StageBegan {
                number: self.state.results.len(),
                share: self.state.share.unwrap_or(Share::NONE),
            },
        }
    }

    pub(super) fn stage_number(&self, what: What) -> usize {
        match what {
            What::First => 1,
            What::Stage(stage) => stage + 1,
            What::Promoted | What::Soak => self.plan.stages.all().len(),
        }
    }

    /// The side that has the version in question.
    pub(super) fn side(&self, what: What) -> Side {
        match what {
            What::Promoted => Side::Stable,
            What::Soak if self.state.reach == Reach::Void => Side::Stable,
            What::First | What::Stage(_) | What::Soak => Side::Canary,
        }
    }

    /// The parts of a success.
    pub(super) fn succeed(&mut self) -> Phase {
        let warnings = std::mem::take(&mut self.state.warnings);
        let mut ending = Ending::at_once(Cause::Success { warnings });
        ending.left.extend([Task::Succeed, Task::Notify]);
        let is_well_again = !self.state.incidents.is_empty();
        ending.left.extend(is_well_again.then_some(Task::Recover));
        ending.left.extend(self.release());
        Phase::Ending(ending)
    }
}
