//! Three rollouts as the trial sees them, drawn with seeded luck.

use shared::evidence::{Pair, Regression, Rule};
use shared::split::Counts;

/// What the page's pictures and tables are made with: the defaults.
pub(crate) const RULE: Rule = Rule {
    alpha: 0.01,
    beta: 0.05,
    allowed_factor: 1.0,
    limit: 0.01,
    p_max: None,
    icc: 0.02,
};

/// The share of the old version's requests that fail.
pub(crate) const USUAL: f64 = 0.005;

/// Requests of the new and of the old version in one check of the picture.
pub(crate) const CHECK: (u32, u32) = (30, 270);

/// How many checks the picture shows.
pub(crate) const CHECKS: u32 = 30;

/// Numbers that look like luck and are always the same (splitmix64).
pub(crate) struct Luck(pub(crate) u64);

impl Luck {
    /// From 0 to below 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let high = u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or(0);
        f64::from(high) / 4_294_967_296.0
    }

    /// Requests of which each fails with the chance `rate`.
    pub(crate) fn counts(&mut self, requests: u32, rate: f64) -> Counts {
        let failed = (0..requests).filter(|_| self.next() < rate).count();
        Counts {
            requests: requests.into(),
            failed: failed as u64,
        }
    }
}

/// One line of the picture.
pub(crate) struct Run {
    /// What it shows.
    pub(crate) name: &'static str,
    /// ln of the odds after each check, the beginning first.
    pub(crate) log_odds: Vec<f64>,
    /// The style of its line.
    pub(crate) class: &'static str,
    /// Its dashes, for whoever sees no colours.
    pub(crate) dashes: &'static str,
}

/// The three rollouts of the picture.
pub(crate) fn runs() -> [Run; 3] {
    let bad = |check| if check >= 9 { 0.1 } else { USUAL };
    let outage = |check| if (8..14).contains(&check) { 0.4 } else { USUAL };
    [
        Run {
            name: "breaks after check 9: 10 % of its requests fail from then on",
            log_odds: odds(2, |check| (bad(check), USUAL)),
            class: "bad",
            dashes: "",
        },
        Run {
            name: "healthy, and in the shaded checks 40 % of the requests of both versions fail",
            log_odds: odds(5, |check| (outage(check), outage(check))),
            class: "both",
            dashes: " stroke-dasharray=\"9 4\"",
        },
        Run {
            name: "healthy: 0.5 % of its requests fail, as always",
            log_odds: odds(11, |_| (USUAL, USUAL)),
            class: "well",
            dashes: " stroke-dasharray=\"2 4\"",
        },
    ]
}

/// ln of the odds after each check of a rollout with these rates of the new and of the old version.
fn odds(seed: u64, rates: impl Fn(u32) -> (f64, f64)) -> Vec<f64> {
    let mut luck = Luck(seed);
    let mut test = Regression::new();
    let mut log_odds = vec![test.log_e()];
    for check in 0..CHECKS {
        let (canary, baseline) = rates(check);
        let window = Pair {
            canary: luck.counts(CHECK.0, canary),
            baseline: luck.counts(CHECK.1, baseline),
        };
        test.update(window, RULE.allowed_factor, RULE.icc);
        log_odds.push(test.log_e());
    }
    log_odds
}
