//! What is written down of a rollout: looks, stages and endings as rows. Pure.

mod look;

use jiff::Timestamp;
use shared::deployment::Status;
use shared::intent::{At, Intent};
use shared::metric::Metric;
use shared::record::{Check, DRY_RUN, Deployment, Mark, ROLLBACK, Stage, StageStatus};
use shared::sample::Sample;
use shared::split::Share;
use shared::threshold::Thresholds;
use shared::tick::judge_one;

use crate::stage::{Ended, Summary};

pub use look::{Kept, look, watched};

/// The row of one sample of the new version.
pub fn check(sample: &Sample, thresholds: &Thresholds) -> Check {
    let (failures, warnings) = judge_one(sample, thresholds);
    let answer = sample.outcome.as_ref().ok();
    let health_status = match (failures.is_empty(), warnings.is_empty()) {
        (false, _) => "unhealthy",
        (true, false) => "degraded",
        (true, true) => "healthy",
    };
    let held = sample.measured().into_iter().filter_map(|value| {
        let limit = thresholds.fail.of(value.metric);
        let shown = (value.metric.show(value.value), value.metric.show(limit));
        let text = format!(
            "{} {} within limit {} ({})",
            value.metric, shown.0, shown.1, value.source
        );
        (!value.metric.outside(value.value, limit)).then_some(text)
    });
    Check {
        health_status: health_status.to_owned(),
        mode: "rollout".to_owned(),
        response_time_ms: answer.map(|_| whole(sample.phases.total.as_secs_f64() * 1000.0)),
        error_rate: answer.and_then(|answer| answer.error_rate),
        availability: answer.and_then(|answer| answer.availability),
        endpoint: sample.endpoint.clone(),
        threshold_error_rate: thresholds.fail.error_rate,
        threshold_response_time: whole(thresholds.fail.response_time),
        threshold_availability: thresholds.fail.availability,
        checks_passed: held.collect(),
        checks_failed: failures.iter().map(ToString::to_string).collect(),
    }
}

fn whole(value: f64) -> i32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float beyond the range becomes its end"
    )]
    let whole = value.round() as i32;
    whole
}

/// A stage that begins.
pub fn stage_began(number: usize, share: Share, at: Timestamp) -> Stage {
    Stage {
        stage: i32::try_from(number).unwrap_or(i32::MAX),
        traffic_percentage: i32::from(share.percent()),
        status: StageStatus::InProgress,
        error_rate: None,
        availability: None,
        response_time_ms: None,
        started_at: at,
        completed_at: None,
        rollback_reason: None,
        stable: None,
        canary: None,
        dry_run: false,
    }
}

/// How the rollout of a stage that is over goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// On, or to its success.
    On,
    /// Traffic goes back.
    Back,
    /// Traffic is left.
    Held,
    /// The pipeline was cancelled.
    Cancelled,
}

/// A stage that is over.
pub fn stage_ended(
    summary: &Summary,
    began: Timestamp,
    ended: Timestamp,
    after: After,
    why: &[String],
) -> Stage {
    let status = match (summary.ended, after) {
        (Ended::Passed, _) => StageStatus::Passed,
        (Ended::Failed, _) => StageStatus::Failed,
        (Ended::Inconclusive, _) => StageStatus::Inconclusive,
        (Ended::CutOff, After::Cancelled) => StageStatus::Cancelled,
        (Ended::CutOff, After::Held) => StageStatus::Held,
        (Ended::CutOff, After::On | After::Back) => StageStatus::RolledBack,
    };
    let back = matches!(after, After::Back | After::Cancelled);
    Stage {
        status,
        error_rate: summary.mean(Metric::ErrorRate),
        availability: summary.mean(Metric::Availability),
        response_time_ms: summary.mean(Metric::ResponseTime).map(whole),
        completed_at: Some(ended),
        rollback_reason: back.then(|| why.join("; ")),
        stable: summary.counts.map(|counts| counts.baseline),
        canary: summary.counts.map(|counts| counts.canary),
        ..stage_began(summary.number, summary.share, began)
    }
}

/// The row of a stage whose run died in it, now that the deployment comes to this status; nothing where it has ended.
pub fn cut_off(stage: &Stage, ended: Timestamp, status: Status, why: &[String]) -> Option<Stage> {
    let is_open = stage.status == StageStatus::InProgress && !stage.dry_run;
    is_open.then(|| Stage {
        status: if status == Status::Cancelled {
            StageStatus::Cancelled
        } else {
            StageStatus::RolledBack
        },
        completed_at: Some(ended),
        rollback_reason: Some(why.join("; ")),
        ..stage.clone()
    })
}

/// A deployment coming to a status, of which something was put back.
pub fn deployment(status: Status, why: &[String], commit: Option<&str>) -> Deployment {
    let back = status == Status::RolledBack;
    let told = !why.is_empty() && !matches!(status, Status::Success | Status::Unverified);
    Deployment {
        rollback_from_commit: commit.filter(|_| back).map(str::to_owned),
        rollback_reason: told.then(|| why.join("; ")),
        ..Deployment::standard(status)
    }
}

/// The row of the way back itself, beside that of the deployment which it put back. Which version answers now was not
/// proved.
pub fn rollback(why: &[String], bad: Option<&str>) -> Deployment {
    Deployment {
        deployment_type: ROLLBACK.to_owned(),
        rollback_from_commit: bad.map(str::to_owned),
        rollback_reason: Some(why.join("; ")),
        ..Deployment::standard(Status::Unverified)
    }
}

/// A dry run that is through.
pub fn dry_run() -> Deployment {
    Deployment {
        deployment_type: DRY_RUN.to_owned(),
        ..Deployment::standard(Status::Success)
    }
}

/// How an intent closes its rollout; absent while it goes on.
pub fn mark(intent: &Intent, is_own: bool) -> Option<Mark> {
    match intent.at {
        At::Held => Some(Mark::Held),
        At::Closed | At::Succeeded { .. } if is_own => Some(Mark::Finished),
        At::Closed | At::Succeeded { .. } => Some(Mark::Settled),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn summary(ended: Ended) -> Summary {
        Summary {
            number: 2,
            share: Share::new(25).unwrap(),
            ended,
            took: Duration::from_secs(1),
            looks: 3,
            failed: 3,
            outages: 0,
            means: vec![(Metric::ResponseTime, 12.4)],
            counts: None,
            slow: None,
            weighed: None,
        }
    }

    #[test]
    fn a_stage_tells_how_it_ended_and_why_traffic_went_back() {
        let (at, why) = (Timestamp::UNIX_EPOCH, ["a".to_owned(), "b".to_owned()]);
        let row = |ended, after| stage_ended(&summary(ended), at, at, after, &why);
        let failed = row(Ended::Failed, After::Back);
        assert_eq!(failed.status, StageStatus::Failed);
        assert_eq!(failed.rollback_reason.as_deref(), Some("a; b"));
        assert_eq!(failed.response_time_ms, Some(12));
        assert_eq!((failed.stage, failed.traffic_percentage), (2, 25));
        let passed = row(Ended::Passed, After::On);
        assert_eq!(
            (passed.status, passed.rollback_reason),
            (StageStatus::Passed, None)
        );
        let words = [
            (After::Cancelled, StageStatus::Cancelled),
            (After::Held, StageStatus::Held),
            (After::Back, StageStatus::RolledBack),
        ];
        for (after, status) in words {
            assert_eq!(row(Ended::CutOff, after).status, status);
        }
    }

    #[test]
    fn a_stage_whose_run_died_ends_as_its_deployment_does() {
        let (at, why) = (Timestamp::UNIX_EPOCH, ["it died".to_owned()]);
        let open = stage_began(2, Share::ALL, at);
        let ended = |status| cut_off(&open, at, status, &why).unwrap();
        let cancelled = ended(Status::Cancelled);
        assert_eq!(cancelled.status, StageStatus::Cancelled);
        assert_eq!(cancelled.completed_at, Some(at));
        assert_eq!(cancelled.rollback_reason.as_deref(), Some("it died"));
        assert_eq!(ended(Status::RolledBack).status, StageStatus::RolledBack);
        // One that has ended stays as it is, and so does one that was only walked through.
        assert_eq!(cut_off(&cancelled, at, Status::RolledBack, &why), None);
        let dry = Stage {
            dry_run: true,
            ..open.clone()
        };
        assert_eq!(cut_off(&dry, at, Status::Cancelled, &why), None);
    }
}
