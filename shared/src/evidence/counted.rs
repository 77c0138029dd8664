//! What a source counted between two looks, and what it is compared with.

use serde::{Deserialize, Serialize};

use super::usual::distance;
use super::{Pair, Window, real};
use crate::metric::Metric;
use crate::reason::Reason;
use crate::split::Counts;
use crate::threshold::{Measured, Thresholds};

/// The least limit that a rate can be held against: who allows no failure at all allows one in a million.
const LEAST: f64 = 1e-6;

/// How seldom luck may be what looks like an outage.
const LUCK: f64 = 0.01;

/// How seldom luck may be what makes a version look better than one beside it that fails.
const BETTER: f64 = 0.05;

/// What was counted since the look before, or since the share was set. Windows never overlap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Counted {
    /// Who counted, such as `haproxy`.
    pub source: String,
    /// All requests, and those that failed.
    pub failed: Window,
    /// All requests, and those that took longer than the latency limit; absent where the source cannot tell.
    #[serde(default)]
    pub slow: Option<Window>,
    /// What the new version is compared with.
    pub against: Against,
    /// How much failures come in bursts here, where the history tells; else the rule's own value holds.
    #[serde(default)]
    pub icc: Option<f64>,
    /// Whether the old version itself was over its limit: what both suffer from is nobody's fault.
    pub outage: bool,
}

/// What counted requests are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "word", rename_all = "snake_case")]
pub enum Against {
    /// The old version's requests in the same time.
    Beside,
    /// What was usual here before.
    Usual {
        /// The rate up to which it was usual, a fraction: what is allowed follows from it by [`super::Rule::held_to`].
        limit: f64,
        /// The requests that say so.
        of: Counts,
    },
    /// What the service answered before the first share: nobody knows whose its answers are, so that all of them are
    /// weighed.
    Service {
        /// The rate up to which that was usual, a fraction.
        limit: f64,
        /// The requests that say so.
        of: Counts,
    },
    /// Nothing: the limit alone.
    Limit,
}

impl Against {
    /// The rate that was usual before, and the requests that say so.
    pub fn before(self) -> Option<(f64, Counts)> {
        match self {
            Self::Usual { limit, of } | Self::Service { limit, of } => Some((limit, of)),
            Self::Beside | Self::Limit => None,
        }
    }
}

impl Counted {
    /// What was counted, with the judgement of the old version by these limits.
    pub fn new(
        source: &str,
        failed: Window,
        slow: Option<Window>,
        against: Against,
        limits: &Thresholds,
    ) -> Self {
        let mut counted = Self {
            source: source.to_owned(),
            outage: false,
            failed,
            slow,
            against,
            icc: None,
        };
        counted.judge(limits);
        counted
    }

    /// Judges the old version by these limits.
    pub fn judge(&mut self, limits: &Thresholds) {
        self.outage = is_over(self.failed.pair().baseline, limits);
    }
}

impl Window {
    /// Both sides; nothing of the old one where it was not counted.
    pub fn pair(self) -> Pair {
        match self {
            Self::Beside(pair) => pair,
            Self::Alone(canary) => Pair {
                canary,
                baseline: Counts::default(),
            },
        }
    }
}

impl Pair {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let mut sum = self;
        super::add(&mut sum.canary, other.canary);
        super::add(&mut sum.baseline, other.baseline);
        sum
    }
}

/// The stricter of the limits on failed requests, as a fraction: above 0.
pub fn limit(limits: &Thresholds) -> f64 {
    let room = (100.0 - limits.fail.availability).min(limits.fail.error_rate);
    (room / 100.0).max(LEAST)
}

/// Whether a counted rate is over one of the limits, and not by luck: two failures of a hundred freeze no rollout.
pub fn is_over(counts: Counts, limits: &Thresholds) -> bool {
    !breaches(counts, limits, "").is_empty() && beyond_luck(counts, limit(limits), LUCK, 1.0)
}

/// The limits that a counted rate is over, where there are enough requests to say so: at least 1 in the limit, such as
/// 100 for an availability of 99 %. `note` goes behind the counts.
pub fn breaches(counts: Counts, limits: &Thresholds, note: &str) -> Vec<Reason> {
    let (all, failed) = (real(counts.requests), real(counts.failed));
    let share = 100.0 * failed / all;
    let source = format!(
        "counted: {} of {} requests failed{note}",
        counts.failed, counts.requests
    );
    let rooms = [
        (Metric::ErrorRate, share, limits.fail.error_rate),
        (
            Metric::Availability,
            100.0 - share,
            100.0 - limits.fail.availability,
        ),
    ];
    rooms
        .into_iter()
        .filter(|(_, _, room)| all * room >= 100.0)
        .filter_map(|(metric, value, _)| {
            let limit = limits.fail.of(metric);
            let measured = Measured {
                metric,
                value,
                samples: 1,
                source: source.clone(),
            };
            metric
                .outside(value, limit)
                .then_some(Reason::Limit { measured, limit })
        })
        .collect()
}

/// Whether a version whose rate is the limit would show so many failures or more in fewer than `chance` of all cases.
///
/// Chernoff's bound on the binomial tail, `P(X ≥ x) ≤ exp(−n·KL(x/n ‖ limit))`; `phi`, at least 1, damps failures that
/// come in bursts.
pub fn beyond_luck(counts: Counts, limit: f64, chance: f64, phi: f64) -> bool {
    let (all, failed) = (real(counts.requests), real(counts.failed));
    if all <= 0.0 || failed <= all * limit {
        return false;
    }
    all * distance(failed / all, limit) / phi > -chance.ln()
}

/// Whether a new version that fails as often as the old one beside it would show so few failures in fewer than one of
/// twenty cases: then it does not suffer from what the old one suffers from.
///
/// Chernoff's bound on the binomial tail at the old one's rate, `P(X ≤ x) ≤ exp(−n·KL(x/n ‖ rate))`, exact where nothing
/// failed.
pub fn clearly_better(pair: Pair) -> bool {
    let (canary, baseline) = (pair.canary, pair.baseline);
    if canary.requests == 0 || baseline.requests == 0 {
        return false;
    }
    let of = |counts: Counts| (real(counts.failed) / real(counts.requests)).min(1.0);
    let (rate, other) = (of(canary), of(baseline));
    rate < other && real(canary.requests) * distance(rate, other) > -BETTER.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(requests: u64, failed: u64) -> Counts {
        Counts { requests, failed }
    }

    #[test]
    fn a_rate_is_held_against_the_limits_that_its_sample_can_carry() {
        let limits = Thresholds::default();
        for (requests, failed, over) in [
            (0, 0, 0),
            (19, 19, 0),
            (20, 2, 1),
            (99, 4, 0),
            (100, 2, 1),
            (100, 6, 2),
        ] {
            assert_eq!(
                breaches(counts(requests, failed), &limits, "").len(),
                over,
                "{failed} of {requests}"
            );
        }
        assert!((limit(&limits) - 0.01).abs() < 1e-12);
        let mut none = limits;
        none.fail.error_rate = 0.0;
        assert!(limit(&none) > 0.0);
    }

    #[test]
    fn the_old_version_over_its_limit_is_an_outage_and_the_new_one_is_not() {
        let pair = |canary, baseline| Window::Beside(Pair { canary, baseline });
        let of = |window| {
            Counted::new(
                "haproxy",
                window,
                None,
                Against::Beside,
                &Thresholds::default(),
            )
            .outage
        };
        assert!(of(pair(counts(10, 0), counts(90, 9))));
        assert!(!of(pair(counts(90, 9), counts(90, 1))));
        assert!(!of(pair(counts(90, 9), counts(100, 2))));
        assert!(!of(Window::Alone(counts(90, 9))));
    }

    #[test]
    fn a_few_failures_too_many_are_luck_and_many_are_not() {
        let beyond = |requests, failed| beyond_luck(counts(requests, failed), 0.01, 0.01, 1.0);
        assert!(!beyond(100, 2) && !beyond(100, 1) && !beyond(0, 0));
        assert!(beyond(100, 8) && beyond(10_000, 150) && beyond(20, 20));
        assert!(!beyond_luck(counts(100, 8), 0.01, 0.01, 5.0));
    }

    /// The chance of `least` and more failures in a hundred requests that fail with this rate.
    fn tail(least: u64, rate: f64) -> f64 {
        let mut term = (1.0 - rate).powi(100);
        let mut below = 0.0;
        for failed in 0..least {
            below += term;
            let odds = rate / (1.0 - rate);
            term *= odds * real(100 - failed) / real(failed + 1);
        }
        1.0 - below
    }

    #[test]
    fn luck_is_never_ruled_out_more_often_than_it_was_said() {
        for failed in 2..9 {
            let chance = tail(failed, 0.01);
            assert!(
                !beyond_luck(counts(100, failed), 0.01, 0.99 * chance, 1.0),
                "{failed}"
            );
        }
    }

    #[test]
    fn a_version_is_clearly_better_once_its_few_failures_are_no_luck() {
        let better = |canary: (u64, u64), baseline: (u64, u64)| {
            clearly_better(Pair {
                canary: counts(canary.0, canary.1),
                baseline: counts(baseline.0, baseline.1),
            })
        };
        // 0.9^28 is 0.052, 0.9^29 is 0.047.
        assert!(!better((28, 0), (1000, 100)) && better((29, 0), (1000, 100)));
        assert!(better((1, 0), (90, 90)));
        assert!(better((1000, 50), (1000, 100)) && !better((100, 8), (1000, 100)));
        assert!(!better((1000, 100), (1000, 100)) && !better((1000, 300), (1000, 100)));
        assert!(!better((0, 0), (90, 90)) && !better((90, 0), (0, 0)));
    }
}
