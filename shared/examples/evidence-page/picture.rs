//! The odds of three rollouts, check by check, as SVG.

use std::fmt::Write as _;

use crate::runs::{CHECK, CHECKS, RULE, Run, runs};

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 430.0;
const LEFT: f64 = 110.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 58.0;
const BOTTOM: f64 = 128.0;

/// The lowest and the highest power of ten that are shown.
const POWERS: (i32, i32) = (-1, 5);

/// A picture that stands alone has its own ground: an image in a page does not know that page's colours.
const STYLE: &str = "\
.ground{fill:#ffffff}.ink{fill:#1f2328}.faint{stroke:#1f2328;stroke-opacity:.18}.soft{fill:#1f2328;fill-opacity:.07}\n\
.bad{stroke:#cf222e}.both{stroke:#9a6700}.well{stroke:#1a7f37}.bar{stroke:#1f2328}.spot{fill:#cf222e}\n\
@media (prefers-color-scheme:dark){.ground{fill:#0d1117}.ink{fill:#e6edf3}.faint{stroke:#e6edf3}.soft{fill:#e6edf3;\
fill-opacity:.1}\n.bad{stroke:#ff7b72}.both{stroke:#e3b341}.well{stroke:#3fb950}.bar{stroke:#e6edf3}.spot{fill:#ff7b72}}";

/// The picture.
pub(crate) fn svg() -> String {
    let bar = 2.0 / RULE.alpha;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"The odds that a new version is worse, check by check: a bad one passes {bar:.0} to 1 and is \
         rolled back, a healthy one and an outage of both versions never do\" \
         font-family=\"system-ui,sans-serif\" font-size=\"13\">\n<style>\n{STYLE}\n</style>\n\
         <rect class=\"ground\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"6\"/>\n"
    );
    label(
        &mut out,
        (16.0, 26.0),
        "start",
        "The odds that the new version is worse",
        " font-weight=\"bold\"",
    );
    let check = format!(
        "each check: {} requests of the new version, {} of the old one",
        CHECK.0, CHECK.1
    );
    label(&mut out, (16.0, 44.0), "start", &check, "");
    outage(&mut out);
    axes(&mut out);
    let y = height(bar.ln());
    let right = WIDTH - RIGHT;
    let _ = writeln!(
        out,
        "<path class=\"bar\" d=\"M{LEFT} {y:.1}H{right}\" stroke-width=\"1.5\" stroke-dasharray=\"6 4\"/>"
    );
    label(
        &mut out,
        (LEFT + 8.0, y - 7.0),
        "start",
        &format!("{bar:.0} to 1: roll back"),
        " font-weight=\"bold\"",
    );
    for (place, run) in (0_u32..).zip(&runs()) {
        line(&mut out, run, bar.ln());
        legend(&mut out, run, HEIGHT - 66.0 + 22.0 * f64::from(place));
    }
    out.push_str("</svg>\n");
    out
}

/// Where odds lie, by their logarithm.
fn height(log_odds: f64) -> f64 {
    let power = log_odds / std::f64::consts::LN_10;
    let (low, high) = (f64::from(POWERS.0), f64::from(POWERS.1));
    let part = (power.clamp(low, high) - low) / (high - low);
    HEIGHT - BOTTOM - part * (HEIGHT - BOTTOM - TOP)
}

/// Where a check lies.
fn place(check: f64) -> f64 {
    LEFT + check / f64::from(CHECKS) * (WIDTH - RIGHT - LEFT)
}

/// The checks in which both versions fail.
fn outage(out: &mut String) {
    let (from, until) = (place(8.0), place(14.0));
    let height = HEIGHT - BOTTOM - TOP;
    let _ = writeln!(
        out,
        "<rect class=\"soft\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{height}\"/>",
        until - from
    );
}

fn axes(out: &mut String) {
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    for power in POWERS.0..=POWERS.1 {
        let y = height(f64::from(power) * std::f64::consts::LN_10);
        let _ = writeln!(out, "<path class=\"faint\" d=\"M{LEFT} {y:.1}H{right}\"/>");
        let shown = match power {
            ..0 => format!("1 to {}", 10_u32.pow(power.unsigned_abs())),
            0..3 => format!("{} to 1", 10_u32.pow(power.unsigned_abs())),
            _ => format!("{},000 to 1", 10_u32.pow(power.unsigned_abs() - 3)),
        };
        label(out, (LEFT - 8.0, y + 4.0), "end", &shown, "");
    }
    for check in (0..=CHECKS).step_by(5) {
        label(
            out,
            (place(check.into()), bottom + 18.0),
            "middle",
            &check.to_string(),
            "",
        );
    }
    label(
        out,
        (f64::midpoint(LEFT, right), bottom + 38.0),
        "middle",
        "check",
        "",
    );
}

/// The odds of a run, up to the check at which it is rolled back.
fn line(out: &mut String, run: &Run, bar: f64) {
    let found = run.log_odds.iter().position(|odds| *odds >= bar);
    let shown = found.map_or(run.log_odds.len(), |check| check + 1);
    let points: Vec<(f64, f64)> = (0_u32..)
        .zip(&run.log_odds[..shown])
        .map(|(check, odds)| (place(check.into()), height(*odds)))
        .collect();
    let text: Vec<String> = points
        .iter()
        .map(|(x, y)| format!("{x:.1},{y:.1}"))
        .collect();
    let _ = writeln!(
        out,
        "<polyline class=\"{}\" points=\"{}\" fill=\"none\" stroke-width=\"2.5\" stroke-linejoin=\"round\"{}/>",
        run.class,
        text.join(" "),
        run.dashes,
    );
    if let (Some(check), Some((x, y))) = (found, points.last()) {
        let _ = writeln!(
            out,
            "<circle class=\"spot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\"/>"
        );
        let words = format!("rolled back after check {check}");
        label(out, (x - 12.0, y + 4.0), "end", &words, "");
    }
}

fn legend(out: &mut String, run: &Run, y: f64) {
    let (from, until) = (LEFT, LEFT + 36.0);
    let _ = writeln!(
        out,
        "<path class=\"{}\" d=\"M{from} {y}H{until}\" stroke-width=\"2.5\"{}/>",
        run.class, run.dashes
    );
    label(out, (until + 10.0, y + 4.5), "start", run.name, "");
}

fn label(out: &mut String, (x, y): (f64, f64), anchor: &str, text: &str, more: &str) {
    let _ = writeln!(
        out,
        "<text class=\"ink\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\"{more}>{text}</text>"
    );
}
