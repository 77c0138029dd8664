//! Why a rollout ends.

use std::time::Duration;

use shared::intent::Left;
use shared::reason::Reason;
use shared::split::Share;

use crate::stage::Rule;

/// Why a rollout refuses to begin. Nothing was touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Something is missing or not permitted.
    Preflight(Vec<String>),
    /// The stages take longer than there is time.
    DoesNotFit {
        /// What they take.
        needs: Duration,
        /// What there is.
        left: Duration,
    },
    /// The database could not be asked for the lease.
    NoLease(String),
    /// Neither records nor journal tell what happened before.
    NoPast(String),
    /// The traffic cannot be read.
    NoReading(String),
    /// This deployment was run before, and what came of it stays.
    Spent {
        /// The deployment.
        id: String,
        /// The word of its status.
        status: String,
    },
    /// Traffic has a share that no record explains; absent where the manager could not tell it.
    Unexplained(Option<Share>),
    /// `settle_to: canary` gave the canary side all traffic: there is no side left to roll out to.
    SettledToCanary,
}

/// What a run that only settles has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// Nothing: there was nothing.
    Nothing,
    /// It put right what the rollout of this deployment had left.
    Rollout(String),
    /// It moved a share that no record explained to where somebody said it belongs.
    Moved(Share),
}

/// Who is in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Busy {
    /// Another run has the lease.
    Lease {
        /// Its deployment.
        by: String,
        /// Its pipeline's address.
        pipeline: Option<String>,
    },
    /// Another run took the lease while this one could not renew it.
    LeaseLost {
        /// Its deployment.
        by: String,
    },
    /// A freeze is on.
    Frozen(String),
    /// This commit was rolled back here.
    CommitHeld(String),
}

/// Where in the rollout something was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Before the canary's first share.
    BeforeFirst,
    /// In a stage.
    Stage {
        /// From 1.
        number: usize,
        /// Its share.
        share: Share,
    },
    /// On the stable side, after it got the new version.
    Promoted,
    /// While the end was watched.
    Soak,
}

/// What failed to take effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The journal.
    Journal,
    /// `deploy`.
    Deploy,
    /// Setting a share.
    Set {
        /// Which.
        to: Share,
    },
    /// `promote`.
    Promote,
}

/// Why a rollout ends.
#[derive(Debug, Clone, PartialEq)]
pub enum Cause {
    /// It is through, and good.
    Success {
        /// What was near a limit.
        warnings: Vec<Reason>,
    },
    /// It only settled what an earlier run left, or found nothing to settle.
    Settled(Settled),
    /// A dry run is through.
    DryRun,
    /// What an earlier run left is put back, before this one goes on.
    Unfinished {
        /// Its deployment.
        of: String,
        /// Why it was going back, if it was.
        why: Vec<String>,
        /// Whether its version was judged bad.
        blamed: bool,
    },
    /// An earlier run left the new version live on both sides, without a recorded success.
    Unrecorded {
        /// Its deployment.
        of: String,
    },
    /// An earlier run left traffic to a person.
    Left {
        /// Its deployment.
        of: String,
        /// Why.
        left: Left,
    },
    /// It was judged bad.
    Bad {
        /// Where.
        place: Place,
        /// By which rule.
        rule: Rule,
        /// Why.
        reasons: Vec<Reason>,
    },
    /// The data never sufficed.
    Inconclusive {
        /// Where.
        place: Place,
        /// What was missing.
        reasons: Vec<Reason>,
    },
    /// The traffic manager does not tell any more where the traffic is, so nobody knows what is judged.
    Unreadable {
        /// Where.
        place: Place,
        /// How many looks in a row could not read it.
        times: u32,
        /// What it said to the last of them.
        detail: String,
    },
    /// The time is over.
    Deadline {
        /// When that was, since the run began.
        at: Duration,
        /// Whether both sides were failing: it is nobody's fault then.
        outage: bool,
    },
    /// The run was cancelled.
    Cancelled,
    /// Somebody asked for it in the records.
    Abort {
        /// Who.
        by: String,
    },
    /// Somebody moved traffic towards the stable side: that is accepted.
    Withdrawn {
        /// What the share should have been.
        expected: Share,
        /// What it was.
        found: Share,
    },
    /// Somebody keeps moving traffic towards the canary.
    Pushed {
        /// What the share should have been.
        expected: Share,
        /// What it was.
        found: Share,
    },
    /// Something did not take effect.
    Failed {
        /// What.
        effect: Effect,
        /// Why.
        detail: String,
    },
    /// It refused to begin.
    Refused(Refusal),
    /// Somebody is in the way.
    Busy(Busy),
    /// A bug of ours.
    Bug(String),
}
