//! Rows into answers. Rows of the original system have no `recorded_at` and answer nothing.

use std::time::Duration;

use jiff::Timestamp;
use postgres::types::{Json, Type};
use postgres::{Error, Row, Transaction};

use super::replay::start_of;
use super::seen::{Deployed, History};
use crate::record::{Check, Window};

/// See [`super::replay::windows`].
pub(super) fn windows(
    transaction: &mut Transaction<'_>,
    repo: &str,
    environment: &str,
    spans: &[(String, Duration)],
    now: Timestamp,
) -> Result<Vec<Window>, Error> {
    let mut windows = Vec::new();
    for (label, span) in spans {
        let from = start_of(*span, now);
        let row = transaction.query_typed_one(
            "SELECT count(*), count(*) FILTER (WHERE health_status IN ('healthy', 'degraded')), \
                 avg(error_rate)::float8, avg(availability)::float8, avg(response_time_ms)::float8 \
             FROM health_checks \
             WHERE repo = $1 AND environment = $2 AND recorded_at >= $3 AND recorded_at <= $4 \
               AND mode IS DISTINCT FROM 'wait'",
            &[
                (&repo, Type::TEXT),
                (&environment, Type::TEXT),
                (&from, Type::TIMESTAMPTZ),
                (&now, Type::TIMESTAMPTZ),
            ],
        )?;
        let count = |place| -> Result<u32, Error> {
            let count: i64 = row.try_get(place)?;
            Ok(u32::try_from(count).unwrap_or(u32::MAX))
        };
        windows.push(Window {
            label: label.clone(),
            checks: count(0)?,
            good: count(1)?,
            error_rate: row.try_get(2)?,
            availability: row.try_get(3)?,
            response_time: row.try_get(4)?,
        });
    }
    Ok(windows)
}

/// See [`super::replay::deployment`].
pub(super) fn deployment(
    transaction: &mut Transaction<'_>,
    repo: &str,
    environment: &str,
    deployment_id: &str,
    limit: usize,
) -> Result<History, Error> {
    let subject = [
        (&repo as &(dyn postgres::types::ToSql + Sync), Type::TEXT),
        (&environment, Type::TEXT),
        (&deployment_id, Type::TEXT),
    ];
    let row = transaction.query_typed_opt(
        "SELECT status, deployment_type, nullif(commit_sha, ''), previous_commit, build_id, recorded_at, \
             rollback_from_commit, rollback_reason \
         FROM deployments \
         WHERE repo = $1 AND environment = $2 AND deployment_id = $3 AND recorded_at IS NOT NULL",
        &subject,
    )?;
    let deployment = row.as_ref().map(deployed).transpose()?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut parameters = subject.to_vec();
    parameters.push((&limit, Type::INT8));
    let rows = transaction.query_typed(
        "SELECT recorded_at, health_status, coalesce(mode, ''), response_time_ms, error_rate::float8, \
             availability::float8, coalesce(endpoint, ''), \
             coalesce(threshold_error_rate::float8, 5), coalesce(threshold_response_time, 2000), \
             coalesce(threshold_availability::float8, 99), \
             coalesce(checks_passed, '[]'), coalesce(checks_failed, '[]') \
         FROM health_checks \
         WHERE repo = $1 AND environment = $2 AND deployment_id = $3 AND recorded_at IS NOT NULL \
         ORDER BY recorded_at DESC, id DESC LIMIT $4",
        &parameters,
    )?;
    let checks = rows.iter().map(check).collect::<Result<_, _>>()?;
    Ok(History { deployment, checks })
}

/// See [`super::replay::marker`].
pub(super) fn marker(
    transaction: &mut Transaction<'_>,
    repo: &str,
    environment: &str,
    name: &str,
) -> Result<Option<String>, Error> {
    let row = transaction.query_typed_opt(
        "SELECT commit_sha FROM version_markers \
         WHERE repo = $1 AND environment = $2 AND marker_name = $3 AND recorded_at IS NOT NULL",
        &[
            (&repo, Type::TEXT),
            (&environment, Type::TEXT),
            (&name, Type::TEXT),
        ],
    )?;
    row.map(|row| row.try_get(0)).transpose()
}

/// The first eight columns of a row of `deployments`.
pub(super) fn deployed(row: &Row) -> Result<Deployed, Error> {
    let kind: Option<String> = row.try_get(1)?;
    Ok(Deployed {
        status: row.try_get(0)?,
        deployment_type: kind.unwrap_or_default(),
        commit: row.try_get(2)?,
        previous_commit: row.try_get(3)?,
        build_id: row.try_get(4)?,
        rollback_from_commit: row.try_get(6)?,
        rollback_reason: row.try_get(7)?,
        at: row.try_get(5)?,
    })
}

fn check(row: &Row) -> Result<(Timestamp, Check), Error> {
    let Json(checks_passed) = row.try_get(10)?;
    let Json(checks_failed) = row.try_get(11)?;
    let check = Check {
        health_status: row.try_get(1)?,
        mode: row.try_get(2)?,
        response_time_ms: row.try_get(3)?,
        error_rate: row.try_get(4)?,
        availability: row.try_get(5)?,
        endpoint: row.try_get(6)?,
        threshold_error_rate: row.try_get(7)?,
        threshold_response_time: row.try_get(8)?,
        threshold_availability: row.try_get(9)?,
        checks_passed,
        checks_failed,
    };
    Ok((row.try_get(0)?, check))
}
