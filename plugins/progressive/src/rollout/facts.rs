//! What the loop tells the rollout: what the last step came to, and what happened beside it.

use std::time::Duration;

use shared::intent::{Intent, Part};
use shared::split::{Share, Snapshot};

use crate::stage::Look;

/// Whether this run may write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lease {
    /// It holds the lease, or there is no database and so no lease.
    Good,
    /// The lease cannot be renewed at the moment: another run may take it before long.
    Shaky,
    /// Another run has taken it.
    Foreign {
        /// Who.
        by: String,
    },
}

/// What came of asking for the lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It is ours.
    Ours,
    /// There is neither a database nor a file that could be locked, and so no lease.
    Unneeded,
    /// Another run has it.
    Theirs {
        /// Its deployment.
        by: String,
        /// Where its pipeline can be looked at.
        pipeline: Option<String>,
    },
    /// The database could not be asked.
    Unreachable {
        /// Why.
        detail: String,
    },
}

/// What stands in the way of a rollout, as reasons that are absent where nothing does; and what is known of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guards {
    /// A freeze is on.
    pub frozen: Option<String>,
    /// This commit was rolled back here.
    pub held: Option<String>,
    /// This very deployment was rolled back or left to a person: the word of its status.
    pub spent: Option<String>,
    /// What an earlier run of this deployment did of going back.
    pub before: Vec<Part>,
    /// Deployments of this environment whose incidents are open.
    pub incidents: Vec<String>,
}

/// What the traffic manager says of the traffic.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The canary's share; absent where the weights are not a share.
    pub share: Option<Share>,
    /// What to restore.
    pub snapshot: Snapshot,
}

/// What the last step came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// There was none yet.
    Began,
    /// Preflight: what stands in the way, or everything that is wrong.
    Preflight(Result<Guards, Vec<String>>),
    /// Asking for the lease.
    Lease(Taken),
    /// Looking at the records: the newest intent of this environment, with the parts marked as done.
    Past(Result<Option<Intent>, String>),
    /// Reading the traffic.
    Traffic(Result<Reading, String>),
    /// Looking at a version.
    Looked(Box<Look>),
    /// The time passed, or something ended the wait early.
    Slept,
    /// A write, a call or a record took effect.
    Done,
    /// It did not, or nobody knows whether it did.
    Failed(String),
    /// It is not this run's to do: whoever can shall.
    Skipped,
    /// The step ended in a panic.
    Broke(String),
}

/// The facts at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// The time since the run began. It never goes back.
    pub now: Duration,
    /// Whether the run was cancelled.
    pub cancelled: bool,
    /// Who asked in the records for this rollout to end, if somebody did.
    pub abort: Option<String>,
    /// Whether it may write.
    pub lease: Lease,
    /// What the last step came to.
    pub outcome: Outcome,
}
