//! The traffic of a rollout and what is wrong with it.

use shared::evidence::Pair;
use shared::split::Counts;

use crate::random::Random;
use crate::scrape::Scrapes;

/// The old version's error rate, and a healthy new one's.
pub const BASE: f64 = 0.005;
/// How much failures come in bursts where they do: the correlation of two requests of one side in one check.
pub const ICC: f64 = 0.02;
/// The error rate of both sides while they share an outage.
const OUTAGE: f64 = 0.5;
/// How many checks an outage of both sides lasts.
const OUTAGE_CHECKS: u32 = 10;

/// What the new version is like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Canary {
    /// Its error rate, as a multiple of the old one's; 1 is healthy.
    Times(f64),
    /// Every request fails.
    Dead,
    /// Healthy until the middle of the rollout; from then on a multiple of the old one's rate.
    LaterTimes(f64),
}

/// What else goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    None,
    /// Both sides fail half their requests for ten checks, at any time.
    Outage,
    /// Failures come in bursts, on each side by itself.
    Bursts,
    /// Counters are seen two checks late.
    Lag,
    /// In one check of twenty the counters begin anew.
    Resets,
    /// In one check of five there is no answer.
    Missing,
}

/// One row of the grid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scenario {
    /// What a person calls it.
    pub name: &'static str,
    /// What the new version is like.
    pub canary: Canary,
    /// What else goes on.
    pub trouble: Trouble,
}

impl Scenario {
    /// Whether nothing is wrong with the new version, ever.
    pub fn healthy(&self) -> bool {
        self.canary == Canary::Times(1.0)
    }
}

/// One rollout's traffic.
#[derive(Debug, Clone)]
pub struct World {
    scenario: Scenario,
    /// Requests a check, of both sides.
    requests: u32,
    /// The first check of the second half.
    middle: u32,
    outage_from: u32,
    check: u32,
    random: Random,
    scrapes: Option<Scrapes>,
}

/// What happened in one check, and what could be seen of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    /// What happened.
    pub truth: Pair,
    /// What is newly seen; nothing where there was no answer.
    pub seen: Option<Pair>,
}

impl World {
    /// Traffic of `requests` a check for a rollout that is planned to take `checks`.
    pub fn new(scenario: Scenario, requests: u32, checks: u32, seed: u64) -> Self {
        let mut random = Random::new(seed);
        Self {
            scenario,
            requests,
            middle: checks / 2,
            outage_from: random.below(checks.saturating_sub(OUTAGE_CHECKS).max(1)),
            check: 0,
            random,
            scrapes: Scrapes::of(scenario.trouble),
        }
    }

    /// The first check in which the new version is bad: 0 is the rollout's first.
    pub fn bad_from(&self) -> u32 {
        match self.scenario.canary {
            Canary::LaterTimes(_) => self.middle,
            Canary::Times(_) | Canary::Dead => 0,
        }
    }

    /// The next check, with this share of the requests (0 to 1) for the new version.
    pub fn check(&mut self, share: f64) -> Check {
        let canary = self.random.binomial(self.requests, share);
        let (bad, good) = (self.rate(), self.shared(BASE));
        let truth = Pair {
            canary: self.side(canary, bad),
            baseline: self.side(self.requests - canary, good),
        };
        self.check += 1;
        let seen = match &mut self.scrapes {
            Some(scrapes) => scrapes.after(truth, &mut self.random),
            None => Some(truth),
        };
        Check { truth, seen }
    }

    /// The new version's error rate now.
    fn rate(&self) -> f64 {
        let own = match self.scenario.canary {
            Canary::Times(times) => times * BASE,
            Canary::Dead => 1.0,
            Canary::LaterTimes(times) if self.check >= self.middle => times * BASE,
            Canary::LaterTimes(_) => BASE,
        };
        self.shared(own)
    }

    fn shared(&self, own: f64) -> f64 {
        let outage = self.outage_from..self.outage_from + OUTAGE_CHECKS;
        if self.scenario.trouble == Trouble::Outage && outage.contains(&self.check) {
            own.max(OUTAGE)
        } else {
            own
        }
    }

    fn side(&mut self, requests: u32, rate: f64) -> Counts {
        let bursts = self.scenario.trouble == Trouble::Bursts && rate < 1.0;
        let rate = if bursts {
            let weight = (1.0 - ICC) / ICC;
            self.random.beta(rate * weight, (1.0 - rate) * weight)
        } else {
            rate
        };
        Counts {
            requests: u64::from(requests),
            failed: u64::from(self.random.binomial(requests, rate)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(canary: Canary, trouble: Trouble, seed: u64) -> World {
        let scenario = Scenario {
            name: "",
            canary,
            trouble,
        };
        World::new(scenario, 1000, 60, seed)
    }

    /// Failed of the new and the old version in each of sixty checks.
    fn failed(mut world: World) -> Vec<(u64, u64)> {
        let checks = (0..60).map(|_| world.check(0.5).truth);
        checks
            .map(|pair| (pair.canary.failed, pair.baseline.failed))
            .collect()
    }

    #[test]
    fn a_version_that_breaks_later_is_healthy_before() {
        let failed = failed(world(Canary::LaterTimes(40.0), Trouble::None, 1));
        assert!(failed[..30].iter().all(|(canary, _)| *canary < 20));
        assert!(failed[30..].iter().all(|(canary, _)| *canary > 60));
    }

    #[test]
    fn an_outage_is_of_both_sides_and_ends() {
        let failed = failed(world(Canary::Times(1.0), Trouble::Outage, 2));
        let out = |side: fn(&(u64, u64)) -> u64| -> Vec<usize> {
            let of_side = failed.iter().enumerate();
            of_side
                .filter(|(_, pair)| side(pair) > 100)
                .map(|(check, _)| check)
                .collect()
        };
        assert_eq!(out(|pair| pair.0).len(), 10);
        assert_eq!(out(|pair| pair.0), out(|pair| pair.1));
    }

    #[test]
    fn bursts_leave_the_mean_and_spread_the_counts() {
        let (mut sum, mut squares) = (0.0, 0.0);
        for seed in 0..200 {
            for (canary, _) in failed(world(Canary::Times(1.0), Trouble::Bursts, seed)) {
                let rate = f64::from(u32::try_from(canary).unwrap()) / 500.0;
                sum += rate;
                squares += rate * rate;
            }
        }
        let mean = sum / 12_000.0;
        let variance = squares / 12_000.0 - mean * mean;
        assert!((mean - BASE).abs() < 0.0005, "{mean}");
        // Of 500 requests the variance of the rate is about p(1−p)·(1/500 + icc).
        let expected = BASE * (1.0 - BASE) * (1.0 / 500.0 + ICC);
        assert!(
            (variance / expected - 1.0).abs() < 0.15,
            "{variance} {expected}"
        );
    }

    #[test]
    fn requests_are_split_and_none_is_lost() {
        let mut world = world(Canary::Times(1.0), Trouble::None, 4);
        let checks: Vec<Check> = (0..100).map(|_| world.check(0.1)).collect();
        assert!(
            checks
                .iter()
                .all(|check| check.truth.canary.requests + check.truth.baseline.requests == 1000)
        );
        let canary: u64 = checks.iter().map(|check| check.truth.canary.requests).sum();
        assert!((9_600..10_400).contains(&canary), "{canary}");
    }
}
