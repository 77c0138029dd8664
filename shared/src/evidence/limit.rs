//! Is the new version's rate over the limit?

use serde::{Deserialize, Serialize};

use super::mixture::Mixture;
use super::sound;
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
///
/// It assumes that requests fail independently of each other once it is known how high each one's chance is, and that
/// a window's mean of these chances is at most `p0`; they may change as they like. A request's factor has the mean
/// `1 + (p−p0)·(q−p0) / (p0·(1−p0))`, linear in its chance `p`; the product of such means is at most that of equal
/// ones (their logarithm is concave), and so at most 1.
///
/// φ ≥ 1 keeps that (Jensen). Against bursts it is twice as strong as their variance, `1 + icc·(n−1)`, asks for: a
/// burst reaches far above its mean, where the bets on 5 to 30 times the limit are. Simulated with bursts whose mean is
/// exactly `p0`, the single φ is wrong in up to 2.3 % where its bound is 0.5 %, the double one in 0.1 %.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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
        let (requests, _) = sound(window);
        if requests <= 0.0 || limit <= 0.0 || limit >= HIGHEST {
            return;
        }
        let phi = 1.0 + 2.0 * icc * requests;
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
    let (all, failed) = sound(window);
    failed * (q / p).ln() + (all - failed) * ((p - q) / (1.0 - p)).ln_1p()
}
