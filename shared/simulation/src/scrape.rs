//! What is seen of counters that are late, begin anew or do not answer, through the project's own reading of counters.

use shared::evidence::Pair;
use shared::split::{Counts, Side};
use shared::tally::{Count, Tally, since};

use crate::random::Random;
use crate::world::Trouble;

/// How many checks late a late source is.
pub const LAG: usize = 2;
const RESET: f64 = 0.05;
const MISSING: f64 = 0.2;

/// The counters of a traffic manager, and what was last seen of them.
#[derive(Debug, Clone)]
pub struct Scrapes {
    trouble: Trouble,
    /// Now.
    counters: Pair,
    /// Looks that are on their way, the newest last.
    late: Vec<Tally>,
    last: Tally,
}

impl Scrapes {
    /// The counters of a world with this trouble, or nothing where every count is seen at once and as it is.
    pub fn of(trouble: Trouble) -> Option<Self> {
        let through_counters = matches!(trouble, Trouble::Lag | Trouble::Resets | Trouble::Missing);
        through_counters.then(|| Self {
            trouble,
            counters: Pair::default(),
            late: Vec::new(),
            last: tally(Pair::default()),
        })
    }

    /// What is newly seen after these requests; nothing where there was no answer.
    pub fn after(&mut self, truth: Pair, random: &mut Random) -> Option<Pair> {
        if self.trouble == Trouble::Resets && random.uniform() < RESET {
            // Only what came after the counters began anew is left.
            let left = random.uniform();
            self.counters = Pair {
                canary: part(truth.canary, left, random),
                baseline: part(truth.baseline, left, random),
            };
        } else {
            add(&mut self.counters.canary, truth.canary);
            add(&mut self.counters.baseline, truth.baseline);
        }
        let now = tally(self.counters);
        let seen = match self.trouble {
            Trouble::Missing if random.uniform() < MISSING => return None,
            Trouble::Lag => {
                self.late.push(now);
                (self.late.len() > LAG).then(|| self.late.remove(0))?
            }
            _ => now,
        };
        let window = since(&self.last, &seen);
        self.last = seen;
        Some(Pair {
            canary: window.canary,
            baseline: window.stable,
        })
    }
}

fn add(sum: &mut Counts, more: Counts) {
    sum.requests += more.requests;
    sum.failed += more.failed;
}

/// Some of the requests, each with the same chance, whether failed or not.
fn part(counts: Counts, chance: f64, random: &mut Random) -> Counts {
    let mut some = |of: u64| random.binomial(u32::try_from(of).unwrap_or(u32::MAX), chance);
    let failed = some(counts.failed);
    let good = some(counts.requests - counts.failed);
    Counts {
        requests: u64::from(failed + good),
        failed: u64::from(failed),
    }
}

fn tally(counters: Pair) -> Tally {
    let sides = [
        (Side::Stable, counters.baseline),
        (Side::Canary, counters.canary),
    ];
    let count = |(side, counts): (Side, Counts)| Count {
        place: String::new(),
        side,
        begun: counts.requests,
        failed: counts.failed,
        sessions: 0,
    };
    Tally {
        counts: sides.map(count).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(canary: u64, baseline: u64) -> Pair {
        let counts = |requests| Counts {
            requests,
            failed: requests / 10,
        };
        Pair {
            canary: counts(canary),
            baseline: counts(baseline),
        }
    }

    fn sum(seen: &[Option<Pair>]) -> u64 {
        seen.iter().flatten().map(|pair| pair.canary.requests).sum()
    }

    fn play(trouble: Trouble) -> Vec<Option<Pair>> {
        let (mut random, mut scrapes) = (Random::new(1), Scrapes::of(trouble).unwrap());
        (1..=200)
            .map(|check| scrapes.after(pair(100 + check, 900), &mut random))
            .collect()
    }

    #[test]
    fn late_counts_are_those_of_two_checks_ago() {
        let seen = play(Trouble::Lag);
        assert_eq!(seen[..2], [None, None]);
        assert_eq!(seen[2], Some(pair(101, 900)));
        assert_eq!(seen[199], Some(pair(298, 900)));
    }

    #[test]
    fn what_a_missing_answer_would_have_told_is_told_by_the_next() {
        let seen = play(Trouble::Missing);
        let missing = seen.iter().filter(|seen| seen.is_none()).count();
        assert!((20..60).contains(&missing), "{missing}");
        let last = seen.iter().rposition(Option::is_some).unwrap() as u64 + 1;
        assert_eq!(sum(&seen), (1..=last).map(|check| 100 + check).sum::<u64>());
    }

    #[test]
    fn counters_that_begin_anew_lose_a_part_and_invent_nothing() {
        let seen = play(Trouble::Resets);
        let whole: u64 = (1..=200).map(|check| 100 + check).sum();
        assert!(sum(&seen) < whole && sum(&seen) > whole * 9 / 10);
        for (check, seen) in (1..).zip(seen.iter().flatten()) {
            assert!(seen.canary.requests <= 100 + check && seen.baseline.requests <= 900);
        }
    }

    #[test]
    fn what_is_seen_at_once_needs_no_counters() {
        assert!(Scrapes::of(Trouble::Bursts).is_none());
    }
}
