//! The rollout as a pure state machine: state and facts in, state and one step out.
//!
//! ```text
//!  Preflight ▶ Leasing ▶ LookingBack ▶ Reading ◀──────────────────────┐
//!                                        │ └─ left by an earlier run ─▶ Ending (put back, go on)
//!                                        ▼
//!           (deploy) ▶ Watching the canary before its first share
//!                                        │ good in a row
//!            ┌───────────────────────────▼
//!            │   Journaling ▶ Acting (set, verified) ▶ Announcing ▶ Watching a stage ⇄ Correcting (drift)
//!            │                                                          │ passed
//!            └──────── next stage ◀────────────────── Recording ◀───────┘
//!                                        │ last stage
//!       swap, stay                       ▼ promote
//!       ┌──────── (Draining) ▶ Journaling ▶ Acting (promote) ▶ Watching the stable side ▶ Journaling ▶ Acting (return)
//!       ▼                     from here on the snapshot is void                                         │
//!   Watching the soak ◀─────────────────────────────────────────────────────────────────────────────────┘
//!       ▼
//!   Ending (record success, tell, release) ▶ over
//!
//!   from anywhere: judged bad, inconclusive, cancelled, aborted, deadline, drift, failed write, bug
//!       ▶ Ending: traffic ▶ journal ▶ script ▶ rows ▶ incident ▶ people ▶ release ▶ over
//!   another run has the lease ▶ over, nothing more is written
//! ```
//!
//! The loop elsewhere carries the step out and comes back with what it came to. Interruptions (a signal, an abort
//! request, the deadline) come with any facts and take effect after the outcome beside them, so that nothing that was
//! done is forgotten.

mod cause;
mod consequence;
mod dry;
mod duty;
mod ending;
mod facts;
mod finish;
mod forward;
mod learning;
mod outline;
mod plan;
mod start;
mod state;
mod step;
mod watching;
mod words;
mod working;

use std::time::Duration;

pub use cause::{Busy, Cause, Effect, Place, Refusal, Settled};
pub use dry::changes;
pub use duty::{Duty, duty};
pub use ending::{Ending, Task, Way};
pub use facts::{Facts, Guards, Lease, Outcome, Reading, Taken};
pub use outline::Outline;
#[cfg(test)]
pub(crate) use plan::tests::plan as some_plan;
pub use plan::{Hooks, Lifted, Mode, OnInconclusive, Plan, PutBack, Stage, Stages};
use state::Noted;
pub use state::{Phase, Reach, Span, State, What, Write};
pub use step::{Action, Change, Row, Step};

/// One decision: what the facts make of the state, and the one step that comes next. The first facts hold
/// [`Outcome::Began`]; after [`Step::Finish`] nothing comes any more.
pub fn next(plan: &Plan, state: State, facts: Facts) -> (State, Step) {
    let mut turn = Turn {
        plan,
        state,
        now: facts.now,
        movable: facts.lease == Lease::Good,
    };
    turn.state.cancelled |= facts.cancelled;
    let was_ending = matches!(turn.state.phase, Phase::Ending(_));
    turn.absorb(facts.outcome);
    turn.interrupt(&facts.lease, facts.abort, was_ending);
    let step = turn.ask();
    (turn.state, step)
}

/// One call of [`next`].
struct Turn<'a> {
    plan: &'a Plan,
    state: State,
    now: Duration,
    /// Whether forward moves may be made: the lease is surely ours.
    movable: bool,
}

impl Turn<'_> {
    /// What the outcome makes of the phase.
    fn absorb(&mut self, outcome: Outcome) {
        let phase = std::mem::replace(&mut self.state.phase, Phase::Preflight);
        self.state.phase = match (phase, outcome) {
            (Phase::Preflight, Outcome::Began) => Phase::Preflight,
            (Phase::Preflight, Outcome::Preflight(found)) => self.checked(found),
            (Phase::Leasing, Outcome::Lease(taken)) => self.leased(taken),
            (Phase::LookingBack, Outcome::Past(past)) => self.looked_back(past),
            (Phase::Reading(past), Outcome::Traffic(read)) => self.read(past, read),
            (Phase::Journaling(write), Outcome::Done) => self.journalled(write),
            (Phase::Journaling(_), Outcome::Failed(detail)) => self.conclude(Cause::Failed {
                effect: Effect::Journal,
                detail,
            }),
            (Phase::Acting(write), Outcome::Done) => self.acted(write),
            (Phase::Acting(write), Outcome::Failed(detail)) => self.failed(write, detail),
            (Phase::Announcing { stage, flags_told }, Outcome::Done | Outcome::Failed(_)) => {
                self.announced(stage, flags_told)
            }
            (Phase::Watching(span), Outcome::Looked(look)) => self.looked(span, *look),
            (Phase::Watching(span), Outcome::Slept) => self.weigh(span),
            // Noted or not: that it will be known to others is no condition of judging.
            (Phase::Watching(span), Outcome::Done | Outcome::Failed(_))
                if self.state.noted == Noted::NotYet =>
            {
                self.state.noted = Noted::Yes;
                Phase::Watching(span)
            }
            (
                Phase::Correcting {
                    span,
                    to,
                    is_journalled,
                },
                Outcome::Done,
            ) => self.corrected(span, to, is_journalled),
            (Phase::Correcting { to, .. }, Outcome::Failed(detail)) => {
                let effect = Effect::Set { to };
                self.conclude(Cause::Failed { effect, detail })
            }
            (Phase::Recording(span), Outcome::Done | Outcome::Failed(_)) => self.recorded(span),
            (Phase::Draining, Outcome::Done | Outcome::Failed(_)) => self.enter(Write::Promote),
            (Phase::Planning { said, settles }, Outcome::Done | Outcome::Failed(_)) => {
                self.said(said + 1, settles)
            }
            (Phase::Ending(ending), outcome) => self.worked(ending, &outcome),
            (_, Outcome::Broke(what)) => self.conclude(Cause::Bug(what)),
            (_, outcome) => {
                let detail = format!("an outcome of another step: {outcome:.60?}");
                self.conclude(Cause::Bug(detail))
            }
        };
    }

    /// What happened beside it. A lease that is another's ends everything; the rest ends what is not ending yet.
    fn interrupt(&mut self, lease: &Lease, abort: Option<String>, was_ending: bool) {
        if self.state.reach == Reach::Recorded {
            return;
        }
        if let (true, Lease::Foreign { by }) = (self.state.leased, lease) {
            let lost = Cause::Busy(Busy::LeaseLost { by: by.clone() });
            self.state.phase = Phase::Ending(Ending::at_once(lost));
            return;
        }
        let may = match &self.state.phase {
            // A success that is not written down yet can still be called off.
            Phase::Ending(ending) => !was_ending && matches!(ending.cause, Cause::Success { .. }),
            _ => true,
        };
        let cause = if self.state.cancelled {
            Cause::Cancelled
        } else if let Some(by) = abort {
            Cause::Abort { by }
        } else if self.now >= self.plan.deadline {
            Cause::Deadline {
                at: self.plan.deadline,
                outage: self.in_outage(),
            }
        } else {
            return;
        };
        if may {
            self.cut_off();
            self.state.phase = self.conclude(cause);
        }
    }

    /// The step that the phase waits for.
    fn ask(&self) -> Step {
        match &self.state.phase {
            Phase::Preflight => Step::Preflight,
            Phase::Leasing => Step::Acquire,
            Phase::LookingBack => Step::LookBack,
            Phase::Reading(past) => {
                let sides = past.as_ref().and_then(shared::intent::Intent::sides);
                Step::ReadTraffic {
                    sides: sides.cloned().map(Box::new),
                }
            }
            Phase::Journaling(_) => Step::Journal(Box::new(self.state.intent.clone())),
            Phase::Acting(write) => self.act(*write),
            Phase::Announcing { stage, flags_told } => self.announce(*stage, *flags_told),
            Phase::Watching(span) => self.watch(span),
            Phase::Correcting {
                span,
                to,
                is_journalled,
            } => self.correct(span.what, *to, *is_journalled),
            Phase::Recording(_) => Step::Record(self.stage_row()),
            Phase::Draining => Step::Drain {
                side: shared::split::Side::Stable,
                limit: self.plan.drain,
            },
            Phase::Planning { said, settles } => self.say(*said, settles.as_deref()),
            Phase::Ending(ending) => self.work(ending),
        }
    }
}
