//! Time: the one door through which it comes in.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::signal::Cancel;

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// The time passed.
    Elapsed,
    /// The run was cancelled.
    Cancelled,
}

/// The time of day, the time since the run began, and waiting.
pub trait Clock: Sync {
    /// The time of day. It may jump.
    fn now(&self) -> Timestamp;
    /// The time since the run began. It never goes back.
    fn elapsed(&self) -> Duration;
    /// Waits, or until the run is cancelled.
    fn sleep(&self, wait: Duration) -> Wake;
}

/// The machine's clock. Waits end at a signal.
#[derive(Debug)]
pub struct SystemClock {
    began: Instant,
    cancel: Cancel,
}

impl SystemClock {
    /// A clock whose run begins now.
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    pub fn start(cancel: Cancel) -> Self {
        Self {
            began: Instant::now(),
            cancel,
        }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    fn sleep(&self, wait: Duration) -> Wake {
        if self.cancel.wait(wait) {
            Wake::Cancelled
        } else {
            Wake::Elapsed
        }
    }
}

/// A clock that moves only when somebody waits: a replay of an hour takes no time.
#[derive(Debug)]
pub struct ReplayClock {
    epoch: Timestamp,
    elapsed: Mutex<Duration>,
}

impl ReplayClock {
    /// A clock that shows `epoch` until the first wait.
    pub fn at(epoch: Timestamp) -> Self {
        Self {
            epoch,
            elapsed: Mutex::new(Duration::ZERO),
        }
    }
}

impl Clock for ReplayClock {
    fn now(&self) -> Timestamp {
        self.epoch + self.elapsed()
    }

    fn elapsed(&self) -> Duration {
        *self
            .elapsed
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn sleep(&self, wait: Duration) -> Wake {
        *self
            .elapsed
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) += wait;
        Wake::Elapsed
    }
}
