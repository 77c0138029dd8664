//! What a deployment script, or the webhook in its place, is asked to do and told.

use serde::Serialize;

use crate::split::Share;

/// One of the things a deployment script can do. Each is absolute: done twice, it comes to the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Bring the new version up on the canary side, without traffic.
    Deploy,
    /// Bring the new version to the stable side.
    Promote,
    /// Take the new version back.
    Rollback,
    /// Give the canary this share of the traffic.
    UpdateTraffic(Share),
    /// Say the canary's share of the traffic, in per cent.
    GetTraffic,
}

impl Action {
    /// The word on the command line and in the webhook's JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Promote => "promote",
            Self::Rollback => "rollback",
            Self::UpdateTraffic(_) => "update-traffic",
            Self::GetTraffic => "get-traffic",
        }
    }

    /// The share it is to set, in per cent.
    pub fn percent(self) -> Option<u8> {
        match self {
            Self::UpdateTraffic(share) => Some(share.percent()),
            Self::Deploy | Self::Promote | Self::Rollback | Self::GetTraffic => None,
        }
    }

    /// The script's arguments: `update-traffic 25 2`.
    pub fn arguments(self, call: Call) -> Vec<String> {
        let mut arguments = vec![self.word().to_owned()];
        if let Some(percent) = self.percent() {
            arguments.extend([percent.to_string(), call.stage.to_string()]);
        }
        arguments
    }
}

/// Where in the rollout a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// The stage, counted from 1; 0 outside the stages.
    pub stage: u32,
    /// How often this was tried, counted from 1.
    pub attempt: u32,
}

impl Call {
    /// The first attempt, outside the stages.
    pub const FIRST: Self = Self {
        stage: 0,
        attempt: 1,
    };
}

/// The facts of a deployment that scripts and webhooks are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// The deployment's id.
    pub id: String,
    /// The commit that is deployed.
    pub commit: String,
    /// The environment it goes to.
    pub environment: String,
    /// The pool that takes the new version, where two pools take turns.
    pub pool: Option<String>,
    /// The commit that a rollback goes back to; left out where nobody knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_commit: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_change_of_traffic_has_more_arguments_than_its_name() {
        let call = Call {
            stage: 2,
            attempt: 1,
        };
        let quarter = Share::new(25).unwrap();
        assert_eq!(
            Action::UpdateTraffic(quarter).arguments(call),
            ["update-traffic", "25", "2"]
        );
        assert_eq!(Action::GetTraffic.arguments(call), ["get-traffic"]);
    }
}
