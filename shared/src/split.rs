//! How traffic is split between two versions: the values that decisions and traffic managers share.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of the two versions that traffic is split between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The version that was live before.
    Stable,
    /// The new version.
    Canary,
}

/// The canary's share of the traffic, in per cent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Share(u8);

impl Share {
    /// No traffic for the canary.
    pub const NONE: Self = Self(0);
    /// All traffic for the canary.
    pub const ALL: Self = Self(100);

    /// A share of 0 to 100 per cent.
    pub fn new(percent: u8) -> Option<Self> {
        (percent <= 100).then_some(Self(percent))
    }

    /// In per cent, 0 to 100.
    pub fn percent(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}

/// What to restore: the state of a traffic manager before the first write, as that manager wrote it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The manager that wrote it and can read it: `haproxy`.
    pub manager: String,
    /// The canary's share in it.
    pub share: Share,
    /// What only that manager understands: weights, states, versions.
    pub detail: serde_json::Value,
}

/// Requests of one side in one span of time, by what came of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// All requests.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those that took longer than allowed, where somebody measures that.
    #[serde(default)]
    pub slow: Option<u64>,
}

impl Served {
    /// As far as they failed.
    pub fn failures(self) -> Counts {
        Counts {
            requests: self.requests,
            failed: self.failed.min(self.requests),
        }
    }

    /// As far as they were slow: absent where nobody measures that.
    pub fn slowness(self) -> Option<Counts> {
        self.slow.map(|slow| Counts {
            requests: self.requests,
            failed: slow.min(self.requests),
        })
    }

    /// Both together; slow ones only where both measure them.
    #[must_use]
    pub fn plus(self, more: Self) -> Self {
        let slow = self.slow.zip(more.slow);
        Self {
            requests: self.requests.saturating_add(more.requests),
            failed: self.failed.saturating_add(more.failed),
            slow: slow.map(|(one, other)| one.saturating_add(other)),
        }
    }
}

/// Requests of one side since a starting point, as a traffic manager counted them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All requests.
    pub requests: u64,
    /// Those that failed, also where the client saw no failure because another server took the request over.
    pub failed: u64,
}
