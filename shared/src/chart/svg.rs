//! A series as SVG that stands alone: in a page, a file or an incident.

use std::fmt::Write as _;
use std::time::Duration;

use crate::metric::Metric;
use crate::value::show_duration;

use super::Series;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 150.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 22.0;

/// The chart of a series: the values as a line, the limit dashed, values outside it as dots.
///
/// It names no outside resource, and lines and letters take the text's colour, so that it reads on a dark page as
/// on a light one.
pub fn svg(series: &Series) -> String {
    let metric = series.metric;
    let points = series.finite();
    let limit = metric.show(series.limit);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"{metric}, limit {limit}\" font-family=\"sans-serif\" font-size=\"11\" fill=\"currentColor\">\n\
         <text x=\"0\" y=\"12\" font-weight=\"bold\">{metric}</text>\n"
    );
    let Some((end, _)) = points.last().copied() else {
        let _ = writeln!(out, "<text x=\"{LEFT}\" y=\"70\">no values</text>\n</svg>");
        return out;
    };
    let scale = Scale::of(series, &points);
    let begin = points[0].0;
    axes(&mut out, series, &scale, (begin, end));
    let place = |at: Duration, value: f64| {
        let share = if end > begin {
            at.saturating_sub(begin).as_secs_f64() / end.saturating_sub(begin).as_secs_f64()
        } else {
            0.5
        };
        (LEFT + share * (WIDTH - RIGHT - LEFT), scale.y(value))
    };
    let line: Vec<String> = points
        .iter()
        .map(|(at, value)| place(*at, *value))
        .map(|(x, y)| format!("{x:.1},{y:.1}"))
        .collect();
    let _ = writeln!(
        out,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"#2f81f7\" stroke-width=\"1.5\" stroke-linecap=\"round\"/>",
        line.join(" ")
    );
    for (at, value) in points {
        if metric.outside(value, series.limit) {
            let (x, y) = place(at, value);
            let _ = writeln!(
                out,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"#d1242f\"/>"
            );
        }
    }
    out.push_str("</svg>\n");
    out
}

/// The two axes with the ends of their ranges, and the limit.
fn axes(out: &mut String, series: &Series, scale: &Scale, (begin, end): (Duration, Duration)) {
    let metric = series.metric;
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    let _ = writeln!(
        out,
        "<path d=\"M{LEFT} {TOP}V{bottom}H{right}\" fill=\"none\" stroke=\"currentColor\" stroke-opacity=\"0.4\"/>"
    );
    for value in [scale.low, scale.high] {
        let shown = metric.show(value);
        label(out, LEFT - 6.0, scale.y(value) + 4.0, "end", &shown);
    }
    let first = if begin.is_zero() {
        "0s".to_owned()
    } else {
        show_duration(begin)
    };
    label(out, LEFT, HEIGHT - 6.0, "start", &first);
    label(out, right, HEIGHT - 6.0, "end", &show_duration(end));
    let limit = format!("limit {}", metric.show(series.limit));
    label(out, right, 12.0, "end", &limit);
    let y = scale.y(series.limit);
    let _ = writeln!(
        out,
        "<path d=\"M{LEFT} {y:.1}H{right}\" stroke=\"#d1242f\" stroke-dasharray=\"5 4\"/>"
    );
}

/// The range of values that is drawn: all of them and the limit.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    fn of(series: &Series, points: &[(Duration, f64)]) -> Self {
        let ends = points
            .iter()
            .map(|(_, value)| *value)
            .chain([series.limit])
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        // What is good at zero starts there, what is good at 100 ends there; a chart of one value needs a height.
        match series.metric {
            Metric::Availability => {
                let low = ends.0.min(99.9);
                // Room below, or the limit would lie on the axis.
                Self {
                    low: (low - (100.0 - low) * 0.1).max(0.0),
                    high: ends.1.max(100.0),
                }
            }
            _ => Self {
                low: ends.0.min(0.0),
                high: if ends.1 > 0.0 { ends.1 } else { 1.0 },
            },
        }
    }

    fn y(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)
    }
}

fn label(out: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill-opacity=\"0.7\">{text}</text>"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_outside_the_limit_are_dots_and_the_limit_is_dashed() {
        let drawn = svg(&Series {
            metric: Metric::ErrorRate,
            limit: 5.0,
            points: vec![
                (Duration::ZERO, 1.0),
                (Duration::from_secs(60), 10.0),
                (Duration::from_secs(90), 5.0),
            ],
        });
        assert_eq!(drawn.matches("<circle").count(), 1);
        assert!(drawn.contains("points=\"70.0,117.4 443.3,22.0 630.0,75.0\""));
        assert!(drawn.contains("M70 75.0H630"), "{drawn}");
        assert!(drawn.contains(">1m 30s<") && drawn.contains("limit 5 %"));
    }

    #[test]
    fn one_value_and_a_limit_of_zero_give_finite_coordinates() {
        for (metric, limit, value) in [
            (Metric::ErrorRate, 0.0, 0.0),
            (Metric::Availability, 100.0, 100.0),
        ] {
            let drawn = svg(&Series {
                metric,
                limit,
                points: vec![(Duration::ZERO, value)],
            });
            assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
        }
    }
}
