//! *wait*: probe until the service answers well.

use std::time::Duration;

use shared::reason::Reason;
use shared::verdict::Verdict;

use super::{Ending, Pace, Step, due};
use crate::tick::{Judged, Tick};

/// Ends well after enough good answers in a row, and as a time-out when `max_wait` is over. Failures on the way are
/// what a starting service does; only a failed integrity check ends it.
#[derive(Debug, Clone, PartialEq)]
pub struct Wait {
    /// The rhythm.
    pub pace: Pace,
    /// The time for all of it, the initial delay included.
    pub max_wait: Duration,
    /// Good answers in a row that are enough; at least 1.
    pub healthy_threshold: u32,
}

impl Wait {
    pub(super) fn next(&self, seen: &[Tick], began: Duration, now: Duration) -> Step {
        let deadline = began + self.max_wait;
        let good = seen
            .iter()
            .rev()
            .take_while(|tick| tick.judged.is_good())
            .count();
        let good = u32::try_from(good).unwrap_or(u32::MAX);
        match seen.last().map(|tick| &tick.judged) {
            Some(Judged::Good { warnings }) if good >= self.healthy_threshold => {
                return Step::Finish(Ending::Judged(Verdict::Pass {
                    warnings: warnings.clone(),
                }));
            }
            Some(Judged::Critical { reasons }) => {
                return Step::Finish(Ending::Judged(Verdict::Fail {
                    reasons: reasons.clone(),
                }));
            }
            _ => {}
        }
        if now >= deadline {
            let mut reasons = seen
                .last()
                .map_or_else(Vec::new, |tick| tick.judged.reasons().to_vec());
            if good > 0 {
                reasons.push(Reason::NotSettled {
                    good,
                    needed: self.healthy_threshold,
                });
            }
            return Step::Finish(Ending::TimedOut { reasons });
        }
        let due = seen.last().map_or(began + self.pace.initial_delay, |last| {
            due(last, self.pace.interval)
        });
        if due > now {
            Step::Sleep(due.min(deadline).saturating_sub(now))
        } else {
            Step::Probe {
                within: Some(deadline.saturating_sub(now)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{s, ticks};
    use super::*;

    fn next(word: &str, step: u64, threshold: u32, now: u64) -> Step {
        let pace = Pace {
            interval: s(30),
            initial_delay: s(30),
        };
        let wait = Wait {
            pace,
            max_wait: s(100),
            healthy_threshold: threshold,
        };
        wait.next(&ticks(word, 30, step), s(0), s(now))
    }

    #[test]
    fn it_waits_for_the_initial_delay_and_then_probes_within_what_is_left() {
        assert_eq!(next("", 10, 1, 0), Step::Sleep(s(30)));
        assert_eq!(
            next("", 10, 1, 30),
            Step::Probe {
                within: Some(s(70))
            }
        );
    }

    #[test]
    fn it_asks_for_good_answers_in_a_row() {
        let settled = Step::Finish(Ending::Judged(Verdict::Pass { warnings: vec![] }));
        assert_eq!(next(".", 10, 1, 30), settled);
        assert_eq!(next(".x.", 10, 2, 50), Step::Sleep(s(30)));
        assert_eq!(next("x..", 10, 2, 50), settled);
    }

    #[test]
    fn many_failures_do_not_fail_it_but_the_time_does() {
        assert_eq!(next("xxxxxx", 1, 1, 40), Step::Sleep(s(5)));
        let over = Step::Finish(Ending::TimedOut {
            reasons: vec![Reason::Unhealthy],
        });
        assert_eq!(next("xxxxxx", 10, 1, 100), over);
        let unsettled = vec![Reason::NotSettled { good: 1, needed: 2 }];
        assert_eq!(
            next("x.", 60, 2, 100),
            Step::Finish(Ending::TimedOut { reasons: unsettled })
        );
    }

    #[test]
    fn the_last_sleep_ends_at_the_deadline() {
        assert_eq!(next("x.", 60, 2, 95), Step::Sleep(s(5)));
    }

    #[test]
    fn a_failed_integrity_check_ends_the_waiting() {
        assert!(matches!(
            next("!", 1, 1, 30),
            Step::Finish(Ending::Judged(Verdict::Fail { .. }))
        ));
    }
}
