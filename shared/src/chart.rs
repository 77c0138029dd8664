//! Small charts of measured values against their limit: text for the log, SVG for pages.

mod svg;

use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::metric::Metric;

pub use svg::svg;

/// The widest line of a text chart, in columns: what a log viewer shows without breaking it.
pub const WIDTH: usize = 100;
const BARS_MOST: usize = 40;
const BARS_LEAST: usize = 4;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The values of one metric over time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Series {
    /// What was measured.
    pub metric: Metric,
    /// The limit that the values are held against, in the metric's unit.
    pub limit: f64,
    /// Time since the start and value, oldest first. Values that are not finite are left out of a chart.
    #[serde(serialize_with = "in_seconds")]
    pub points: Vec<(Duration, f64)>,
}

fn in_seconds<S: Serializer>(points: &[(Duration, f64)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(points.iter().map(|(at, value)| (at.as_secs_f64(), value)))
}

impl Series {
    /// The values that can be drawn.
    fn finite(&self) -> Vec<(Duration, f64)> {
        let points = self.points.iter().copied();
        points.filter(|(_, value)| value.is_finite()).collect()
    }

    /// Of two values the one that is further on the bad side.
    fn worse(&self, a: f64, b: f64) -> f64 {
        if self.metric.outside(b, a) { b } else { a }
    }

    /// How high a value's bar is, 0 to 7. The limit lies at half height: a value inside has its bar on the good
    /// side of it (low where low is good), a value outside on the other, however close the two are.
    fn level(&self, value: f64) -> usize {
        let outside = self.metric.outside(value, self.limit);
        let (span, best) = match self.metric {
            Metric::ErrorRate | Metric::ResponseTime => (self.limit, 0.0),
            Metric::Availability => (100.0 - self.limit, 100.0),
        };
        // 0 at the best value there is, 1 on the limit, 2 as far outside again.
        let badness = if span > 0.0 {
            (value - best).abs() / span
        } else if outside {
            2.0
        } else {
            0.0
        };
        let steps = (badness * 4.0).ceil().clamp(1.0, 8.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "1 to 8"
        )]
        let steps = steps as usize;
        let steps = if outside { steps.max(5) } else { steps.min(4) };
        match self.metric {
            Metric::ErrorRate | Metric::ResponseTime => steps - 1,
            Metric::Availability => 8 - steps,
        }
    }
}

/// One line a series, at most [`WIDTH`] columns: bars, least, greatest and last value, the limit, and after `✗` how
/// many values lie outside it. A column that stands for several values shows the worst of them.
pub fn text(series: &[Series]) -> String {
    let names = series.iter().map(|one| one.metric.words().len());
    let width = names.max().unwrap_or(0);
    let lines: Vec<String> = series.iter().map(|one| line(one, width)).collect();
    lines.join("\n")
}

fn line(series: &Series, name_width: usize) -> String {
    let (metric, points) = (series.metric, series.finite());
    let name = format!("{:name_width$}", metric.words());
    let limit = metric.show(series.limit);
    let Some((_, last)) = points.last() else {
        return format!("{name}  no values  limit {limit}");
    };
    let values = || points.iter().map(|(_, value)| *value);
    let outside = values()
        .filter(|value| metric.outside(*value, series.limit))
        .count();
    let mut tail = format!(
        "min {}  max {}  last {}  limit {limit}",
        metric.show(values().fold(f64::INFINITY, f64::min)),
        metric.show(values().fold(f64::NEG_INFINITY, f64::max)),
        metric.show(*last),
    );
    if outside > 0 {
        tail = format!("{tail}  ✗ {outside}/{}", points.len());
    }
    let room = WIDTH.saturating_sub(name.chars().count() + tail.chars().count() + 4);
    let bars = bars(series, &points, room.clamp(BARS_LEAST, BARS_MOST));
    format!("{name}  {bars}  {tail}")
}

fn bars(series: &Series, points: &[(Duration, f64)], columns: usize) -> String {
    let columns = columns.min(points.len()).max(1);
    let part = |column: usize| points.len() * column / columns;
    (0..columns)
        .filter_map(|column| {
            let values = points[part(column)..part(column + 1)].iter().map(|p| p.1);
            let worst = values.reduce(|a, b| series.worse(a, b))?;
            Some(BARS[series.level(worst)])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(metric: Metric, limit: f64, values: &[f64]) -> Series {
        let points = (0..).map(|n| Duration::from_secs(10 * n));
        Series {
            metric,
            limit,
            points: points.zip(values.iter().copied()).collect(),
        }
    }

    #[test]
    fn a_chart_shows_bars_extremes_limit_and_how_many_lie_outside() {
        let all = [
            series(
                Metric::ErrorRate,
                5.0,
                &[0.0, 1.3, 2.5, 5.0, 5.01, 7.0, 99.0],
            ),
            series(Metric::Availability, 99.0, &[100.0, 99.6, 99.0, 98.9, 50.0]),
            series(Metric::ResponseTime, 2000.0, &[120.0]),
        ];
        assert_eq!(
            text(&all),
            "error rate     ▁▂▂▄▅▆█  min 0 %  max 99 %  last 99 %  limit 5 %  ✗ 3/7\n\
             availability   █▇▅▄▁  min 50 %  max 100 %  last 50 %  limit 99 %  ✗ 2/5\n\
             response time  ▁  min 120 ms  max 120 ms  last 120 ms  limit 2000 ms"
        );
    }

    #[test]
    fn a_value_inside_never_crosses_the_half_height_that_is_the_limit() {
        for (metric, limit) in [
            (Metric::ErrorRate, 5.0),
            (Metric::ErrorRate, 0.0),
            (Metric::Availability, 99.0),
            (Metric::Availability, 100.0),
        ] {
            let one = series(metric, limit, &[]);
            for step in 0..=1000 {
                let value = f64::from(step) / 10.0;
                let high = one.level(value) > 3;
                let good_is_low = metric != Metric::Availability;
                assert_eq!(
                    high,
                    metric.outside(value, limit) == good_is_low,
                    "{metric} {value}"
                );
            }
        }
    }

    #[test]
    fn many_points_share_columns_and_the_worst_of_a_column_shows() {
        let mut values = vec![0.1; 1000];
        values[500] = 50.0;
        let line = text(&[series(Metric::ErrorRate, 5.0, &values)]);
        assert_eq!(line.matches('█').count(), 1);
        assert!(line.chars().count() <= WIDTH, "{line}");
    }

    #[test]
    fn the_longest_numbers_stay_within_the_width() {
        let line = text(&[series(
            Metric::ResponseTime,
            1_999_999.0,
            &[1e7, 2_345_678.0, 9_999_999.0].repeat(333),
        )]);
        assert!(line.chars().count() <= WIDTH, "{line}");
    }

    #[test]
    fn values_that_are_no_numbers_are_left_out() {
        let one = series(Metric::ErrorRate, 5.0, &[f64::NAN, f64::INFINITY]);
        assert_eq!(
            text(std::slice::from_ref(&one)),
            "error rate  no values  limit 5 %"
        );
        assert!(!svg(&one).contains("NaN") && !svg(&one).contains("inf"));
        assert_eq!(text(&[]), "");
    }
}
