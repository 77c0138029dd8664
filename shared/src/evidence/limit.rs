//! Is the new version's rate over the limit?

use serde::{Deserialize, Serialize};

use super::mixture::Mixture;
use super::real;
use crate::split::Counts;

/// How many times the limit the alternatives are; those that reach `HIGHEST` become it.
const TIMES: [f64; 5] = [2.0, 5.0, 10.0, 30.0, f64::INFINITY];

/// The alternative of a version that does not work at all.
const HIGHEST: f64 = 0.99;

/// The one-sample test. H0: the rate is at most `p0`.
///
/// ```text
/// ln L_q = [x·ln(q/p0) + (n−x)·ln((1−q)/(1−p0))] / φ,   q in p0·{2, 5, 10, 30} and 0.99
/// φ      = 1 + 2·icc·n
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Limit(Mixture<5>);

impl Limit {
    /// Nothing is known yet; a stage begins.
    pub fn new() -> Self {
        Self(Mixture::new())
    }

    /// A stage begins.
    pub fn begin_stage(&mut self) {
        self.0.begin_stage();
    }

    /// One window more. `limit`: p0, above 0; at 0.99 and more no rate can be told to be over it. `icc`: 0 to 1.
    pub fn update(&mut self, window: Counts, limit: f64, icc: f64) {
        if window.requests == 0 || limit <= 0.0 || limit >= HIGHEST {
            return;
        }
        let phi = 1.0 + 2.0 * icc * real(window.requests);
        let ratio = |times: f64| log_ratio(window, limit, (limit * times).min(HIGHEST)) / phi;
        self.0.update(TIMES.map(ratio));
    }

    /// ln E. Roll back at ln 1/α.
    pub fn log_e(&self) -> f64 {
        self.0.log_e()
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self::new()
    }
}

/// ln of how much likelier the counts are at the rate `q` than at `p`.
pub(super) fn log_ratio(window: Counts, p: f64, q: f64) -> f64 {
    let (all, failed) = (real(window.requests), real(window.failed));
    failed * (q / p).ln() + (all - failed) * ((p - q) / (1.0 - p)).ln_1p()
}
