//! Rows of looks into answers. See [`super::replay`] for what each means.

use std::time::Duration;

use postgres::fallible_iterator::FallibleIterator;
use postgres::types::{Json, ToSql, Type};
use postgres::{Error, Row, Transaction};

use super::{CHECKS_SPAN, Looked, Usual, WINDOWS_MAX};
use crate::record::{DRY_RUN, LAST_STABLE, Look};
use crate::split::Served;
use crate::store::Recorded;

pub(in crate::store) fn rollouts(
    transaction: &mut Transaction<'_>,
    deployment_id: Option<&str>,
    limit: usize,
) -> Result<Vec<Recorded>, Error> {
    // An older version made no table of looks.
    let is_there: bool = transaction
        .query_typed_one("SELECT to_regclass('deployment_looks') IS NOT NULL", &[])?
        .try_get(0)?;
    if !is_there {
        return Ok(Vec::new());
    }
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = transaction.query_typed(
        "SELECT repo, environment, deployment_id, max(recorded_at), count(*) \
         FROM deployment_looks WHERE $1 IS NULL OR deployment_id = $1 \
         GROUP BY repo, environment, deployment_id \
         ORDER BY max(recorded_at) DESC, max(id) DESC LIMIT $2",
        &[(&deployment_id, Type::TEXT), (&limit, Type::INT8)],
    )?;
    let recorded = |row: &Row| {
        let looks: i64 = row.try_get(4)?;
        Ok(Recorded {
            repo: row.try_get(0)?,
            environment: row.try_get(1)?,
            deployment_id: row.try_get(2)?,
            last: row.try_get(3)?,
            looks: usize::try_from(looks).unwrap_or(0),
        })
    };
    rows.iter().map(recorded).collect()
}

pub(in crate::store) fn looks<T>(
    transaction: &mut Transaction<'_>,
    of: &Recorded,
    limit: usize,
    mut read: impl FnMut(Looked) -> Result<T, String>,
) -> Result<Result<Vec<T>, String>, Error> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = transaction.query_typed_raw(
        "SELECT recorded_at, stage, what, number, traffic_percentage, source, \
             stable_requests, stable_failed, stable_slow, \
             canary_requests, canary_failed, canary_slow, seen, deployment_type = $4, \
             plugin_version \
         FROM deployment_looks \
         WHERE repo = $1 AND environment = $2 AND deployment_id = $3 \
         ORDER BY deployment_type = $4, recorded_at, number, id LIMIT $5",
        [
            (&of.repo as &(dyn ToSql + Sync), Type::TEXT),
            (&of.environment, Type::TEXT),
            (&of.deployment_id, Type::TEXT),
            (&DRY_RUN, Type::TEXT),
            (&limit, Type::INT8),
        ],
    )?;
    let mut found = Vec::new();
    // Row by row: what was seen is many times as big as it is once it is understood.
    while let Some(row) = rows.next()? {
        match read(looked(&row)?) {
            Ok(one) => found.push(one),
            Err(why) => return Ok(Err(why)),
        }
    }
    Ok(Ok(found))
}

fn looked(row: &Row) -> Result<Looked, Error> {
    let Json(seen) = row.try_get(12)?;
    Ok(Looked {
        at: row.try_get(0)?,
        by: row.try_get(14)?,
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
        "SELECT stable_requests, stable_failed, stable_slow, \
             coalesce(seen #>> '{look,counts,outage}' = 'true', false) \
               OR coalesce(seen #>> '{look,baseline,judged,judged}' <> 'good', false) \
         FROM deployment_looks \
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
    let window = |row: &Row| {
        let is_troubled: bool = row.try_get(3)?;
        Ok(served(row, 0)?.map(|served| (served, is_troubled)))
    };
    let windows = rows.iter().rev().filter_map(|row| window(row).transpose());
    let windows: Vec<_> = windows.collect::<Result<_, Error>>()?;
    Ok(Usual::requests(windows))
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
    Ok(Usual::checks(windows.collect::<Result<_, _>>()?))
}
