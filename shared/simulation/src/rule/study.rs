//! The two-sample test once more, in plain numbers and with its constants open: to choose them, and to check the code
//! that the plugin runs by a second hand.

use shared::evidence::Pair;

use super::{Rule, Steps};

const TIMES: [f64; 7] = [1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0];

/// What becomes of the evidence when a stage begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Carry {
    /// It is thrown away, and each stage has a third of α.
    Restart,
    /// It is kept; everything is laid at the start.
    Plain,
    /// It is kept; this part of what is left is laid at each stage, this at each check.
    Onset {
        /// At a stage's beginning, 0 to 1.
        stage: f64,
        /// At each check, 0 to 1.
        check: f64,
    },
}

/// One rollout.
#[derive(Debug, Clone)]
pub struct Study {
    carry: Carry,
    bar: f64,
    allowed: f64,
    icc: f64,
    steps: Steps,
    bets: [f64; 7],
    rest: f64,
}

impl Study {
    /// Nothing is known yet. `alpha`: for the whole rollout; `allowed`: the factor ρ0.
    pub fn new(carry: Carry, alpha: f64, allowed: f64, icc: f64) -> Self {
        let parts = if carry == Carry::Restart { 3.0 } else { 1.0 };
        Self {
            carry,
            bar: parts / alpha,
            allowed,
            icc,
            steps: Steps::default(),
            bets: [0.0; 7],
            rest: 1.0,
        }
    }

    /// The fortune.
    pub fn e(&self) -> f64 {
        self.bets.iter().sum::<f64>() / 7.0 + self.rest
    }

    /// The share of a stage's beginning, and of a check.
    fn shares(&self) -> (f64, f64) {
        match self.carry {
            Carry::Restart | Carry::Plain => (1.0, 0.0),
            Carry::Onset { stage, check } => (stage, check),
        }
    }

    fn lay(&mut self, share: f64) {
        for bet in &mut self.bets {
            *bet += self.rest * share;
        }
        self.rest *= 1.0 - share;
    }
}

impl Rule for Study {
    fn share(&self) -> Option<f64> {
        self.steps.share()
    }

    fn look(&mut self, seen: Option<Pair>) -> bool {
        let (stage, check) = self.shares();
        if self.steps.in_stage() == 0 {
            if self.carry == Carry::Restart {
                (self.bets, self.rest) = ([0.0; 7], 1.0);
            }
            self.lay(stage);
        }
        self.steps.done += 1;
        let Some(Pair { canary, baseline }) = seen else {
            return false;
        };
        if canary.requests == 0 || baseline.requests == 0 {
            return false;
        }
        self.lay(check);
        let real = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        let (n, m) = (real(canary.requests), real(baseline.requests));
        let share = |rho: f64| rho * n / (rho * n + m);
        let null = share(self.allowed);
        let phi = 1.0 + 2.0 * self.icc * n * m / (n + m);
        for (bet, times) in self.bets.iter_mut().zip(TIMES) {
            let other = share(self.allowed * times);
            let log = real(canary.failed) * (other / null).ln()
                + real(baseline.failed) * ((1.0 - other) / (1.0 - null)).ln();
            // What is too great for a number is great enough.
            *bet = (*bet * (log / phi).exp()).min(1e300);
        }
        self.e() >= self.bar
    }
}
