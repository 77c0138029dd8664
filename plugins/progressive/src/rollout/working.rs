//! Working off the tasks of an ending.

use std::time::Duration;

use shared::deployment::Status;
use shared::exit::Exit;
use shared::intent::{At, Part};
use shared::split::{Share, Side};

use super::ending::{Ending, Task, Then, Way};
use super::step::{Action, Row, Step};
use super::{Cause, OnInconclusive, Outcome, Phase, Reach, Turn};

/// The pause before the second attempt; it doubles with each.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(1);

impl Turn<'_> {
    /// The step of the task that is at hand.
    pub(super) fn work(&self, ending: &Ending) -> Step {
        let Some(task) = ending.left.front() else {
            return Step::Finish(self.exit(ending));
        };
        if ending.pausing {
            let doubled = PAUSE * 2_u32.saturating_pow(ending.attempt.saturating_sub(2));
            return Step::Pause(doubled.min(PAUSE_MAX));
        }
        let intent = &self.state.intent;
        let journal = |at| {
            let mut intent = intent.clone();
            intent.at = at;
            Box::new(intent)
        };
        match *task {
            Task::Restore => match &intent.snapshot {
                Some(snapshot) => Step::Restore(Box::new(snapshot.clone())),
                None => Step::Pause(PAUSE),
            },
            Task::Set(share) => Step::Set {
                share,
                stage: self.plan.stages.all().len(),
            },
            Task::Journal(at) => Step::Journal(journal(at)),
            Task::Stage => Step::Record(self.stage_row()),
            Task::Flags => Step::Flags(self.state.share.unwrap_or(Share::NONE)),
            Task::Drain => Step::Drain {
                side: Side::Canary,
                limit: self.plan.drain,
            },
            Task::Script => Step::Hook {
                action: Action::Rollback,
                attempt: ending.attempt,
            },
            Task::Record => Step::Record(self.row(ending)),
            Task::Succeed => Step::Succeed {
                intent: journal(At::Succeeded {
                    share: self.state.share.unwrap_or(Share::NONE),
                }),
                verified: self.state.proven,
            },
            Task::Incident => Step::Incident,
            Task::Recover => Step::Recover(self.state.incidents.clone()),
            Task::Notify => Step::Notify,
            Task::Release => Step::Release,
        }
    }

    fn row(&self, ending: &Ending) -> Row {
        let cause = &ending.cause;
        if *cause == Cause::DryRun {
            return Row::DryRun;
        }
        let status = match ending.way {
            Way::Hold | Way::Leave => Status::Held,
            Way::Accept if !self.is_back() => Status::Held,
            Way::Accept => Status::Failed,
            Way::Back if ending.is_stuck() => Status::Failed,
            Way::Back => cause.status(true),
            Way::Nothing => cause.status(false),
        };
        Row::Deployment {
            status,
            why: cause.why(),
            hold: cause.blames_version(),
        }
    }

    /// What the outcome makes of the task at hand.
    pub(super) fn worked(&mut self, mut ending: Ending, outcome: &Outcome) -> Phase {
        let Some(task) = ending.left.front().copied() else {
            return Phase::Ending(ending);
        };
        if ending.pausing {
            ending.pausing = false;
            return Phase::Ending(ending);
        }
        match outcome {
            Outcome::Done => self.did(task),
            // It stays undone in the records, and is no failure.
            Outcome::Skipped => {}
            _ if ending.attempt < task.attempts_max() => {
                ending.attempt += 1;
                ending.pausing = true;
                return Phase::Ending(ending);
            }
            _ => give_up(&mut ending, task),
        }
        ending.left.pop_front();
        ending.attempt = 1;
        match ending.then {
            Then::GoOn if ending.is_over() && !ending.is_stuck() => self.go_on(&ending.cause),
            Then::GoOn if ending.is_over() => {
                ending.then = Then::Over;
                ending.left.extend(self.release());
                Phase::Ending(ending)
            }
            Then::GoOn | Then::Over => Phase::Ending(ending),
        }
    }

    fn did(&mut self, task: Task) {
        let state = &mut self.state;
        match task {
            Task::Restore => {
                let snapshot = state.intent.snapshot.as_ref();
                state.share = snapshot.map(|snapshot| snapshot.share);
                state.intent.mark(Part::Traffic);
            }
            Task::Set(share) => state.share = Some(share),
            Task::Journal(at) => state.intent.at = at,
            Task::Stage => state.unrecorded_stage = None,
            Task::Script => state.intent.mark(Part::Script),
            Task::Record => state.intent.mark(Part::Record),
            Task::Incident => {
                state.intent.mark(Part::Incident);
                // What is settled first is well again with the success of this run.
                state.incidents.push(state.intent.deployment_id.clone());
            }
            Task::Recover => state.incidents.clear(),
            Task::Notify => state.intent.mark(Part::Notify),
            Task::Succeed => {
                let share = state.share.unwrap_or(Share::NONE);
                state.intent.at = At::Succeeded { share };
                state.reach = Reach::Recorded;
            }
            Task::Release => state.leased = false,
            Task::Flags | Task::Drain => {}
        }
    }

    fn exit(&self, ending: &Ending) -> Exit {
        if ending.is_stuck() {
            return Exit::NeedsPerson;
        }
        match ending.way {
            // Held because the policy says so of what is inconclusive, and not because nothing is ever put back.
            Way::Hold
                if matches!(ending.cause, Cause::Inconclusive { .. })
                    && self.plan.on_inconclusive == OnInconclusive::Hold =>
            {
                Exit::Inconclusive
            }
            Way::Hold | Way::Leave => Exit::NeedsPerson,
            Way::Accept if !self.is_back() => Exit::NeedsPerson,
            Way::Accept | Way::Back | Way::Nothing => match ending.cause.exit() {
                Exit::Bad | Exit::Inconclusive if self.state.cancelled => Exit::Cancelled,
                other => other,
            },
        }
    }
}

/// Traffic that is not where it belongs is not closed in the journal, so that a later run goes on with it; and
/// somebody must know.
fn give_up(ending: &mut Ending, task: Task) {
    ending.failed.push(task);
    if task == Task::Succeed {
        ending.left.retain(|task| *task != Task::Recover);
    }
    if !matches!(task, Task::Restore | Task::Set(_)) {
        return;
    }
    let over = |task: &Task| matches!(task, Task::Journal(At::Closed | At::Succeeded { .. }));
    ending
        .left
        .retain(|task| !over(task) && *task != Task::Drain);
    if !ending.left.contains(&Task::Incident) {
        let place = ending.left.iter().position(|task| *task == Task::Notify);
        if let Some(place) = place {
            ending.left.insert(place, Task::Incident);
        }
    }
}
