//! *watch*: observe a window and judge the whole of it.

use std::time::Duration;

use shared::reason::Reason;
use shared::threshold::Thresholds;
use shared::verdict::Verdict;
use shared::window::{counted, means};

use super::{Ending, Pace, Step, decided, due};
use crate::tick::{Judged, Tick};

/// The least number of probes that say anything about a window.
pub const SAMPLES_MIN: u32 = 3;

/// A window of observation.
#[derive(Debug, Clone, PartialEq)]
pub struct Watch {
    /// The rhythm. The interval shrinks where the window would not hold [`SAMPLES_MIN`] probes.
    pub pace: Pace,
    /// How long, after the initial delay.
    pub window: Duration,
}

impl Watch {
    pub(super) fn next(
        &self,
        seen: &[Tick],
        thresholds: &Thresholds,
        began: Duration,
        now: Duration,
    ) -> Step {
        if let Some(verdict) = decided(seen, thresholds) {
            return Step::Finish(Ending::Judged(verdict));
        }
        let opens = began + self.pace.initial_delay;
        let closes = opens + self.window;
        let interval = self.pace.interval.min(self.window / SAMPLES_MIN);
        let next = seen.last().map_or(opens, |last| due(last, interval));
        if next > closes {
            return if now < closes {
                Step::Sleep(closes.saturating_sub(now))
            } else {
                Step::Finish(Ending::Judged(judge(seen, thresholds)))
            };
        }
        if next > now {
            Step::Sleep(next.saturating_sub(now))
        } else {
            Step::Probe { within: None }
        }
    }
}

/// Judges a window that ended without a run of failures.
///
/// Reported and measured values are held against the limits by their means, which one outlier among many does not
/// move far. The share of failed probes is a rate that we count: it is held against the availability limit only
/// where the sample can carry it, with at least 1/(1 − limit) probes (100 for 99 %).
fn judge(seen: &[Tick], thresholds: &Thresholds) -> Verdict {
    let attempts = u32::try_from(seen.len()).unwrap_or(u32::MAX);
    let failures = u32::try_from(seen.iter().filter(|tick| !tick.judged.is_good()).count())
        .unwrap_or(u32::MAX);
    if attempts > 0 && failures == attempts {
        let mut reasons = seen
            .last()
            .map_or_else(Vec::new, |tick| tick.judged.reasons().to_vec());
        reasons.push(Reason::NoneGood { attempts });
        return Verdict::Fail { reasons };
    }
    if attempts < SAMPLES_MIN {
        return Verdict::Inconclusive {
            reasons: vec![Reason::TooFew {
                samples: attempts,
                needed: SAMPLES_MIN,
            }],
        };
    }
    let several = seen.first().is_some_and(|tick| tick.samples.len() > 1);
    let mut reasons = Vec::new();
    let mut warnings = Vec::new();
    let mut thin = Vec::new();
    for ((endpoint, _, _), mean) in means(seen) {
        let named = |reason: Reason| {
            if several {
                reason.at(&endpoint)
            } else {
                reason
            }
        };
        let judged = thresholds.judge(std::slice::from_ref(&mean));
        if mean.samples < SAMPLES_MIN && !judged.failures.is_empty() {
            thin.extend(judged.failures.into_iter().map(named));
        } else {
            reasons.extend(judged.failures.into_iter().map(named));
            warnings.extend(judged.warnings.into_iter().map(named));
        }
    }
    reasons.extend(counted(attempts, failures, thresholds));
    if !reasons.is_empty() {
        return Verdict::Fail { reasons };
    }
    if !thin.is_empty() {
        return Verdict::Inconclusive { reasons: thin };
    }
    if failures > 0 {
        warnings.push(Reason::SomeFailed { failures, attempts });
    }
    if seen.iter().any(|tick| matches!(&tick.judged, Judged::Good { warnings } if warnings.iter().any(is_degraded))) {
        warnings.push(Reason::Degraded);
    }
    Verdict::Pass { warnings }
}

fn is_degraded(reason: &Reason) -> bool {
    match reason {
        Reason::At { reason, .. } => is_degraded(reason),
        other => *other == Reason::Degraded,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{s, ticks};
    use super::*;
    use crate::tick::tests::{answer, sample};
    use shared::sample::Role;

    fn next(word: &str, step: u64, now: u64) -> Step {
        let pace = Pace {
            interval: s(30),
            initial_delay: s(10),
        };
        Watch {
            pace,
            window: s(60),
        }
        .next(&ticks(word, 10, step), &Thresholds::default(), s(0), s(now))
    }

    fn reporting(rates: &[f64]) -> Vec<Tick> {
        rates
            .iter()
            .zip(0..)
            .map(|(rate, at)| {
                let samples = vec![sample(Role::Health, Ok(answer(*rate)))];
                let judged = crate::tick::judge(&samples, &Thresholds::default());
                Tick {
                    started: s(at),
                    ended: s(at),
                    samples,
                    judged,
                }
            })
            .collect()
    }

    #[test]
    fn it_probes_from_the_opening_of_the_window_to_its_close() {
        assert_eq!(next("", 30, 0), Step::Sleep(s(10)));
        assert_eq!(next("", 30, 10), Step::Probe { within: None });
        assert_eq!(next(".", 20, 20), Step::Sleep(s(10)));
        assert_eq!(next("...", 20, 70), Step::Probe { within: None });
        assert_eq!(
            next("....", 20, 70),
            Step::Finish(Ending::Judged(Verdict::Pass { warnings: vec![] }))
        );
    }

    #[test]
    fn failures_in_a_row_end_it_early() {
        assert!(matches!(
            next("xxx", 10, 31),
            Step::Finish(Ending::Judged(Verdict::Fail { .. }))
        ));
    }

    #[test]
    fn one_failure_among_ten_is_a_warning_and_not_ninety_per_cent() {
        let warnings = vec![Reason::SomeFailed {
            failures: 1,
            attempts: 10,
        }];
        assert_eq!(
            judge(&ticks("....x.....", 0, 1), &Thresholds::default()),
            Verdict::Pass { warnings }
        );
    }

    #[test]
    fn two_failures_among_a_hundred_are_two_per_cent() {
        let word = format!("x{}x{}", ".".repeat(49), ".".repeat(49));
        let Verdict::Fail { reasons } = judge(&ticks(&word, 0, 1), &Thresholds::default()) else {
            panic!("passed")
        };
        assert_eq!(
            reasons[0].to_string(),
            "availability 98 % < limit 99 % (counted: 2 of 100 probes failed)"
        );
        let one = format!("x{}", ".".repeat(99));
        assert!(matches!(
            judge(&ticks(&one, 0, 1), &Thresholds::default()),
            Verdict::Pass { .. }
        ));
    }

    #[test]
    fn the_mean_of_the_window_is_held_against_the_limit() {
        let Verdict::Fail { reasons } = judge(&reporting(&[4.0, 6.0, 5.1]), &Thresholds::default())
        else {
            panic!("passed")
        };
        assert_eq!(
            reasons[0].to_string(),
            "error rate 5.033 % > limit 5 % (mean of 3 samples, reported)"
        );
        assert!(matches!(
            judge(&reporting(&[0.0, 6.0, 0.0]), &Thresholds::default()),
            Verdict::Pass { .. }
        ));
    }

    #[test]
    fn too_few_probes_are_no_verdict() {
        assert!(matches!(
            judge(&ticks("..", 0, 1), &Thresholds::default()),
            Verdict::Inconclusive { .. }
        ));
        assert!(matches!(
            judge(&[], &Thresholds::default()),
            Verdict::Inconclusive { .. }
        ));
        assert!(matches!(
            judge(&ticks("xx", 0, 1), &Thresholds::default()),
            Verdict::Fail { .. }
        ));
    }

    #[test]
    fn a_value_that_was_seen_too_rarely_is_no_verdict_when_it_is_bad() {
        let mut seen = ticks("....", 0, 1);
        seen[0].samples = reporting(&[9.0])[0].samples.clone();
        let Verdict::Inconclusive { reasons } = judge(&seen, &Thresholds::default()) else {
            panic!("decided")
        };
        assert!(
            reasons[0].to_string().starts_with("error rate 9 % > limit"),
            "{}",
            reasons[0]
        );
        seen[0].samples = reporting(&[1.0])[0].samples.clone();
        assert!(matches!(
            judge(&seen, &Thresholds::default()),
            Verdict::Pass { .. }
        ));
    }

    #[test]
    fn a_window_in_which_the_service_called_itself_degraded_passes_with_a_warning() {
        let mut seen = ticks(".....", 0, 1);
        seen[2].judged = Judged::Good {
            warnings: vec![Reason::Degraded.at("http://a/")],
        };
        let warnings = vec![Reason::Degraded];
        assert_eq!(
            judge(&seen, &Thresholds::default()),
            Verdict::Pass { warnings }
        );
    }
}
