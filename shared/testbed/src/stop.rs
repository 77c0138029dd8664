//! Ending a server's threads with the test.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Tells threads to end, and lets them wait until they are told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    pub(crate) fn stop(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    pub(crate) fn stopped(&self) -> bool {
        *self.0.0.lock().unwrap()
    }

    /// Waits; tells whether the server is to end.
    pub(crate) fn wait(&self, time: Duration) -> bool {
        let guard = self.0.0.lock().unwrap();
        *self
            .0
            .1
            .wait_timeout_while(guard, time, |stopped| !*stopped)
            .unwrap()
            .0
    }
}
