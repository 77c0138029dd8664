//! Flagger's rule with the configuration that its documentation shows.
//!
//! The share grows by 2 in steps to 50 per cent; a check fails where less than 99 per cent of the canary's requests
//! succeed, and where there is no figure. A failed check holds the share and is counted; no pass takes it off the
//! count. The check after the tenth failure rolls back. There is no baseline and no least number of requests.

use shared::evidence::Pair;

use super::{Rule, rate};

const STEP: f64 = 0.02;
const STEPS: u32 = 25;
const THRESHOLD: u32 = 10;
const SUCCESS_LEAST: f64 = 0.99;

/// One rollout.
#[derive(Debug, Clone, Default)]
pub struct Flagger {
    passed: u32,
    failed: u32,
}

impl Rule for Flagger {
    fn checks(&self) -> u32 {
        STEPS
    }

    fn share(&self) -> Option<f64> {
        (self.passed < STEPS).then(|| f64::from(self.passed + 1) * STEP)
    }

    fn look(&mut self, seen: Option<Pair>) -> bool {
        if self.failed >= THRESHOLD {
            return true;
        }
        let success = seen
            .and_then(|pair| rate(pair.canary))
            .map(|rate| 1.0 - rate);
        if success.is_some_and(|success| success >= SUCCESS_LEAST) {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::pair;

    #[test]
    fn the_check_after_the_tenth_failure_rolls_back() {
        let mut rule = Flagger::default();
        let answers: Vec<bool> = (0..11)
            .map(|_| rule.look(Some(pair((10, 10), (90, 0)))))
            .collect();
        assert_eq!(answers.iter().position(|back| *back), Some(10));
    }

    #[test]
    fn a_failure_holds_the_share_and_no_pass_takes_it_back() {
        let mut rule = Flagger::default();
        assert!((rule.share().unwrap() - 0.02).abs() < 1e-12);
        rule.look(None);
        assert!((rule.share().unwrap() - 0.02).abs() < 1e-12);
        for _ in 0..25 {
            assert!(!rule.look(Some(pair((100, 1), (900, 0)))));
        }
        assert_eq!((rule.share(), rule.failed), (None, 1));
    }
}
