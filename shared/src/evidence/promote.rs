//! Is the new version's rate shown to be low enough?

use serde::{Deserialize, Serialize};

use super::limit::log_ratio;
use super::mixture::ln_mean;
use super::sound;
use crate::split::Counts;

/// The alternatives, as parts of `p_max`.
const PARTS: [f64; 3] = [0.1, 0.25, 0.5];

/// The promote test. H0: the rate is `p_max` or more, against a tenth, a quarter and a half of it.
///
/// ```text
/// ln L_q = [x·ln(q/p_max) + (n−x)·ln((1−q)/(1−p_max))] / φ,   q in p_max·{1/10, 1/4, 1/2};   E = mean L_q
/// φ      = 1 + icc·(n−1)
/// ```
///
/// It assumes what [`Limit`](super::Limit) does, with a mean of at least `p_max` in every window. φ is what bursts
/// multiply the variance of a window's count by. It is enough here: when each window has a rate of its own, from a
/// gamma or beta distribution, the mean of L stays at most 1 for `p_max` up to a half, since such a rate does not fall
/// as far below its mean as it can rise above it (tests sum it over every outcome).
///
/// Without a failure it takes about `3 / p_max` requests at β = 0.05. A stage is passed at its end, and each one
/// starts anew: a version whose rate is `p_max` in its last stage passes that with a chance of at most β.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Promote {
    /// ln of the fortune of each alternative.
    logs: [f64; 3],
}

impl Promote {
    /// Nothing is known yet.
    pub fn new() -> Self {
        Self { logs: [0.0; 3] }
    }

    /// One window more. `p_max`: above 0, below 1. `icc`: 0 to 1.
    pub fn update(&mut self, window: Counts, p_max: f64, icc: f64) {
        if p_max <= 0.0 || p_max >= 1.0 {
            return;
        }
        let (requests, _) = sound(window);
        let phi = 1.0 + icc * (requests - 1.0).max(0.0);
        for (log, part) in self.logs.iter_mut().zip(PARTS) {
            *log += log_ratio(window, p_max, p_max * part) / phi;
        }
    }

    /// ln E. Promote at ln 1/β.
    pub fn log_e(&self) -> f64 {
        ln_mean(&self.logs)
    }
}

impl Default for Promote {
    fn default() -> Self {
        Self::new()
    }
}
