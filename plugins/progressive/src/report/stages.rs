//! The table of the stages.

use shared::metric::Metric;
use shared::page::Table;
use shared::threshold::Thresholds;
use shared::value::show_duration;

use crate::stage::{Ended, Summary};

/// A stage a row, with the limits beneath; nothing where no stage was reached.
pub fn table(results: &[Summary], thresholds: &Thresholds) -> Option<Table> {
    if results.is_empty() {
        return None;
    }
    let header = [
        "stage",
        "share",
        "watched",
        "looks",
        "failed",
        "error rate",
        "availability",
        "response time",
        "verdict",
    ];
    let limit = |metric: Metric| {
        let side = if metric == Metric::Availability {
            "≥"
        } else {
            "≤"
        };
        format!("{side} {}", metric.show(thresholds.fail.of(metric)))
    };
    let mut rows: Vec<Vec<String>> = results.iter().map(row).collect();
    let mut limits = vec!["limit".to_owned()];
    limits.extend(std::iter::repeat_n(String::new(), 4));
    limits.extend(Metric::ALL.map(limit));
    limits.push(String::new());
    rows.push(limits);
    Some(Table {
        title: "stages".to_owned(),
        header: header.map(str::to_owned).to_vec(),
        rows,
    })
}

fn row(summary: &Summary) -> Vec<String> {
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
    cells.push(verdict.to_owned());
    cells
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shared::split::Share;
    use shared::table::aligned;

    use super::*;

    #[test]
    fn the_table_holds_each_stage_against_the_limits_and_fits_the_log() {
        let summary = Summary {
            number: 1,
            share: Share::new(10).unwrap(),
            ended: Ended::Failed,
            took: Duration::from_secs(90),
            looks: 4,
            failed: 3,
            outages: 0,
            means: vec![(Metric::ErrorRate, 9.0)],
            counts: None,
            weighed: None,
        };
        let text = aligned(&table(&[summary], &Thresholds::default()).unwrap());
        assert_eq!(
            text,
            "stage  share  watched  looks  failed  error rate  availability  response time  verdict\n\
             1      10 %   1m 30s   4      3       9 %         –             –              FAILED\n\
             limit                                 ≤ 5 %       ≥ 99 %        ≤ 2000 ms\n"
        );
        assert_eq!(table(&[], &Thresholds::default()), None);
    }
}
