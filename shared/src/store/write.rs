//! Entries into rows, each exactly once.

use jiff::Timestamp;
use postgres::types::{Json, ToSql, Type};
use postgres::{Error, Transaction};

use super::lease::fence::{self, Fenced};
use super::look::write as looks;
use super::postgres::{describe, refuses_value};
use super::replay::hundredths;
use super::rollout::write as rollouts;
use super::storable::storable;
use crate::deployment::Status;
use crate::record::{Check, DRY_RUN, Deployment, Entry, LAST_STABLE, Marker, Record, Subject};

pub(super) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// Writes entries in their order. What the database refuses for ever comes back by its place, with why.
///
/// # Errors
/// For anything that another try could change; nothing is written then.
pub(super) fn insert_all(
    transaction: &mut Transaction<'_>,
    entries: &[Entry],
    application: &str,
) -> Result<Vec<(usize, String)>, Error> {
    let mut refused = Vec::new();
    for (place, entry) in entries.iter().enumerate() {
        if let Some(why) = impossible(entry) {
            refused.push((place, why.to_owned()));
            continue;
        }
        let mut savepoint = transaction.transaction()?;
        match insert_late(&mut savepoint, entry, application) {
            Ok(None) => savepoint.commit()?,
            Ok(Some(fenced)) => {
                savepoint.rollback()?;
                refused.push((place, fenced.to_string()));
            }
            Err(error) if refuses_value(&error) => {
                savepoint.rollback()?;
                refused.push((place, describe(&error)));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(refused)
}

/// Writes entries of the run that makes them, which all have one token, unless a newer one exists.
///
/// # Errors
/// When it is refused for ever, and for anything that another try could change.
pub(super) fn insert_live(
    transaction: &mut Transaction<'_>,
    entries: &[Entry],
    application: &str,
) -> Result<Option<Fenced>, Error> {
    for entry in entries {
        // The first answer goes for all: until the transaction ends nobody can take the lease.
        if let Some(fenced) = fence(transaction, entry)? {
            return Ok(Some(fenced));
        }
        insert(transaction, entry, application)?;
    }
    Ok(None)
}

/// Writes an entry that waited. A newer token turns back a marker, which others go by; the rest is history, which is
/// true whoever has the lease now. An intent is history too: it never takes the place of one under a newer token, and
/// without it a later run would put back a rollout that has succeeded since the database was lost.
fn insert_late(
    transaction: &mut Transaction<'_>,
    entry: &Entry,
    application: &str,
) -> Result<Option<Fenced>, Error> {
    if let Record::Marker(_) = &entry.body {
        return insert_live(transaction, std::slice::from_ref(entry), application);
    }
    insert(transaction, entry, application)?;
    Ok(None)
}

fn fence(transaction: &mut Transaction<'_>, entry: &Entry) -> Result<Option<Fenced>, Error> {
    let subject = &entry.subject;
    match entry.token {
        Some(token) => fence::against(transaction, &subject.repo, &subject.environment, token),
        None => Ok(None),
    }
}

/// Why no database could take the entry.
pub(super) fn impossible(entry: &Entry) -> Option<&'static str> {
    match (&entry.body, &entry.subject.commit) {
        (Record::Marker(_), None) => Some("a marker needs a commit, and none was named"),
        (Record::Hold(_) | Record::Lift(_), None) => {
            Some("a hold needs a commit, and none was named")
        }
        _ => None,
    }
}

fn insert(transaction: &mut Transaction<'_>, entry: &Entry, by: &str) -> Result<(), Error> {
    let row = Row {
        repo: storable(&entry.subject.repo),
        environment: storable(&entry.subject.environment),
        deployment_id: storable(&entry.subject.deployment_id),
        commit: entry.subject.commit.as_deref().map(storable),
        key: storable(&entry.key),
        at: entry.at,
        token: entry.token,
        subject: &entry.subject,
        by,
    };
    match &entry.body {
        Record::Check(check) => row.insert_check(transaction, check),
        Record::Deployment(deployment) => row.upsert_deployment(transaction, deployment),
        Record::Marker(marker) => row.upsert_marker(transaction, marker),
        Record::Rollout(rollout) => rollouts::rollout(&row, transaction, rollout),
        Record::Stage(stage) => rollouts::stage(&row, transaction, stage),
        Record::Look(look) => looks::insert(&row, transaction, look),
        Record::Part(part) => rollouts::part(&row, transaction, part),
        Record::Abort(abort) => rollouts::abort(&row, transaction, abort),
        Record::Hold(hold) => rollouts::hold(&row, transaction, hold),
        Record::Lift(lift) => rollouts::lift(&row, transaction, lift),
    }
}

/// What the rows of all tables have in common.
pub(super) struct Row<'a> {
    pub(super) repo: String,
    pub(super) environment: String,
    pub(super) deployment_id: String,
    pub(super) commit: Option<String>,
    pub(super) key: String,
    pub(super) at: Timestamp,
    pub(super) token: Option<i64>,
    pub(super) subject: &'a Subject,
    pub(super) by: &'a str,
}

impl Row<'_> {
    /// `$1` to `$8` of every statement.
    pub(super) fn common(&self) -> Vec<Parameter<'_>> {
        vec![
            (&self.repo, Type::TEXT),
            (&self.environment, Type::TEXT),
            (&self.deployment_id, Type::TEXT),
            (&self.commit, Type::TEXT),
            (&self.subject.build_id, Type::INT4),
            (&self.at, Type::TIMESTAMPTZ),
            (&self.key, Type::TEXT),
            (&self.by, Type::TEXT),
        ]
    }

    fn insert_check(&self, transaction: &mut Transaction<'_>, check: &Check) -> Result<(), Error> {
        let (status, mode) = (storable(&check.health_status), storable(&check.mode));
        let endpoint = storable(&check.endpoint);
        let (error_rate, availability) = (
            check.error_rate.map(hundredths),
            check.availability.map(hundredths),
        );
        let passed = Json(
            check
                .checks_passed
                .iter()
                .map(|t| storable(t))
                .collect::<Vec<_>>(),
        );
        let failed = Json(
            check
                .checks_failed
                .iter()
                .map(|t| storable(t))
                .collect::<Vec<_>>(),
        );
        let mut parameters = self.common();
        parameters.extend::<[Parameter<'_>; 11]>([
            (&status, Type::TEXT),
            (&mode, Type::TEXT),
            (&check.response_time_ms, Type::INT4),
            (&error_rate, Type::FLOAT8),
            (&availability, Type::FLOAT8),
            (&endpoint, Type::TEXT),
            (&check.threshold_error_rate, Type::FLOAT8),
            (&check.threshold_response_time, Type::INT4),
            (&check.threshold_availability, Type::FLOAT8),
            (&passed, Type::JSONB),
            (&failed, Type::JSONB),
        ]);
        transaction.execute_typed(
            "INSERT INTO health_checks (repo, environment, deployment_id, commit_sha, build_id, \
                 recorded_at, timestamp, record_key, plugin_version, health_status, mode, \
                 response_time_ms, error_rate, availability, endpoint, threshold_error_rate, \
                 threshold_response_time, threshold_availability, checks_passed, checks_failed) \
             VALUES ($1, $2, $3, $4, $5, $6, $6 AT TIME ZONE 'UTC', $7, $8, $9, $10, $11, $12, $13, \
                 $14, $15, $16, $17, $18, $19) \
             ON CONFLICT (record_key) WHERE record_key IS NOT NULL DO NOTHING",
            &parameters,
        )?;
        Ok(())
    }

    /// The statement holds the rule of [`super::replay::deployment_moves`], which decides the same for the journal:
    /// what is older never overrides what is newer, what was put back or is held stays so, and a dry run never takes
    /// the place of a real deployment.
    fn upsert_deployment(
        &self,
        transaction: &mut Transaction<'_>,
        deployment: &Deployment,
    ) -> Result<(), Error> {
        let blocked: Vec<&str> = Status::ALL
            .into_iter()
            .filter(|old| !old.may_become(deployment.status))
            .map(Status::word)
            .collect();
        let (status, kind) = (
            deployment.status.word(),
            storable(&deployment.deployment_type),
        );
        let put_back = deployment.rollback_from_commit.as_deref().map(storable);
        let reason = deployment.rollback_reason.as_deref().map(storable);
        let mut parameters = self.common();
        parameters.extend::<[Parameter<'_>; 7]>([
            (&status, Type::TEXT),
            (&kind, Type::TEXT),
            (&blocked, Type::TEXT_ARRAY),
            (&LAST_STABLE, Type::TEXT),
            (&put_back, Type::TEXT),
            (&reason, Type::TEXT),
            (&DRY_RUN, Type::TEXT),
        ]);
        transaction.execute_typed(
            "INSERT INTO deployments AS old (repo, environment, deployment_id, commit_sha, build_id, \
                 recorded_at, timestamp, record_key, plugin_version, status, deployment_type, \
                 previous_commit, rollback_from_commit, rollback_reason) \
             VALUES ($1, $2, $3, coalesce($4, ''), $5, $6, $6 AT TIME ZONE 'UTC', $7, $8, $9, $10, \
                 (SELECT commit_sha FROM version_markers \
                  WHERE repo = $1 AND environment = $2 AND marker_name = $12 \
                    AND recorded_at <= $6 AND commit_sha IS DISTINCT FROM $4), $13, $14) \
             ON CONFLICT (repo, environment, deployment_id) DO UPDATE SET \
                 status = excluded.status, \
                 deployment_type = excluded.deployment_type, \
                 commit_sha = coalesce($4, old.commit_sha), \
                 build_id = coalesce(excluded.build_id, old.build_id), \
                 previous_commit = coalesce(old.previous_commit, excluded.previous_commit), \
                 rollback_from_commit = coalesce(excluded.rollback_from_commit, old.rollback_from_commit), \
                 rollback_reason = coalesce(excluded.rollback_reason, old.rollback_reason), \
                 recorded_at = excluded.recorded_at, \
                 record_key = excluded.record_key, \
                 plugin_version = excluded.plugin_version \
             WHERE CASE \
                 WHEN (old.deployment_type IS NOT DISTINCT FROM $15) = ($10 = $15) \
                 THEN old.status <> ALL ($11) \
                     AND (old.recorded_at IS NULL OR old.recorded_at <= excluded.recorded_at) \
                 ELSE $10 <> $15 END",
            &parameters,
        )?;
        Ok(())
    }

    /// Of two moves under leases the token says which is newer, as in [`super::replay::marker`].
    fn upsert_marker(
        &self,
        transaction: &mut Transaction<'_>,
        marker: &Marker,
    ) -> Result<(), Error> {
        let name = storable(&marker.name);
        let parameters: [Parameter<'_>; 8] = [
            (&self.repo, Type::TEXT),
            (&self.environment, Type::TEXT),
            (&name, Type::TEXT),
            (&self.commit, Type::TEXT),
            (&self.at, Type::TIMESTAMPTZ),
            (&self.key, Type::TEXT),
            (&self.by, Type::TEXT),
            (&self.token, Type::INT8),
        ];
        transaction.execute_typed(
            "INSERT INTO version_markers AS old (repo, environment, marker_name, commit_sha, \
                 recorded_at, updated_at, record_key, plugin_version, lease_token) \
             VALUES ($1, $2, $3, $4, $5, $5 AT TIME ZONE 'UTC', $6, $7, $8) \
             ON CONFLICT (repo, environment, marker_name) DO UPDATE SET \
                 commit_sha = excluded.commit_sha, \
                 recorded_at = excluded.recorded_at, \
                 updated_at = excluded.updated_at, \
                 record_key = excluded.record_key, \
                 plugin_version = excluded.plugin_version, \
                 lease_token = coalesce(excluded.lease_token, old.lease_token) \
             WHERE CASE WHEN old.lease_token <> excluded.lease_token \
                 THEN old.lease_token < excluded.lease_token \
                 ELSE old.recorded_at IS NULL OR old.recorded_at <= excluded.recorded_at END",
            &parameters,
        )?;
        Ok(())
    }
}
