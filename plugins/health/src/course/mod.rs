//! What comes next: the modes as pure functions from what was seen to one step.
//!
//! ```text
//!            wait: true                    watch: 5m
//!   start ──────────────▶ Wait ──settled──▶ Watch ──the whole window──▶ verdict
//!     │                    │                  ▲  └──N failures in a row, integrity──▶ Fail
//!     │                    └─max_wait─▶ TimedOut
//!     ├──watch: 5m────────────────────────────┘
//!     └──neither──▶ Check ──good──▶ Pass
//!                      └──N in a row, or no retry left, integrity──▶ Fail
//! ```

pub mod check;
pub mod wait;
pub mod watch;

use std::time::Duration;

use shared::reason::Reason;
use shared::threshold::Thresholds;
use shared::verdict::Verdict;
pub(crate) use shared::window::{decided, due};

use crate::tick::Tick;

/// The rhythm of probing, common to all modes.
#[derive(Debug, Clone, PartialEq)]
pub struct Pace {
    /// From the start of a good probe to the start of the next.
    pub interval: Duration,
    /// Before the first probe.
    pub initial_delay: Duration,
}

/// One part of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Leg {
    /// One verdict, with retries.
    Check(check::Check),
    /// Until it is well.
    Wait(wait::Wait),
    /// A window, judged as a whole.
    Watch(watch::Watch),
}

impl Leg {
    /// The word in the records.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Check(_) => "check",
            Self::Wait(_) => "wait",
            Self::Watch(_) => "watch",
        }
    }

    /// The next step of this leg, `now` after the run began; the leg itself began at `began`.
    pub fn next(
        &self,
        seen: &[Tick],
        thresholds: &Thresholds,
        began: Duration,
        now: Duration,
    ) -> Step {
        match self {
            Self::Check(check) => check.next(seen, thresholds, now),
            Self::Wait(wait) => wait.next(seen, began, now),
            Self::Watch(watch) => watch.next(seen, thresholds, began, now),
        }
    }
}

/// How a leg ends.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// With a verdict.
    Judged(Verdict),
    /// The waiting took too long.
    TimedOut {
        /// What was wrong last, or missing.
        reasons: Vec<Reason>,
    },
}

/// What to do now.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Wait this long.
    Sleep(Duration),
    /// Probe every endpoint, each for at most this long if it is said.
    Probe {
        /// What is left of the waiting.
        within: Option<Duration>,
    },
    /// Be done.
    Finish(Ending),
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::tick::Judged;

    pub(crate) fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Ticks from a word: `.` good, `x` bad, `!` critical, one every `step` seconds from `from`.
    pub(crate) fn ticks(word: &str, from: u64, step: u64) -> Vec<Tick> {
        let judged = |c| match c {
            '.' => Judged::Good { warnings: vec![] },
            'x' => Judged::Bad {
                reasons: vec![Reason::Unhealthy],
            },
            _ => Judged::Critical {
                reasons: vec![Reason::Unhealthy],
            },
        };
        let at = |place: usize| s(from + step * u64::try_from(place).unwrap());
        word.chars()
            .enumerate()
            .map(|(place, c)| Tick {
                started: at(place),
                ended: at(place),
                samples: vec![],
                judged: judged(c),
            })
            .collect()
    }

    #[test]
    fn three_failures_within_the_window_decide_and_the_window_includes_its_ends() {
        let thresholds = Thresholds::default();
        assert!(decided(&ticks("xxx", 0, 30), &thresholds).is_some());
        assert!(decided(&ticks("xxx", 0, 31), &thresholds).is_none());
        assert!(decided(&ticks("xx.x", 0, 1), &thresholds).is_none());
        assert!(decided(&ticks("xx", 0, 1), &thresholds).is_none());
        assert!(decided(&ticks("!", 0, 1), &thresholds).is_some());
    }

    #[test]
    fn after_a_failure_the_next_probe_comes_within_ten_seconds() {
        assert_eq!(due(&ticks("x", 5, 1)[0], s(30)), s(15));
        assert_eq!(due(&ticks("x", 5, 1)[0], s(2)), s(7));
        assert_eq!(due(&ticks(".", 5, 1)[0], s(30)), s(35));
    }

    #[test]
    fn after_a_long_failure_the_pause_begins_at_its_end() {
        let mut slow = ticks("x", 0, 1).remove(0);
        slow.ended = s(8);
        assert_eq!(due(&slow, s(30)), s(18));
    }

    #[test]
    fn one_failure_decides_where_one_is_the_limit() {
        let one = Thresholds {
            consecutive_failures: 1,
            ..Thresholds::default()
        };
        assert!(decided(&ticks(".x", 0, 1), &one).is_some());
        assert!(decided(&ticks("x.", 0, 1), &one).is_none());
    }
}
