//! Argo Rollouts' rule with the thresholds that its documentation shows, as one analysis in the background of all
//! stages.
//!
//! A measurement fails where less than 95 per cent of the canary's requests succeed, or where there was none (not a
//! number); more than three failures, in a row or not, abort. A query without an answer is an error: it is no failure,
//! but five in a row abort, too.

use shared::evidence::Pair;

use super::{Rule, Steps, rate};

const SUCCESS_LEAST: f64 = 0.95;
const FAILURE_LIMIT: u32 = 3;
const CONSECUTIVE_ERROR_LIMIT: u32 = 4;

/// One rollout.
#[derive(Debug, Clone, Default)]
pub struct Argo {
    steps: Steps,
    failed: u32,
    errors: u32,
}

impl Rule for Argo {
    fn share(&self) -> Option<f64> {
        self.steps.share()
    }

    fn look(&mut self, seen: Option<Pair>) -> bool {
        self.steps.done += 1;
        let Some(pair) = seen else {
            self.errors += 1;
            return self.errors > CONSECUTIVE_ERROR_LIMIT;
        };
        self.errors = 0;
        let success = rate(pair.canary).map(|rate| 1.0 - rate);
        if !success.is_some_and(|success| success >= SUCCESS_LEAST) {
            self.failed += 1;
        }
        self.failed > FAILURE_LIMIT
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::pair;

    #[test]
    fn the_fourth_failure_aborts_also_after_passes() {
        let mut rule = Argo::default();
        for _ in 0..3 {
            assert!(!rule.look(Some(pair((10, 1), (90, 0)))));
            assert!(!rule.look(Some(pair((20, 1), (80, 0)))));
        }
        assert!(rule.look(Some(pair((0, 0), (100, 0)))));
    }

    #[test]
    fn the_fifth_error_in_a_row_aborts() {
        let mut rule = Argo::default();
        for _ in 0..4 {
            assert!(!rule.look(None));
        }
        assert!(!rule.look(Some(pair((20, 0), (80, 0)))));
        let answers: Vec<bool> = (0..5).map(|_| rule.look(None)).collect();
        assert_eq!(answers, [false, false, false, false, true]);
    }
}
