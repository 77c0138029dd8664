//! What the rollout tells the loop to do. One external effect each.

use std::time::Duration;

use shared::deployment::Status;
use shared::exit::Exit;
use shared::intent::Intent;
use shared::split::{Share, Side, Snapshot};

use crate::stage::Summary;

/// What the deployment script or webhook is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Bring the new version to the canary side.
    Deploy,
    /// Bring it to the stable side.
    Promote,
    /// Bring the canary side back.
    Rollback,
}

impl Action {
    /// The word that the script gets.
    pub fn word(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Promote => "promote",
            Self::Rollback => "rollback",
        }
    }
}

/// What is written down.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    /// A stage begins.
    StageBegan {
        /// From 1.
        number: usize,
        /// Its share.
        share: Share,
    },
    /// A stage is over.
    StageEnded(Box<Summary>),
    /// The deployment came to this.
    Deployment {
        /// Its status.
        status: Status,
        /// Why.
        why: Vec<String>,
        /// Whether its commit is held from now on.
        hold: bool,
    },
    /// The plan was walked without a write.
    DryRun,
}

/// A change that a dry run does not make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// What an earlier run left would be settled first.
    Settle {
        /// Such as "the rollout of d1".
        of: String,
    },
    /// The new version would be deployed to the canary side.
    Deploy,
    /// Traffic would move.
    Move {
        /// From here.
        from: Share,
        /// To there.
        to: Share,
        /// And be watched.
        wait: Duration,
    },
    /// The stable side would get the new version, and then all traffic.
    Promote,
    /// The pools would have changed places.
    Swap,
    /// Traffic would stay on the canary side.
    Stay,
    /// The end would be watched.
    Soak(Duration),
    /// The success would be recorded.
    Record,
}

/// One step. What the outcome of each may be is said with it; any may also end in [`super::Outcome::Broke`].
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Look whether everything is there and permitted, what the gates say, whether a freeze is on and whether the
    /// commit is held: `Preflight`.
    Preflight,
    /// Ask for the lease, without waiting: `Lease`.
    Acquire,
    /// Ask the records, or the journal while they are out of reach, for the newest intent: `Past`.
    LookBack,
    /// Read the traffic: `Traffic`.
    ReadTraffic {
        /// With pools that take turns: the sides are as in this snapshot. Without one, whichever pool carries all
        /// traffic is the stable side.
        sides: Option<Box<Snapshot>>,
    },
    /// Write this down so that it survives the process: `Done`, `Failed`.
    Journal(Box<Intent>),
    /// Call the script or webhook for the deployment of the state's intent, and mark the part of a rollback as done:
    /// `Done`, `Failed`.
    Hook {
        /// What for.
        action: Action,
        /// From 1.
        attempt: u32,
    },
    /// Set the canary's share and verify it by reading back: `Done`, `Failed`.
    Set {
        /// The share.
        share: Share,
        /// The stage it belongs to, from 1; the number of the last one where it belongs to none.
        stage: usize,
    },
    /// Restore the snapshot and verify it by reading back: `Done`, `Failed`.
    Restore(Box<Snapshot>),
    /// Wait for a side's open requests to end: `Done`, `Failed`.
    Drain {
        /// The side.
        side: Side,
        /// The longest wait.
        limit: Duration,
    },
    /// Tell the feature-flag webhook of a share: `Done`, `Failed`.
    Flags(Share),
    /// Look at the side that has the new version, at the other one beside it, and at the traffic: `Looked`.
    Look(Side),
    /// Wait, or until the run is cancelled: `Slept`.
    Sleep(Duration),
    /// Wait, whatever is signalled meanwhile: `Slept`.
    Pause(Duration),
    /// Write a row, or to the journal while the records are out of reach: `Done`, `Failed`.
    Record(Row),
    /// Write down the success: the deployment's status, the intent, and where this very version was seen to answer,
    /// the `last-stable` marker. `Done`, `Failed`.
    Succeed {
        /// What the journal gets.
        intent: Box<Intent>,
        /// Whether the version was seen to answer; if not, it is recorded as unverified and no marker moves.
        verified: bool,
    },
    /// Open the incident, or comment it, and mark the part as done: `Done`, `Failed`, `Skipped`.
    Incident,
    /// Say on the incidents of these deployments that the environment is well again, and close them: `Done`, `Failed`.
    Recover(Vec<String>),
    /// Tell people, and mark the part as done: `Done`, `Failed`.
    Notify,
    /// Give the lease back: `Done`, `Failed`.
    Release,
    /// Say what would be changed: `Done`.
    Say(Change),
    /// Be done: nothing comes after it.
    Finish(Exit),
}
