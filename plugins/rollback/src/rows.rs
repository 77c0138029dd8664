//! What is written down of a rollback, and what is read back of rollouts. Pure.

use shared::deployment::{Status, rollback_id};
use shared::intent::{Intent, Part};
use shared::record::{Check, Deployment, ROLLBACK, Subject};
use shared::sample::Sample;
use shared::threshold::Thresholds;
use shared::tick::judge_one;

use crate::plan::facts::Bad;
use crate::plan::target::Target;

/// Whose the bad deployment's rows are.
pub fn bad_subject(own: &Subject, bad: &Bad) -> Subject {
    Subject {
        deployment_id: bad.id.clone(),
        commit: Some(bad.commit.clone()),
        build_id: own.build_id.filter(|_| bad.id == own.deployment_id),
        ..own.clone()
    }
}

/// Whose the rollback's own rows are.
pub fn rollback_subject(own: &Subject, bad: &Bad, target: &Target) -> Subject {
    Subject {
        deployment_id: rollback_id(&bad.id),
        commit: Some(target.commit.clone()),
        ..own.clone()
    }
}

/// The bad deployment, put back.
pub fn rolled_back(bad: &Bad, reason: &str) -> Deployment {
    Deployment {
        rollback_from_commit: Some(bad.commit.clone()),
        rollback_reason: Some(reason.to_owned()),
        ..Deployment::standard(Status::RolledBack)
    }
}

/// The rollback's own row.
pub fn rollback(status: Status, bad: &Bad, reason: &str) -> Deployment {
    Deployment {
        deployment_type: ROLLBACK.to_owned(),
        ..Deployment {
            status,
            ..rolled_back(bad, reason)
        }
    }
}

/// The row of one sample of what was gone back to.
pub fn check(sample: &Sample, thresholds: &Thresholds) -> Check {
    let (failures, warnings) = judge_one(sample, thresholds);
    let answer = sample.outcome.as_ref().ok();
    let health_status = match (failures.is_empty(), warnings.is_empty()) {
        (false, _) => "unhealthy",
        (true, false) => "degraded",
        (true, true) => "healthy",
    };
    Check {
        health_status: health_status.to_owned(),
        mode: "watch".to_owned(),
        response_time_ms: answer.map(|_| whole(sample.phases.total.as_secs_f64() * 1000.0)),
        error_rate: answer.and_then(|answer| answer.error_rate),
        availability: answer.and_then(|answer| answer.availability),
        endpoint: sample.endpoint.clone(),
        threshold_error_rate: thresholds.fail.error_rate,
        threshold_response_time: whole(thresholds.fail.response_time),
        threshold_availability: thresholds.fail.availability,
        checks_passed: Vec::new(),
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

/// The parts that are done of a deployment, by their words: what the records have, without what they had of an earlier
/// run of the same deployment when its rollout began.
pub fn done(words: Vec<String>, rollout: Option<&Intent>) -> Vec<String> {
    let old = |word: &str| {
        let part = Part::of(word);
        rollout.zip(part).is_some_and(|(rollout, part)| {
            rollout.before.contains(&part) && !rollout.done.contains(&part)
        })
    };
    words.into_iter().filter(|word| !old(word)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad() -> Bad {
        Bad {
            id: "d1".into(),
            commit: "b".repeat(40),
            row: None,
        }
    }

    #[test]
    fn a_rollback_is_a_row_of_its_own_that_names_what_it_took_back() {
        let row = rollback(Status::InProgress, &bad(), "errors");
        assert_eq!(
            (row.deployment_type.as_str(), row.status),
            (ROLLBACK, Status::InProgress)
        );
        assert_eq!(row.rollback_from_commit, Some("b".repeat(40)));
        assert_eq!(rolled_back(&bad(), "errors").deployment_type, "standard");
    }

    #[test]
    fn what_an_earlier_run_of_the_deployment_did_is_not_done() {
        let words = || ["traffic", "script", "branch"].map(str::to_owned).to_vec();
        assert_eq!(done(words(), None), words());
        let again = Intent {
            before: vec![Part::Script, Part::Traffic],
            done: vec![Part::Traffic],
            ..Intent::begun("d1", None)
        };
        assert_eq!(done(words(), Some(&again)), ["traffic", "branch"]);
    }

    #[test]
    fn another_pipelines_number_is_not_written_over() {
        let own = Subject {
            repo: "acme/shop".into(),
            environment: "production".into(),
            deployment_id: "d9".into(),
            commit: None,
            build_id: Some(9),
        };
        assert_eq!(bad_subject(&own, &bad()).build_id, None);
        assert_eq!(
            bad_subject(
                &Subject {
                    deployment_id: "d1".into(),
                    ..own
                },
                &bad()
            )
            .build_id,
            Some(9)
        );
    }
}
