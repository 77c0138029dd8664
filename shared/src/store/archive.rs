//! Recorded looks for whoever only reads them: nothing is brought up to date, delivered, made or locked.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use postgres::Transaction;

use super::journal::Journal;
use super::look::{self, Looked};
use super::postgres::{Database, Ending, Failure};
use super::{DatabaseConfig, Limits, line};

/// Where recorded looks are read from.
pub struct Archive {
    place: Place,
    limits: Limits,
}

enum Place {
    Database(Database, String),
    Journal(PathBuf),
}

/// A rollout of which looks are recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The repository as `owner/name`.
    pub repo: String,
    /// The environment.
    pub environment: String,
    /// Its deployment.
    pub deployment_id: String,
    /// When its last look was recorded.
    pub last: Timestamp,
    /// How many looks.
    pub looks: usize,
}

impl Archive {
    /// Connects to the database, if there is one; else it is the journal that is read.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub fn open(
        database: Option<&DatabaseConfig>,
        journal: &Path,
        application: &str,
        limits: Limits,
    ) -> Result<Self, String> {
        let place = match database {
            Some(database) => {
                let (link, how) = Database::connect(database, application, &limits)?;
                Place::Database(link, how)
            }
            None => Place::Journal(journal.to_owned()),
        };
        Ok(Self { place, limits })
    }

    /// Where that is, for the log.
    pub fn place(&self) -> String {
        match &self.place {
            Place::Database(_, how) => how.clone(),
            Place::Journal(path) => format!("the journal {}", path.display()),
        }
    }

    /// The rollouts of which looks are recorded, the latest first, at most `limit`; of this deployment only where one is
    /// named.
    ///
    /// # Errors
    /// When the records cannot be read.
    pub fn rollouts(
        &self,
        deployment_id: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Recorded>, String> {
        let id = deployment_id.map(str::to_owned);
        match &self.place {
            Place::Database(database, _) => self.ask(database, move |transaction| {
                look::read::rollouts(transaction, id.as_deref(), limit)
            }),
            Place::Journal(path) => {
                let bytes = self.bytes(path)?;
                let entries = line::each(&bytes);
                Ok(look::replay::rollouts(entries, deployment_id, limit))
            }
        }
    }

    /// What `read` makes of each look of a rollout, oldest first, those of a dry run last; at most `limit`.
    ///
    /// # Errors
    /// When the records cannot be read, and what `read` says of the first look that it cannot use.
    pub fn looks<T: Send + 'static>(
        &self,
        of: &Recorded,
        limit: usize,
        read: impl FnMut(Looked) -> Result<T, String> + Send + 'static,
    ) -> Result<Vec<T>, String> {
        match &self.place {
            Place::Database(database, _) => {
                let of = of.clone();
                self.ask(database, move |transaction| {
                    look::read::looks(transaction, &of, limit, read)
                })?
            }
            Place::Journal(path) => {
                let bytes = self.bytes(path)?;
                look::replay::looks(line::each(&bytes), of, limit, read)
            }
        }
    }

    fn bytes(&self, path: &Path) -> Result<Vec<u8>, String> {
        Journal::new(path.to_owned(), self.limits.journal_lock).read()
    }

    fn ask<T: Send + 'static>(
        &self,
        database: &Database,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, postgres::Error> + Send + 'static,
    ) -> Result<T, String> {
        let reading = move |transaction: &mut Transaction<'_>| {
            // The database itself sees to it that nothing is changed.
            transaction.batch_execute("SET TRANSACTION READ ONLY")?;
            work(transaction)
        };
        let outcome = database.run(self.limits.patience(), Ending::RollBack, reading);
        outcome.map_err(|failure| match failure {
            Failure::Refused(why) | Failure::Down(why) => {
                format!("the records cannot be read: {why}")
            }
        })
    }
}
