//! "Three bad checks in a row": what one writes first.
//!
//! A check is bad where more than 5 per cent of the canary's requests failed. A check without a request or without an
//! answer says nothing.

use shared::evidence::Pair;

use super::{Rule, Steps, rate};

const RATE_MOST: f64 = 0.05;
const IN_A_ROW: u32 = 3;

/// One rollout.
#[derive(Debug, Clone, Default)]
pub struct Consecutive {
    steps: Steps,
    bad: u32,
}

impl Rule for Consecutive {
    fn share(&self) -> Option<f64> {
        self.steps.share()
    }

    fn look(&mut self, seen: Option<Pair>) -> bool {
        self.steps.done += 1;
        if let Some(rate) = seen.and_then(|pair| rate(pair.canary)) {
            self.bad = if rate > RATE_MOST { self.bad + 1 } else { 0 };
        }
        self.bad >= IN_A_ROW
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::pair;

    #[test]
    fn a_good_check_begins_the_count_anew_and_silence_does_not() {
        let (bad, good) = (Some(pair((10, 1), (90, 0))), Some(pair((20, 1), (80, 0))));
        let mut rule = Consecutive::default();
        let answers = [bad, bad, good, bad, None, bad, bad].map(|seen| rule.look(seen));
        assert_eq!(answers, [false, false, false, false, false, false, true]);
    }
}
