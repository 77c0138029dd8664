//! Looks into rows.

use postgres::types::{Json, Type};
use postgres::{Error, Transaction};

use crate::record::Look;
use crate::split::Served;
use crate::store::storable::{storable, storable_json};
use crate::store::write::{Parameter, Row};

pub(in crate::store) fn insert(
    row: &Row<'_>,
    transaction: &mut Transaction<'_>,
    look: &Look,
) -> Result<(), Error> {
    let (what, kind) = (storable(&look.what), look.deployment_type());
    let source = look.source.as_deref().map(storable);
    let seen = Json(storable_json(&look.seen));
    let (stable, canary) = (columns(look.stable), columns(look.canary));
    let mut parameters = row.common();
    parameters.extend::<[Parameter<'_>; 13]>([
        (&kind, Type::TEXT),
        (&look.stage, Type::INT4),
        (&what, Type::TEXT),
        (&look.number, Type::INT4),
        (&look.traffic_percentage, Type::INT4),
        (&source, Type::TEXT),
        (&stable[0], Type::INT8),
        (&stable[1], Type::INT8),
        (&stable[2], Type::INT8),
        (&canary[0], Type::INT8),
        (&canary[1], Type::INT8),
        (&canary[2], Type::INT8),
        (&seen, Type::JSON),
    ]);
    transaction.execute_typed(
        "INSERT INTO deployment_looks (repo, environment, deployment_id, commit_sha, build_id, \
             recorded_at, record_key, plugin_version, deployment_type, stage, what, number, \
             traffic_percentage, source, stable_requests, stable_failed, stable_slow, \
             canary_requests, canary_failed, canary_slow, seen) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
             $19, $20, $21) \
         ON CONFLICT (record_key) DO NOTHING",
        &parameters,
    )?;
    Ok(())
}

fn columns(served: Option<Served>) -> [Option<i64>; 3] {
    let column = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    [
        served.map(|served| column(served.requests)),
        served.map(|served| column(served.failed)),
        served.and_then(|served| served.slow).map(column),
    ]
}
