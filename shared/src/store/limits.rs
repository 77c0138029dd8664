//! How long the records may take.

use std::time::Duration;

use super::postgres::Patience;

/// Time limits of the store. Records never delay a rollback beyond these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// One attempt to connect to one address. A shorter `connect_timeout` in the URL holds.
    pub connect: Duration,
    /// One statement, by the server's own watch.
    pub statement: Duration,
    /// The answer to one piece of work, by ours; then the database counts as down.
    pub reply: Duration,
    /// Making or upgrading the tables.
    pub migrate: Duration,
    /// Waiting for another process that has the journal locked.
    pub journal_lock: Duration,
    /// Delivering the journal; what is left then waits for the next step.
    pub deliver: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            statement: Duration::from_secs(5),
            reply: Duration::from_secs(10),
            migrate: Duration::from_secs(30),
            journal_lock: Duration::from_secs(5),
            deliver: Duration::from_secs(10),
        }
    }
}

impl Limits {
    pub(super) fn patience(&self) -> Patience {
        Patience {
            statement: self.statement,
            reply: self.reply,
        }
    }

    pub(super) fn migration_patience(&self) -> Patience {
        Patience {
            statement: self.migrate,
            reply: self.migrate + self.statement,
        }
    }
}
