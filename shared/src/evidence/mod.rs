//! Judging counted requests by evidence: tests that may be looked at as often as one likes. Pure.
//!
//! Each test bets against its null hypothesis, "the new version is no worse than allowed". Its fortune `E` begins at 1
//! and, while the hypothesis holds, is a non-negative supermartingale under any rule of when to look. By Ville's
//! inequality the chance that it *ever* reaches `1/α` is at most α: looking at every tick costs nothing. Everything is
//! kept as natural logarithms; one update allocates nothing: a `Trial` is `Copy`, and so owns no memory.
//!
//! What is asked of the caller: windows do not overlap, no count is used twice (a history that stands for the baseline
//! is a [`Rule::limit`], never the other half of a [`Pair`] again and again), and where windows begin and end does not
//! depend on what is counted in them. Trials of one rollout share α by parts that add up to it.
//!
//! Sources: Turner, Ly, Grünwald, "Generic E-variables for exact sequential k-sample tests" (arXiv 2106.02693);
//! Lindon, Malek, "Anytime-valid inference for multinomial count data" (arXiv 2011.03567); Lindon et al., "Rapid
//! regression detection in software deployments through sequential testing" (arXiv 2205.14762).

mod counted;
mod dispersion;
mod gamma;
mod limit;
mod mixture;
mod promote;
mod regression;
mod trials;
mod usual;
mod weighed;

use serde::{Deserialize, Serialize};

use crate::split::Counts;

pub use counted::{Against, Counted, beyond_luck, breaches, clearly_better, is_over, limit};
pub use dispersion::icc;
pub use limit::Limit;
pub use promote::Promote;
pub use regression::Regression;
pub use trials::{Rules, Trials, Weighing};
pub use usual::{alpha_left, untroubled, usual};
pub use weighed::{Bad, Than, Weighed, odds, percent, rate};

/// What a trial is judged by. All rates are fractions, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// The chance that a version which is no worse than allowed is ever called worse, over the whole rollout. Above 0,
    /// below 1.
    pub alpha: f64,
    /// The chance that a version whose rate is `p_max` or more is ever called good enough. Above 0, below 1.
    pub beta: f64,
    /// How many times the baseline's rate is still allowed. At least 1.
    pub allowed_factor: f64,
    /// The rate that is still allowed where nothing else says so. Above 0.
    pub limit: f64,
    /// The rate that a version must be shown to stay below to be called good enough; never where absent.
    pub p_max: Option<f64>,
    /// How much failures come in bursts: the correlation of two requests of one window. 0 where they are independent,
    /// 1 where all of a window fail or none. [`icc`] makes it of a history.
    pub icc: f64,
}

impl Rule {
    /// What is judged by where nothing is set: nobody needs statistics to begin. The limit is that of an availability of
    /// 99 %, the guess at bursts one on the safe side, as long as no history says better.
    pub const DEFAULT: Self = Self {
        alpha: 0.01,
        beta: 0.05,
        allowed_factor: 1.0,
        limit: 0.01,
        p_max: None,
        icc: 0.02,
    };
}

/// Requests of both sides in one window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// Of the new version.
    pub canary: Counts,
    /// Of the old one, in the same time.
    pub baseline: Counts,
}

/// What was counted between two looks. Windows must not overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// Both sides, side by side. What both suffer from is nobody's fault, so that the limit is not asked: not even where
    /// the old one had no request, since it may be that it is dead.
    Beside(Pair),
    /// The new version alone.
    Alone(Counts),
}

/// What a window may be used for. It is chosen by what is known of the old version, and of the new one before it: never
/// by what the window itself holds of the new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// For every test.
    All,
    /// Not for the limit: the old version fails by itself, and the new one was clearly better until then.
    NotTheLimit,
    /// For the comparison of both alone: the old version fails by itself, and what both suffer from is nobody's fault.
    Comparison,
}

/// What all counts so far come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Finding {
    /// Too little for either.
    Silent,
    /// The new version is worse than the baseline by more than the allowed factor.
    Worse {
        /// ln E, at least ln 1/α.
        log_e: f64,
    },
    /// Its rate is over the limit.
    OverLimit {
        /// ln E, at least ln 1/α.
        log_e: f64,
    },
    /// Its rate is below `p_max`.
    Good {
        /// ln E, at least ln 1/β.
        log_e: f64,
    },
}

/// Everything that is known of one kind of bad request: failed ones, or slow ones.
///
/// It can be written down and read again, so that a rollout that goes on judges on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    regression: Regression,
    limit: Limit,
    promote: Promote,
    /// All requests since the trial began.
    pub seen: Pair,
}

impl Trial {
    /// Nothing is known yet.
    pub fn new() -> Self {
        Self {
            regression: Regression::new(),
            limit: Limit::new(),
            promote: Promote::new(),
            seen: Pair::default(),
        }
    }

    /// A stage begins: more of the requests go to the new version, and it may be from here on that it is bad. What
    /// was shown of its being good holds for the load it had.
    pub fn begin_stage(&mut self) {
        self.regression.begin_stage();
        self.limit.begin_stage();
        self.promote = Promote::new();
    }

    /// One window more, for every test.
    pub fn update(&mut self, rule: &Rule, window: Window) {
        self.learn(rule, window, Use::All);
    }

    /// One window more.
    pub fn learn(&mut self, rule: &Rule, window: Window, used: Use) {
        let canary = window.pair().canary;
        match window {
            Window::Beside(pair) if pair.baseline.requests > 0 => {
                self.regression.update(pair, rule.allowed_factor, rule.icc);
                add(&mut self.seen.baseline, pair.baseline);
            }
            Window::Alone(canary) if used == Use::All => {
                self.limit.update(canary, rule.limit, rule.icc);
            }
            Window::Beside(_) | Window::Alone(_) => {}
        }
        if let Some(p_max) = rule.p_max.filter(|_| used != Use::Comparison) {
            self.promote.update(canary, p_max, rule.icc);
        }
        add(&mut self.seen.canary, canary);
    }

    /// What all of it comes to. α is shared by the two tests that can roll back, a half each: the chance that one of
    /// them is ever wrong is at most the sum of both.
    pub fn finding(&self, rule: &Rule) -> Finding {
        let bar = -(rule.alpha / 2.0).ln();
        let (worse, over) = (self.regression.log_e(), self.limit.log_e());
        if worse >= bar {
            Finding::Worse { log_e: worse }
        } else if over >= bar {
            Finding::OverLimit { log_e: over }
        } else if self.promote.log_e() >= -rule.beta.ln() {
            Finding::Good {
                log_e: self.promote.log_e(),
            }
        } else {
            Finding::Silent
        }
    }
}

impl Default for Trial {
    fn default() -> Self {
        Self::new()
    }
}

fn add(sum: &mut Counts, more: Counts) {
    sum.requests = sum.requests.saturating_add(more.requests);
    sum.failed = sum.failed.saturating_add(more.failed);
}

/// What is left of a sum without a part of it.
fn less(sum: Counts, part: Counts) -> Counts {
    Counts {
        requests: sum.requests.saturating_sub(part.requests),
        failed: sum.failed.saturating_sub(part.failed),
    }
}

/// Requests and failures as floats. A request that failed more than once (a proxy tried it again) failed once.
fn sound(counts: Counts) -> (f64, f64) {
    let requests = real(counts.requests);
    (requests, real(counts.failed).min(requests))
}

/// A count as a float, exact below 2^53.
fn real(count: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
    let real = count as f64;
    real
}

#[cfg(test)]
mod tests;
