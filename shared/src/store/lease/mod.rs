//! The lease: one run at a time moves the traffic of an environment.
//!
//! ```text
//! claim        who wants it, who has it, on which terms
//! decide       who may take it: pure
//! row          the statements; every time is the database's
//! fence        an old token writes nothing more
//! beat         when a renewal counts as known: pure
//! heartbeat    renewing in the background
//! alone        where there is no database
//! ```
//!
//! It has a connection of its own: the heartbeat must not wait for a record, nor a record for the heartbeat.

mod alone;
mod beat;
mod claim;
mod decide;
pub(super) mod fence;
mod heartbeat;
mod row;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use postgres::Transaction;

use self::row::Try;
use super::postgres::{Database, DatabaseConfig, Ending, Failure};
use super::{Limits, migrate};
use crate::clock::{Clock, Wake};

pub use self::alone::{Alone, Locked, Occupant, lock};
pub use self::beat::Pulse;
pub use self::claim::{Claim, Holder, Terms};
pub use self::fence::Fenced;
pub use self::heartbeat::Heartbeat;

/// Where leases are.
#[derive(Debug, Clone)]
pub struct LeaseConfig {
    /// The database.
    pub database: DatabaseConfig,
    /// Who connects: `plugin-progressive/0.1.0`.
    pub application: String,
    /// How long an answer may take.
    pub limits: Limits,
    /// How long a lease holds.
    pub terms: Terms,
}

/// What taking a lease came to.
#[derive(Debug)]
pub enum Acquisition {
    /// It was free.
    Acquired(Lease),
    /// It was the same deployment's, or of one that gave no sign of life any more.
    TakenOver {
        /// Ours now.
        lease: Lease,
        /// Whose it was. It may have left traffic in the middle.
        from: Holder,
    },
    /// Another one has it.
    Held {
        /// Who.
        by: Holder,
    },
    /// The run was cancelled while it watched a holder whose time was over.
    Cancelled,
}

/// What renewing came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renewal {
    /// It holds.
    Held {
        /// Until when, by the database's clock.
        expires: Timestamp,
    },
    /// It is no longer ours, and never will be again.
    Lost {
        /// Whose it is; absent when they have let go of it already.
        by: Option<Holder>,
    },
    /// The database did not answer: nobody knows.
    Unreachable {
        /// Why.
        why: String,
    },
}

/// A lease that was taken. Dropped without [`Lease::release`] it expires by itself.
pub struct Lease {
    config: LeaseConfig,
    claim: Claim,
    token: i64,
    clock: Arc<dyn Clock + Send + Sync>,
    /// When the last renewal that came through was sent, by our clock. That is before the database wrote it down, so
    /// that we never think it longer ours than it is.
    confirmed: Duration,
    database: Option<Database>,
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("claim", &self.claim)
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

/// Takes the lease of an environment, or says who has it. Nobody who holds it is waited for; a holder whose time is
/// over is watched for two heartbeats, through the clock.
///
/// # Errors
/// When the database cannot be reached or does not answer in time; whether the lease was taken is not known then.
pub fn acquire(
    config: &LeaseConfig,
    claim: &Claim,
    clock: &Arc<dyn Clock + Send + Sync>,
) -> Result<Acquisition, String> {
    let database = connect(config)?;
    let mut watched = None;
    loop {
        let sent = clock.elapsed();
        let (asked, ttl, before) = (claim.clone(), config.terms.ttl, watched.clone());
        let outcome = run(&database, config, move |transaction| {
            row::try_take(transaction, &asked, ttl, before.as_ref())
        })?;
        match outcome {
            Try::Leave(by) => return Ok(Acquisition::Held { by }),
            Try::Watch(row) => {
                if clock.sleep(2 * config.terms.heartbeat) == Wake::Cancelled {
                    return Ok(Acquisition::Cancelled);
                }
                watched = Some(row);
            }
            Try::Taken { token, from } => {
                let lease = Lease {
                    config: config.clone(),
                    claim: claim.clone(),
                    token,
                    clock: Arc::clone(clock),
                    confirmed: sent,
                    database: Some(database),
                };
                return Ok(match from {
                    None => Acquisition::Acquired(lease),
                    Some(from) => Acquisition::TakenOver { lease, from },
                });
            }
        }
    }
}

/// Who holds the lease of an environment, if anybody does. One whose time is over is named too.
///
/// # Errors
/// When the database cannot be reached or does not answer in time.
pub fn holder(
    config: &LeaseConfig,
    repo: &str,
    environment: &str,
) -> Result<Option<Holder>, String> {
    let database = connect(config)?;
    let place = [repo, environment].map(str::to_owned);
    let row = run(&database, config, move |transaction| {
        row::look(transaction, &place[0], &place[1], "")
    })?;
    Ok(row.and_then(|row| row.holder))
}

impl Lease {
    /// The fencing token: larger than every one before it.
    pub fn token(&self) -> i64 {
        self.token
    }

    /// Gives a sign of life. A lease whose time is over and that nobody took holds again.
    pub fn renew(&mut self) -> Renewal {
        let sent = self.clock.elapsed();
        let (claim, token, ttl) = (self.claim.clone(), self.token, self.config.terms.ttl);
        let renewed = self.ask(move |transaction| row::renew(transaction, &claim, token, ttl));
        match renewed {
            Ok(Ok(expires)) => {
                self.confirmed = sent;
                Renewal::Held { expires }
            }
            Ok(Err(row)) => Renewal::Lost {
                by: row.and_then(|row| row.holder),
            },
            Err(why) => Renewal::Unreachable { why },
        }
    }

    /// Lets go of it. One that was lost already stays with whoever has it.
    ///
    /// # Errors
    /// When the database does not answer: then it expires by itself.
    pub fn release(mut self) -> Result<(), String> {
        self.let_go()
    }

    /// Renews it in the background from here on.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn keep(self) -> Result<Heartbeat, String> {
        Heartbeat::start(self)
    }

    fn let_go(&mut self) -> Result<(), String> {
        let (claim, token) = (self.claim.clone(), self.token);
        self.ask(move |transaction| row::release(transaction, &claim, token))
    }

    /// Asks over the connection there is, or over a new one if the last one failed.
    fn ask<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, postgres::Error> + Send + 'static,
    ) -> Result<T, String> {
        let database = match self.database.take() {
            Some(database) => database,
            None => connect(&self.config)?,
        };
        let answer = run(&database, &self.config, work)?;
        self.database = Some(database);
        Ok(answer)
    }
}

fn connect(config: &LeaseConfig) -> Result<Database, String> {
    let LeaseConfig {
        database,
        application,
        limits,
        ..
    } = config;
    let (link, _) = Database::connect(database, application, limits)?;
    match migrate::migrate(&link, application, limits) {
        Ok(_) => Ok(link),
        Err(Failure::Refused(why) | Failure::Down(why)) => Err(format!(
            "{} could not be given its tables: {why}",
            database.url
        )),
    }
}

fn run<T: Send + 'static>(
    database: &Database,
    config: &LeaseConfig,
    work: impl FnOnce(&mut Transaction<'_>) -> Result<T, postgres::Error> + Send + 'static,
) -> Result<T, String> {
    let outcome = database.run(config.limits.patience(), Ending::Commit, work);
    outcome.map_err(|failure| match failure {
        Failure::Refused(why) | Failure::Down(why) => {
            format!("the lease in {} is not known: {why}", config.database.url)
        }
    })
}
