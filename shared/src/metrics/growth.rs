//! How much counters grew between two instants, from what was scraped of them. Pure.
//!
//! Each series is one counter of one instance. Between two scrapes it grows evenly, as far as anybody knows; so two sides
//! that are scraped at different moments can be compared over the same span, and an outage of both falls into the same
//! window on either side.

use std::collections::BTreeMap;

use crate::split::Served;

/// What was scraped of one counter.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    /// Whose it is: the labels `job` and `instance`.
    pub(super) instance: String,
    /// Seconds since the epoch and the counter's value, oldest first; at least one.
    pub(super) samples: Vec<(f64, f64)>,
}

/// The counters of one side.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Side {
    /// All requests.
    pub(super) requests: Vec<Series>,
    /// Those that failed.
    pub(super) failed: Vec<Series>,
    /// Those that were fast enough; absent where nobody asks.
    pub(super) fast: Option<Vec<Series>>,
}

/// What was counted, with the parts of requests that fall to either side of an instant.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Grown {
    pub(super) requests: f64,
    pub(super) failed: f64,
    pub(super) fast: Option<f64>,
}

impl Side {
    /// When the requests of each of its instances were scraped, oldest first.
    fn scrapes(&self) -> BTreeMap<&str, Vec<f64>> {
        let mut scrapes: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for series in &self.requests {
            let times = scrapes.entry(&series.instance).or_default();
            times.extend(series.samples.iter().map(|(at, _)| *at));
        }
        for times in scrapes.values_mut() {
            times.sort_by(f64::total_cmp);
            times.dedup();
        }
        scrapes
    }

    /// The same of those that are still there. An instance is gone when it was silent for longer than two of the
    /// longest pauses between two scrapes of any: a scrape may be missed.
    fn present(&self) -> Vec<Vec<f64>> {
        let scrapes = self.scrapes();
        let pauses = scrapes.values().flat_map(|times| times.windows(2));
        let pause = pauses.map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
        let Some(newest) = self.newest() else {
            return Vec::new();
        };
        let is_there = |times: &Vec<f64>| {
            let last = times.last().copied();
            last.is_some_and(|last| newest - last <= 2.0 * pause)
        };
        scrapes.into_values().filter(is_there).collect()
    }

    /// When any of its instances was scraped last.
    pub(super) fn newest(&self) -> Option<f64> {
        let samples = self.requests.iter().flat_map(|series| &series.samples);
        samples.map(|(at, _)| *at).reduce(f64::max)
    }

    /// Until when all of its instances were scraped: what one of them served since is not known yet.
    pub(super) fn complete(&self) -> Option<f64> {
        let present = self.present();
        let lasts = present.iter().filter_map(|times| times.last().copied());
        lasts.reduce(f64::min)
    }

    /// When each of its instances has been scraped so many times after an instant, from 1; absent while one has not.
    pub(super) fn scraped_after(&self, instant: f64, number: usize) -> Option<f64> {
        let place = number.checked_sub(1)?;
        let present = self.present();
        let mut ends = present
            .iter()
            .map(|times| times.iter().filter(|at| **at > instant).nth(place).copied());
        ends.try_fold(None, |latest: Option<f64>, end| {
            let end = end?;
            Some(Some(latest.map_or(end, |latest| latest.max(end))))
        })?
    }

    /// What was counted after `from` and until `to`.
    pub(super) fn grown(&self, from: f64, to: f64) -> Grown {
        let sum = |all: &[Series]| all.iter().map(|one| self.of(one, from, to)).sum();
        Grown {
            requests: sum(&self.requests),
            failed: sum(&self.failed),
            fast: self.fast.as_deref().map(sum),
        }
    }

    /// A counter that fell was started again: what it has then is new. So is all of one that appeared on an instance
    /// which had been scraped before; of the first scrape of an instance nobody knows how old its counts are.
    fn of(&self, series: &Series, from: f64, to: f64) -> f64 {
        let first = series.samples.first().copied();
        let born =
            first.and_then(|(at, _)| Some((self.scraped_before(&series.instance, at)?, 0.0)));
        let points: Vec<(f64, f64)> = born.into_iter().chain(series.samples.clone()).collect();
        let pairs = points.iter().zip(points.iter().skip(1));
        pairs
            .map(|(then, now)| {
                let more = if now.1 < then.1 {
                    now.1
                } else {
                    now.1 - then.1
                };
                let (begin, end) = (then.0.max(from), now.0.min(to));
                if end > begin {
                    more * (end - begin) / (now.0 - then.0)
                } else {
                    0.0
                }
            })
            .sum()
    }

    /// The last scrape of an instance before an instant.
    fn scraped_before(&self, instance: &str, instant: f64) -> Option<f64> {
        let all = self.requests.iter().chain(&self.failed);
        let own = all.filter(|series| series.instance == instance);
        let times = own.flat_map(|series| &series.samples).map(|(at, _)| *at);
        times.filter(|at| *at < instant).reduce(f64::max)
    }
}

/// Whole requests out of parts of them: what is left over goes into the next window, so that nothing counts twice.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Whole {
    left: Grown,
}

impl Whole {
    pub(super) fn take(&mut self, grown: Grown) -> Served {
        let sum = Grown {
            requests: self.left.requests + grown.requests,
            failed: self.left.failed + grown.failed,
            fast: grown.fast.map(|fast| fast + self.left.fast.unwrap_or(0.0)),
        };
        let (requests, failed) = (
            whole(sum.requests),
            whole(sum.failed).min(whole(sum.requests)),
        );
        let fast = sum.fast.map(|fast| whole(fast).min(requests));
        self.left = Grown {
            requests: (sum.requests - real(requests)).max(0.0),
            failed: (sum.failed - real(failed)).max(0.0),
            fast: sum
                .fast
                .zip(fast)
                .map(|(sum, fast)| (sum - real(fast)).max(0.0)),
        };
        Served {
            requests,
            failed,
            slow: fast.map(|fast| requests - fast),
        }
    }
}

/// The whole part; what is a hair's breadth below the next number is that number.
fn whole(count: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float beyond the range becomes its end"
    )]
    let whole = (count + 1e-6).floor() as u64;
    whole
}

fn real(count: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
    let real = count as f64;
    real
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(instance: &str, samples: &[(f64, f64)]) -> Series {
        Series {
            instance: instance.into(),
            samples: samples.to_vec(),
        }
    }

    fn side(requests: Vec<Series>, failed: Vec<Series>) -> Side {
        Side {
            requests,
            failed,
            fast: None,
        }
    }

    fn near(found: f64, expected: f64) {
        assert!(
            (found - expected).abs() < 1e-9,
            "{found}, expected {expected}"
        );
    }

    #[test]
    fn between_two_scrapes_a_counter_grows_evenly() {
        let side = side(
            vec![series("a", &[(0.0, 100.0), (10.0, 150.0), (20.0, 150.0)])],
            vec![],
        );
        near(side.grown(0.0, 10.0).requests, 50.0);
        near(side.grown(5.0, 15.0).requests, 25.0);
        near(side.grown(0.0, 20.0).requests, 50.0);
        near(side.grown(20.0, 99.0).requests, 0.0);
    }

    #[test]
    fn windows_side_by_side_are_as_much_as_the_whole() {
        let side = side(
            vec![series(
                "a",
                &[(1.0, 7.0), (14.0, 90.0), (31.0, 3.0), (40.0, 50.0)],
            )],
            vec![],
        );
        let parts: f64 = [(1.0, 9.0), (9.0, 22.0), (22.0, 40.0)]
            .iter()
            .map(|(from, to)| side.grown(*from, *to).requests)
            .sum();
        near(parts, 83.0 + 3.0 + 47.0);
        near(side.grown(1.0, 40.0).requests, parts);
    }

    #[test]
    fn a_replica_that_starts_again_takes_nothing_from_the_others() {
        let side = side(
            vec![
                series("a", &[(0.0, 1000.0), (10.0, 20.0)]),
                series("b", &[(0.0, 5000.0), (10.0, 5030.0)]),
            ],
            vec![],
        );
        near(side.grown(0.0, 10.0).requests, 50.0);
    }

    #[test]
    fn the_first_failure_of_an_instance_counts_and_the_past_of_a_new_one_does_not() {
        let all = vec![series("a", &[(0.0, 100.0), (10.0, 160.0)])];
        let first = side(all.clone(), vec![series("a", &[(10.0, 60.0)])]);
        near(first.grown(0.0, 10.0).failed, 60.0);
        let newcomer = side(all, vec![series("b", &[(10.0, 9000.0), (20.0, 9001.0)])]);
        near(newcomer.grown(0.0, 10.0).failed, 0.0);
        near(newcomer.grown(0.0, 20.0).failed, 1.0);
    }

    #[test]
    fn an_outage_of_both_falls_into_the_same_window_however_the_sides_are_scraped() {
        // 100 requests a second each; from second 0 on all fail. One side is scraped at 1, the other at 14.
        let canary = side(
            vec![series("c", &[(-14.0, 0.0), (1.0, 1500.0), (16.0, 3000.0)])],
            vec![series("c", &[(-14.0, 0.0), (1.0, 100.0), (16.0, 1600.0)])],
        );
        let stable = side(
            vec![series("s", &[(-16.0, 0.0), (-1.0, 1500.0), (14.0, 3000.0)])],
            vec![series("s", &[(-16.0, 0.0), (-1.0, 0.0), (14.0, 1400.0)])],
        );
        let (new, old) = (canary.grown(-14.0, 1.0), stable.grown(-14.0, 1.0));
        near(new.failed, 100.0);
        assert!(old.failed > 90.0, "{old:?}");
    }

    #[test]
    fn parts_of_requests_count_once_and_whole() {
        let mut whole = Whole::default();
        let half = Grown {
            requests: 2.5,
            failed: 0.5,
            fast: Some(1.5),
        };
        let (first, second) = (whole.take(half), whole.take(half));
        let served = |requests, failed, slow| Served {
            requests,
            failed,
            slow: Some(slow),
        };
        assert_eq!((first, second), (served(2, 0, 1), served(3, 1, 1)));
        let third = whole.take(Grown::default());
        assert_eq!((third.requests, third.failed), (0, 0));
    }

    /// Scrapes of the requests of some instances, which count nothing.
    fn scraped(instances: &[(&str, &[f64])]) -> Side {
        let all = instances.iter().map(|(name, times)| {
            let samples: Vec<(f64, f64)> = times.iter().map(|at| (*at, 1.0)).collect();
            series(name, &samples)
        });
        side(all.collect(), vec![])
    }

    #[test]
    fn scrapes_are_counted_after_an_instant_for_each_instance() {
        let alone = scraped(&[("a", &[0.0, 10.0, 20.0])]);
        assert_eq!(alone.newest(), Some(20.0));
        assert_eq!(alone.scraped_after(0.0, 2), Some(20.0));
        assert_eq!(alone.scraped_after(0.0, 3), None);
        assert_eq!(Side::default().newest(), None);
        assert_eq!(Side::default().scraped_after(0.0, 1), None);
    }

    #[test]
    fn the_second_scrape_of_staggered_replicas_is_that_of_the_last_one() {
        // Three replicas a third of an interval apart; the traffic was changed at 12.
        let until = |end: f64| {
            let times = |first: f64| -> Vec<f64> {
                let all = (0..9).map(|n| first + 15.0 * f64::from(n));
                all.filter(|at| *at <= end).collect()
            };
            let (a, b, c) = (times(0.0), times(5.0), times(10.0));
            scraped(&[("a", &a), ("b", &b), ("c", &c)]).scraped_after(12.0, 2)
        };
        // Six scrapes came after it, two of each replica, until 40.
        assert_eq!((until(20.0), until(30.0), until(35.0)), (None, None, None));
        assert_eq!((until(40.0), until(100.0)), (Some(40.0), Some(40.0)));
    }

    #[test]
    fn a_replica_that_is_gone_is_not_waited_for_and_one_that_missed_a_scrape_is() {
        let gone = [0.0, 10.0];
        let alive = [5.0, 15.0, 25.0, 35.0];
        let of = |alive: &[f64]| scraped(&[("a", &gone), ("b", alive)]);
        assert_eq!(of(&alive).scraped_after(12.0, 2), Some(25.0));
        assert_eq!(of(&alive[..3]).scraped_after(12.0, 2), None);
        assert_eq!(of(&alive).complete(), Some(35.0));
        assert_eq!(of(&alive[..3]).complete(), Some(10.0));
    }

    #[test]
    fn windows_that_end_where_all_replicas_were_scraped_lose_nothing() {
        let all = |end: f64| {
            let of = |name: &str, first: f64| {
                let times = (0..9).map(|n| first + 10.0 * f64::from(n));
                let samples = times.filter(|at| *at <= end).map(|at| (at, at - first));
                series(name, &samples.collect::<Vec<_>>())
            };
            side(vec![of("a", 0.0), of("b", 7.0)], vec![])
        };
        let (mut from, mut sum) = (17.0, 0.0);
        for end in 18..78 {
            let side = all(f64::from(end));
            let to = side.complete().unwrap();
            if to > from {
                sum += side.grown(from, to).requests;
                from = to;
            }
        }
        // One request a second of each.
        near(from, 70.0);
        near(sum, 2.0 * (70.0 - 17.0));
    }
}
