//! From the beginning to the first write: may it begin, what did an earlier run leave, where is the traffic.

use shared::deployment::Status;
use shared::intent::{At, Intent, Left, Part, Settle, settle};
use shared::split::Share;

use super::ending::{Ending, Task, Then, Way};
use super::{
    Busy, Cause, Guards, Mode, Phase, Reach, Reading, Refusal, Settled, Span, State, Taken, Turn,
    What, Write,
};
use crate::stage::Watch;

impl Turn<'_> {
    fn refuse(&mut self, refusal: Refusal) -> Phase {
        self.conclude(Cause::Refused(refusal))
    }

    /// Settling is going back, which no freeze and no hold forbids.
    pub(super) fn checked(&mut self, found: Result<Guards, Vec<String>>) -> Phase {
        let guards = match found {
            Ok(guards) => guards,
            Err(problems) => return self.refuse(Refusal::Preflight(problems)),
        };
        if self.plan.mode == Mode::Settle {
            return Phase::Leasing;
        }
        if let Some(why) = guards.frozen.filter(|_| !self.plan.lifted.freeze) {
            return self.conclude(Cause::Busy(Busy::Frozen(why)));
        }
        if let Some(why) = guards.held.filter(|_| !self.plan.lifted.hold) {
            return self.conclude(Cause::Busy(Busy::CommitHeld(why)));
        }
        self.state.spent = guards.spent;
        self.state.before = guards.before;
        self.state.incidents = guards.incidents;
        let needs = self.plan.needs_from(0);
        let left = self.plan.deadline.saturating_sub(self.now);
        if needs > left {
            return self.refuse(Refusal::DoesNotFit { needs, left });
        }
        if self.plan.is_dry() {
            Phase::LookingBack
        } else {
            Phase::Leasing
        }
    }

    /// A database that does not answer stops a run before it begins, one that only settles too: the journal does not
    /// know what another run has done since.
    pub(super) fn leased(&mut self, taken: Taken) -> Phase {
        match taken {
            Taken::Ours => self.state.leased = true,
            Taken::Unneeded => {}
            Taken::Theirs { by, pipeline } => {
                return self.conclude(Cause::Busy(Busy::Lease { by, pipeline }));
            }
            Taken::Unreachable { detail } => return self.refuse(Refusal::NoLease(detail)),
        }
        Phase::LookingBack
    }

    pub(super) fn looked_back(&mut self, past: Result<Option<Intent>, String>) -> Phase {
        match past {
            Ok(past) => Phase::Reading(past),
            Err(detail) => self.refuse(Refusal::NoPast(detail)),
        }
    }

    pub(super) fn read(&mut self, past: Option<Intent>, read: Result<Reading, String>) -> Phase {
        let reading = match (read, past.as_ref().map(|past| past.at)) {
            (Ok(reading), _) => reading,
            // What is half done and cannot even be read needs more than a refusal.
            (Err(detail), Some(At::Moving { .. } | At::RollingBack)) => {
                self.state.intent.snapshot = past.and_then(|past| past.snapshot);
                let mut ending = Ending::at_once(Cause::Refused(Refusal::NoReading(detail)));
                ending.way = Way::Leave;
                ending.left.extend(self.release());
                return Phase::Ending(ending);
            }
            (Err(detail), _) => return self.refuse(Refusal::NoReading(detail)),
        };
        self.state.share = reading.share;
        self.inherit(past.as_ref());
        let to = self.plan.settle_to;
        let decided = settle(past.as_ref(), reading.share, to);
        match (decided, past) {
            (Settle::Clean, _) => self.begin(reading, None),
            (Settle::Unexplained(share), _) => self.refuse(Refusal::Unexplained(share)),
            // What a success left is where it belongs: to a run that only settles there is nothing to do.
            (Settle::Leave(Left::Occupied), _) if self.plan.mode == Mode::Settle => {
                self.conclude(Cause::Settled(Settled::Nothing))
            }
            (Settle::Leave(left), past) => {
                let of = past.map(|past| past.deployment_id).unwrap_or_default();
                self.conclude(Cause::Left { of, left })
            }
            (_, past) if self.plan.is_dry() => {
                let of = past.map(|past| format!("the rollout of {}", past.deployment_id));
                let of = of.unwrap_or_else(|| "the share that no record explains".to_owned());
                self.begin(reading, Some(of))
            }
            // It was set and read back, and still is not where it was set.
            _ if self.state.settlings > 0 => self.refuse(Refusal::Unexplained(reading.share)),
            (Settle::MoveTo(share), _) => self.move_to(share),
            (Settle::PutBack, Some(past)) => self.put_back(past, Reach::Written),
            (Settle::Close, Some(past)) => self.put_back(past, Reach::Deployed),
            (Settle::Complete, Some(past)) => self.complete(past),
            (Settle::PutBack | Settle::Close | Settle::Complete, None) => {
                self.conclude(Cause::Bug("settling without an intent".into()))
            }
        }
    }

    /// Begins this run's own rollout.
    fn begin(&mut self, reading: Reading, settles: Option<String>) -> Phase {
        if self.plan.mode == Mode::Settle {
            let of = self.state.settled.take();
            let settled = of.map_or(Settled::Nothing, Settled::Rollout);
            return self.conclude(Cause::Settled(settled));
        }
        if let Some(why) = self
            .state
            .held_since
            .take()
            .filter(|_| !self.plan.lifted.hold)
        {
            return self.conclude(Cause::Busy(Busy::CommitHeld(why)));
        }
        if let Some(status) = self.state.spent.take() {
            let id = self.plan.deployment_id.clone();
            return self.refuse(Refusal::Spent { id, status });
        }
        self.state.reach = Reach::Begun;
        self.state.intent.snapshot = Some(reading.snapshot);
        self.state.intent.before = self.state.before.clone();
        match (self.plan.hooks.deploy, self.plan.is_dry()) {
            // Undeployed, the canary proves nothing.
            (true, true) => self.said(0, settles),
            (true, false) => self.enter(Write::Deploy),
            (false, _) => {
                self.state.would_settle = settles;
                self.first()
            }
        }
    }

    pub(super) fn first(&self) -> Phase {
        Phase::Watching(Span {
            what: What::First,
            watch: Watch::open(self.now, self.plan.proving_max),
        })
    }

    /// Sets a share that no record explains to where somebody said it belongs.
    fn move_to(&mut self, share: Share) -> Phase {
        let mut ending = Ending::at_once(Cause::Settled(Settled::Moved(share)));
        ending.left.push_back(Task::Set(share));
        let goes_on = self.plan.mode == Mode::Roll;
        if goes_on && share == Share::ALL {
            ending.cause = Cause::Refused(Refusal::SettledToCanary);
        }
        if goes_on && share == Share::NONE {
            ending.then = Then::GoOn;
        } else {
            ending.left.extend(self.release());
        }
        Phase::Ending(ending)
    }

    /// Goes back for a run that is dead: the parts that it did not do.
    fn put_back(&mut self, past: Intent, reach: Reach) -> Phase {
        let cause = Cause::Unfinished {
            of: past.deployment_id.clone(),
            why: past.why.clone(),
            blamed: past.blamed,
        };
        self.adopt(past, reach);
        let mut ending = self.going_back(cause);
        ending.then = Then::GoOn;
        Phase::Ending(ending)
    }

    /// Brings traffic to a stable side that has the new version and proved it.
    fn complete(&mut self, past: Intent) -> Phase {
        let cause = Cause::Unrecorded {
            of: past.deployment_id.clone(),
        };
        let mut ending = Ending::at_once(cause);
        if self.state.share != Some(Share::NONE) {
            ending.left.push_back(Task::Set(Share::NONE));
        }
        ending.left.push_back(Task::Record);
        if !past.done.contains(&Part::Notify) {
            ending.left.push_back(Task::Notify);
        }
        ending
            .left
            .push_back(Task::Journal(At::Succeeded { share: Share::NONE }));
        ending.then = Then::GoOn;
        self.adopt(past, Reach::Void);
        Phase::Ending(ending)
    }

    fn adopt(&mut self, past: Intent, reach: Reach) {
        self.state.settled = Some(past.deployment_id.clone());
        self.state.intent = past;
        self.state.reach = reach;
    }

    /// The run's own rollout again, after an earlier one is settled.
    pub(super) fn go_on(&mut self, cause: &Cause) -> Phase {
        let fresh = State::new(self.plan);
        let past = &self.state.intent;
        if let Cause::Unfinished { of, why, blamed } = cause {
            let reason = || format!("judged bad in {of}: {}", why.join("; "));
            let same = *blamed && past.commit == self.plan.commit;
            self.state.held_since = same.then(reason);
            if *of == self.plan.deployment_id {
                self.state.before.clone_from(&past.done);
                // As the row says: whoever killed it did not say that the version is bad.
                let status = cause.status(true);
                self.state.spent = (status == Status::RolledBack).then(|| status.word().to_owned());
            }
        }
        self.state.settlings += 1;
        let past = std::mem::replace(&mut self.state.intent, fresh.intent);
        self.inherit(Some(&past));
        self.state.reach = fresh.reach;
        Phase::Reading(None)
    }
}
