//! The figures as Markdown tables, put between a page's markers.

use std::fmt::Write as _;

use crate::board::Board;
use crate::cell::Cell;
use crate::grid::{DEFAULT, P_MAX, RUNS, SEED, TRAFFIC};
use crate::rule::{CHECKS, STAGES};

/// How to make the figures again.
pub const COMMAND: &str = ".ci/bench decisions --write";

/// What the figures stand on: who changes a constant plays again.
pub fn run() -> String {
    format!(
        "{RUNS} rollouts a cell, seed {SEED}, version {}; α {}, allowed factor {}, icc {} where there is no history. \
         Made by `{COMMAND}`.",
        env!("CARGO_PKG_VERSION"),
        DEFAULT.alpha,
        DEFAULT.allowed_factor,
        DEFAULT.icc,
    )
}

/// A row a scenario, a column a rule, the four amounts of traffic in each cell.
pub fn table(board: &Board, first: &str, show: impl Fn(&Cell) -> String) -> String {
    let mut out = format!("| {first} |");
    for (name, _) in &board.judges {
        let _ = write!(out, " {name} |");
    }
    let _ = write!(out, "\n|---|{}", "---|".repeat(board.judges.len()));
    for (row, scenario) in board.scenarios.iter().enumerate() {
        let _ = write!(out, "\n| {} |", scenario.name);
        for column in 0..board.judges.len() {
            let _ = write!(out, " {} |", four(board.cells(row, column), &show));
        }
    }
    out
}

/// A row a rule, a column a scenario.
pub fn turned(board: &Board, first: &str, shows: &[&dyn Fn(&Cell) -> String]) -> String {
    let mut out = format!("| {first} |");
    for scenario in &board.scenarios {
        let _ = write!(out, " {} |", scenario.name);
    }
    let _ = write!(out, "\n|---|{}", "---|".repeat(board.scenarios.len()));
    for (column, (name, _)) in board.judges.iter().enumerate() {
        let _ = write!(out, "\n| {name} |");
        for (row, show) in shows.iter().enumerate() {
            let _ = write!(out, " {} |", four(board.cells(row, column), show));
        }
    }
    out
}

fn four(cells: &[Cell], show: impl Fn(&Cell) -> String) -> String {
    cells.iter().map(show).collect::<Vec<_>>().join(" · ")
}

/// Of a healthy row: how many were rolled back, in per cent.
pub fn falsely(cell: &Cell) -> String {
    percent(cell.percent(cell.falsely))
}

/// Of a bad row: how many were found, in per cent, and by which check half of them all.
pub fn found(cell: &Cell) -> String {
    let check = cell
        .median_check
        .map_or("–".into(), |check| check.to_string());
    format!("{} ({check})", percent(cell.percent(cell.found)))
}

/// The mean of failed requests.
pub fn failed(cell: &Cell) -> String {
    let mean = cell.failed_requests;
    if mean < 100.0 {
        format!("{mean:.1}")
    } else {
        format!("{mean:.0}")
    }
}

/// With how many checks how many of a healthy version's stages were accepted.
pub fn acceptance(cells: &[Cell]) -> String {
    let mut out = format!(
        "| requests a check | {} | all three |\n|---|---|---|---|---|",
        STAGES
            .map(|share| format!("stage at {:.0} %", share * 100.0))
            .join(" | ")
    );
    for (requests, cell) in TRAFFIC.into_iter().zip(cells) {
        let _ = write!(out, "\n| {} |", thousands(requests));
        for stage in 0..STAGES.len() {
            let median =
                cell.accepted_median[stage].map_or("–".into(), |check| check.to_string());
            let _ = write!(
                out,
                " {} % ({median}) |",
                percent(cell.percent(cell.accepted[stage]))
            );
        }
        let _ = write!(out, " {} % |", percent(cell.percent(cell.accepted_all)));
    }
    let _ = write!(
        out,
        "\n\nWith `p_max` {:.0} %, within a stage's {CHECKS} checks; in brackets the check by which half were \
         accepted.",
        P_MAX * 100.0
    );
    out
}

/// Figures that say as much as their sample can carry.
fn percent(value: f64) -> String {
    if value <= 0.0 {
        "0".into()
    } else if value < 9.95 {
        format!("{value:.2}")
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned()
    } else if value > 99.0 && value < 100.0 {
        format!("{:.1}", (value * 10.0).floor() / 10.0)
    } else {
        format!("{value:.0}")
    }
}

/// A count with its thousands apart.
pub fn thousands(count: u32) -> String {
    if count < 1000 {
        count.to_string()
    } else {
        format!("{},{:03}", count / 1000, count % 1000)
    }
}

/// The page with `text` between the markers of this name.
///
/// # Errors
///
/// When a marker is missing.
pub fn put(page: &str, name: &str, text: &str) -> Result<String, String> {
    let (begin, end) = (
        format!("<!-- decisions:{name}:begin -->"),
        format!("<!-- decisions:{name}:end -->"),
    );
    let missing =
        |marker: &str| format!("no {marker} in the page: put it where the figures belong");
    let (before, rest) = page.split_once(&begin).ok_or_else(|| missing(&begin))?;
    let (_, after) = rest.split_once(&end).ok_or_else(|| missing(&end))?;
    Ok(format!("{before}{begin}\n{text}\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_between_the_markers_is_replaced_and_nothing_else() {
        let page = "a\n<!-- decisions:x:begin -->\nold\n<!-- decisions:x:end -->\nb\n";
        let put_in = put(page, "x", "new").unwrap();
        assert_eq!(put_in, page.replace("old", "new"));
        assert!(
            put(page, "y", "new")
                .unwrap_err()
                .contains("decisions:y:begin")
        );
    }

    #[test]
    fn figures_never_look_better_than_they_are() {
        let shown = [0.0, 0.01, 0.1, 3.456, 42.4, 98.6, 99.97, 100.0].map(percent);
        assert_eq!(
            shown,
            ["0", "0.01", "0.1", "3.46", "42", "99", "99.9", "100"]
        );
    }
}
