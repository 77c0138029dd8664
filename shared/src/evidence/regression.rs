//! Is the new version worse than the old one beside it?

use serde::{Deserialize, Serialize};

use super::mixture::Mixture;
use super::{Pair, sound};

/// How many times worse than allowed the alternatives are.
const TIMES: [f64; 7] = [1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0];

/// The two-sample test. H0: the canary's rate is at most `ρ0` times the baseline's.
///
/// Of all failures of a window, those of the canary are a share `θ_ρ = ρ·n_c / (ρ·n_c + n_b)` when its rate is ρ times
/// the baseline's. For `m = ρ0·k`, with `s = x_c + x_b`:
///
/// ```text
/// ln L_m = [x_c·ln(θ_m/θ_ρ0) + x_b·ln((1−θ_m)/(1−θ_ρ0))] / φ
///        = [x_c·ln k − s·ln(1 + (m−ρ0)·n_c / (ρ0·n_c + n_b))] / φ
/// φ      = 1 + 2·icc·n_c·n_b / (n_c + n_b)
/// ```
///
/// It assumes nothing of the rates themselves, which may be others in every window: an outage of both sides moves
/// neither. Requests fail independently of each other once it is known how high each one's chance is; let the means of
/// these chances be `p_c ≤ ρ0·p_b`. With `1 + x ≤ eˣ` a window's factor has a mean of at most
///
/// ```text
/// exp(n_c·p_c·(θ_m−θ_ρ0)/θ_ρ0 − n_b·p_b·(θ_m−θ_ρ0)/(1−θ_ρ0)) ≤ 1,   since θ_ρ0/(1−θ_ρ0) = ρ0·n_c/n_b
/// ```
///
/// So nothing needs to be Poisson, and neither totals nor rates are conditioned on. It holds just as well when the
/// failing requests are given and only chance decides which side each one is sent to: the count is hypergeometric
/// then, which is below the binomial one in convex order, and L is convex in it.
///
/// φ ≥ 1 keeps the guarantee (Jensen). It is what bursts, one rate for each window and side, multiply the variance of
/// `x_c/n_c − x_b/n_b` by; a bound on the chance of a false rollback under bursts is measured, not proved.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Regression(Mixture<7>);

impl Regression {
    /// Nothing is known yet; a stage begins.
    pub fn new() -> Self {
        Self(Mixture::new())
    }

    /// A stage begins.
    pub fn begin_stage(&mut self) {
        self.0.begin_stage();
    }

    /// One window more. `allowed`: the factor ρ0, at least 1; `icc`: 0 to 1. A window in which either side had no
    /// request says nothing.
    pub fn update(&mut self, window: Pair, allowed: f64, icc: f64) {
        let ((n_c, x_c), (n_b, x_b)) = (sound(window.canary), sound(window.baseline));
        if n_c <= 0.0 || n_b <= 0.0 {
            return;
        }
        let phi = 1.0 + 2.0 * icc * (n_c / (n_c + n_b)) * n_b;
        let ratio = |times: f64| {
            let more = (times - 1.0) * allowed * n_c / (allowed * n_c + n_b);
            (x_c * times.ln() - (x_c + x_b) * more.ln_1p()) / phi
        };
        self.0.update(TIMES.map(ratio));
    }

    /// ln E. Roll back at ln 1/α.
    pub fn log_e(&self) -> f64 {
        self.0.log_e()
    }
}

impl Default for Regression {
    fn default() -> Self {
        Self::new()
    }
}
