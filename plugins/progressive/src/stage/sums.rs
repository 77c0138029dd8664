//! What the looks of a span come to so far: kept as they come, so that no look is gone through twice.

use std::time::Duration;

use shared::evidence::{Counted, Pair, Use, Window, clearly_better};
use shared::reason::Reason;
use shared::split::Counts;
use shared::tick::{Judged, Tick};
use shared::window::Means;

use super::{Kind, Look};

/// Sums over looks.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Sums {
    /// Looks that say something about the new version.
    pub(super) attempts: u32,
    /// Of these, failures.
    pub(super) failures: u32,
    /// Looks at which both sides failed.
    pub(super) outages: u32,
    /// Whether the service called itself degraded at one that speaks.
    pub(super) degraded: bool,
    /// What was measured at those that speak.
    pub(super) means: Means,
    /// The time from each look at which both sides failed to the next one; the last look's not yet.
    pub(super) shared: Duration,
    /// All failed requests that were counted, those of shared outages included; nothing where nobody counted.
    pub(super) failed: Option<Pair>,
    /// The same of slow ones.
    pub(super) slow: Option<Pair>,
    /// What was counted last.
    pub(super) last: Option<Counted>,
    /// Why nothing was counted, as it was said last.
    pub(super) uncounted: Option<String>,
    /// Failed requests of the windows in a row up to now in which the old version was over its limit.
    pub(super) outage: Option<Pair>,
    /// Requests of the new version that show how good it is: without those of shared outages.
    pub(super) showing: Counts,
    /// Failed requests without those of windows in which the old version failed or was asked nothing: these say nothing
    /// of a limit.
    speaking: Option<Pair>,
    /// The sum of their windows' sizes, and of the squares.
    sizes: (f64, f64),
}

impl Sums {
    /// A look more. `before` is the one before it.
    pub(super) fn add(&mut self, before: Option<&Look>, look: &Look) {
        if let Some(before) = before.filter(|before| before.kind() == Kind::Shared) {
            self.shared += look.new.started.saturating_sub(before.new.started);
        }
        let kind = look.kind();
        match kind {
            Kind::Good | Kind::Failing => {
                self.attempts += 1;
                self.failures += u32::from(kind == Kind::Failing);
                self.degraded |= degraded(&look.new);
                self.means.add(&look.new);
            }
            Kind::Shared => self.outages += 1,
            Kind::Blind => {}
        }
        let Some(counted) = &look.counts else {
            self.uncounted = look.uncounted.clone().or(self.uncounted.take());
            return;
        };
        self.showing = self.showing_with(look);
        self.outage = self.outage_with(counted);
        self.failed = Some(plus(self.failed, counted.failed));
        self.slow = counted.slow.map(|slow| plus(self.slow, slow)).or(self.slow);
        if says_of_limits(look, counted) {
            self.speaking = Some(plus(self.speaking, counted.failed));
            #[expect(clippy::cast_precision_loss, reason = "exact below 2^53 requests")]
            let size = counted.failed.pair().canary.requests as f64;
            self.sizes.0 += size;
            self.sizes.1 += size * size;
        }
        self.last = Some(counted.clone());
    }

    /// What a look that comes next may be used for: that the new version is better than a failing old one has to be known
    /// before it, or only its good windows were used.
    pub(super) fn used(&self, look: &Look) -> Use {
        if !look.baseline_is_out() {
            Use::All
        } else if self.outage.is_some_and(clearly_better) {
            Use::NotTheLimit
        } else {
            Use::Comparison
        }
    }

    /// Requests of the new version that show how good it is, those of a look that comes next among them.
    pub(super) fn showing_with(&self, look: &Look) -> Counts {
        let shows = look
            .counts
            .as_ref()
            .filter(|_| self.used(look) != Use::Comparison);
        let Some(counted) = shows else {
            return self.showing;
        };
        let sum = Pair {
            canary: self.showing,
            baseline: Counts::default(),
        };
        plus(Some(sum), counted.failed).canary
    }

    /// Whether the new version is clearly better than a failing old one, by all windows of that up to a look that comes
    /// next.
    pub(super) fn is_better_with(&self, look: &Look) -> bool {
        let outage = look
            .counts
            .as_ref()
            .and_then(|counted| self.outage_with(counted));
        outage.is_some_and(clearly_better)
    }

    fn outage_with(&self, counted: &Counted) -> Option<Pair> {
        counted.outage.then(|| plus(self.outage, counted.failed))
    }

    /// The requests that are held against the limits. With them the mean size of
    /// their windows, weighted by itself: as many of a window's failures can have one cause.
    pub(super) fn speaking(&self) -> Option<(Pair, f64)> {
        let (sum, squares) = self.sizes;
        let size = if sum > 0.0 { squares / sum } else { 0.0 };
        Some((self.speaking?, size))
    }
}

/// Whether what a look counted is held against the limits.
fn says_of_limits(look: &Look, counted: &Counted) -> bool {
    let is_idle = match look.weighed_window(counted.failed) {
        Window::Beside(pair) => pair.baseline.requests == 0,
        Window::Alone(_) => false,
    };
    !is_idle && !look.baseline_is_out()
}

/// A window more.
pub(super) fn plus(sum: Option<Pair>, more: Window) -> Pair {
    let more = more.pair();
    sum.map_or(more, |sum| sum.plus(more))
}

fn degraded(tick: &Tick) -> bool {
    fn is(reason: &Reason) -> bool {
        match reason {
            Reason::At { reason, .. } => is(reason),
            other => *other == Reason::Degraded,
        }
    }
    matches!(&tick.judged, Judged::Good { warnings } if warnings.iter().any(is))
}
