//! Getting the environment: a live rollout is asked to stop and waited for, then the lease is taken.

use std::sync::Arc;
use std::time::Duration;

use shared::clock::{Clock, Wake};
use shared::log::Log;
use shared::store::lease::Heartbeat;

use crate::edges;
use crate::ledger::Ledger;
use crate::plan::facts::{Bad, End};
use crate::plan::turn::{self, Holder, Turn};
use crate::settings::Settings;

/// How long a rollout that was asked to stop may take to put its traffic back.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks at whether it has.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// What there is to get the environment with.
pub struct Getting<'a> {
    /// The settings.
    pub settings: &'a Settings,
    /// The clock.
    pub clock: &'a Arc<dyn Clock + Send + Sync>,
    /// The log.
    pub log: &'a Log<'a>,
}

impl Getting<'_> {
    /// Waits for its turn and takes the lease. Nothing without a database, and where that does not answer: it never
    /// delays a rollback.
    ///
    /// # Errors
    /// When somebody else is at it, or the run was cancelled.
    pub fn get(
        &self,
        bad: &Bad,
        has_touched: bool,
        reason: &str,
        ledger: &mut Ledger,
    ) -> Result<Option<Heartbeat>, End> {
        let Some(database) = &self.settings.database else {
            self.log.info("without a database nothing keeps a second run from working on the same environment");
            return Ok(None);
        };
        let holder = edges::holder(self.settings, database, &**self.clock).unwrap_or_else(|why| {
            self.log
                .warn(&format!("nobody knows who works on the environment: {why}"));
            Holder::Nobody
        });
        if let Turn::Stop { token } = turn::decide(bad, has_touched, &holder)? {
            self.stop(bad, token, reason, ledger)?;
        }
        match edges::lease(self.settings, database, &bad.id, self.clock) {
            Ok(Ok(heartbeat)) => Ok(Some(heartbeat)),
            Ok(Err(holder)) => match turn::decide(bad, has_touched, &holder) {
                Err(end) => Err(end),
                // It came back to life, or began anew, in this very moment.
                Ok(_) => Err(End::busy(
                    "the environment was taken in this moment",
                    "start this one again",
                )),
            },
            Err(why) => {
                self.log.warn(&format!("going on without the lease: {why}"));
                Ok(None)
            }
        }
    }

    fn stop(&self, bad: &Bad, token: i64, reason: &str, ledger: &mut Ledger) -> Result<(), End> {
        let Some(database) = &self.settings.database else {
            return Ok(());
        };
        self.log.info(&format!(
            "the rollout of {} is live: it is asked to stop and put its traffic back",
            bad.id
        ));
        if let Err(why) = ledger.ask_to_stop(bad, token, reason) {
            self.log.warn(&format!("it could not be asked: {why}"));
            return Ok(());
        }
        let until = self.clock.elapsed() + PATIENCE;
        while self.clock.elapsed() < until {
            match edges::holder(self.settings, database, &**self.clock) {
                Ok(Holder::Run { token: now, .. }) if now == token => {}
                Ok(_) => {
                    self.log.info("the rollout has stopped");
                    return Ok(());
                }
                Err(why) => {
                    self.log.warn(&format!("it is not waited for: {why}"));
                    return Ok(());
                }
            }
            if self.clock.sleep(LOOK_AGAIN) == Wake::Cancelled {
                return Err(End {
                    exit: shared::exit::Exit::Cancelled,
                    why: "the pipeline was cancelled while the rollout was waited for".to_owned(),
                    next: None,
                });
            }
        }
        self.log.warn(
            "the rollout did not stop in time, and is stopped by taking the environment from it",
        );
        Ok(())
    }
}
