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

#[cfg(test)]
mod tests {
    use super::*;

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
