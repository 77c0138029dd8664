//! False rollbacks as a table in colours: the more, the redder.

use std::fmt::Write as _;

use crate::board::Board;
use crate::cell::Cell;
use crate::grid::TRAFFIC;
use crate::page::{falsely, thousands};

use super::begin;

const LEFT: f64 = 190.0;
const TOP: f64 = 76.0;
const CELL: f64 = 44.0;
const ROW: f64 = 24.0;
const GAP: f64 = 14.0;
/// Scenarios side by side before the picture goes on below.
const ACROSS: usize = 3;

/// A table a scenario of the board, rules down, traffic across. The worlds must be healthy ones.
pub fn heat(board: &Board) -> String {
    let blocks = board.scenarios.len().div_ceil(ACROSS);
    let (wide, high) = (4.0 * CELL + GAP, block_height(board));
    let width = LEFT + at(ACROSS.min(board.scenarios.len())) * wide;
    let height = TOP + at(blocks) * high;
    let mut out = begin(
        width,
        height,
        "Rollouts of a healthy version that were rolled back, in per cent",
    );
    let _ = writeln!(
        out,
        "<text x=\"14\" y=\"26\" font-size=\"15\" font-weight=\"bold\">Healthy versions rolled back, % of rollouts</text>"
    );
    let _ = writeln!(
        out,
        "<text class=\"faint\" x=\"14\" y=\"46\">Columns: requests a check, of both versions together. Every figure above 0 is a wrong rollback.</text>"
    );
    for block in 0..blocks {
        for (row, (name, _)) in board.judges.iter().enumerate() {
            let y = TOP + at(block) * high + 36.0 + at(row) * ROW + 16.0;
            let weight = if row < 2 { " font-weight=\"bold\"" } else { "" };
            let _ = writeln!(out, "<text x=\"14\" y=\"{y}\"{weight}>{name}</text>");
        }
    }
    for (place, scenario) in board.scenarios.iter().enumerate() {
        let (x, y) = (
            LEFT + at(place % ACROSS) * wide,
            TOP + at(place / ACROSS) * high,
        );
        let _ = writeln!(
            out,
            "<text x=\"{x}\" y=\"{}\" font-weight=\"bold\">{}</text>",
            y + 12.0,
            scenario.name
        );
        for (column, requests) in TRAFFIC.into_iter().enumerate() {
            let (x, y) = (x + (at(column) + 0.5) * CELL, y + 30.0);
            let _ = writeln!(
                out,
                "<text class=\"faint\" x=\"{x}\" y=\"{y}\" text-anchor=\"middle\" font-size=\"11\">{}</text>",
                thousands(requests)
            );
        }
        for judge in 0..board.judges.len() {
            for (column, cell) in board.cells(place, judge).iter().enumerate() {
                square(
                    &mut out,
                    (x + at(column) * CELL, y + 36.0 + at(judge) * ROW),
                    cell,
                );
            }
        }
    }
    out.push_str("</svg>\n");
    out
}

fn square(out: &mut String, (x, y): (f64, f64), cell: &Cell) {
    let (width, height) = (CELL - 2.0, ROW - 2.0);
    let colour = colour(cell.percent(cell.falsely));
    let _ = writeln!(
        out,
        "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"3\" fill=\"{colour}\"/>"
    );
    let _ = writeln!(
        out,
        "<text class=\"on\" x=\"{}\" y=\"{}\" text-anchor=\"middle\" font-size=\"11\">{}</text>",
        x + width / 2.0,
        y + 15.0,
        falsely(cell)
    );
}

/// In steps that a reader can tell apart: at most α, at most 2 %, and so on.
fn colour(percent: f64) -> &'static str {
    match percent {
        p if p <= 1.0 => "#aceebb",
        p if p <= 2.0 => "#fff8c5",
        p if p <= 10.0 => "#ffd8b5",
        p if p <= 50.0 => "#ffb8a8",
        _ => "#ff8182",
    }
}

fn block_height(board: &Board) -> f64 {
    36.0 + at(board.judges.len()) * ROW + 18.0
}

fn at(index: usize) -> f64 {
    f64::from(u32::try_from(index).unwrap_or(u32::MAX))
}
