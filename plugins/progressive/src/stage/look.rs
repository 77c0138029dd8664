//! One look at both sides.

use serde::{Deserialize, Serialize};
use shared::evidence::{Counted, Weighed, Window};
use shared::reason::Reason;
use shared::sample::Role;
use shared::split::{Counts, Share};
use shared::tick::{Judged, Tick};

/// What was seen at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// The side that has the new version.
    pub new: Tick,
    /// The side that has the old one, where it can be probed.
    pub baseline: Option<Tick>,
    /// Requests since the look before, where somebody counts them. Windows of looks do not overlap.
    pub counts: Option<Counted>,
    /// Why there are none, where somebody should have counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncounted: Option<String>,
    /// Whether the old version is over its limit by its counts while the new one is clearly better, in all windows in a
    /// row up to this one in which that is so: what the one suffers from the other does not.
    #[serde(default)]
    pub better: bool,
    /// What the look's own requests at the new version came to, or at the service, where it made many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<Counts>,
    /// The canary's share as the traffic manager tells it, or why it could not be read: then no stage ends well on
    /// this look.
    pub share: Result<Share, String>,
    /// What all counts so far come to, as the rollout weighed them when it got this look.
    pub evidence: Evidence,
    /// What weighs most against the new version by then; nothing where nothing was counted.
    pub weighed: Option<Weighed>,
}

/// What counted requests say.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "word", rename_all = "snake_case")]
pub enum Evidence {
    /// Too little for either.
    #[default]
    Silent,
    /// The new version is worse than allowed, and luck does not explain it.
    Rollback {
        /// Why.
        reasons: Vec<Reason>,
    },
    /// The new version is better than it must be, and luck does not explain it.
    Promote,
    /// It must be shown to be better than that, and is not yet.
    Unshown {
        /// What was seen instead.
        reason: Reason,
    },
}

/// What a look says about the new version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It is well.
    Good,
    /// It is not.
    Failing,
    /// It is not, and neither is the old one: nothing.
    Shared,
    /// A metrics source had no value yet: nothing. It is no pass either, because it is no sample.
    Blind,
}

impl Look {
    /// What was seen, not weighed yet.
    pub fn new(
        new: Tick,
        baseline: Option<Tick>,
        counts: Option<Counted>,
        share: Result<Share, String>,
    ) -> Self {
        Self {
            new,
            baseline,
            counts,
            uncounted: None,
            better: false,
            burst: None,
            share,
            evidence: Evidence::Silent,
            weighed: None,
        }
    }

    /// What it says. The old version's own requests excuse what the new one's do, unless these are clearly better or
    /// nobody comes to it yet, and no probe of the new one that fails while the old one's is well.
    pub fn kind(&self) -> Kind {
        let counted = self.counts.as_ref().is_some_and(|counts| counts.outage) && !self.better;
        let probed = self.baseline.as_ref().map(failing);
        if self.new.judged.is_good() {
            let has_share = self.share != Ok(Share::NONE);
            if counted && has_share {
                Kind::Shared
            } else {
                Kind::Good
            }
        } else if blind(&self.new) {
            Kind::Blind
        } else if probed.unwrap_or(counted) {
            Kind::Shared
        } else {
            Kind::Failing
        }
    }

    /// Whether the old version fails by itself, by its own probe or by its counts.
    pub(super) fn baseline_is_out(&self) -> bool {
        let counted = self.counts.as_ref().is_some_and(|counts| counts.outage);
        counted || self.baseline.as_ref().is_some_and(failing)
    }

    /// A window as it is weighed: with all the traffic the new version is alone. Short of that it is not, even where the
    /// old one was asked nothing: that may be because it is dead.
    pub(super) fn weighed_window(&self, window: Window) -> Window {
        let carries_all = self.share == Ok(Share::ALL) || self.share == Ok(Share::NONE);
        match window {
            Window::Beside(pair) if carries_all && pair.baseline.requests == 0 => {
                Window::Alone(pair.canary)
            }
            other => other,
        }
    }

    /// Whether this very version was seen to answer: every health endpoint named the expected one.
    pub fn proves_version(&self) -> bool {
        let health = || self.new.samples.iter().filter(|s| s.role == Role::Health);
        let named = |answer: &shared::sample::Answer| answer.version.is_some();
        health().next().is_some() && health().all(|s| s.outcome.as_ref().is_ok_and(named))
    }
}

fn failing(tick: &Tick) -> bool {
    !tick.judged.is_good() && !blind(tick)
}

fn blind(tick: &Tick) -> bool {
    let reasons = match &tick.judged {
        Judged::Bad { reasons } => reasons,
        Judged::Good { .. } | Judged::Critical { .. } => return false,
    };
    reasons.iter().all(no_value)
}

fn no_value(reason: &Reason) -> bool {
    match reason {
        Reason::At { reason, .. } => no_value(reason),
        other => matches!(other, Reason::NoValue { .. }),
    }
}
