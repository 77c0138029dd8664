//! How many of the bad versions were rolled back by which check.

use std::fmt::Write as _;

use crate::board::Board;
use crate::cell::Cell;
use crate::grid::TRAFFIC;
use crate::page::thousands;

use super::begin;

const LEFT: f64 = 46.0;
const TOP: f64 = 132.0;
const WIDTH: f64 = 190.0;
const HEIGHT: f64 = 120.0;
const GAP_X: f64 = 40.0;
const GAP_Y: f64 = 88.0;
/// The last check that is drawn.
const CHECKS: u32 = 60;
/// One a rule. Told apart also without colour, by the dashes.
const STROKES: [(&str, &str, f64); 6] = [
    ("#2f81f7", "", 3.0),
    ("#2f81f7", "2 3", 2.0),
    ("#bf8700", "", 1.6),
    ("#cf4a9c", "7 3", 1.6),
    ("#57ab5a", "1 4", 2.4),
    ("#8b7bd8", "9 3 2 3", 1.6),
];

/// A row a scenario, of the board's first `rows`; a column an amount of traffic.
pub fn curves(board: &Board, rows: usize) -> String {
    let width = LEFT + 4.0 * (WIDTH + GAP_X) - 22.0;
    let height = TOP + at(rows) * (HEIGHT + GAP_Y) - 42.0;
    let mut out = begin(
        width,
        height,
        "Bad versions that were rolled back by each check, in per cent",
    );
    let _ = writeln!(
        out,
        "<text x=\"14\" y=\"26\" font-size=\"15\" font-weight=\"bold\">Bad versions rolled back by this check, % of rollouts</text>"
    );
    legend(&mut out, board);
    for (row, scenario) in board.scenarios.iter().take(rows).enumerate() {
        let y = TOP + at(row) * (HEIGHT + GAP_Y);
        let (name, above) = (scenario.name, y - 26.0);
        let _ = writeln!(
            out,
            "<text x=\"14\" y=\"{above}\" font-size=\"13\" font-weight=\"bold\">{name}</text>"
        );
        for (column, requests) in TRAFFIC.into_iter().enumerate() {
            let corner = (LEFT + at(column) * (WIDTH + GAP_X), y);
            panel(
                &mut out,
                corner,
                &format!("{} requests a check", thousands(requests)),
            );
            for judge in (0..board.judges.len()).rev() {
                curve(&mut out, corner, judge, &board.cells(row, judge)[column]);
            }
        }
    }
    out.push_str("</svg>\n");
    out
}

fn legend(out: &mut String, board: &Board) {
    for (place, (name, _)) in board.judges.iter().enumerate() {
        let (x, y) = (14.0 + at(place % 3) * 280.0, 50.0 + at(place / 3) * 20.0);
        let (colour, dashes, stroke) = STROKES[place % STROKES.len()];
        let _ = writeln!(
            out,
            "<line x1=\"{x}\" x2=\"{}\" y1=\"{y}\" y2=\"{y}\" stroke=\"{colour}\" stroke-width=\"{stroke}\" stroke-dasharray=\"{dashes}\"/>",
            x + 34.0
        );
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{}\">{name}</text>",
            x + 42.0,
            y + 4.0
        );
    }
}

fn panel(out: &mut String, (x, y): (f64, f64), title: &str) {
    let _ = writeln!(
        out,
        "<text x=\"{x}\" y=\"{}\" class=\"faint\" font-size=\"11\">{title}</text>",
        y - 8.0
    );
    let _ = writeln!(
        out,
        "<rect class=\"axis\" x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>"
    );
    for share in [0.0, 50.0, 100.0] {
        let line = y + HEIGHT * (1.0 - share / 100.0);
        let _ = writeln!(
            out,
            "<line class=\"axis\" x1=\"{x}\" x2=\"{}\" y1=\"{line}\" y2=\"{line}\"/>",
            x + WIDTH
        );
        let _ = writeln!(
            out,
            "<text class=\"faint\" x=\"{}\" y=\"{}\" text-anchor=\"end\" font-size=\"10\">{share}</text>",
            x - 5.0,
            line + 4.0
        );
    }
    for check in [1, 20, 40, 60] {
        let place = x + across(check);
        let _ = writeln!(
            out,
            "<text class=\"faint\" x=\"{place}\" y=\"{}\" text-anchor=\"middle\" font-size=\"10\">{check}</text>",
            y + HEIGHT + 14.0
        );
    }
    let _ = writeln!(
        out,
        "<text class=\"faint\" x=\"{}\" y=\"{}\" text-anchor=\"middle\" font-size=\"10\">check since it is bad</text>",
        x + WIDTH / 2.0,
        y + HEIGHT + 28.0
    );
}

fn curve(out: &mut String, (x, y): (f64, f64), judge: usize, cell: &Cell) {
    let mut points = format!("{:.1},{:.1}", x, y + HEIGHT);
    for check in 1..=CHECKS {
        let found = cell.percent(cell.found_by(check));
        let height = y + HEIGHT * (1.0 - found / 100.0);
        let _ = write!(points, " {:.1},{height:.1}", x + across(check));
    }
    let (colour, dashes, stroke) = STROKES[judge % STROKES.len()];
    let _ = writeln!(
        out,
        "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{stroke}\" stroke-dasharray=\"{dashes}\" stroke-linejoin=\"round\"/>"
    );
}

fn across(check: u32) -> f64 {
    WIDTH * f64::from(check) / f64::from(CHECKS)
}

fn at(index: usize) -> f64 {
    f64::from(u32::try_from(index).unwrap_or(u32::MAX))
}
