//! Bets on several alternatives and on when they began to hold, mixed.

use serde::{Deserialize, Serialize};

/// The share of the mass that bets on a stage's beginning, when it begins.
const STAGE: f64 = 0.5;

/// The share of the mass that bets on any other window, of the first 50.
const HAZARD: f64 = 0.02;

/// One bet an alternative, and what is not bet yet.
///
/// A part of the mass is laid on each alternative when a stage begins, and a small part at each window: a version can
/// break at any time, and what it did well before must not count against seeing it. With prior weights `w_t` that sum
/// to at most 1, `S_m ← (S_m + w_t)·L_m` and `E = mean S_m + rest`: a mixture of martingales that begin at different
/// times, and so one itself. What is laid depends on how many windows and stages there were, never on what was counted
/// in the window that it is laid on.
///
/// The share of a window is `HAZARD`, and `1/t` from the 50th window on: the mass left falls as `1/t` then, so that a
/// version that breaks in the ten-thousandth window of a long soak is still seen at once (a constant share would have
/// left it e⁻²⁰⁰).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Mixture<const N: usize> {
    /// ln of what each alternative's bet has become.
    #[serde(with = "logs")]
    bets: [f64; N],
    /// The mass that is not bet yet, 0 to 1.
    rest: f64,
    /// How many windows there were.
    windows: u32,
}

impl<const N: usize> Mixture<N> {
    /// All mass is there; a stage begins.
    pub(super) fn new() -> Self {
        Self {
            bets: [STAGE.ln(); N],
            rest: 1.0 - STAGE,
            windows: 0,
        }
    }

    /// Lays the share of a stage's beginning.
    pub(super) fn begin_stage(&mut self) {
        self.lay(STAGE);
    }

    /// One window: ln of each alternative's likelihood ratio.
    pub(super) fn update(&mut self, ratios: [f64; N]) {
        self.windows = self.windows.saturating_add(1);
        self.lay(HAZARD.min(1.0 / f64::from(self.windows)));
        for (bet, ratio) in self.bets.iter_mut().zip(ratios) {
            *bet += ratio;
        }
    }

    fn lay(&mut self, share: f64) {
        let laid = (self.rest * share).ln();
        self.rest *= 1.0 - share;
        for bet in &mut self.bets {
            *bet = ln_sum(*bet, laid);
        }
    }

    /// ln E.
    pub(super) fn log_e(&self) -> f64 {
        ln_sum(ln_mean(&self.bets), self.rest.ln())
    }
}

/// ln(eᵃ + eᵇ), without overflow.
pub(super) fn ln_sum(a: f64, b: f64) -> f64 {
    let (high, low) = if a > b { (a, b) } else { (b, a) };
    high + (low - high).exp().ln_1p()
}

/// ln of the mean of eˣ, without overflow.
pub(super) fn ln_mean(logs: &[f64]) -> f64 {
    let high = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logs.iter().map(|log| (log - high).exp()).sum();
    high + (sum / super::real(logs.len() as u64)).ln()
}

/// An array of any length, as a list.
mod logs {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer, const N: usize>(
        logs: &[f64; N],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        logs.as_slice().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(
        from: D,
    ) -> Result<[f64; N], D::Error> {
        let list = Vec::<f64>::deserialize(from)?;
        let found = list.len();
        let logs = <[f64; N]>::try_from(list);
        logs.map_err(|_| D::Error::custom(format!("{found} values, expected {N}")))
    }
}
