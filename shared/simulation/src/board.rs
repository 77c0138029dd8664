//! Many cells played at once: scenarios down, rules across, four amounts of traffic in each.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::cell::{Cell, cell};
use crate::grid::{Judge, SEED, TRAFFIC};
use crate::world::Scenario;

/// A part of the grid with its results.
#[derive(Debug, Clone)]
pub struct Board {
    /// The rows.
    pub scenarios: Vec<Scenario>,
    /// The columns: what a person calls each rule, and the rule.
    pub judges: Vec<(String, Judge)>,
    cells: Vec<Cell>,
}

impl Board {
    /// Plays every cell, `runs` rollouts each, on so many threads as the machine has cores.
    pub fn play(scenarios: &[Scenario], judges: &[(String, Judge)], runs: u32) -> Self {
        let tasks: Vec<(&Judge, Scenario, u32)> = scenarios
            .iter()
            .flat_map(|scenario| judges.iter().map(move |(_, judge)| (judge, *scenario)))
            .flat_map(|(judge, scenario)| TRAFFIC.map(|requests| (judge, scenario, requests)))
            .collect();
        let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let work = || {
            while let Some((judge, scenario, requests)) =
                tasks.get(next.fetch_add(1, Ordering::Relaxed)).copied()
            {
                let played = cell(judge, scenario, requests, runs, SEED);
                let task = (scenario.name, judge, requests);
                if let Ok(mut done) = done.lock() {
                    done.push((task, played));
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(work);
            }
        });
        let done = done.into_inner().unwrap_or_default();
        let found = |(judge, scenario, requests): &(&Judge, Scenario, u32)| {
            let wanted = (scenario.name, *judge, *requests);
            let cell = done.iter().find(|(task, _)| *task == wanted);
            cell.map(|(_, cell)| cell.clone())
        };
        Self {
            scenarios: scenarios.to_vec(),
            judges: judges.to_vec(),
            cells: tasks.iter().filter_map(found).collect(),
        }
    }

    /// The four cells of a row and a column, with growing traffic.
    pub fn cells(&self, scenario: usize, judge: usize) -> &[Cell] {
        let from = (scenario * self.judges.len() + judge) * TRAFFIC.len();
        &self.cells[from..from + TRAFFIC.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::{BAD, HEALTHY};

    #[test]
    fn each_cell_is_where_its_row_and_its_column_meet() {
        let judges = [
            ("a".into(), Judge::Flagger),
            ("b".into(), Judge::Consecutive),
        ];
        let scenarios = [HEALTHY[0], BAD[0], BAD[2]];
        let board = Board::play(&scenarios, &judges, 20);
        for (row, scenario) in scenarios.iter().enumerate() {
            for (column, (_, judge)) in judges.iter().enumerate() {
                let alone = TRAFFIC.map(|requests| cell(judge, *scenario, requests, 20, SEED));
                assert_eq!(board.cells(row, column), alone);
            }
        }
    }
}
