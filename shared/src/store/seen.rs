//! What the records say of a deployment.

use jiff::Timestamp;
use serde::Serialize;

use crate::deployment::Status;
use crate::record::Check;

/// Where an answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The database: all that was ever delivered.
    Database,
    /// The journal: what it holds, which can be this pipeline's records alone.
    Journal,
}

/// An answer with where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen<T> {
    /// The answer.
    pub value: T,
    /// Where it comes from.
    pub source: Source,
}

/// A row of `deployments`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deployed {
    /// The status word, which a newer plugin version may have made.
    pub status: String,
    /// `standard`, `rollback`, `dry-run`.
    pub deployment_type: String,
    /// Absent when nobody named one.
    pub commit: Option<String>,
    /// The last stable commit at the time, if there was another one.
    pub previous_commit: Option<String>,
    /// The pipeline's number.
    pub build_id: Option<i32>,
    /// The commit that was put back, when it came to that.
    pub rollback_from_commit: Option<String>,
    /// Why it was put back.
    pub rollback_reason: Option<String>,
    /// When it came to its status.
    pub at: Timestamp,
}

impl Deployed {
    /// The status, if this version knows it.
    pub fn known_status(&self) -> Option<Status> {
        Status::ALL
            .into_iter()
            .find(|status| status.word() == self.status)
    }

    /// This state after an older one, which keeps what this one does not name.
    pub(super) fn over(self, old: Self) -> Self {
        Self {
            commit: self.commit.or(old.commit),
            build_id: self.build_id.or(old.build_id),
            previous_commit: old.previous_commit.or(self.previous_commit),
            rollback_from_commit: self.rollback_from_commit.or(old.rollback_from_commit),
            rollback_reason: self.rollback_reason.or(old.rollback_reason),
            ..self
        }
    }
}

/// A deployment with its checks.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct History {
    /// Its state; absent when only checks are known of it, or nothing.
    pub deployment: Option<Deployed>,
    /// Its checks, newest first.
    pub checks: Vec<(Timestamp, Check)>,
}
