//! How HAProxy is reached, and what it is about.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::address::Address;
use super::answer::start;
use super::tls::Identity;

/// How long one command may take, unless said otherwise.
pub const LIMIT: Duration = Duration::from_secs(2);
/// How long what was written may take to show, unless said otherwise.
pub const VERIFY: Duration = Duration::from_secs(2);

/// A backend and the two servers in it that traffic is split between.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Servers {
    /// The backend.
    pub backend: String,
    /// The server that carries the version that was live before.
    pub stable: String,
    /// The server that carries the new one.
    pub canary: String,
}

impl Servers {
    /// Whether the names can be used: they go into commands, where a `;` would begin another one.
    pub(super) fn check(&self) -> Result<(), String> {
        for name in [&self.backend, &self.stable, &self.canary] {
            let good = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
            if name.is_empty() || !name.chars().all(good) {
                return Err(format!(
                    "found the name {:?}, expected letters, digits and -_.: only",
                    start(name)
                ));
            }
        }
        if self.stable == self.canary {
            return Err(format!(
                "found {} as both stable and canary server, expected two",
                self.stable
            ));
        }
        Ok(())
    }
}

/// When a restore sends away the clients that stick to the canary: weight 0 alone keeps them there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Release {
    /// Where the backend has a cookie or a stick table of its own.
    #[default]
    WhereSticky,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How to reach HAProxy and what to do there.
#[derive(Debug, Clone)]
pub struct Settings {
    /// All instances that carry this traffic; at least one.
    pub addresses: Vec<Address>,
    /// What it is about.
    pub servers: Servers,
    /// What a restore does about sticky clients.
    pub release: Release,
    /// For `tls://` addresses.
    pub identity: Option<Identity>,
    /// For one command; [`LIMIT`].
    pub limit: Duration,
    /// For what was written to show; [`VERIFY`].
    pub verify: Duration,
}
