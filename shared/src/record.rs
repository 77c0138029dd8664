//! What is written down: rows for the database, lines for the journal.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::deployment::Status;

mod look;
mod rollout;

pub use look::Look;
pub use rollout::{Abort, Hold, Lift, Mark, Part, Rollout, Stage, StageStatus, part};

/// The name of the marker of the last version known to be good.
pub const LAST_STABLE: &str = "last-stable";

/// The type of a deployment that was made in earnest.
pub const STANDARD: &str = "standard";
/// The type of a rollback's own deployment.
pub const ROLLBACK: &str = "rollback";
/// The type of what was only walked through. Such a row is never a target, and never takes the place of a real one.
pub const DRY_RUN: &str = "dry-run";

/// Whose records these are. Many repositories share one database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// `owner/name`.
    pub repo: String,
    /// At most 50 characters.
    pub environment: String,
    /// At most 100 characters.
    pub deployment_id: String,
    /// 40 or 64 hexadecimal digits; absent when nobody named one.
    pub commit: Option<String>,
    /// The pipeline's number.
    pub build_id: Option<i32>,
}

// The journal is read by other plugin versions than the one that wrote it: what a line leaves out has a default, the
// table's own where there is one.

fn check_mode() -> String {
    "check".to_owned()
}

fn standard_type() -> String {
    STANDARD.to_owned()
}

fn default_error_rate() -> f64 {
    5.0
}

fn default_response_time() -> i32 {
    2000
}

fn default_availability() -> f64 {
    99.0
}

/// One probe of one endpoint: a row of `health_checks`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// `healthy`, `degraded` or `unhealthy`.
    pub health_status: String,
    /// The mode it was made in: `check`, `wait`, `watch`. What a service answered while it started (`wait`) says
    /// nothing about its running, and stays out of the monitoring windows.
    #[serde(default = "check_mode")]
    pub mode: String,
    /// Milliseconds, measured.
    pub response_time_ms: Option<i32>,
    /// Per cent, reported.
    pub error_rate: Option<f64>,
    /// Per cent, reported.
    pub availability: Option<f64>,
    /// Without its secrets.
    #[serde(default)]
    pub endpoint: String,
    /// The limit in force, per cent.
    #[serde(default = "default_error_rate")]
    pub threshold_error_rate: f64,
    /// The limit in force, milliseconds.
    #[serde(default = "default_response_time")]
    pub threshold_response_time: i32,
    /// The limit in force, per cent.
    #[serde(default = "default_availability")]
    pub threshold_availability: f64,
    /// What held, one sentence each.
    #[serde(default)]
    pub checks_passed: Vec<String>,
    /// What did not, one sentence each.
    #[serde(default)]
    pub checks_failed: Vec<String>,
}

/// A deployment coming to a status: upserts a row of `deployments`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// What it came to.
    pub status: Status,
    /// [`STANDARD`], [`ROLLBACK`] or [`DRY_RUN`].
    #[serde(default = "standard_type")]
    pub deployment_type: String,
    /// The commit that was put back, when it came to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_from_commit: Option<String>,
    /// Why it was put back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_reason: Option<String>,
}

impl Deployment {
    /// A deployment in earnest that comes to `status`, of which nothing was put back.
    pub fn standard(status: Status) -> Self {
        Self {
            status,
            deployment_type: standard_type(),
            rollback_from_commit: None,
            rollback_reason: None,
        }
    }
}

/// A marker moving to the subject's commit: upserts a row of `version_markers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// Such as [`LAST_STABLE`].
    pub name: String,
}

/// One thing to write down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    /// A probe.
    Check(Check),
    /// A deployment's status.
    Deployment(Deployment),
    /// A marker's move.
    Marker(Marker),
    /// What a rollout is about to do to the traffic, or how it was closed.
    Rollout(Rollout),
    /// A stage of a rollout, as it goes on.
    Stage(Stage),
    /// A look of a rollout.
    Look(Look),
    /// A part of a rollback that is done.
    Part(Part),
    /// Somebody wants a rollout to stop and put back.
    Abort(Abort),
    /// A commit that is not to be deployed again.
    Hold(Hold),
    /// A hold that was lifted.
    Lift(Lift),
}

impl Record {
    /// What it says, in a few words.
    pub fn said(&self) -> String {
        match self {
            Self::Check(check) => format!("check of {} {}", check.endpoint, check.health_status),
            Self::Deployment(deployment) if deployment.deployment_type == ROLLBACK => {
                format!("its rollback, {}", deployment.status.word())
            }
            Self::Deployment(deployment) => format!("deployment {}", deployment.status.word()),
            Self::Marker(marker) => format!("marker {} moves here", marker.name),
            Self::Rollout(rollout) => match rollout.mark {
                None => "intent of a rollout".to_owned(),
                Some(mark) => format!("rollout {}", mark.word()),
            },
            Self::Stage(stage) => format!("stage {} {}", stage.stage, stage.status.word()),
            Self::Look(look) => format!("look {} ({})", look.number, look.what),
            Self::Part(part) => format!("{} done", part.part),
            Self::Abort(abort) => format!("abort requested by {}", abort.by),
            Self::Hold(_) => "commit held".to_owned(),
            Self::Lift(lift) => format!("hold lifted by {}", lift.by),
        }
    }
}

/// A record with what identifies it. Written to the journal as one line of JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Unique for ever: the database takes an entry with a known key as already delivered.
    pub key: String,
    /// When it happened, by the clock of the machine that saw it.
    pub at: Timestamp,
    /// Whose it is.
    pub subject: Subject,
    /// The fencing token of the lease under which it was written; absent when none was held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<i64>,
    /// What it says.
    pub body: Record,
}

/// What the records say of one span of time before now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Window {
    /// Its name and length: `5m`.
    pub label: String,
    /// Checks in it (those made while waiting for a start are left out).
    pub checks: u32,
    /// Of these, `healthy` or `degraded`.
    pub good: u32,
    /// Mean of the reported error rates, per cent.
    pub error_rate: Option<f64>,
    /// Mean of the reported availabilities, per cent.
    pub availability: Option<f64>,
    /// Mean of the measured response times, milliseconds.
    pub response_time: Option<f64>,
}
