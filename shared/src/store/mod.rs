//! Records: written to PostgreSQL, and to a journal when there is none or it cannot be reached.
//!
//! ```text
//! url, tls, limits          what is connected to, how it is checked, how long it may take
//! postgres                  the connection, in a thread of its own behind deadlines
//! migrate                   the tables, made or upgraded
//! key, write, storable      entries into rows, each exactly once
//! journal, line             the file, and its format
//! deliver                   from the file to the database
//! read, replay, seen        the answers: from rows, from lines, and what they look like
//! records, answers          the facade over all of it: writing, and asking
//! lease                     one run at a time, over a connection of its own
//! look                      every look of a rollout, and what is usual
//! archive                   looks for whoever only reads them
//! rollout                   intents, stages, parts, aborts and holds: rows, lines, and the facade to them
//! ```
//!
//! No record ever stops a plugin: whatever fails here is said in a notice and at the end in [`Undelivered`].

mod answers;
mod archive;
mod deliver;
mod journal;
pub mod key;
pub mod lease;
mod limits;
pub mod line;
mod look;
mod migrate;
mod postgres;
mod read;
mod records;
pub mod replay;
mod rollout;
mod seen;
mod storable;
mod tls;
pub mod url;
mod write;

use std::path::{Path, PathBuf};

use self::postgres::{Database, Failure};

pub use self::archive::{Archive, Recorded};
pub use self::journal::writable;
pub use self::limits::Limits;
pub use self::look::{Looked, Usual, UsualOf};
pub use self::migrate::Schema;
pub use self::postgres::DatabaseConfig;
pub use self::records::Records;
pub use self::rollout::{Done, Good, Held, Landed, LastRollout};
pub use self::seen::{Deployed, History, Seen, Source};

/// Where records go.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// The database, if there is one.
    pub database: Option<DatabaseConfig>,
    /// The journal's path. Its folder is made when it is needed.
    pub journal: PathBuf,
    /// Who writes: `plugin-health/0.1.0`.
    pub application: String,
    /// How long it may take.
    pub limits: Limits,
}

/// Something to tell the reader of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Whether something is not as it should be.
    pub warning: bool,
    /// One sentence.
    pub text: String,
}

/// What is not where it should be when a plugin ends.
#[must_use]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Undelivered {
    /// Records that wait in the journal for the next step that reaches the database. 0 when none is configured:
    /// then the journal is where they belong.
    pub waiting: usize,
    /// Records of a newer plugin version that wait in the journal for it.
    pub newer: usize,
    /// Records of this run that could be written nowhere and end with it.
    pub lost: usize,
    /// Lines that this run moved aside into `<journal>.rejected`.
    pub rejected: usize,
    /// Why they wait or are lost.
    pub why: Option<String>,
}

impl Undelivered {
    /// All of it in a sentence; nothing when everything is where it should be.
    pub fn sentence(&self, journal: &Path) -> Option<String> {
        let journal = journal.display();
        let parts = [
            (
                self.waiting,
                format!(
                    "not delivered, waiting in {journal} for the next step that reaches the database"
                ),
            ),
            (
                self.newer,
                format!("of a newer version, waiting in {journal} for it"),
            ),
            (self.lost, "lost: nothing could be written".to_owned()),
            (self.rejected, format!("moved to {journal}.rejected")),
        ];
        let told: Vec<String> = parts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} records {what}"))
            .collect();
        let why = self.why.as_ref().map(|why| format!(" ({why})"));
        (!told.is_empty()).then(|| format!("{}{}", told.join("; "), why.unwrap_or_default()))
    }
}

/// Looks whether the database can be used, and changes nothing: for a preflight.
///
/// Tells how it is connected to, and whether the tables are in order; a migration that is due is tried and taken back.
///
/// # Errors
/// When it cannot be connected to, or the migration fails.
pub fn check(
    database: &DatabaseConfig,
    application: &str,
    limits: &Limits,
) -> Result<(String, Schema), String> {
    let (link, how) = Database::connect(database, application, limits)?;
    match migrate::can_migrate(&link, application, limits) {
        Ok(schema) => Ok((how, schema)),
        Err(Failure::Refused(why) | Failure::Down(why)) => Err(format!(
            "{} could not be given its tables: {why}",
            database.url
        )),
    }
}
