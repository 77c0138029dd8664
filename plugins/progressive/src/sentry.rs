//! Stands beside the loop: when a cancelled run hangs, it puts the traffic back by itself and ends the process in time.
//!
//! ```text
//! signal ── 3.5 s, the loop has not put traffic back ──▶ restore, once nothing else is moving it
//!        └─ 13 s, the process is still there ──────────▶ the last line, and its exit code
//! ```
//!
//! The loop stays in charge as long as it moves. What it sets forward is refused once the traffic was put back beside it.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use shared::clock::Clock;
use shared::exit::Exit;
use shared::guard;
use shared::hook::Call;
use shared::signal::Cancel;
use shared::split::{Share, Snapshot};
use shared::traffic::TrafficManager;

use crate::report::overdue::{Overdue, last_line};
use crate::rollout::Duty;

/// How long after the signal the loop may take to put traffic back.
const RESCUE: Duration = Duration::from_millis(3500);
/// How long after the signal something that is moving traffic is waited for.
const BUSY: Duration = Duration::from_secs(8);
/// How long after the signal the traffic is put back again where that failed.
const TRIES: Duration = Duration::from_secs(11);
/// Between two looks.
const TICK: Duration = Duration::from_millis(100);

/// What stands beside the loop.
pub struct Sentry {
    known: Mutex<Known>,
    /// Held by whoever moves traffic.
    traffic: Mutex<()>,
}

struct Known {
    overdue: Overdue,
    manager: Option<Arc<dyn TrafficManager>>,
    took_over: bool,
}

/// The right to move traffic.
pub type MovesTraffic<'a> = MutexGuard<'a, ()>;

impl Sentry {
    /// One that knows of nothing yet.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            known: Mutex::new(Known {
                overdue: Overdue {
                    duty: Duty::Nothing,
                    rescued: None,
                    share: None,
                    verdict: None,
                },
                manager: None,
                took_over: false,
            }),
            traffic: Mutex::new(()),
        })
    }

    /// From here on it waits for the signal.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub fn stand(
        self: &Arc<Self>,
        cancel: &Cancel,
        clock: &Arc<dyn Clock + Send + Sync>,
    ) -> io::Result<()> {
        let (rescuer, clock) = (Arc::clone(self), Arc::clone(clock));
        guard::when_cancelled(cancel, move || rescuer.rescue(&*clock))?;
        let ender = Arc::clone(self);
        guard::when_cancelled(cancel, move || {
            guard::pause(guard::GRACE);
            let (exit, line) = last_line(&ender.known().overdue);
            guard::end(exit, &line);
        })
    }

    /// What the run owes the traffic from here on, and the verdict it has come to.
    pub fn know(&self, duty: Duty, share: Option<Share>, verdict: Option<(Exit, String)>) {
        let overdue = &mut self.known().overdue;
        overdue.duty = duty;
        overdue.share = share;
        overdue.verdict = verdict;
    }

    /// What can put this run's traffic back, quickly.
    pub fn lend(&self, manager: Arc<dyn TrafficManager>) {
        self.known().manager = Some(manager);
    }

    /// The right to put traffic back; waits for whoever moves it.
    pub fn back(&self) -> MovesTraffic<'_> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The right to move traffic forward.
    ///
    /// # Errors
    /// When it was put back beside the loop.
    pub fn forward(&self) -> Result<MovesTraffic<'_>, String> {
        let right = self.back();
        if self.known().took_over {
            return Err(
                "the run was cancelled and hung, so traffic was put back beside it".to_owned(),
            );
        }
        Ok(right)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rescue(&self, clock: &dyn Clock) {
        let began = clock.elapsed();
        let since = || clock.elapsed().saturating_sub(began);
        guard::pause(RESCUE);
        while since() < TRIES {
            let Some((snapshot, manager)) = self.owed() else {
                return;
            };
            let right = match self.traffic.try_lock() {
                Ok(right) => Some(right),
                Err(TryLockError::Poisoned(right)) => Some(right.into_inner()),
                Err(TryLockError::WouldBlock) => None,
            };
            // What hangs for that long moves nothing any more.
            if right.is_some() || since() >= BUSY {
                self.known().took_over = true;
                let call = Call {
                    stage: 0,
                    attempt: 1,
                };
                let restored = manager.restore(&snapshot, call);
                let is_back = restored.is_ok();
                self.known().overdue.rescued = Some(restored.map_err(|error| error.to_string()));
                if is_back {
                    return;
                }
            }
            drop(right);
            guard::pause(TICK);
        }
    }

    /// What is to be restored, and by what; nothing where the loop did it, or nothing was to be done.
    fn owed(&self) -> Option<(Snapshot, Arc<dyn TrafficManager>)> {
        let known = self.known();
        match (&known.overdue.duty, &known.manager) {
            (Duty::Restore(snapshot), Some(manager)) => {
                Some((snapshot.clone(), Arc::clone(manager)))
            }
            _ => None,
        }
    }
}
