//! The sign of life, given in the background.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::beat::{Pulse, after, is_stale};
use super::{Lease, Terms};
use crate::clock::Clock;
use crate::value::show_duration;

/// How long a new answer is waited for when the last one is too old to go by.
const FRESH: Duration = Duration::from_secs(1);

/// A lease that is renewed in the background. Dropped without [`Heartbeat::release`] it expires by itself.
pub struct Heartbeat {
    token: i64,
    terms: Terms,
    clock: Arc<dyn Clock + Send + Sync>,
    /// How long letting go may take.
    patience: Duration,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    pulse: Pulse,
    order: Order,
    released: Option<Result<(), String>>,
}

/// What the thread is to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// Wait for the next beat.
    Wait,
    /// Renew now.
    Beat,
    /// Let go, and end.
    Release,
    /// End.
    End,
}

impl Heartbeat {
    pub(super) fn start(lease: Lease) -> Result<Self, String> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                pulse: Pulse::Held {
                    confirmed: lease.confirmed,
                },
                order: Order::Wait,
                released: None,
            }),
            changed: Condvar::new(),
        });
        let heartbeat = Self {
            token: lease.token,
            terms: lease.config.terms,
            clock: Arc::clone(&lease.clock),
            patience: lease.config.limits.reply,
            shared: Arc::clone(&shared),
        };
        thread::Builder::new()
            .name("heartbeat".into())
            .spawn(move || beat(lease, &shared))
            .map_err(|error| format!("the lease could not be kept: {error}"))?;
        Ok(heartbeat)
    }

    /// The fencing token.
    pub fn token(&self) -> i64 {
        self.token
    }

    /// What is known of the lease now. It does not wait for the database, except for up to a second when the process
    /// stood still for so long that what it knew is too old to go by.
    pub fn pulse(&self) -> Pulse {
        let mut state = self.shared.lock();
        let now = self.clock.elapsed();
        let too_old = |state: &State| is_stale(&state.pulse, now, &self.terms);
        if too_old(&state) {
            if state.order == Order::Wait {
                state.order = Order::Beat;
            }
            self.shared.changed.notify_all();
            state = self.shared.wait(state, FRESH, too_old);
        }
        match &state.pulse {
            Pulse::Held { confirmed } if too_old(&state) => Pulse::Unreachable {
                since: *confirmed,
                why: format!(
                    "its last renewal was {} ago",
                    show_duration(now.saturating_sub(*confirmed))
                ),
            },
            pulse => pulse.clone(),
        }
    }

    /// Lets go of the lease and ends the heartbeat. One that was lost stays with whoever has it.
    ///
    /// # Errors
    /// When the database does not answer in time: then the lease expires by itself.
    pub fn release(self) -> Result<(), String> {
        let mut state = self.shared.lock();
        state.order = Order::Release;
        self.shared.changed.notify_all();
        let patience = self.patience;
        let mut state = self
            .shared
            .wait(state, patience, |state| state.released.is_none());
        state.released.take().unwrap_or_else(|| {
            Err(format!(
                "the lease was not let go of within {}; it expires by itself",
                show_duration(patience)
            ))
        })
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if state.order != Order::Release {
            state.order = Order::End;
        }
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while it is so, at most for `time`.
    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State>,
        time: Duration,
        so: impl Fn(&State) -> bool,
    ) -> MutexGuard<'a, State> {
        // Not the clock's sleep: it ends at a cancel, and what the cancelled run puts back is under the lease too.
        let waited = self
            .changed
            .wait_timeout_while(state, time, |state| so(state));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// The thread.
fn beat(mut lease: Lease, shared: &Shared) {
    let heartbeat = lease.config.terms.heartbeat;
    loop {
        let mut state = shared.wait(shared.lock(), heartbeat, |state| state.order == Order::Wait);
        let lost = matches!(state.pulse, Pulse::Lost { .. });
        match state.order {
            Order::End => return,
            Order::Release => {
                drop(state);
                let released = lease.let_go();
                shared.lock().released = Some(released);
                shared.changed.notify_all();
                return;
            }
            Order::Wait | Order::Beat if lost => state.order = Order::Wait,
            Order::Wait | Order::Beat => {
                drop(state);
                let pulse = after(lease.renew(), lease.confirmed);
                let mut state = shared.lock();
                state.pulse = pulse;
                if state.order == Order::Beat {
                    state.order = Order::Wait;
                }
                drop(state);
                shared.changed.notify_all();
            }
        }
    }
}
