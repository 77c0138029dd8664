//! Ending: a queue of tasks, each tried a bounded number of times, none able to stop the next.

use std::collections::VecDeque;

use shared::intent::{At, Part};
use shared::split::Share;

use super::{Busy, Cause, OnInconclusive, Phase, PutBack, Reach, Turn};

/// What becomes of the traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// There is nothing to be done about it.
    Nothing,
    /// It goes back to the snapshot, or the deployment does.
    Back,
    /// It stays, because the settings say so.
    Hold,
    /// It stays on the version that was judged good: what it came from is gone.
    Leave,
    /// It stays where somebody moved it.
    Accept,
}

/// One part of an ending.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Task {
    /// Restoring the snapshot.
    Restore,
    /// Setting a share, to settle.
    Set(Share),
    /// Journalling how far it has come.
    Journal(At),
    /// The row of the stage that was cut off.
    Stage,
    /// Telling the feature flags of the share.
    Flags,
    /// Waiting for the canary's open requests.
    Drain,
    /// The script's or webhook's `rollback`.
    Script,
    /// The deployment's row.
    Record,
    /// The success with everything that belongs to it.
    Succeed,
    /// The incident.
    Incident,
    /// Closing the incidents of what was put back here before.
    Recover,
    /// Telling people.
    Notify,
    /// Giving the lease back.
    Release,
}

impl Task {
    /// How often it is tried.
    pub fn attempts_max(self) -> u32 {
        match self {
            Self::Restore | Self::Set(_) => 5,
            Self::Journal(_) | Self::Succeed => 3,
            // A forge is asked with patience of its own, within a time.
            Self::Drain | Self::Incident | Self::Recover => 1,
            _ => 2,
        }
    }

    /// Whether a person is needed where it cannot be done.
    pub fn is_essential(self) -> bool {
        matches!(self, Self::Restore | Self::Set(_) | Self::Succeed)
    }
}

/// What comes after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// Nothing.
    Over,
    /// The run's own rollout, after an earlier one is settled.
    GoOn,
}

/// An ending.
#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    /// Why.
    pub cause: Cause,
    /// What becomes of the traffic.
    pub way: Way,
    /// What was given up after its attempts.
    pub failed: Vec<Task>,
    pub(super) left: VecDeque<Task>,
    pub(super) then: Then,
    pub(super) attempt: u32,
    pub(super) pausing: bool,
}

impl Ending {
    /// An ending without a task.
    pub(super) fn at_once(cause: Cause) -> Self {
        Self {
            cause,
            way: Way::Nothing,
            failed: Vec::new(),
            left: VecDeque::new(),
            then: Then::Over,
            attempt: 1,
            pausing: false,
        }
    }

    /// Whether somebody or something kept the rollout from beginning.
    pub fn is_blocked(&self) -> bool {
        let overtaken = matches!(self.cause, Cause::Busy(Busy::LeaseLost { .. }));
        let kept = matches!(
            self.cause,
            Cause::Refused(_) | Cause::Busy(_) | Cause::Left { .. }
        );
        kept && !overtaken && self.way == Way::Nothing
    }

    /// Whether nothing is left to do.
    pub fn is_over(&self) -> bool {
        self.left.is_empty()
    }

    /// Whether a person is needed because something could not be put where it belongs.
    pub fn is_stuck(&self) -> bool {
        self.failed.iter().any(|task| task.is_essential())
    }
}

impl Turn<'_> {
    /// Ends for this reason, in the way that the settings and the reach allow.
    pub(super) fn conclude(&mut self, cause: Cause) -> Phase {
        Phase::Ending(match self.way(&cause) {
            Way::Nothing => self.with_nothing(cause),
            Way::Back => self.going_back(cause),
            way @ (Way::Hold | Way::Leave | Way::Accept) => self.staying(cause, way),
        })
    }

    fn way(&self, cause: &Cause) -> Way {
        let undecided = matches!(cause, Cause::Inconclusive { .. });
        let holds = match self.plan.put_back {
            _ if undecided && self.plan.on_inconclusive == OnInconclusive::Hold => true,
            PutBack::Always => false,
            PutBack::OnCancel => *cause != Cause::Cancelled,
            PutBack::Never => true,
        };
        match self.state.reach {
            Reach::Idle | Reach::Begun => Way::Nothing,
            Reach::Void | Reach::Recorded => Way::Leave,
            Reach::Written if matches!(cause, Cause::Withdrawn { .. }) => Way::Accept,
            Reach::Written if holds => Way::Hold,
            Reach::Deployed | Reach::Written => Way::Back,
        }
    }

    /// The tasks where nothing was touched.
    fn with_nothing(&self, cause: Cause) -> Ending {
        let speaks = self.state.reach == Reach::Begun && !cause.is_refusal() && !self.plan.is_dry();
        let incident = cause.opens_incident();
        let mut ending = Ending::at_once(cause);
        if self.state.intent.at != At::Begun {
            // Journalled, or perhaps journalled, and then not done: a later run must not undo it.
            ending.left.push_back(Task::Journal(At::Closed));
        }
        if speaks {
            ending.left.push_back(Task::Record);
            ending.left.extend(incident.then_some(Task::Incident));
            ending.left.push_back(Task::Notify);
        }
        ending.left.extend(self.release());
        ending
    }

    /// The tasks of a rollback, those that are done already left out.
    pub(super) fn going_back(&mut self, cause: Cause) -> Ending {
        let written = self.state.reach == Reach::Written && self.state.intent.snapshot.is_some();
        let intent = &mut self.state.intent;
        // Whoever dies while he settles leaves the reasons as he found them.
        if !matches!(cause, Cause::Unfinished { .. }) {
            intent.why = cause.why();
        }
        intent.blamed = cause.blames_version();
        let undone = |part| !intent.done.contains(&part);
        let hooks = self.plan.hooks;
        let drains = !self.plan.drain.is_zero() && !matches!(cause, Cause::Cancelled);
        let tasks = [
            (written, Task::Restore),
            (true, Task::Journal(At::RollingBack)),
            (self.state.unrecorded_stage.is_some(), Task::Stage),
            (written && hooks.flags, Task::Flags),
            (written && drains, Task::Drain),
            (hooks.any && undone(Part::Script), Task::Script),
            (undone(Part::Record), Task::Record),
            (
                cause.opens_incident() && undone(Part::Incident),
                Task::Incident,
            ),
            (undone(Part::Notify), Task::Notify),
            (true, Task::Journal(At::Closed)),
        ];
        let mut ending = Ending::at_once(cause);
        ending.way = Way::Back;
        ending.left.extend(wanted(tasks));
        if !matches!(ending.cause, Cause::Unfinished { .. }) {
            ending.left.extend(self.release());
        }
        ending
    }

    /// The tasks where traffic stays.
    fn staying(&mut self, cause: Cause, way: Way) -> Ending {
        self.state.intent.why = cause.why();
        self.state.intent.blamed = cause.blames_version();
        let at = if way == Way::Accept && self.is_back() {
            At::Closed
        } else {
            At::Held
        };
        let incident =
            cause.opens_incident() || (way != Way::Accept && !matches!(cause, Cause::Cancelled));
        let tasks = [
            (true, Task::Journal(at)),
            (self.state.unrecorded_stage.is_some(), Task::Stage),
            (way == Way::Accept && self.plan.hooks.flags, Task::Flags),
            (true, Task::Record),
            (incident, Task::Incident),
            (true, Task::Notify),
        ];
        let mut ending = Ending::at_once(cause);
        ending.way = way;
        ending.left.extend(wanted(tasks));
        ending.left.extend(self.release());
        ending
    }

    pub(super) fn release(&self) -> Option<Task> {
        self.state.leased.then_some(Task::Release)
    }

    pub(super) fn is_back(&self) -> bool {
        let snapshot = self.state.intent.snapshot.as_ref();
        self.state.share.is_some() && self.state.share == snapshot.map(|snapshot| snapshot.share)
    }
}

fn wanted<const N: usize>(tasks: [(bool, Task); N]) -> impl Iterator<Item = Task> {
    let kept = tasks.into_iter().filter(|(wanted, _)| *wanted);
    kept.map(|(_, task)| task)
}
