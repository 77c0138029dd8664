//! Rows of looks into answers. See [`super::replay`] for what each means.

use std::time::Duration;

use postgres::types::{Json, Type};
use postgres::{Error, Row, Transaction};

use super::{CHECKS_SPAN, Looked, Usual, WINDOWS_MAX};
use crate::record::{DRY_RUN, LAST_STABLE, Look};
use crate::split::Served;

pub(super) fn looks(
    transaction: &mut Transaction<'_>,
    repo: &str,
    environment: &str,
    deployment_id: &str,
    limit: usize,
) -> Result<Vec<Looked>, Error> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = transaction.query_typed(
        "SELECT recorded_at, stage, what, number, traffic_percentage, source, \
             stable_requests, stable_failed, stable_slow, \
             canary_requests, canary_failed, canary_slow, seen, deployment_type = $4 \
         FROM deployment_looks \
         WHERE repo = $1 AND environment = $2 AND deployment_id = $3 \
         ORDER BY deployment_type = $4, recorded_at, number, id LIMIT $5",
        &[
            (&repo, Type::TEXT),
            (&environment, Type::TEXT),
            (&deployment_id, Type::TEXT),
            (&DRY_RUN, Type::TEXT),
            (&limit, Type::INT8),
        ],
    )?;
    rows.iter().map(looked).collect()
}

fn looked(row: &Row) -> Result<Looked, Error> {
    let Json(seen) = row.try_get(12)?;
    Ok(Looked {
        at: row.try_get(0)?,
        look: Look {
            stage: row.try_get(1)?,
            what: row.try_get(2)?,
            number: row.try_get(3)?,
            traffic_percentage: row.try_get(4)?,
            source: row.try_get(5)?,
            stable: served(row, 6)?,
            canary: served(row, 9)?,
            seen,
            dry_run: row.try_get(13)?,
        },
    })
}

/// Three columns from `first` on.
fn served(row: &Row, first: usize) -> Result<Option<Served>, Error> {
    let column = |place: usize| -> Result<Option<u64>, Error> {
        let count: Option<i64> = row.try_get(place)?;
        Ok(count.map(|count| u64::try_from(count).unwrap_or(0)))
    };
    let slow = column(first + 2)?;
    let both = column(first)?.zip(column(first + 1)?);
    Ok(both.map(|(requests, failed)| Served {
        requests,
        failed,
        slow,
    }))
}

pub(super) fn usual(
    transaction: &mut Transaction<'_>,
    repo: &str,
    environment: &str,
    source: &str,
    span: Duration,
) -> Result<Usual, Error> {
    let (span, most) = (
        span.as_secs_f64(),
        i64::try_from(WINDOWS_MAX).unwrap_or(i64::MAX),
    );
    let rows = transaction.query_typed(
        "SELECT stable_requests, stable_failed, stable_slow FROM deployment_looks \
         WHERE repo = $1 AND environment = $2 AND source = $3 AND stable_requests > 0 \
           AND deployment_type <> $4 \
           AND recorded_at > now() - make_interval(secs => $5) AND recorded_at <= now() \
         ORDER BY recorded_at DESC, id DESC LIMIT $6",
        &[
            (&repo, Type::TEXT),
            (&environment, Type::TEXT),
            (&source, Type::TEXT),
            (&DRY_RUN, Type::TEXT),
            (&span, Type::FLOAT8),
            (&most, Type::INT8),
        ],
    )?;
    if rows.is_empty() {
        return checks(transaction, repo, environment, span);
    }
    let windows = rows
        .iter()
        .rev()
        .filter_map(|row| served(row, 0).transpose());
    Ok(Usual::Requests(windows.collect::<Result<_, _>>()?))
}

fn checks(
    transaction: &mut Transaction<'_>,
    repo: &str,
    environment: &str,
    span: f64,
) -> Result<Usual, Error> {
    let within = CHECKS_SPAN.as_secs_f64();
    let rows = transaction.query_typed(
        "SELECT count(*), count(*) FILTER (WHERE health_status NOT IN ('healthy', 'degraded')), \
             NULL::bigint \
         FROM health_checks \
         WHERE repo = $1 AND environment = $2 AND mode IS DISTINCT FROM 'wait' \
           AND recorded_at > now() - make_interval(secs => $3) AND recorded_at <= now() \
           AND commit_sha = (SELECT commit_sha FROM version_markers \
               WHERE repo = $1 AND environment = $2 AND marker_name = $4 \
                 AND recorded_at IS NOT NULL) \
         GROUP BY floor(extract(epoch FROM recorded_at)::float8 / $5) \
         ORDER BY min(recorded_at)",
        &[
            (&repo, Type::TEXT),
            (&environment, Type::TEXT),
            (&span, Type::FLOAT8),
            (&LAST_STABLE, Type::TEXT),
            (&within, Type::FLOAT8),
        ],
    )?;
    let windows = rows.iter().filter_map(|row| served(row, 0).transpose());
    Ok(Usual::Checks(windows.collect::<Result<_, _>>()?))
}
