//! What the rollout knows between two decisions.

use shared::intent::{Intent, Part};
use shared::reason::Reason;
use shared::split::Share;

use super::{Ending, Plan};
use crate::stage::{Summary, Watch};

/// How far the run has gone, in what it would take to undo it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// It has not begun: a refusal leaves no trace.
    Idle,
    /// It has begun and touched nothing.
    Begun,
    /// The canary side may have been deployed to.
    Deployed,
    /// Traffic may have been moved.
    Written,
    /// The stable side may have the new version: the snapshot is void.
    Void,
    /// The success is written down: nothing changes any more.
    Recorded,
}

/// A write that is journalled before it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// Deploying to the canary side.
    Deploy,
    /// Moving traffic to the stage at this place, from 0.
    Move {
        /// The place.
        stage: usize,
    },
    /// Bringing the new version to the stable side.
    Promote,
    /// Giving the stable side its traffic back.
    Return,
}

/// What is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The canary, before its first share.
    First,
    /// The stage at this place, from 0.
    Stage(usize),
    /// The stable side with the new version.
    Promoted,
    /// The end.
    Soak,
}

/// Something that is watched.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// What.
    pub what: What,
    /// Since when, and what was seen.
    pub watch: Watch,
}

/// What the run is at: the outcome of which step it waits for.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// Looking whether it may begin.
    Preflight,
    /// Asking for the lease.
    Leasing,
    /// Asking what happened before.
    LookingBack,
    /// Reading the traffic; with what happened before.
    Reading(Option<Intent>),
    /// Journalling a write.
    Journaling(Write),
    /// Making it.
    Acting(Write),
    /// Telling the feature flags and the records that a stage begins.
    Announcing {
        /// Its place, from 0.
        stage: usize,
        /// Whether the flags are told.
        flags_told: bool,
    },
    /// Watching.
    Watching(Span),
    /// Setting a share again that somebody raised.
    Correcting {
        /// What was being watched.
        span: Span,
        /// The share.
        to: Share,
        /// Whether the journal knows that traffic may be written to: before the first share it does not.
        is_journalled: bool,
    },
    /// Recording that a stage passed.
    Recording(Span),
    /// Waiting for the stable side's open requests.
    Draining,
    /// Saying what a dry run does not do.
    Planning {
        /// Changes said.
        said: usize,
        /// Whose leftovers would be settled first.
        settles: Option<String>,
    },
    /// Ending, or over when no task is left.
    Ending(Ending),
}

/// Whether what was seen is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Noted {
    /// It is.
    Yes,
    /// It grew since then.
    NotYet,
}

/// Everything the rollout knows.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// What it is at.
    pub phase: Phase,
    /// What the journal is told: all that outlives the process.
    pub intent: Intent,
    /// How far it has gone.
    pub reach: Reach,
    /// The canary's share as last read or verified.
    pub share: Option<Share>,
    /// Stages that are over.
    pub results: Vec<Summary>,
    /// Whether this very version was seen to answer at the last look.
    pub proven: bool,
    /// Whether the run was cancelled.
    pub cancelled: bool,
    pub(super) leased: bool,
    pub(super) drifts: u32,
    /// Whether the journal knows the evidence as it is.
    pub(super) noted: Noted,
    pub(super) settlings: u32,
    /// Whose leftovers were settled on the way.
    pub settled: Option<String>,
    pub(super) would_settle: Option<String>,
    /// The status of this very deployment that forbids another run of it.
    pub(super) spent: Option<String>,
    /// Why its commit is held since leftovers were settled.
    pub(super) held_since: Option<String>,
    /// What earlier runs of this deployment did of going back.
    pub(super) before: Vec<Part>,
    /// Deployments of this environment whose incidents are open: a success closes them.
    pub(super) incidents: Vec<String>,
    pub(super) unrecorded_stage: Option<Summary>,
    pub(super) warnings: Vec<Reason>,
}

impl State {
    /// A run that has not begun.
    pub fn new(plan: &Plan) -> Self {
        Self {
            phase: Phase::Preflight,
            intent: Intent::begun(&plan.deployment_id, plan.commit.as_deref()),
            reach: Reach::Idle,
            share: None,
            results: Vec::new(),
            proven: false,
            cancelled: false,
            leased: false,
            drifts: 0,
            noted: Noted::Yes,
            settlings: 0,
            settled: None,
            would_settle: None,
            spent: None,
            held_since: None,
            before: Vec::new(),
            incidents: Vec::new(),
            unrecorded_stage: None,
            warnings: Vec::new(),
        }
    }
}
