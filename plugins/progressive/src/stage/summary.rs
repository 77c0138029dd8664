//! What is kept of a stage that is over.

use std::time::Duration;

use shared::evidence::{Pair, Weighed};
use shared::metric::Metric;
use shared::split::Share;

use super::Watch;

/// How a stage ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Judged good.
    Passed,
    /// Judged bad.
    Failed,
    /// Neither.
    Inconclusive,
    /// Something else ended the rollout while it was watched.
    CutOff,
}

/// A stage in figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Its place, from 1.
    pub number: usize,
    /// The canary's share in it.
    pub share: Share,
    /// How it ended.
    pub ended: Ended,
    /// How long it was watched.
    pub took: Duration,
    /// Looks that say something about the new version.
    pub looks: u32,
    /// Of these, failures.
    pub failed: u32,
    /// Looks at which both sides failed.
    pub outages: u32,
    /// The worst mean of each metric over its endpoints and sources, in the metric's unit.
    pub means: Vec<(Metric, f64)>,
    /// Requests of both versions, where they were counted.
    pub counts: Option<Pair>,
    /// The same of slow ones, where somebody told which were.
    pub slow: Option<Pair>,
    /// What weighed most against the new version at its end.
    pub weighed: Option<Weighed>,
}

impl Summary {
    /// The figures of a watched span.
    pub fn of(number: usize, share: Share, watch: &Watch, ended: Ended, now: Duration) -> Self {
        let sums = &watch.sums;
        Self {
            number,
            share,
            ended,
            took: now.saturating_sub(watch.opened),
            looks: sums.attempts,
            failed: sums.failures,
            outages: sums.outages,
            means: worst(watch),
            counts: watch.counted(),
            slow: sums.slow,
            weighed: watch.seen.last().and_then(|look| look.weighed),
        }
    }

    /// The mean of one metric.
    pub fn mean(&self, metric: Metric) -> Option<f64> {
        let found = self.means.iter().find(|(other, _)| *other == metric);
        found.map(|(_, value)| *value)
    }
}

fn worst(watch: &Watch) -> Vec<(Metric, f64)> {
    let all = watch.sums.means.values();
    let of = |metric: Metric| {
        let values = all
            .iter()
            .filter(|((_, other, _), _)| *other == metric)
            .map(|(_, mean)| mean.value);
        let worst = values.reduce(|a, b| if metric.outside(b, a) { b } else { a })?;
        Some((metric, worst))
    };
    Metric::ALL.into_iter().filter_map(of).collect()
}
