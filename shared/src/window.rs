//! Several ticks judged together: failures in a row, means, counted rates.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::metric::Metric;
use crate::reason::Reason;
use crate::threshold::{Measured, Thresholds};
use crate::tick::{Judged, Tick};
use crate::verdict::Verdict;

/// After a failure the next probe comes after at most this long, or three failures could not fall into a minute.
pub const PAUSE_AFTER_FAILURE_MAX: Duration = Duration::from_secs(10);

/// When the probe after `last` is due.
pub fn due(last: &Tick, interval: Duration) -> Duration {
    if last.judged.is_good() {
        last.started + interval
    } else {
        last.ended + interval.min(PAUSE_AFTER_FAILURE_MAX)
    }
}

/// A verdict that no further probe can change: the integrity check failed, or so many failures in a row within the
/// window as the thresholds allow no more.
pub fn decided<'t, I>(seen: I, thresholds: &Thresholds) -> Option<Verdict>
where
    I: IntoIterator<Item = &'t Tick>,
    I::IntoIter: DoubleEndedIterator + Clone,
{
    let seen = seen.into_iter();
    let last = seen.clone().next_back()?;
    if let Judged::Critical { reasons } = &last.judged {
        return Some(Verdict::Fail {
            reasons: reasons.clone(),
        });
    }
    let broken = consecutive(seen, thresholds)?;
    let mut reasons = last.judged.reasons().to_vec();
    reasons.push(broken);
    Some(Verdict::Fail { reasons })
}

/// The failures in a row at the end, if they are too many within the window. Each is stamped at its start; the
/// window includes both its ends.
fn consecutive<'t>(
    seen: impl DoubleEndedIterator<Item = &'t Tick>,
    thresholds: &Thresholds,
) -> Option<Reason> {
    let limit = usize::try_from(thresholds.consecutive_failures)
        .unwrap_or(usize::MAX)
        .max(1);
    let row: Vec<&Tick> = seen.rev().take(limit).collect();
    let (last, first) = (row.first()?, row.last()?);
    let within = last.started.saturating_sub(first.started);
    let broken = row.len() == limit
        && row.iter().all(|tick| !tick.judged.is_good())
        && within <= thresholds.failure_window;
    broken.then_some(Reason::Consecutive {
        failures: thresholds.consecutive_failures,
        limit: thresholds.consecutive_failures,
        within,
        window: thresholds.failure_window,
    })
}

/// Means as they grow, tick by tick: by endpoint, metric and source, so that what is reported is apart from what is
/// measured.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Means(BTreeMap<(String, Metric, String), Measured>);

impl Means {
    /// What was measured at one tick more.
    pub fn add(&mut self, tick: &Tick) {
        for sample in &tick.samples {
            for value in sample.measured() {
                let key = (sample.endpoint.clone(), value.metric, value.source.clone());
                self.0
                    .entry(key)
                    .and_modify(|sum| {
                        sum.value += value.value;
                        sum.samples += 1;
                    })
                    .or_insert(value);
            }
        }
    }

    /// The mean of each metric of each endpoint from each source.
    pub fn values(&self) -> BTreeMap<(String, Metric, String), Measured> {
        let mut means = self.0.clone();
        for mean in means.values_mut() {
            mean.value /= f64::from(mean.samples);
        }
        means
    }
}

/// The mean of each metric of each endpoint from each source.
pub fn means<'t>(
    seen: impl IntoIterator<Item = &'t Tick>,
) -> BTreeMap<(String, Metric, String), Measured> {
    let mut means = Means::default();
    seen.into_iter().for_each(|tick| means.add(tick));
    means.values()
}

/// The availability of the endpoints as our own probes counted it, where it is outside its limit.
///
/// A rate that we count is held against its limit only where the sample can carry it: with at least 1/(1 − limit)
/// probes (100 for 99 %).
pub fn counted(attempts: u32, failures: u32, thresholds: &Thresholds) -> Option<Reason> {
    let limit = thresholds.fail.availability;
    let carries = f64::from(attempts) * (100.0 - limit) >= 100.0;
    let value = 100.0 * f64::from(attempts - failures) / f64::from(attempts);
    let source = format!("counted: {failures} of {attempts} probes failed");
    let measured = Measured {
        metric: Metric::Availability,
        value,
        samples: 1,
        source,
    };
    (carries && Metric::Availability.outside(value, limit))
        .then_some(Reason::Limit { measured, limit })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ticks from a word: `.` good, `x` bad, one every `step` seconds.
    fn ticks(word: &str, step: u64) -> Vec<Tick> {
        let judged = |c| match c {
            '.' => Judged::Good { warnings: vec![] },
            _ => Judged::Bad {
                reasons: vec![Reason::Unhealthy],
            },
        };
        let times = (0..).map(|n| Duration::from_secs(n * step));
        word.chars()
            .zip(times)
            .map(|(c, at)| Tick {
                started: at,
                ended: at,
                samples: vec![],
                judged: judged(c),
            })
            .collect()
    }

    #[test]
    fn the_window_of_failures_in_a_row_includes_both_its_ends() {
        let thresholds = Thresholds::default();
        assert!(decided(&ticks("xxx", 30), &thresholds).is_some());
        assert!(decided(&ticks("xxx", 31), &thresholds).is_none());
        assert!(decided(&ticks("xx", 1), &thresholds).is_none());
        assert!(decided(&[], &thresholds).is_none());
    }

    #[test]
    fn a_counted_rate_is_held_against_its_limit_where_the_sample_carries_it() {
        let thresholds = Thresholds::default();
        assert_eq!(counted(99, 99, &thresholds), None);
        assert_eq!(counted(100, 1, &thresholds), None);
        assert!(counted(100, 2, &thresholds).is_some());
    }
}
