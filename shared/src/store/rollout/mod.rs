//! What a rollout leaves behind, so that whoever comes after it knows: intents, stages, done parts, abort requests and
//! holds.
//!
//! ```text
//! intend → the database → the journal → the traffic
//! ```
//!
//! An intent is on a disk before the traffic is touched. Killed at any point, the newest intent is what the traffic is
//! like, or was about to be; the one before it is what it was.

mod ask;
pub(super) mod read;
pub(super) mod replay;
pub(super) mod write;

use jiff::Timestamp;
use serde_json::Value;

use super::key;
use super::lease::Fenced;
use super::records::Records;
use crate::record::{Entry, Mark, Record, Rollout, Subject};
use crate::split::Snapshot;

/// How many incidents are told of at most: whoever closes them does not do it all day.
const INCIDENTS_MAX: usize = 10;

/// Where a record is now.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Landed {
    /// In the database; an intent is in the journal too.
    Database,
    /// In the journal alone, from where it is delivered later.
    Journal,
    /// Neither could take it: it ends with this process. No traffic may be moved forward on it.
    Nowhere,
    /// No database will ever take it; it was moved aside.
    Aside,
}

impl Landed {
    /// Whether it outlives this process.
    pub fn is_safe(&self) -> bool {
        matches!(self, Self::Database | Self::Journal)
    }
}

/// The newest state of a rollout.
#[derive(Debug, Clone, PartialEq)]
pub struct LastRollout {
    /// Whose it is.
    pub subject: Subject,
    /// The token under which it was written; absent when no lease was ever known.
    pub token: Option<i64>,
    /// Its place among those with the same token.
    pub sequence: i64,
    /// As the rollout wrote it.
    pub state: Value,
    /// The traffic before its first write.
    pub snapshot: Option<Snapshot>,
    /// How it was closed; absent while it goes on.
    pub mark: Option<Mark>,
    /// When it was written, by the writer's clock.
    pub at: Timestamp,
}

impl LastRollout {
    pub(super) fn position(&self) -> (i64, i64) {
        (self.token.unwrap_or(0), self.sequence)
    }

    /// Two runs without a lease can come to the same position; the rest is so that everybody answers alike then.
    pub(super) fn order(&self) -> (i64, i64, Timestamp, &str) {
        let (token, sequence) = self.position();
        (token, sequence, self.at, &self.subject.deployment_id)
    }
}

/// A part of a rollback that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// One of [`crate::record::part`], or another word.
    pub part: String,
    /// What came of it.
    pub note: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// Why a commit is not to be deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The deployment that was rolled back.
    pub deployment_id: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// A version to go back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Good {
    /// The deployment that proved it.
    pub deployment_id: String,
    /// Its commit.
    pub commit: String,
}

impl Records<'_> {
    /// Writes down what a rollout is about to do to the traffic: on a disk when this returns [`Landed::is_safe`].
    ///
    /// `snapshot` is the traffic before the rollout's first write, and has to come with every intent of it. Without a
    /// lease it is written under the last token that is known, so that it is newer than what that holder wrote.
    ///
    /// # Errors
    /// When a newer token exists; nothing was written then.
    pub fn intend(
        &mut self,
        subject: &Subject,
        token: Option<i64>,
        state: Value,
        snapshot: Option<Snapshot>,
    ) -> Result<Landed, Fenced> {
        self.write_rollout(subject, token, state, snapshot, None, Vec::new())
    }

    /// Closes a rollout, with its last state.
    ///
    /// # Errors
    /// When a newer token exists; nothing was written then.
    pub fn finish_rollout(
        &mut self,
        subject: &Subject,
        token: Option<i64>,
        state: Value,
        snapshot: Option<Snapshot>,
        mark: Mark,
    ) -> Result<Landed, Fenced> {
        self.write_rollout(subject, token, state, snapshot, Some(mark), Vec::new())
    }

    /// Closes a rollout together with what follows from its end: whoever is killed meanwhile leaves all of it or
    /// nothing.
    ///
    /// # Errors
    /// When a newer token exists; nothing was written then.
    pub fn finish_rollout_with(
        &mut self,
        subject: &Subject,
        token: Option<i64>,
        state: Value,
        snapshot: Option<Snapshot>,
        mark: Mark,
        with: Vec<Record>,
    ) -> Result<Landed, Fenced> {
        self.write_rollout(subject, token, state, snapshot, Some(mark), with)
    }

    /// Closes what an earlier run left, as settled. `token` is that of the run that settled it.
    ///
    /// # Errors
    /// When a newer token exists; nothing was written then.
    pub fn settle(&mut self, left: &LastRollout, token: Option<i64>) -> Result<Landed, Fenced> {
        self.write_rollout(
            &left.subject,
            token,
            left.state.clone(),
            left.snapshot.clone(),
            Some(Mark::Settled),
            Vec::new(),
        )
    }

    /// Makes an entry of what happened now under a lease, and writes it down; without a token it is not fenced.
    ///
    /// # Errors
    /// When a newer token exists; nothing was written then.
    pub fn record_fenced(
        &mut self,
        subject: &Subject,
        token: Option<i64>,
        body: Record,
    ) -> Result<Landed, Fenced> {
        let mut entry = key::entry(self.clock.now(), subject.clone(), body);
        entry.token = token;
        self.write_live(&[entry])
    }

    fn write_rollout(
        &mut self,
        subject: &Subject,
        token: Option<i64>,
        state: Value,
        snapshot: Option<Snapshot>,
        mark: Option<Mark>,
        with: Vec<Record>,
    ) -> Result<Landed, Fenced> {
        let (token, sequence) = self.next_position(subject, token);
        let body = Record::Rollout(Rollout {
            sequence,
            state,
            snapshot,
            mark,
        });
        let now = self.clock.now();
        let bodies = std::iter::once(body).chain(with);
        let entries = bodies.map(|body| Entry {
            token,
            ..key::entry(now, subject.clone(), body)
        });
        let entries: Vec<Entry> = entries.collect();
        let landed = self.write_live(&entries)?;
        if landed == Landed::Database {
            self.keep_too(&entries[0]);
        }
        Ok(landed)
    }

    /// The next place after everything that is known of the environment's rollouts.
    fn next_position(&mut self, subject: &Subject, token: Option<i64>) -> (Option<i64>, i64) {
        let place = (subject.repo.clone(), subject.environment.clone());
        let known = self.positions.get(&place).copied().unwrap_or_else(|| {
            let newest = self.newest(&subject.repo, &subject.environment, None);
            // What cannot be read was written under an older token, or nothing can be known of it anyway.
            let newest = newest.ok().and_then(|seen| seen.value);
            newest.map_or((0, 0), |newest| newest.position())
        });
        let next = (token.unwrap_or(known.0), known.1 + 1);
        self.positions.insert(place, next);
        ((next.0 > 0).then_some(next.0), next.1)
    }
}
