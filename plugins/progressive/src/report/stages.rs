//! The table of the stages.

use shared::evidence::{Pair, rate};
use shared::metric::Metric;
use shared::page::Table;
use shared::split::Counts;
use shared::threshold::Thresholds;
use shared::value::show_duration;

use crate::stage::{Ended, Summary};

/// A stage a row, with the limits beneath; nothing where no stage was reached.
pub fn table(results: &[Summary], thresholds: &Thresholds) -> Option<Table> {
    if results.is_empty() {
        return None;
    }
    let counted = results.iter().any(|summary| summary.counts.is_some());
    let mut header = vec![
        "stage",
        "share",
        "watched",
        "looks",
        "failed",
        "error rate",
        "availability",
        "response time",
    ];
    header.extend(counted.then_some(COUNTED).into_iter().flatten());
    header.push("verdict");
    let limit = |metric: Metric| {
        let side = if metric == Metric::Availability {
            "≥"
        } else {
            "≤"
        };
        format!("{side} {}", metric.show(thresholds.fail.of(metric)))
    };
    let mut rows: Vec<Vec<String>> = results.iter().map(|one| row(one, counted)).collect();
    let mut limits = vec!["limit".to_owned()];
    limits.extend(std::iter::repeat_n(String::new(), 4));
    limits.extend(Metric::ALL.map(limit));
    limits.resize(header.len(), String::new());
    rows.push(limits);
    Some(Table {
        title: "stages".to_owned(),
        header: header.into_iter().map(str::to_owned).collect(),
        rows,
    })
}

/// Columns of a rollout in which somebody counts the requests.
const COUNTED: [&str; 3] = ["canary failed", "stable failed", "odds"];

fn row(summary: &Summary, counted: bool) -> Vec<String> {
    let shown = |metric: Metric| {
        summary
            .mean(metric)
            .map_or_else(|| "–".to_owned(), |value| metric.show(value))
    };
    let verdict = match summary.ended {
        Ended::Passed => "passed",
        Ended::Failed => "FAILED",
        Ended::Inconclusive => "inconclusive",
        Ended::CutOff => "cut off",
    };
    let mut cells = vec![
        summary.number.to_string(),
        summary.share.to_string(),
        show_duration(summary.took),
        summary.looks.to_string(),
        summary.failed.to_string(),
    ];
    cells.extend(Metric::ALL.map(shown));
    if counted {
        let of = |side: fn(Pair) -> Counts| {
            let counts = summary
                .counts
                .map(side)
                .filter(|counts| counts.requests > 0);
            counts.map_or_else(
                || "–".to_owned(),
                |counts| {
                    format!(
                        "{} of {} ({})",
                        counts.failed,
                        counts.requests,
                        rate(counts)
                    )
                },
            )
        };
        cells.push(of(|pair| pair.canary));
        cells.push(of(|pair| pair.baseline));
        cells.push(
            summary
                .weighed
                .map_or_else(|| "–".to_owned(), |weighed| weighed.odds()),
        );
    }
    cells.push(verdict.to_owned());
    cells
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shared::evidence::{Bad, Than, Weighed};
    use shared::split::Share;
    use shared::table::aligned;

    use super::*;

    fn summary() -> Summary {
        Summary {
            number: 1,
            share: Share::new(10).unwrap(),
            ended: Ended::Failed,
            took: Duration::from_secs(90),
            looks: 4,
            failed: 3,
            outages: 0,
            means: vec![(Metric::ErrorRate, 9.0)],
            counts: None,
            slow: None,
            weighed: None,
        }
    }

    #[test]
    fn the_table_holds_each_stage_against_the_limits_and_fits_the_log() {
        let text = aligned(&table(&[summary()], &Thresholds::default()).unwrap());
        assert_eq!(
            text,
            "stage  share  watched  looks  failed  error rate  availability  response time  verdict\n\
             1      10 %   1m 30s   4      3       9 %         –             –              FAILED\n\
             limit                                 ≤ 5 %       ≥ 99 %        ≤ 2000 ms\n"
        );
        assert_eq!(table(&[], &Thresholds::default()), None);
    }

    #[test]
    fn where_requests_are_counted_it_tells_them_and_the_odds() {
        let counts = |requests, failed| Counts { requests, failed };
        let stage = Pair {
            canary: counts(310, 14),
            baseline: counts(2790, 6),
        };
        let weighed = Weighed {
            bad: Bad::Failed,
            stage,
            before: counts(0, 0),
            than: Than::Baseline { times: 1.0 },
            log_e: 213_f64.ln(),
            of_service: false,
        };
        let counted = Summary {
            counts: Some(stage),
            weighed: Some(weighed),
            ..summary()
        };
        let text = aligned(&table(&[counted, summary()], &Thresholds::default()).unwrap());
        let cells = |line: usize| -> Vec<&str> {
            let cells = text.lines().nth(line).unwrap().split("  ");
            let cells = cells.map(str::trim).filter(|cell| !cell.is_empty());
            cells.skip(if line == 0 { 8 } else { 7 }).collect()
        };
        assert_eq!(
            cells(0),
            ["canary failed", "stable failed", "odds", "verdict"]
        );
        let told = [
            "–",
            "14 of 310 (4.5 %)",
            "6 of 2790 (0.22 %)",
            "210 to 1",
            "FAILED",
        ];
        assert_eq!(cells(1), told);
        assert_eq!(cells(2), ["–", "–", "–", "–", "FAILED"]);
    }
}
