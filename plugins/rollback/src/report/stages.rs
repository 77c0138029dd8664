//! The stages of the rollout that is rolled back, measured against the limits. Pure.

use std::time::Duration;

use shared::chart::Series;
use shared::metric::Metric;
use shared::record::Stage;
use shared::threshold::Thresholds;

/// A fact for each stage: its share, how it ended, what was measured.
pub fn facts(stages: &[Stage]) -> Vec<(String, String)> {
    let fact = |stage: &Stage| {
        let name = format!("stage {} ({} %)", stage.stage, stage.traffic_percentage);
        let measured = Metric::ALL.into_iter().filter_map(|metric| {
            let value = measured(stage, metric)?;
            Some(format!("{metric} {}", metric.show(value)))
        });
        let counted = stage.canary.filter(|counts| counts.requests > 0);
        let counted = counted
            .map(|counts| format!("{} of {} requests failed", counts.failed, counts.requests));
        let ended = stage.status.word().replace('_', " ");
        let all: Vec<String> = std::iter::once(ended)
            .chain(measured)
            .chain(counted)
            .collect();
        (name, all.join(", "))
    };
    stages.iter().map(fact).collect()
}

/// What was measured in each stage against its limit, by the time since the first stage began; nothing of a metric
/// that no stage has.
pub fn charts(stages: &[Stage], thresholds: &Thresholds) -> Vec<Series> {
    let Some(first) = stages.first() else {
        return Vec::new();
    };
    let since = |stage: &Stage| {
        let ended = stage.completed_at.unwrap_or(stage.started_at);
        Duration::try_from(ended.duration_since(first.started_at)).unwrap_or_default()
    };
    let series = Metric::ALL.into_iter().map(|metric| Series {
        metric,
        limit: thresholds.fail.of(metric),
        points: stages
            .iter()
            .filter_map(|stage| Some((since(stage), measured(stage, metric)?)))
            .collect(),
    });
    series.filter(|series| !series.points.is_empty()).collect()
}

fn measured(stage: &Stage, metric: Metric) -> Option<f64> {
    match metric {
        Metric::ErrorRate => stage.error_rate,
        Metric::Availability => stage.availability,
        Metric::ResponseTime => stage.response_time_ms.map(f64::from),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use shared::record::StageStatus;
    use shared::split::Counts;

    use super::*;

    fn stage(number: i32, percent: i32, status: StageStatus, error_rate: Option<f64>) -> Stage {
        let at = |second: i32| Timestamp::from_second(i64::from(second)).unwrap();
        Stage {
            stage: number,
            traffic_percentage: percent,
            status,
            error_rate,
            availability: None,
            response_time_ms: None,
            started_at: at(60 * number),
            completed_at: Some(at(60 * number + 60)),
            rollback_reason: None,
            stable: None,
            canary: None,
            dry_run: false,
        }
    }

    #[test]
    fn every_stage_says_how_it_ended_and_what_was_measured() {
        let passed = stage(1, 10, StageStatus::Passed, Some(0.5));
        let failed = Stage {
            response_time_ms: Some(120),
            canary: Some(Counts {
                requests: 200,
                failed: 18,
            }),
            ..stage(2, 25, StageStatus::RolledBack, Some(9.0))
        };
        let facts = facts(&[passed, failed]);
        assert_eq!(
            facts[0],
            ("stage 1 (10 %)".into(), "passed, error rate 0.5 %".into())
        );
        assert_eq!(
            facts[1].1,
            "rolled back, error rate 9 %, response time 120 ms, 18 of 200 requests failed"
        );
    }

    #[test]
    fn the_chart_holds_each_stage_against_the_limit_of_its_metric() {
        let stages = [
            stage(1, 10, StageStatus::Passed, Some(0.5)),
            stage(2, 25, StageStatus::Failed, Some(9.0)),
        ];
        let charts = charts(&stages, &Thresholds::default());
        assert_eq!(charts.len(), 1);
        assert_eq!(
            (charts[0].metric, charts[0].limit),
            (Metric::ErrorRate, 5.0)
        );
        let minute = Duration::from_secs(60);
        assert_eq!(charts[0].points, [(minute, 0.5), (2 * minute, 9.0)]);
        assert_eq!(super::charts(&[], &Thresholds::default()), []);
    }
}
