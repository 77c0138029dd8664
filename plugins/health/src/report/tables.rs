//! The tables of the log and of the report.

use shared::metric::Metric;
use shared::page::Table;
use shared::record::Window;
use shared::sample::{Health, Role, Sample};
use shared::threshold::Thresholds;
use shared::value::show_number;

use super::lines::{fine, side};

/// The last tick, an endpoint a row, with the limits beneath.
pub fn samples(samples: &[Sample], thresholds: &Thresholds) -> Table {
    let mut rows: Vec<Vec<String>> = samples
        .iter()
        .map(|sample| row(sample, thresholds))
        .collect();
    let limit = |metric: Metric| {
        format!(
            "{} {}",
            side(metric),
            metric.show(thresholds.fail.of(metric))
        )
    };
    let slowest = limit(Metric::ResponseTime);
    rows.push(vec![
        "limit".to_owned(),
        String::new(),
        limit(Metric::ErrorRate),
        limit(Metric::Availability),
        slowest.clone(),
        slowest,
    ]);
    let header = [
        "endpoint",
        "answer",
        "error rate",
        "availability",
        "measured",
        "reported",
    ];
    table("last answers", header, rows)
}

/// A value outside its limit carries a cross, one outside its warning limit an exclamation mark.
fn row(sample: &Sample, thresholds: &Thresholds) -> Vec<String> {
    let marked = |metric: Metric, value: f64, text: String| {
        if metric.outside(value, thresholds.fail.of(metric)) {
            format!("{text} ✗")
        } else if metric.outside(value, thresholds.warn.of(metric)) {
            format!("{text} !")
        } else {
            text
        }
    };
    let shown = |metric: Metric, value: Option<f64>| {
        value.map_or_else(
            || "–".to_owned(),
            |value| marked(metric, value, metric.show(value)),
        )
    };
    let answer = sample.outcome.as_ref().ok();
    let total = answer
        .filter(|_| sample.role != Role::Metrics)
        .map(|_| sample.phases.total);
    let measured = total.map_or_else(
        || "–".to_owned(),
        |total| {
            marked(
                Metric::ResponseTime,
                total.as_secs_f64() * 1000.0,
                fine(total),
            )
        },
    );
    vec![
        cut(&sample.endpoint),
        state_of(sample).to_owned(),
        shown(
            Metric::ErrorRate,
            answer.and_then(|answer| answer.error_rate),
        ),
        shown(
            Metric::Availability,
            answer.and_then(|answer| answer.availability),
        ),
        measured,
        shown(
            Metric::ResponseTime,
            answer.and_then(|answer| answer.response_time),
        ),
    ]
}

fn state_of(sample: &Sample) -> &'static str {
    match (&sample.outcome, sample.role) {
        (Err(_), _) => "failed",
        (Ok(_), Role::Metrics) => "metrics",
        (Ok(answer), Role::Health | Role::Integrity) => match answer.health {
            Some(Health::Healthy) | None => "healthy",
            Some(Health::Degraded) => "degraded",
            Some(Health::Unhealthy) => "unhealthy",
        },
    }
}

/// The end of a long address says more than its beginning.
fn cut(endpoint: &str) -> String {
    const WIDTH: usize = 44;
    let length = endpoint.chars().count();
    if length <= WIDTH {
        return endpoint.to_owned();
    }
    let tail: String = endpoint.chars().skip(length - WIDTH + 1).collect();
    format!("…{tail}")
}

fn table(title: &str, header: [&str; 6], rows: Vec<Vec<String>>) -> Table {
    Table {
        title: title.to_owned(),
        header: header.map(str::to_owned).to_vec(),
        rows,
    }
}

/// What the records say of the time before, a window a row; nothing when they say nothing.
pub fn windows(windows: &[Window]) -> Option<Table> {
    if windows.iter().all(|window| window.checks == 0) {
        return None;
    }
    let shown = |metric: Metric, value: Option<f64>| {
        value.map_or_else(
            || "–".to_owned(),
            |value| metric.show((value * 100.0).round() / 100.0),
        )
    };
    let rows: Vec<Vec<String>> = windows
        .iter()
        .map(|window| {
            let good = 100.0 * f64::from(window.good) / f64::from(window.checks.max(1));
            vec![
                window.label.clone(),
                window.checks.to_string(),
                if window.checks == 0 {
                    "–".to_owned()
                } else {
                    format!("{} %", show_number((good * 10.0).round() / 10.0))
                },
                shown(Metric::ErrorRate, window.error_rate),
                shown(Metric::Availability, window.availability),
                shown(Metric::ResponseTime, window.response_time),
            ]
        })
        .collect();
    Some(table(
        "history",
        [
            "last",
            "checks",
            "good",
            "error rate",
            "availability",
            "response time",
        ],
        rows,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tick::tests::{answer, sample};
    use shared::table::aligned;

    #[test]
    fn the_table_holds_values_against_limits() {
        let table = samples(
            &[sample(Role::Health, Ok(answer(7.5)))],
            &Thresholds::default(),
        );
        assert_eq!(
            aligned(&table),
            "endpoint        answer   error rate  availability  measured   reported\n\
             http://health/  healthy  7.5 % ✗     –             10 ms      –\n\
             limit                    ≤ 5 %       ≥ 99 %        ≤ 2000 ms  ≤ 2000 ms\n"
        );
    }

    #[test]
    fn empty_windows_are_not_shown() {
        let mut window = Window {
            label: "5m".into(),
            checks: 0,
            good: 0,
            error_rate: None,
            availability: None,
            response_time: None,
        };
        assert_eq!(windows(std::slice::from_ref(&window)), None);
        (window.checks, window.good) = (3, 2);
        assert!(aligned(&windows(&[window]).unwrap()).contains("5m    3       66.7 %"));
    }
}
