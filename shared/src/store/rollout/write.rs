//! Entries of rollouts into rows. Each statement can be repeated, and holds the rule of its twin in
//! [`super::replay`].

use postgres::types::{Json, Type};
use postgres::{Error, Transaction};

use super::replay::stage_key;
use crate::record::{Abort, Hold, Lift, Mark, Part, Rollout, Stage};
use crate::split::{Counts, Snapshot};
use crate::store::replay::hundredths;
use crate::store::storable::{storable, storable_json};
use crate::store::write::{Parameter, Row};

/// The newer of two is the one with the larger token, then with the larger sequence.
pub(in crate::store) fn rollout(
    row: &Row<'_>,
    transaction: &mut Transaction<'_>,
    rollout: &Rollout,
) -> Result<(), Error> {
    let token = row.token.unwrap_or(0);
    let state = Json(storable_json(&rollout.state));
    let snapshot = rollout.snapshot.as_ref().map(|snapshot| {
        Json(Snapshot {
            detail: storable_json(&snapshot.detail),
            ..snapshot.clone()
        })
    });
    let mark = rollout.mark.map(Mark::word);
    let mut parameters = row.common();
    parameters.extend::<[Parameter<'_>; 5]>([
        (&token, Type::INT8),
        (&rollout.sequence, Type::INT8),
        (&state, Type::JSON),
        (&snapshot, Type::JSON),
        (&mark, Type::TEXT),
    ]);
    transaction.execute_typed(
        "INSERT INTO deployment_rollouts AS old (repo, environment, deployment_id, commit_sha, \
             build_id, recorded_at, record_key, plugin_version, lease_token, sequence, state, \
             snapshot, mark) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
         ON CONFLICT (repo, environment, deployment_id) DO UPDATE SET \
             commit_sha = excluded.commit_sha, \
             build_id = excluded.build_id, \
             recorded_at = excluded.recorded_at, \
             record_key = excluded.record_key, \
             plugin_version = excluded.plugin_version, \
             lease_token = excluded.lease_token, \
             sequence = excluded.sequence, \
             state = excluded.state, \
             snapshot = excluded.snapshot, \
             mark = excluded.mark \
         WHERE (old.lease_token, old.sequence, old.recorded_at) \
             < (excluded.lease_token, excluded.sequence, excluded.recorded_at)",
        &parameters,
    )?;
    Ok(())
}

/// The newer of two is the one with the larger token, then the one that is complete, then the later one.
pub(in crate::store) fn stage(
    row: &Row<'_>,
    transaction: &mut Transaction<'_>,
    stage: &Stage,
) -> Result<(), Error> {
    let key = storable(&stage_key(row.subject, stage));
    let (status, kind) = (stage.status.word(), stage.deployment_type());
    let (errors, up) = (
        stage.error_rate.map(hundredths),
        stage.availability.map(hundredths),
    );
    let put_back = stage.rollback_reason.is_some();
    let reason = stage.rollback_reason.as_deref().map(storable);
    let (stable, canary) = (columns(stage.stable), columns(stage.canary));
    let mut parameters = row.common();
    // The seventh is what identifies the row, which is written several times.
    parameters[6] = (&key, Type::TEXT);
    parameters.extend::<[Parameter<'_>; 16]>([
        (&stage.stage, Type::INT4),
        (&stage.traffic_percentage, Type::INT4),
        (&status, Type::TEXT),
        (&errors, Type::FLOAT8),
        (&up, Type::FLOAT8),
        (&stage.response_time_ms, Type::INT4),
        (&stage.started_at, Type::TIMESTAMPTZ),
        (&stage.completed_at, Type::TIMESTAMPTZ),
        (&put_back, Type::BOOL),
        (&reason, Type::TEXT),
        (&kind, Type::TEXT),
        (&row.token, Type::INT8),
        (&stable.0, Type::INT8),
        (&stable.1, Type::INT8),
        (&canary.0, Type::INT8),
        (&canary.1, Type::INT8),
    ]);
    transaction.execute_typed(
        "INSERT INTO progressive_deployments AS old (repo, environment, deployment_id, commit_sha, \
             build_id, recorded_at, record_key, plugin_version, stage, traffic_percentage, status, \
             error_rate, availability, response_time_ms, started_at, completed_at, \
             rollback_triggered, rollback_reason, deployment_type, lease_token, stable_requests, \
             stable_failed, canary_requests, canary_failed) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, \
             $15 AT TIME ZONE 'UTC', $16 AT TIME ZONE 'UTC', $17, $18, $19, $20, $21, $22, $23, $24) \
         ON CONFLICT (record_key) WHERE record_key IS NOT NULL DO UPDATE SET \
             commit_sha = excluded.commit_sha, \
             build_id = excluded.build_id, \
             recorded_at = excluded.recorded_at, \
             plugin_version = excluded.plugin_version, \
             traffic_percentage = excluded.traffic_percentage, \
             status = excluded.status, \
             error_rate = excluded.error_rate, \
             availability = excluded.availability, \
             response_time_ms = excluded.response_time_ms, \
             started_at = excluded.started_at, \
             completed_at = excluded.completed_at, \
             rollback_triggered = excluded.rollback_triggered, \
             rollback_reason = excluded.rollback_reason, \
             lease_token = excluded.lease_token, \
             stable_requests = excluded.stable_requests, \
             stable_failed = excluded.stable_failed, \
             canary_requests = excluded.canary_requests, \
             canary_failed = excluded.canary_failed \
         WHERE (coalesce(old.lease_token, 0), old.completed_at IS NOT NULL, old.recorded_at) \
             <= (coalesce(excluded.lease_token, 0), excluded.completed_at IS NOT NULL, excluded.recorded_at)",
        &parameters,
    )?;
    Ok(())
}

fn columns(counts: Option<Counts>) -> (Option<i64>, Option<i64>) {
    let column = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    (
        counts.map(|counts| column(counts.requests)),
        counts.map(|counts| column(counts.failed)),
    )
}

/// The first one counts: what was done once is done.
pub(in crate::store) fn part(
    row: &Row<'_>,
    transaction: &mut Transaction<'_>,
    part: &Part,
) -> Result<(), Error> {
    let (name, note) = (storable(&part.part), part.note.as_deref().map(storable));
    transaction.execute_typed(
        "INSERT INTO deployment_parts (repo, environment, deployment_id, part, note, recorded_at, \
             record_key, plugin_version) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
         ON CONFLICT (repo, environment, deployment_id, part) DO NOTHING",
        &[
            (&row.repo, Type::TEXT),
            (&row.environment, Type::TEXT),
            (&row.deployment_id, Type::TEXT),
            (&name, Type::TEXT),
            (&note, Type::TEXT),
            (&row.at, Type::TIMESTAMPTZ),
            (&row.key, Type::TEXT),
            (&row.by, Type::TEXT),
        ],
    )?;
    Ok(())
}

pub(in crate::store) fn abort(
    row: &Row<'_>,
    transaction: &mut Transaction<'_>,
    abort: &Abort,
) -> Result<(), Error> {
    let (by, reason) = (storable(&abort.by), storable(&abort.reason));
    let url = abort.pipeline_url.as_deref().map(storable);
    transaction.execute_typed(
        "INSERT INTO deployment_aborts (repo, environment, deployment_id, requested_by, \
             pipeline_url, reason, of_token, recorded_at, record_key, plugin_version) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (record_key) DO NOTHING",
        &[
            (&row.repo, Type::TEXT),
            (&row.environment, Type::TEXT),
            (&row.deployment_id, Type::TEXT),
            (&by, Type::TEXT),
            (&url, Type::TEXT),
            (&reason, Type::TEXT),
            (&abort.of_token, Type::INT8),
            (&row.at, Type::TIMESTAMPTZ),
            (&row.key, Type::TEXT),
            (&row.by, Type::TEXT),
        ],
    )?;
    Ok(())
}

pub(in crate::store) fn hold(
    row: &Row<'_>,
    transaction: &mut Transaction<'_>,
    hold: &Hold,
) -> Result<(), Error> {
    let reason = storable(&hold.reason);
    transaction.execute_typed(
        "INSERT INTO deployment_holds AS old (repo, environment, commit_sha, deployment_id, reason, \
             held_at, plugin_version) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (repo, environment, commit_sha) DO UPDATE SET \
             deployment_id = excluded.deployment_id, \
             reason = excluded.reason, \
             held_at = excluded.held_at, \
             plugin_version = excluded.plugin_version \
         WHERE old.held_at IS NULL OR old.held_at <= excluded.held_at",
        &[
            (&row.repo, Type::TEXT),
            (&row.environment, Type::TEXT),
            (&row.commit, Type::TEXT),
            (&row.deployment_id, Type::TEXT),
            (&reason, Type::TEXT),
            (&row.at, Type::TIMESTAMPTZ),
            (&row.by, Type::TEXT),
        ],
    )?;
    Ok(())
}

pub(in crate::store) fn lift(
    row: &Row<'_>,
    transaction: &mut Transaction<'_>,
    lift: &Lift,
) -> Result<(), Error> {
    let by = storable(&lift.by);
    transaction.execute_typed(
        "INSERT INTO deployment_holds AS old (repo, environment, commit_sha, lifted_at, lifted_by, \
             plugin_version) \
         VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (repo, environment, commit_sha) DO UPDATE SET \
             lifted_at = excluded.lifted_at, \
             lifted_by = excluded.lifted_by, \
             plugin_version = excluded.plugin_version \
         WHERE old.lifted_at IS NULL OR old.lifted_at <= excluded.lifted_at",
        &[
            (&row.repo, Type::TEXT),
            (&row.environment, Type::TEXT),
            (&row.commit, Type::TEXT),
            (&row.at, Type::TIMESTAMPTZ),
            (&by, Type::TEXT),
            (&row.by, Type::TEXT),
        ],
    )?;
    Ok(())
}
