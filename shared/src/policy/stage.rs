//! A stage of a rollout.

use std::time::Duration;

use super::kind::{SecondsAboveZero, Share};
use super::node::Node;
use super::reader::{Kind, Reader, section};

/// A share of the traffic, and how long it is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// Per cent of the traffic for the new version, 1 to 100.
    pub percentage: u8,
    /// How long the stage is watched; absent where the file leaves it to the settings.
    pub wait_time: Option<Duration>,
}

section! {
    /// A share of the traffic, and how long it is watched.
    pub(super) struct WrittenStage {
        /// Per cent of the traffic for the new version, a whole number from 1 to 100.
        percentage: Option<u8> as Share,
        /// How long the stage is watched before it is judged. Default 300s.
        wait_time: Option<Duration> as SecondsAboveZero,
    }
}

/// A stage as the file holds it.
pub(crate) struct StageKind;

impl Kind for StageKind {
    type Meant = Option<Stage>;

    fn read(node: &Node, at: &mut Reader) -> Option<Stage> {
        let before = at.findings.len();
        let written = WrittenStage::read(node, at);
        if at.findings.len() > before {
            return None;
        }
        let Some(percentage) = written.percentage else {
            at.refuse(None, "a percentage in every stage", None);
            return None;
        };
        Some(Stage {
            percentage,
            wait_time: written.wait_time,
        })
    }

    fn keys(place: &str, out: &mut Vec<(String, &'static str)>) {
        WrittenStage::keys(place, out);
    }
}
