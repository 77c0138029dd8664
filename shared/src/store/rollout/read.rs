//! Rows of rollouts into answers. See [`super::replay`] for what each means.

use postgres::types::{Json, ToSql, Type};
use postgres::{Error, Row, Transaction};

use super::{Done, Good, Held, INCIDENTS_MAX, LastRollout};
use crate::record::{Abort, DRY_RUN, Mark, Stage, StageStatus, Subject, part};
use crate::split::{Counts, Snapshot};
use crate::store::read::deployed;
use crate::store::seen::Deployed;

pub(super) fn rollout(
    transaction: &mut Transaction<'_>,
    repo: &str,
    environment: &str,
    deployment_id: Option<&str>,
) -> Result<Option<LastRollout>, Error> {
    let row = transaction.query_typed_opt(
        "SELECT deployment_id, commit_sha, build_id, lease_token, sequence, state, snapshot, mark, \
             recorded_at \
         FROM deployment_rollouts \
         WHERE repo = $1 AND environment = $2 AND ($3::text IS NULL OR deployment_id = $3) \
         ORDER BY lease_token DESC, sequence DESC, recorded_at DESC, \
             deployment_id COLLATE \"C\" DESC LIMIT 1",
        &[
            (&repo, Type::TEXT),
            (&environment, Type::TEXT),
            (&deployment_id, Type::TEXT),
        ],
    )?;
    row.map(|row| last(&row, repo, environment)).transpose()
}

fn last(row: &Row, repo: &str, environment: &str) -> Result<LastRollout, Error> {
    let token: i64 = row.try_get(3)?;
    let Json(state) = row.try_get(5)?;
    let snapshot: Option<Json<Snapshot>> = row.try_get(6)?;
    let mark: Option<String> = row.try_get(7)?;
    Ok(LastRollout {
        subject: Subject {
            repo: repo.to_owned(),
            environment: environment.to_owned(),
            deployment_id: row.try_get(0)?,
            commit: row.try_get(1)?,
            build_id: row.try_get(2)?,
        },
        token: (token > 0).then_some(token),
        sequence: row.try_get(4)?,
        state,
        snapshot: snapshot.map(|Json(snapshot)| snapshot),
        // How a newer version closed it is not known here, only that it did: not to be touched.
        mark: mark.map(|word| {
            let known = Mark::ALL.into_iter().find(|mark| mark.word() == word);
            known.unwrap_or(Mark::Held)
        }),
        at: row.try_get(8)?,
    })
}

pub(super) fn stages(
    transaction: &mut Transaction<'_>,
    repo: &str,
    environment: &str,
    deployment_id: &str,
) -> Result<Vec<Stage>, Error> {
    let rows = transaction.query_typed(
        "SELECT stage, traffic_percentage, status, error_rate::float8, availability::float8, \
             response_time_ms, started_at AT TIME ZONE 'UTC', completed_at AT TIME ZONE 'UTC', \
             rollback_reason, stable_requests, stable_failed, canary_requests, canary_failed, \
             deployment_type = $4 \
         FROM progressive_deployments \
         WHERE repo = $1 AND environment = $2 AND deployment_id = $3 AND recorded_at IS NOT NULL \
         ORDER BY deployment_type = $4, stage",
        &[
            (&repo, Type::TEXT),
            (&environment, Type::TEXT),
            (&deployment_id, Type::TEXT),
            (&DRY_RUN, Type::TEXT),
        ],
    )?;
    rows.iter()
        .filter_map(|row| stage(row).transpose())
        .collect()
}

/// Nothing when a newer version wrote a status that is not known here.
fn stage(row: &Row) -> Result<Option<Stage>, Error> {
    let word: String = row.try_get(2)?;
    let mut known = StageStatus::ALL.into_iter();
    let Some(status) = known.find(|status| status.word() == word) else {
        return Ok(None);
    };
    let counts = |requests: usize, failed: usize| -> Result<Option<Counts>, Error> {
        let requests: Option<i64> = row.try_get(requests)?;
        let failed: Option<i64> = row.try_get(failed)?;
        Ok(requests.zip(failed).map(|(requests, failed)| Counts {
            requests: u64::try_from(requests).unwrap_or(0),
            failed: u64::try_from(failed).unwrap_or(0),
        }))
    };
    Ok(Some(Stage {
        stage: row.try_get(0)?,
        traffic_percentage: row.try_get(1)?,
        status,
        error_rate: row.try_get(3)?,
        availability: row.try_get(4)?,
        response_time_ms: row.try_get(5)?,
        started_at: row.try_get(6)?,
        completed_at: row.try_get(7)?,
        rollback_reason: row.try_get(8)?,
        stable: counts(9, 10)?,
        canary: counts(11, 12)?,
        dry_run: row.try_get(13)?,
    }))
}

pub(super) fn parts(
    transaction: &mut Transaction<'_>,
    repo: &str,
    environment: &str,
    deployment_id: &str,
) -> Result<Vec<Done>, Error> {
    let rows = transaction.query_typed(
        "SELECT part, note, recorded_at FROM deployment_parts \
         WHERE repo = $1 AND environment = $2 AND deployment_id = $3 ORDER BY part COLLATE \"C\"",
        &[
            (&repo, Type::TEXT),
            (&environment, Type::TEXT),
            (&deployment_id, Type::TEXT),
        ],
    )?;
    let done = |row: &Row| {
        Ok(Done {
            part: row.try_get(0)?,
            note: row.try_get(1)?,
            at: row.try_get(2)?,
        })
    };
    rows.iter().map(done).collect()
}

pub(super) fn incidents(
    transaction: &mut Transaction<'_>,
    repo: &str,
    environment: &str,
) -> Result<Vec<String>, Error> {
    let most = i64::try_from(INCIDENTS_MAX).unwrap_or(i64::MAX);
    let rows = transaction.query_typed(
        "SELECT deployment_id FROM deployment_parts opened \
         WHERE repo = $1 AND environment = $2 AND part = $3 \
           AND NOT EXISTS (SELECT FROM deployment_parts closed \
               WHERE closed.repo = $1 AND closed.environment = $2 AND closed.part = $4 \
                 AND closed.deployment_id = opened.deployment_id) \
         ORDER BY recorded_at DESC, deployment_id LIMIT $5",
        &[
            (&repo, Type::TEXT),
            (&environment, Type::TEXT),
            (&part::INCIDENT, Type::TEXT),
            (&part::RECOVERED, Type::TEXT),
            (&most, Type::INT8),
        ],
    )?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

pub(super) fn abort(
    transaction: &mut Transaction<'_>,
    repo: &str,
    environment: &str,
    deployment_id: &str,
    token: Option<i64>,
) -> Result<Option<Abort>, Error> {
    let row = transaction.query_typed_opt(
        "SELECT requested_by, pipeline_url, reason, of_token FROM deployment_aborts \
         WHERE repo = $1 AND environment = $2 AND deployment_id = $3 \
           AND ($4::bigint IS NULL OR of_token IS NULL OR $4 <= of_token) \
         ORDER BY id LIMIT 1",
        &[
            (&repo, Type::TEXT),
            (&environment, Type::TEXT),
            (&deployment_id, Type::TEXT),
            (&token, Type::INT8),
        ],
    )?;
    let abort = |row: Row| {
        Ok(Abort {
            by: row.try_get(0)?,
            pipeline_url: row.try_get(1)?,
            reason: row.try_get(2)?,
            of_token: row.try_get(3)?,
        })
    };
    row.map(abort).transpose()
}

pub(super) fn held(
    transaction: &mut Transaction<'_>,
    repo: &str,
    environment: &str,
    commit: &str,
) -> Result<Option<Held>, Error> {
    let row = transaction.query_typed_opt(
        &format!(
            "SELECT coalesce(deployment_id, ''), coalesce(reason, ''), held_at FROM deployment_holds \
             WHERE repo = $1 AND environment = $2 AND commit_sha = $3 AND {HELD}"
        ),
        &place(&repo, &environment, &commit),
    )?;
    let held = |row: Row| {
        Ok(Held {
            deployment_id: row.try_get(0)?,
            reason: row.try_get(1)?,
            at: row.try_get(2)?,
        })
    };
    row.map(held).transpose()
}

/// Of a row of `deployment_holds`.
const HELD: &str = "held_at IS NOT NULL AND (lifted_at IS NULL OR lifted_at <= held_at)";

/// By id: a row is as old as its first word, whatever the clocks said.
pub(super) fn last_good(
    transaction: &mut Transaction<'_>,
    repo: &str,
    environment: &str,
    bad: &str,
) -> Result<Option<Good>, Error> {
    let mut parameters = place(&repo, &environment, &bad).to_vec();
    parameters.push((&DRY_RUN, Type::TEXT));
    let row = transaction.query_typed_opt(
        &format!(
            "SELECT deployment_id, commit_sha FROM deployments good \
             WHERE repo = $1 AND environment = $2 AND recorded_at IS NOT NULL \
               AND status = 'success' AND deployment_type IS DISTINCT FROM $4 \
               AND commit_sha NOT IN ('', $3) \
               AND NOT EXISTS (SELECT FROM deployments later \
                   WHERE later.repo = $1 AND later.environment = $2 AND good.id < later.id \
                     AND later.commit_sha = good.commit_sha AND later.status = 'rolled_back' \
                     AND later.deployment_type IS DISTINCT FROM $4) \
               AND NOT EXISTS (SELECT FROM deployment_holds h \
                   WHERE h.repo = $1 AND h.environment = $2 AND h.commit_sha = good.commit_sha \
                     AND {HELD}) \
             ORDER BY id DESC LIMIT 1"
        ),
        &parameters,
    )?;
    let good = |row: Row| {
        Ok(Good {
            deployment_id: row.try_get(0)?,
            commit: row.try_get(1)?,
        })
    };
    row.map(good).transpose()
}

/// By id, newest first: a row is as old as its first word, whatever the clocks said.
pub(super) fn recent(
    transaction: &mut Transaction<'_>,
    repo: &str,
    environment: &str,
    limit: usize,
) -> Result<Vec<(String, Deployed)>, Error> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = transaction.query_typed(
        "SELECT status, deployment_type, nullif(commit_sha, ''), previous_commit, build_id, recorded_at, \
             rollback_from_commit, rollback_reason, deployment_id \
         FROM deployments WHERE repo = $1 AND environment = $2 AND recorded_at IS NOT NULL \
         ORDER BY id DESC LIMIT $3",
        &[
            (&repo, Type::TEXT),
            (&environment, Type::TEXT),
            (&limit, Type::INT8),
        ],
    )?;
    let each = |row: &Row| Ok((row.try_get(8)?, deployed(row)?));
    rows.iter().map(each).collect()
}

fn place<'a>(
    repo: &'a &str,
    environment: &'a &str,
    commit: &'a &str,
) -> [(&'a (dyn ToSql + Sync), Type); 3] {
    [
        (repo, Type::TEXT),
        (environment, Type::TEXT),
        (commit, Type::TEXT),
    ]
}
