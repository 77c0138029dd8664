//! Watching what was gone back to: when to look, and what the whole window comes to. Pure.

use std::time::Duration;

use shared::reason::Reason;
use shared::threshold::Thresholds;
use shared::tick::Tick;
use shared::verdict::Verdict;
use shared::window::{counted, decided, due, means};

/// The least number of looks that say anything about a window.
pub const SAMPLES_MIN: u32 = 3;

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Wait.
    Sleep(Duration),
    /// Look.
    Probe,
    /// It is over.
    Over(Verdict),
}

/// When to look again. Times are since the run began; `began` is when the watching did.
pub fn next(
    seen: &[Tick],
    thresholds: &Thresholds,
    (interval, window): (Duration, Duration),
    began: Duration,
    now: Duration,
) -> Next {
    if let Some(verdict) = decided(seen, thresholds) {
        return Next::Over(verdict);
    }
    let closes = began + window;
    let interval = interval.min(window / SAMPLES_MIN);
    let at = seen.last().map_or(began, |last| due(last, interval));
    match (at > closes, at > now) {
        (true, _) if now < closes => Next::Sleep(closes.saturating_sub(now)),
        (true, _) => Next::Over(judge(seen, thresholds)),
        (false, true) => Next::Sleep(at.saturating_sub(now)),
        (false, false) => Next::Probe,
    }
}

/// Judges a window that ended without a run of failures.
fn judge(seen: &[Tick], thresholds: &Thresholds) -> Verdict {
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let attempts = count(seen.len());
    let failures = count(seen.iter().filter(|tick| !tick.judged.is_good()).count());
    if attempts > 0 && failures == attempts {
        let last = seen.last().map(|tick| tick.judged.reasons().to_vec());
        let mut reasons = last.unwrap_or_default();
        reasons.push(Reason::NoneGood { attempts });
        return Verdict::Fail { reasons };
    }
    if attempts < SAMPLES_MIN {
        let reasons = vec![Reason::TooFew {
            samples: attempts,
            needed: SAMPLES_MIN,
        }];
        return Verdict::Inconclusive { reasons };
    }
    let (mut reasons, mut warnings) = (Vec::new(), Vec::new());
    for ((endpoint, _, _), mean) in means(seen) {
        let judged = thresholds.judge(std::slice::from_ref(&mean));
        let named = |reason: Reason| reason.at(&endpoint);
        reasons.extend(judged.failures.into_iter().map(named));
        warnings.extend(judged.warnings.into_iter().map(named));
    }
    reasons.extend(counted(attempts, failures, thresholds));
    if !reasons.is_empty() {
        return Verdict::Fail { reasons };
    }
    if failures > 0 {
        warnings.push(Reason::SomeFailed { failures, attempts });
    }
    Verdict::Pass { warnings }
}

#[cfg(test)]
mod tests {
    use shared::sample::{Answer, Phases, Role, Sample};
    use shared::tick::judge as judge_tick;

    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// One tick a character, `step` apart from 10 on: `.` good, `x` bad, `m` an error rate of 9 %.
    fn ticks(word: &str, step: u64) -> Vec<Tick> {
        let tick = |(place, c): (u64, char)| {
            let answer = |error_rate| {
                Ok(Answer {
                    error_rate: Some(error_rate),
                    ..Answer::default()
                })
            };
            let samples = vec![Sample {
                endpoint: "http://a/".into(),
                role: Role::Health,
                at: jiff::Timestamp::UNIX_EPOCH,
                phases: Phases::default(),
                outcome: match c {
                    'x' => Err(vec![Reason::Unhealthy]),
                    'm' => answer(9.0),
                    _ => answer(0.5),
                },
            }];
            let judged = judge_tick(&samples, &Thresholds::default());
            let at = s(10 + place * step);
            Tick {
                started: at,
                ended: at,
                samples,
                judged,
            }
        };
        (0..).zip(word.chars()).map(tick).collect()
    }

    fn at(word: &str, step: u64, now: u64) -> Next {
        let pace = (s(30), s(60));
        next(
            &ticks(word, step),
            &Thresholds::default(),
            pace,
            s(10),
            s(now),
        )
    }

    #[test]
    fn it_looks_from_the_first_moment_to_the_last() {
        assert_eq!(at("", 20, 10), Next::Probe);
        assert_eq!(at(".", 20, 20), Next::Sleep(s(10)));
        assert_eq!(at("...", 20, 70), Next::Probe);
        let passed = Verdict::Pass { warnings: vec![] };
        assert_eq!(at("....", 20, 70), Next::Over(passed));
    }

    #[test]
    fn failures_in_a_row_end_it_early() {
        assert!(matches!(
            at("xxx", 10, 30),
            Next::Over(Verdict::Fail { .. })
        ));
    }

    #[test]
    fn one_failure_is_a_warning_and_a_bad_mean_is_bad() {
        let Next::Over(Verdict::Pass { warnings }) = at("x...", 20, 70) else {
            panic!("not passed")
        };
        assert_eq!(warnings.len(), 1);
        let bad = judge(&ticks(".mm.mm", 1), &Thresholds::default());
        assert!(matches!(bad, Verdict::Fail { .. }));
        let few = judge(&ticks("..", 1), &Thresholds::default());
        assert!(matches!(few, Verdict::Inconclusive { .. }));
    }
}
