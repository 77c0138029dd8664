//! SIGTERM and SIGINT: Woodpecker's way to say that a pipeline was cancelled.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

/// Whether the run was cancelled. Clones share the answer.
#[derive(Debug, Clone, Default)]
pub struct Cancel {
    state: Arc<(Mutex<bool>, Condvar)>,
    /// Set by the handler itself: the thread that ends the waits may come later on a busy machine.
    heard: Arc<AtomicBool>,
}

impl Cancel {
    /// Listens for SIGTERM and SIGINT from here on. The plugin is PID 1 in its container: without a handler the
    /// kernel would drop the signals.
    ///
    /// # Errors
    /// When the handlers cannot be installed.
    pub fn on_signals() -> std::io::Result<Self> {
        let cancel = Self::default();
        let told = cancel.clone();
        for signal in [SIGTERM, SIGINT] {
            flag::register(signal, Arc::clone(&cancel.heard))?;
        }
        let mut signals = Signals::new([SIGTERM, SIGINT])?;
        // Not `thread::spawn`, which panics where there is no thread to be had.
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || {
                for _ in signals.forever() {
                    told.cancel();
                }
            })?;
        Ok(cancel)
    }

    /// Cancels the run and ends every wait.
    pub fn cancel(&self) {
        let (flag, wakes) = &*self.state;
        *flag.lock().unwrap_or_else(PoisonError::into_inner) = true;
        wakes.notify_all();
    }

    /// Whether the run was cancelled.
    pub fn is_cancelled(&self) -> bool {
        let is_set = || *self.state.0.lock().unwrap_or_else(PoisonError::into_inner);
        self.heard.load(Ordering::SeqCst) || is_set()
    }

    /// Waits for the time to pass or for the run to be cancelled; tells whether it was.
    pub fn wait(&self, time: Duration) -> bool {
        let (flag, wakes) = &*self.state;
        let guard = flag.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = wakes.wait_timeout_while(guard, time, |cancelled| !*cancelled);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
