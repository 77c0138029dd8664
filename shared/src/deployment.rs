//! The life of a deployment, as its status words tell it.

use serde::{Deserialize, Serialize};

/// The status of a deployment, as the `deployments` table spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The deploy step is about to run: from here on something may have been touched.
    Started,
    /// Traffic is being moved.
    InProgress,
    /// It is live, and this very version was seen to answer.
    Success,
    /// It is live, but nothing proved which version answered: never a rollback target.
    Unverified,
    /// A check failed.
    Failed,
    /// Traffic or the deployment was put back.
    RolledBack,
    /// The pipeline was cancelled; not a bad version.
    Cancelled,
    /// Left as it is, deliberately, for a person.
    Held,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Started,
        Self::InProgress,
        Self::Success,
        Self::Unverified,
        Self::Failed,
        Self::RolledBack,
        Self::Cancelled,
        Self::Held,
    ];

    /// The word in the database.
    pub fn word(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::InProgress => "in_progress",
            Self::Success => "success",
            Self::Unverified => "unverified",
            Self::Failed => "failed",
            Self::RolledBack => "rolled_back",
            Self::Cancelled => "cancelled",
            Self::Held => "held",
        }
    }

    /// Whether a row that says `self` may come to say `next`.
    ///
    /// What was put back or is held stays so for this deployment: a health check after it speaks of the version
    /// that is live now, which is another one.
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::RolledBack | Self::Held => matches!(next, Self::RolledBack | Self::Held),
            Self::Started
            | Self::InProgress
            | Self::Success
            | Self::Unverified
            | Self::Failed
            | Self::Cancelled => true,
        }
    }
}

/// The longest name of a deployment, in characters.
pub const ID_MAX: usize = 100;
/// What a rollback's own row adds to the name of the deployment that it puts back.
const ROLLBACK: &str = "-rollback";
/// The longest name that leaves room for that.
pub const ID_MADE_MAX: usize = ID_MAX - ROLLBACK.len();

/// The name of the rollback of a deployment, under which it has a row of its own.
pub fn rollback_id(deployment_id: &str) -> String {
    format!("{}{ROLLBACK}", short(deployment_id, ID_MADE_MAX))
}

/// The name in at most `characters_max` (at least 17). What is too long keeps its end, and a hash of the whole stands
/// for what was cut.
pub fn short(name: &str, characters_max: usize) -> String {
    let length = name.chars().count();
    if length <= characters_max {
        return name.to_owned();
    }
    let hash = fnv1a(name.as_bytes());
    let kept = characters_max.saturating_sub(17);
    let tail: String = name.chars().skip(length - kept).collect();
    format!("{hash:016x}-{tail}")
}

/// FNV-1a, 64 bits: a name needs a short, stable hash, not a strong one.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_rollback_fits_however_long_the_deployments_is() {
        assert_eq!(rollback_id("d1"), "d1-rollback");
        let (one, other) = ("é".repeat(100), format!("x{}", "é".repeat(99)));
        assert_eq!(rollback_id(&one).chars().count(), ID_MAX);
        assert_ne!(rollback_id(&one), rollback_id(&other));
        assert_eq!(rollback_id(&one), rollback_id(&one));
    }

    #[test]
    fn what_was_rolled_back_never_becomes_a_success() {
        for old in [Status::RolledBack, Status::Held] {
            for next in Status::ALL {
                let stays = matches!(next, Status::RolledBack | Status::Held);
                assert_eq!(old.may_become(next), stays, "{old:?} → {next:?}");
            }
        }
        assert!(Status::Failed.may_become(Status::Success));
    }
}
