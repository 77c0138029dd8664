//! Judging a stage: is it over, and was it good? Pure.
//!
//! ```text
//!             ┌──── integrity, N in a row, one metric N times, evidence ────▶ Bad
//!   Wait ─────┤
//!     ▲       │  wait_time over,       ┌─ a limit broken on enough samples ─▶ Bad
//!     │       └─ no outage going on ───┼─ every limit held on enough ───────▶ Passed
//!     │                                └─ anything else ──┬── time left ──▶ (Wait)
//!     └───────────────────────────────────────────────────┘── none left ──▶ Inconclusive
//! ```
//!
//! A span ends well on a good look only. A look at which the baseline failed, too, says nothing about the canary: it counts for nothing, and the time until
//! the next look does not count either.

pub mod burst;
mod close;
mod early;
mod judged;
mod look;
mod summary;
mod sums;
mod weigh;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::evidence;
use shared::reason::Reason;
use shared::threshold::Thresholds;
use shared::verdict::Verdict;
use shared::window::due;

pub use judged::judged;
pub use look::{Evidence, Kind, Look};
pub use summary::{Ended, Summary};
pub use weigh::{Asked, weigh};

use sums::Sums;

/// The shortest pause between two looks: no setting makes the loop spin.
const INTERVAL_MIN: Duration = Duration::from_millis(10);

/// Where requests are the samples, few looks are enough.
const LOOKS_WITH_BURSTS: u32 = 3;

/// More looks than this are made by bursts where our own probes are counted.
pub const LOOKS_MAX: u32 = 120;

/// The longest pause after a look that could not read the share.
const UNREAD_PAUSE_MAX: Duration = Duration::from_secs(10);

/// What stages are judged by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// The limits.
    pub thresholds: Thresholds,
    /// From one look to the next, at most.
    pub interval: Duration,
    /// How counted requests are weighed.
    pub evidence: evidence::Rules,
    /// With fewer usable looks than this a stage is inconclusive. At least 1.
    pub min_samples: u32,
    /// Whether each look makes many requests: then they are the samples, and not the looks.
    pub bursts: bool,
    /// The longest time a stage may be watched, with its extensions; none but the deadline where absent.
    pub max_wait: Option<Duration>,
    /// Who is to count requests, such as `haproxy`: a stage in which the canary has a share is not passed without. Absent
    /// where nobody is.
    #[serde(default)]
    pub counted_by: Option<String>,
    /// Whether the canary is known by its counted requests alone, because it has no endpoint of its own: then they are
    /// the samples, and not the looks.
    #[serde(default)]
    pub known_by_counts: bool,
}

impl Rules {
    /// The looks without which a stage is inconclusive.
    pub fn min_looks(&self) -> u32 {
        if self.bursts || self.known_by_counts {
            self.min_samples.min(LOOKS_WITH_BURSTS)
        } else {
            self.min_samples
        }
    }

    /// From one look to the next in a span that lasts so long: it shrinks where the looks would not fit.
    pub fn interval_of(&self, wait: Duration) -> Duration {
        let shrunk = wait / self.min_looks().max(1);
        self.interval.min(shrunk).max(INTERVAL_MIN)
    }
}

/// The rule by which a version was judged bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The integrity check failed: no second chance.
    Integrity,
    /// So many failed looks in a row within the window.
    InARow,
    /// One reported metric was outside its limit so many times in a row.
    Repeated {
        /// How often.
        times: u32,
    },
    /// The sequential tests found it worse than allowed.
    Evidence,
    /// The stage as a whole broke a limit.
    Whole,
    /// The version never gave the good answers in a row that its first share takes.
    NeverGood,
}

/// What a watched span comes to by now.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// Nothing yet.
    Wait,
    /// Over, and good.
    Passed {
        /// Values near a limit, and the like.
        warnings: Vec<Reason>,
    },
    /// Bad, whether over or not.
    Bad {
        /// By which rule.
        rule: Rule,
        /// Why.
        reasons: Vec<Reason>,
    },
    /// Over and extended as far as it may be, and still neither.
    Inconclusive {
        /// What was missing.
        reasons: Vec<Reason>,
    },
}

/// A span of time in which a version is watched.
#[derive(Debug, Clone, PartialEq)]
pub struct Watch {
    /// When it began, since the run began.
    pub opened: Duration,
    /// How long it is to last.
    pub wait: Duration,
    /// What was seen, oldest first.
    seen: Vec<Look>,
    sums: Sums,
}

impl Watch {
    /// A span that begins now.
    pub fn open(now: Duration, wait: Duration) -> Self {
        Self {
            opened: now,
            wait,
            seen: Vec::new(),
            sums: Sums::default(),
        }
    }

    /// A look more.
    pub fn push(&mut self, look: Look) {
        self.sums.add(self.seen.last(), &look);
        self.seen.push(look);
    }

    /// Tells a look that is about to be pushed whether the new version suffers from what the old one suffers from.
    pub fn relate(&self, look: &mut Look) {
        look.better = self.sums.is_better_with(look);
    }

    /// What was seen, oldest first.
    pub fn seen(&self) -> &[Look] {
        &self.seen
    }

    /// What it comes to at `now`. An inconclusive span is extended until `latest`.
    pub fn call(&self, rules: &Rules, now: Duration, latest: Duration) -> Call {
        if let Some((rule, reasons)) = early::bad(&self.seen, &rules.thresholds) {
            return Call::Bad { rule, reasons };
        }
        let closes = self.closes(rules, now);
        if now < closes || self.due(rules) <= closes {
            return Call::Wait;
        }
        if self.in_outage() {
            let is_longest = now >= self.latest(rules, Duration::MAX);
            return if is_longest {
                Call::Inconclusive {
                    reasons: vec![self.outage()],
                }
            } else {
                Call::Wait
            };
        }
        match close::verdict(self, rules) {
            Verdict::Pass { .. } if self.failing_in_a_row() > 0 => {
                self.unsettled(rules, now, latest)
            }
            Verdict::Pass { warnings } => Call::Passed { warnings },
            Verdict::Fail { reasons } => Call::Bad {
                rule: Rule::Whole,
                reasons,
            },
            Verdict::Inconclusive { .. } if now < self.latest(rules, latest) => Call::Wait,
            Verdict::Inconclusive { reasons } => Call::Inconclusive { reasons },
        }
    }

    /// A span ends well on a good look only: to give more clients to what fails at this moment could be to give them
    /// to what is just dying. The looks that decide it are waited for, whatever the time.
    fn unsettled(&self, rules: &Rules, now: Duration, latest: Duration) -> Call {
        let decides = rules.thresholds.consecutive_failures.max(1);
        if self.failing_in_a_row() < decides || now < self.latest(rules, latest) {
            return Call::Wait;
        }
        let last = self
            .seen
            .iter()
            .rev()
            .find(|look| look.kind() == Kind::Failing);
        let reasons = last.map_or_else(Vec::new, |look| look.new.judged.reasons().to_vec());
        Call::Inconclusive { reasons }
    }

    /// Failing looks in a row at the end, those that say nothing left out.
    fn failing_in_a_row(&self) -> u32 {
        let speaking = self.seen.iter().rev().map(Look::kind);
        let row = speaking
            .filter(|kind| matches!(kind, Kind::Good | Kind::Failing))
            .take_while(|kind| *kind == Kind::Failing);
        close::count(row.count())
    }

    /// Whether the baseline failed with it at the last look.
    pub fn in_outage(&self) -> bool {
        self.seen
            .last()
            .is_some_and(|look| look.kind() == Kind::Shared)
    }

    /// What the old version's own failure is known by.
    fn outage(&self) -> Reason {
        let counts = self.seen.last().and_then(|look| look.counts.as_ref());
        match counts.filter(|counts| counts.outage) {
            Some(counts) => Reason::BothOver {
                pair: self.sums.outage.unwrap_or(counts.failed.pair()),
            },
            None => Reason::SharedOutage,
        }
    }

    /// All requests that were counted in it, those of shared outages included; nothing where nobody counted.
    pub fn counted(&self) -> Option<evidence::Pair> {
        self.sums.failed
    }

    /// When the next look is due.
    pub fn due(&self, rules: &Rules) -> Duration {
        let interval = rules.interval_of(self.wait);
        self.seen.last().map_or(self.opened, |look| {
            let sooner = match look.share {
                Ok(_) => interval,
                Err(_) => interval.min(UNREAD_PAUSE_MAX),
            };
            due(&look.new, sooner)
        })
    }

    /// When something happens next, a look or the span's end: a time not before `now`.
    pub fn wakes(&self, rules: &Rules, now: Duration) -> Duration {
        let (due, closes) = (self.due(rules), self.closes(rules, now));
        if closes > now { due.min(closes) } else { due }.max(now)
    }

    /// When it ends unless it is extended. The time of outages that both sides shared does not count, but no outage
    /// keeps it open for longer than it may be watched at all.
    fn closes(&self, rules: &Rules, now: Duration) -> Duration {
        let last = self.seen.last().filter(|_| self.in_outage());
        let lasts = last.map_or(Duration::ZERO, |look| now.saturating_sub(look.new.started));
        let closes = self.opened + self.wait + self.sums.shared + lasts;
        self.latest(rules, closes)
    }

    fn latest(&self, rules: &Rules, latest: Duration) -> Duration {
        rules
            .max_wait
            .map_or(latest, |most| latest.min(self.opened.saturating_add(most)))
    }

    /// Looks in a row at the end that could not read the share, and why the last one could not.
    pub fn unread_in_a_row(&self) -> Option<(u32, &str)> {
        let why = self.seen.last()?.share.as_ref().err()?;
        let row = self
            .seen
            .iter()
            .rev()
            .take_while(|look| look.share.is_err());
        Some((close::count(row.count()), why))
    }

    /// Good looks in a row at the end, those that say nothing left out.
    pub fn good_in_a_row(&self) -> u32 {
        let row = self
            .seen
            .iter()
            .rev()
            .take_while(|look| look.kind() == Kind::Good);
        u32::try_from(row.count()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests;
