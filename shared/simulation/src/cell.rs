//! What many rollouts of one rule in one kind of world come to.

use crate::course::{Outcome, play};
use crate::grid::Judge;
use crate::world::Scenario;

/// One cell of the grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// How many rollouts.
    pub runs: u32,
    /// How many of them were rolled back while the new version was healthy.
    pub falsely: u32,
    /// How many were rolled back once it was bad.
    pub found: u32,
    /// The checks that found it, from 1 at the first bad one, sorted.
    checks: Vec<u32>,
    /// The check by which half of all runs were rolled back rightly, from 1 at the first bad one; nothing where fewer
    /// than half ever were.
    pub median_check: Option<u32>,
    /// Failed requests of the new version until traffic was back, or until the rollout's end; the mean.
    pub failed_requests: f64,
    /// How many runs accepted each stage within it.
    pub accepted: [u32; 3],
    /// How many runs accepted every stage.
    pub accepted_all: u32,
    /// The check of the stage by which half of all runs had accepted it, from 1.
    pub accepted_median: [Option<u32>; 3],
}

impl Cell {
    /// In per cent of the runs.
    pub fn percent(&self, of: u32) -> f64 {
        100.0 * f64::from(of) / f64::from(self.runs)
    }

    /// How many were rolled back rightly by this check, counted from 1 at the first bad one.
    pub fn found_by(&self, check: u32) -> u32 {
        count(self.checks[..self.checks.partition_point(|found| *found <= check)].iter())
    }
}

/// Plays `runs` rollouts. The same seed is the same traffic, for every rule that goes through the same stages.
pub fn cell(judge: &Judge, scenario: Scenario, requests: u32, runs: u32, seed: u64) -> Cell {
    let outcomes: Vec<Outcome> = (0..runs)
        .map(|run| {
            let seed = seed.wrapping_add((u64::from(requests) << 40) + u64::from(run));
            let mut rule = judge.rule(scenario.trouble, requests, seed);
            play(&mut *rule, scenario, requests, seed)
        })
        .collect();
    let healthy = scenario.healthy();
    let falsely = |outcome: &Outcome| {
        let check = outcome.rolled_back;
        check.is_some_and(|check| healthy || check < outcome.bad_from)
    };
    let mut checks: Vec<u32> = outcomes
        .iter()
        .filter(|outcome| !falsely(outcome))
        .filter_map(|outcome| Some(outcome.rolled_back? - outcome.bad_from + 1))
        .collect();
    let failed: u64 = outcomes.iter().map(|outcome| outcome.failed_requests).sum();
    let stage = |stage: usize| -> Vec<u32> {
        outcomes
            .iter()
            .filter_map(|outcome| outcome.accepted[stage])
            .collect()
    };
    let mut stages = [stage(0), stage(1), stage(2)];
    Cell {
        runs,
        falsely: count(outcomes.iter().filter(|outcome| falsely(outcome))),
        found: count(checks.iter()),
        median_check: median(&mut checks, runs),
        checks,
        failed_requests: f64::from(u32::try_from(failed / 10).unwrap_or(u32::MAX)) * 10.0
            / f64::from(runs),
        accepted: [0, 1, 2].map(|stage| count(stages[stage].iter())),
        accepted_all: count(
            outcomes
                .iter()
                .filter(|outcome| outcome.accepted.iter().all(Option::is_some)),
        ),
        accepted_median: [0, 1, 2].map(|stage| median(&mut stages[stage], runs)),
    }
}

fn count<T>(of: impl Iterator<Item = T>) -> u32 {
    u32::try_from(of.count()).unwrap_or(u32::MAX)
}

/// The value that at least half of `runs` do not exceed, where those without one exceed all.
fn median(values: &mut [u32], runs: u32) -> Option<u32> {
    values.sort_unstable();
    let half = runs.div_ceil(2) as usize;
    values.get(half.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_found_nothing_is_later_than_all() {
        assert_eq!(median(&mut [3, 1, 2], 3), Some(2));
        assert_eq!(median(&mut [3, 1, 2], 5), Some(3));
        assert_eq!(median(&mut [3, 1, 2], 7), None);
        assert_eq!(median(&mut [], 0), None);
    }
}
