//! Who wants a lease, who has it, and on which terms.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

/// Whose lease it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// `owner/name`.
    pub repo: String,
    /// At most 50 characters.
    pub environment: String,
    /// At most 100 characters. Whoever names the same one takes over at once.
    pub deployment_id: String,
    /// What tells this run from another one of the same deployment.
    pub run_id: String,
    /// Where a person finds the pipeline.
    pub pipeline_url: Option<String>,
    /// `plugin-progressive/0.1.0`.
    pub plugin: String,
}

/// Who holds a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its fencing token.
    pub token: i64,
    /// Of which deployment.
    pub deployment_id: String,
    /// Which run of it.
    pub run_id: String,
    /// Where a person finds its pipeline.
    pub pipeline_url: Option<String>,
    /// `plugin-progressive/0.1.0`.
    pub plugin: String,
    /// Since when, by the database's clock.
    pub since: Timestamp,
    /// Until when it holds without another sign of life, by the database's clock.
    pub expires: Timestamp,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "held by {} for deployment {} since {:.0} until {:.0}",
            self.plugin, self.deployment_id, self.since, self.expires
        )?;
        match &self.pipeline_url {
            Some(url) => write!(f, ", {url}"),
            None => Ok(()),
        }
    }
}

/// The times of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How long it holds without a sign of life.
    pub ttl: Duration,
    /// How often a sign of life is given.
    pub heartbeat: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(60),
            heartbeat: Duration::from_secs(10),
        }
    }
}
