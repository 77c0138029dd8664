//! Where a request is, and how long each step took.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::reason::Phase;
use crate::sample::Phases;

/// A stopwatch with a name for what is going on, shared by all that takes part in one request.
///
/// It is real time and not `Clock`: sockets know no other.
#[derive(Debug)]
pub(crate) struct Progress {
    began: Instant,
    limit: Duration,
    /// How long a single read or write may take; the whole limit unless said.
    idle: Option<Duration>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    entered: Duration,
    phases: Phases,
    seen: Seen,
}

/// What went by on the wire that explains a failure.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    /// A connection through a proxy is being made.
    pub(crate) at_proxy: bool,
    /// The first two bytes that came.
    pub(crate) first: [u8; 2],
    /// The connection was reset while something was read.
    pub(crate) reset: bool,
    /// Bytes came after the end of the body.
    pub(crate) excess: bool,
}

impl Progress {
    /// Starts the watch; the whole may take `limit`.
    #[expect(
        clippy::disallowed_methods,
        reason = "measures real sockets, which no other clock can hold"
    )]
    pub(crate) fn start(limit: Duration) -> Self {
        Self {
            began: Instant::now(),
            limit,
            idle: None,
            state: Mutex::new(State {
                phase: Phase::Total,
                entered: Duration::ZERO,
                phases: Phases::default(),
                seen: Seen::default(),
            }),
        }
    }

    /// The same, and no read or write may take longer than `idle`.
    pub(super) fn with_idle(self, idle: Duration) -> Self {
        Self {
            idle: Some(idle),
            ..self
        }
    }

    /// The limit that passed, when one did: that of the whole, or of a single read or write.
    pub(crate) fn limit(&self) -> Duration {
        self.idle
            .filter(|_| !self.left().is_zero())
            .unwrap_or(self.limit)
    }

    /// How long the next read or write may take.
    pub(super) fn patience(&self) -> Duration {
        self.idle.unwrap_or(self.limit).min(self.left())
    }

    /// What is left of the limit.
    pub(crate) fn left(&self) -> Duration {
        self.limit.saturating_sub(self.began.elapsed())
    }

    /// What is going on; [`Phase::Total`] between two hops.
    pub(crate) fn phase(&self) -> Phase {
        self.state().phase
    }

    /// Ends the present phase well and begins another.
    pub(crate) fn enter(&self, phase: Phase) {
        let now = self.began.elapsed();
        let mut guard = self.state();
        let state = &mut *guard;
        let spent = now.saturating_sub(state.entered);
        let sum = match state.phase {
            Phase::Resolve => Some(&mut state.phases.resolve),
            Phase::Connect => Some(&mut state.phases.connect),
            Phase::Tls => Some(&mut state.phases.tls),
            Phase::FirstByte => Some(&mut state.phases.first_byte),
            Phase::Send | Phase::Transfer | Phase::Total => None,
        };
        if let Some(sum) = sum {
            *sum = Some(sum.unwrap_or_default() + spent);
        }
        (state.phase, state.entered) = (phase, now);
    }

    /// The request is sent and the first byte is waited for.
    pub(crate) fn sent(&self) {
        if self.phase() == Phase::Send {
            self.enter(Phase::FirstByte);
        }
    }

    /// The times of the phases that were completed, and the total until now.
    pub(crate) fn phases(&self) -> Phases {
        Phases {
            total: self.began.elapsed(),
            ..self.state().phases
        }
    }

    /// What went by on the wire.
    pub(crate) fn seen(&self) -> Seen {
        self.state().seen
    }

    /// Adds to what went by on the wire.
    pub(crate) fn see(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.state().seen);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
