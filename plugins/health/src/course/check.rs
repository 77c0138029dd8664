//! *check*: one verdict, with retries.

use std::time::Duration;

use shared::reason::Reason;
use shared::threshold::Thresholds;
use shared::verdict::Verdict;

use super::{Ending, Pace, Step, decided, due};
use crate::tick::{Judged, Tick};

/// One good answer passes; failing takes as many failures in a row as the thresholds say, or every attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// The rhythm.
    pub pace: Pace,
    /// Attempts after the first.
    pub retries: u32,
}

impl Check {
    pub(super) fn next(&self, seen: &[Tick], thresholds: &Thresholds, now: Duration) -> Step {
        let Some(last) = seen.last() else {
            return Step::Probe { within: None };
        };
        if let Judged::Good { warnings } = &last.judged {
            return finish(Verdict::Pass {
                warnings: warnings.clone(),
            });
        }
        if let Some(verdict) = decided(seen, thresholds) {
            return finish(verdict);
        }
        let attempts = u32::try_from(seen.len()).unwrap_or(u32::MAX);
        if attempts > self.retries {
            let mut reasons = last.judged.reasons().to_vec();
            if attempts > 1 {
                reasons.push(Reason::NoneGood { attempts });
            }
            return finish(Verdict::Fail { reasons });
        }
        match due(last, self.pace.interval).checked_sub(now) {
            Some(left) if !left.is_zero() => Step::Sleep(left),
            _ => Step::Probe { within: None },
        }
    }
}

fn finish(verdict: Verdict) -> Step {
    Step::Finish(Ending::Judged(verdict))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{s, ticks};
    use super::*;

    fn next(word: &str, retries: u32, now: u64) -> Step {
        let pace = Pace {
            interval: s(30),
            initial_delay: s(0),
        };
        Check { pace, retries }.next(&ticks(word, 0, 10), &Thresholds::default(), s(now))
    }

    fn failed(step: &Step) -> bool {
        matches!(step, Step::Finish(Ending::Judged(Verdict::Fail { .. })))
    }

    #[test]
    fn the_first_good_answer_passes() {
        assert_eq!(next("", 3, 0), Step::Probe { within: None });
        assert_eq!(
            next("x.", 3, 10),
            finish(Verdict::Pass { warnings: vec![] })
        );
    }

    #[test]
    fn a_failure_is_tried_again_until_three_failed_in_a_row() {
        assert_eq!(next("x", 3, 4), Step::Sleep(s(6)));
        assert_eq!(next("x", 3, 10), Step::Probe { within: None });
        assert_eq!(next("xx", 3, 20), Step::Probe { within: None });
        assert!(failed(&next("xxx", 3, 20)));
    }

    #[test]
    fn without_retries_the_first_failure_fails() {
        assert!(failed(&next("x", 0, 0)));
        assert!(failed(&next("xx", 1, 10)));
        assert!(failed(&next("!", 3, 0)));
    }

    #[test]
    fn the_last_retry_is_made_and_then_all_attempts_are_counted() {
        // Half a minute apart, so that no three fall into the window.
        let far = |word: &str| {
            let pace = Pace {
                interval: s(30),
                initial_delay: s(0),
            };
            Check { pace, retries: 1 }.next(&ticks(word, 0, 60), &Thresholds::default(), s(600))
        };
        assert_eq!(far("x"), Step::Probe { within: None });
        let reasons = vec![Reason::Unhealthy, Reason::NoneGood { attempts: 2 }];
        assert_eq!(far("xx"), finish(Verdict::Fail { reasons }));
    }
}
