//! Getting the environment: a live rollout is asked to stop and waited for, then the lease is taken.

use std::sync::Arc;
use std::time::Duration;

use shared::clock::{Clock, Wake};
use shared::log::Log;
use shared::store::DatabaseConfig;
use shared::store::lease::{Alone, Heartbeat};

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

/// What keeps other runs out, until it is let go.
pub enum Grip {
    /// A lease in the database.
    Lease(Heartbeat),
    /// A lock beside the journal.
    Alone(Alone),
    /// Nothing does.
    Nothing,
}

impl Grip {
    /// The fencing token, where there is a lease.
    pub fn token(&self) -> Option<i64> {
        match self {
            Self::Lease(heartbeat) => Some(heartbeat.token()),
            Self::Alone(_) | Self::Nothing => None,
        }
    }

    /// Lets others go on.
    ///
    /// # Errors
    /// When the lease is not given back: it runs out by itself.
    pub fn release(self) -> Result<(), String> {
        match self {
            Self::Lease(heartbeat) => heartbeat.release(),
            Self::Alone(_) | Self::Nothing => Ok(()),
        }
    }
}

impl Getting<'_> {
    /// Waits for its turn and takes the lease, or the lock where there is no database. Nothing where neither can be
    /// had: that never delays a rollback.
    ///
    /// # Errors
    /// When somebody else is at it, or the run was cancelled.
    pub fn get(
        &self,
        bad: &Bad,
        has_touched: bool,
        reason: &str,
        ledger: &mut Ledger,
    ) -> Result<Grip, End> {
        match &self.settings.database {
            Some(database) => self.lease(database, bad, has_touched, reason, ledger),
            None => self.alone(bad, has_touched, reason, ledger),
        }
    }

    fn lease(
        &self,
        database: &DatabaseConfig,
        bad: &Bad,
        has_touched: bool,
        reason: &str,
        ledger: &mut Ledger,
    ) -> Result<Grip, End> {
        let look = || edges::holder(self.settings, database, &**self.clock);
        let holder = look().unwrap_or_else(|why| {
            self.log
                .warn(&format!("nobody knows who works on the environment: {why}"));
            Holder::Nobody
        });
        if let Turn::Stop { token } = turn::decide(bad, has_touched, &holder)? {
            let goes_on = || {
                let now = look()?;
                Ok(matches!(now, Holder::Run { token: now, .. } if now == token))
            };
            self.stop(bad, token, reason, ledger, goes_on)?;
        }
        match edges::lease(self.settings, database, &bad.id, self.clock) {
            Ok(Ok(heartbeat)) => Ok(Grip::Lease(heartbeat)),
            Ok(Err(holder)) => Err(taken(bad, has_touched, &holder)),
            Err(why) => {
                self.log.warn(&format!("going on without the lease: {why}"));
                Ok(Grip::Nothing)
            }
        }
    }

    fn alone(
        &self,
        bad: &Bad,
        has_touched: bool,
        reason: &str,
        ledger: &mut Ledger,
    ) -> Result<Grip, End> {
        let try_it = || edges::alone(self.settings, &bad.id, &**self.clock);
        let mut tried = try_it();
        if let Ok(Err(holder)) = &tried
            && let Turn::Stop { token } = turn::decide(bad, has_touched, holder)?
        {
            let goes_on = || {
                tried = try_it();
                Ok(matches!(tried, Ok(Err(_))))
            };
            self.stop(bad, token, reason, ledger, goes_on)?;
        }
        match tried {
            Ok(Ok(alone)) => Ok(Grip::Alone(alone)),
            Ok(Err(holder)) => Err(taken(bad, has_touched, &holder)),
            // Not every volume can lock.
            Err(why) => {
                self.log
                    .warn(&format!("nothing keeps another run out: {why}"));
                Ok(Grip::Nothing)
            }
        }
    }

    /// Asks a live rollout to stop, and waits while it goes on.
    fn stop(
        &self,
        bad: &Bad,
        token: i64,
        reason: &str,
        ledger: &mut Ledger,
        mut goes_on: impl FnMut() -> Result<bool, String>,
    ) -> Result<(), End> {
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
            match goes_on() {
                Ok(true) => {}
                Ok(false) => {
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
        self.log.warn("the rollout did not stop in time");
        Ok(())
    }
}

/// Somebody came back to life, or began anew, in this very moment; or does not stop.
fn taken(bad: &Bad, has_touched: bool, holder: &Holder) -> End {
    let busy = |_| {
        End::busy(
            "the environment was taken in this moment, or is not given back",
            "start this one again",
        )
    };
    turn::decide(bad, has_touched, holder).map_or_else(|end| end, busy)
}
