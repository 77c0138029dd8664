//! The statements on the row of a lease. All times in it are the server's.

use std::time::Duration;

use jiff::Timestamp;
use postgres::types::{ToSql, Type};
use postgres::{Error, Transaction};

use super::decide::{Decision, Row, may_take};
use super::{Claim, Holder};

type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// What a try to take it came to.
#[derive(Debug)]
pub(super) enum Try {
    Taken { token: i64, from: Option<Holder> },
    Watch(Row),
    Leave(Holder),
}

/// Looks, decides and takes, with every other taker and the holder kept out.
pub(super) fn try_take(
    transaction: &mut Transaction<'_>,
    claim: &Claim,
    ttl: Duration,
    watched: Option<&Row>,
) -> Result<Try, Error> {
    let place: [Parameter<'_>; 2] = [(&claim.repo, Type::TEXT), (&claim.environment, Type::TEXT)];
    transaction.execute_typed(
        "INSERT INTO deployment_leases (repo, environment) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        &place,
    )?;
    let row = transaction.query_typed_one(
        &format!("{LOOK} WHERE repo = $1 AND environment = $2 FOR UPDATE"),
        &place,
    )?;
    let found = read(&row)?;
    match (may_take(&found, claim, watched), found.holder.clone()) {
        (Decision::Take, _) | (Decision::TakeOver, None) => Ok(Try::Taken {
            token: take(transaction, claim, ttl)?,
            from: None,
        }),
        (Decision::TakeOver, from) => Ok(Try::Taken {
            token: take(transaction, claim, ttl)?,
            from,
        }),
        (Decision::Leave, Some(by)) => Ok(Try::Leave(by)),
        (Decision::Watch | Decision::Leave, _) => Ok(Try::Watch(found)),
    }
}

/// `clock_timestamp` and not `now`: the transaction may have waited for another one's lock since it began.
const LOOK: &str = "SELECT token, deployment_id, coalesce(run_id, ''), pipeline_url, \
     coalesce(plugin, ''), coalesce(acquired_at, clock_timestamp()), \
     coalesce(expires_at, clock_timestamp()), renewed_at, clock_timestamp() FROM deployment_leases";

fn read(row: &postgres::Row) -> Result<Row, Error> {
    let token = row.try_get(0)?;
    let holder =
        row.try_get::<_, Option<String>>(1)?
            .map(|deployment_id| -> Result<Holder, Error> {
                Ok(Holder {
                    token,
                    deployment_id,
                    run_id: row.try_get(2)?,
                    pipeline_url: row.try_get(3)?,
                    plugin: row.try_get(4)?,
                    since: row.try_get(5)?,
                    expires: row.try_get(6)?,
                })
            });
    Ok(Row {
        token,
        holder: holder.transpose()?,
        renewed: row.try_get(7)?,
        now: row.try_get(8)?,
    })
}

fn take(transaction: &mut Transaction<'_>, claim: &Claim, ttl: Duration) -> Result<i64, Error> {
    let seconds = ttl.as_secs_f64();
    let row = transaction.query_typed_one(
        "UPDATE deployment_leases SET token = token + 1, deployment_id = $3, run_id = $4, \
             pipeline_url = $5, plugin = $6, acquired_at = clock_timestamp(), \
             renewed_at = clock_timestamp(), \
             expires_at = clock_timestamp() + make_interval(secs => $7) \
         WHERE repo = $1 AND environment = $2 RETURNING token",
        &[
            (&claim.repo, Type::TEXT),
            (&claim.environment, Type::TEXT),
            (&claim.deployment_id, Type::TEXT),
            (&claim.run_id, Type::TEXT),
            (&claim.pipeline_url, Type::TEXT),
            (&claim.plugin, Type::TEXT),
            (&seconds, Type::FLOAT8),
        ],
    )?;
    row.try_get(0)
}

/// Prolongs what has this token, also when its time is over and nobody took it. Otherwise gives the row as it is, if
/// there still is one.
pub(super) fn renew(
    transaction: &mut Transaction<'_>,
    claim: &Claim,
    token: i64,
    ttl: Duration,
) -> Result<Result<Timestamp, Option<Row>>, Error> {
    let seconds = ttl.as_secs_f64();
    let renewed = transaction.query_typed_opt(
        "UPDATE deployment_leases SET renewed_at = clock_timestamp(), \
             expires_at = clock_timestamp() + make_interval(secs => $4) \
         WHERE repo = $1 AND environment = $2 AND token = $3 AND deployment_id IS NOT NULL \
         RETURNING expires_at",
        &[
            (&claim.repo, Type::TEXT),
            (&claim.environment, Type::TEXT),
            (&token, Type::INT8),
            (&seconds, Type::FLOAT8),
        ],
    )?;
    match renewed {
        Some(row) => Ok(Ok(row.try_get(0)?)),
        None => Ok(Err(look(transaction, &claim.repo, &claim.environment, "")?)),
    }
}

/// Lets go of what has this token. Whoever has another one keeps it.
pub(super) fn release(
    transaction: &mut Transaction<'_>,
    claim: &Claim,
    token: i64,
) -> Result<(), Error> {
    transaction.execute_typed(
        "UPDATE deployment_leases SET deployment_id = NULL, expires_at = clock_timestamp() \
         WHERE repo = $1 AND environment = $2 AND token = $3",
        &[
            (&claim.repo, Type::TEXT),
            (&claim.environment, Type::TEXT),
            (&token, Type::INT8),
        ],
    )?;
    Ok(())
}

/// The row, if there is one. `lock` is appended to the statement.
pub(super) fn look(
    transaction: &mut Transaction<'_>,
    repo: &str,
    environment: &str,
    lock: &str,
) -> Result<Option<Row>, Error> {
    let row = transaction.query_typed_opt(
        &format!("{LOOK} WHERE repo = $1 AND environment = $2 {lock}"),
        &[(&repo, Type::TEXT), (&environment, Type::TEXT)],
    )?;
    row.as_ref().map(read).transpose()
}
