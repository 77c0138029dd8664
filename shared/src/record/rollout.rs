//! What a rollout and a rollback write down.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{DRY_RUN, STANDARD};
use crate::split::{Counts, Snapshot};

/// Names of the parts of a rollback. Each is done once a deployment, by whichever plugin gets there.
pub mod part {
    /// Traffic is where it was before.
    pub const TRAFFIC: &str = "traffic";
    /// The deployment script's or webhook's `rollback`.
    pub const SCRIPT: &str = "script";
    /// The branch is where it was before.
    pub const BRANCH: &str = "branch";
    /// The marker names the version that was gone back to.
    pub const MARKER: &str = "marker";
    /// The incident is open.
    pub const INCIDENT: &str = "incident";
    /// The incident is closed, because health returned.
    pub const RECOVERED: &str = "recovered";
    /// People were told.
    pub const NOTIFY: &str = "notify";
}

/// How a rollout was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// By itself: it succeeded, or put everything back.
    Finished,
    /// By a later run, which put back what it had left.
    Settled,
    /// Traffic is left as it is, deliberately. Settling never touches it.
    Held,
}

impl Mark {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Finished, Self::Settled, Self::Held];

    /// The word in the database.
    pub fn word(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Settled => "settled",
            Self::Held => "held",
        }
    }
}

/// The state of a rollout before a write to the traffic: upserts a row of `deployment_rollouts`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// Larger than that of everything that was known of the environment's rollouts when it was written. Orders what
    /// has the same token, where a clock could jump.
    pub sequence: i64,
    /// What only the rollout understands.
    pub state: Value,
    /// The traffic before the first write.
    #[serde(default)]
    pub snapshot: Option<Snapshot>,
    /// Absent while it goes on.
    #[serde(default)]
    pub mark: Option<Mark>,
}

/// How a stage stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageStatus {
    /// It is being observed.
    InProgress,
    /// Judged good.
    Passed,
    /// Judged bad.
    Failed,
    /// The data did not suffice.
    Inconclusive,
    /// Ended early, traffic put back, for a reason that is not the version's.
    RolledBack,
    /// Traffic was left in it for a person.
    Held,
    /// The pipeline was cancelled.
    Cancelled,
}

impl StageStatus {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::InProgress,
        Self::Passed,
        Self::Failed,
        Self::Inconclusive,
        Self::RolledBack,
        Self::Held,
        Self::Cancelled,
    ];

    /// The word in the database.
    pub fn word(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Inconclusive => "inconclusive",
            Self::RolledBack => "rolled_back",
            Self::Held => "held",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A stage as far as it got: upserts a row of `progressive_deployments`, one a deployment and stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// From 1.
    pub stage: i32,
    /// The canary's share, 0 to 100.
    pub traffic_percentage: i32,
    /// How it stands.
    pub status: StageStatus,
    /// The canary's, per cent.
    #[serde(default)]
    pub error_rate: Option<f64>,
    /// The canary's, per cent.
    #[serde(default)]
    pub availability: Option<f64>,
    /// The canary's, milliseconds.
    #[serde(default)]
    pub response_time_ms: Option<i32>,
    /// When its share was set.
    pub started_at: Timestamp,
    /// When it was judged or ended early.
    #[serde(default)]
    pub completed_at: Option<Timestamp>,
    /// Why traffic was put back in this stage; absent when it was not.
    #[serde(default)]
    pub rollback_reason: Option<String>,
    /// Requests of the stable side during the stage, where they were counted.
    #[serde(default)]
    pub stable: Option<Counts>,
    /// Requests of the canary during the stage, where they were counted.
    #[serde(default)]
    pub canary: Option<Counts>,
    /// Only walked through.
    #[serde(default)]
    pub dry_run: bool,
}

impl Stage {
    /// The type in the database.
    pub fn deployment_type(&self) -> &'static str {
        if self.dry_run { DRY_RUN } else { STANDARD }
    }
}

/// A part that is done: inserts a row of `deployment_parts`, once a deployment and part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// One of [`part`]; another word is as good. At most 50 characters.
    pub part: String,
    /// What came of it, such as the address of the incident.
    #[serde(default)]
    pub note: Option<String>,
}

/// The request that the subject's rollout stops and puts back: inserts a row of `deployment_aborts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abort {
    /// Who asks: `plugin-rollback`, or a name.
    pub by: String,
    /// The pipeline that asks.
    #[serde(default)]
    pub pipeline_url: Option<String>,
    /// Why.
    pub reason: String,
    /// The token of the run that is to stop; a later run of the same deployment is not meant. Absent when it is
    /// not known: then any run of it is meant.
    #[serde(default)]
    pub of_token: Option<i64>,
}

/// The subject's commit was rolled back and is not to be deployed again: upserts a row of `deployment_holds`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Why it was rolled back.
    pub reason: String,
}

/// The hold on the subject's commit is lifted: upserts a row of `deployment_holds`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lift {
    /// Who lifted it, or how: `override: hold`.
    pub by: String,
}
