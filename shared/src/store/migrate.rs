//! The tables: made, upgraded, or found in order.
//!
//! Migrations are append only. From the second on they only add, so that an older and a newer plugin can write to one
//! database at the same time: repositories pin their versions.

use postgres::types::Type;
use postgres::{Error, Transaction};

use super::limits::Limits;
use super::postgres::{Database, Ending, Failure};

/// Versions and what brings a database to them, in order.
const MIGRATIONS: [(i32, &str); 3] = [
    (1, include_str!("../../migrations/0001_original.sql")),
    (2, include_str!("../../migrations/0002_rollouts.sql")),
    (3, include_str!("../../migrations/0003_looks.sql")),
];

/// Any number that nobody else locks: `deplplug` in ASCII.
const LOCK: i64 = 0x6465_706c_706c_7567;

/// The state of the tables in a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// As this version knows them.
    Current,
    /// Further than this version knows; it can be used.
    Newer {
        /// How far.
        version: i32,
    },
    /// They have to be brought to the current version first, which is possible.
    Behind {
        /// How far they are; 0 when none of ours has run.
        version: i32,
    },
}

/// Brings the tables to the current version. Two at once are safe; on a current database it takes no lock.
pub(super) fn migrate(
    database: &Database,
    application: &str,
    limits: &Limits,
) -> Result<Schema, Failure> {
    let found = database.run(limits.patience(), Ending::Commit, schema)?;
    if let Schema::Behind { .. } = found {
        let by = application.to_owned();
        let patience = limits.migration_patience();
        database.run(patience, Ending::Commit, move |transaction| {
            apply(transaction, &by)
        })?;
    }
    Ok(found)
}

/// Tries what [`migrate`] would do, and takes it back.
pub(super) fn can_migrate(
    database: &Database,
    application: &str,
    limits: &Limits,
) -> Result<Schema, Failure> {
    let found = database.run(limits.patience(), Ending::RollBack, schema)?;
    if let Schema::Behind { .. } = found {
        let by = application.to_owned();
        let patience = limits.migration_patience();
        database.run(patience, Ending::RollBack, move |transaction| {
            apply(transaction, &by)
        })?;
    }
    Ok(found)
}

fn schema(transaction: &mut Transaction<'_>) -> Result<Schema, Error> {
    let version = version(transaction)?;
    let current = MIGRATIONS[MIGRATIONS.len() - 1].0;
    Ok(match version.cmp(&current) {
        std::cmp::Ordering::Less => Schema::Behind { version },
        std::cmp::Ordering::Equal => Schema::Current,
        std::cmp::Ordering::Greater => Schema::Newer { version },
    })
}

fn version(transaction: &mut Transaction<'_>) -> Result<i32, Error> {
    let known = "SELECT to_regclass('deployment_plugin_migrations') IS NOT NULL";
    let known: bool = transaction.query_typed_one(known, &[])?.try_get(0)?;
    if !known {
        return Ok(0);
    }
    let newest = "SELECT coalesce(max(version), 0) FROM deployment_plugin_migrations";
    transaction.query_typed_one(newest, &[])?.try_get(0)
}

fn apply(transaction: &mut Transaction<'_>, application: &str) -> Result<(), Error> {
    // Held to the end of the transaction, not of the session: a pooler may share the session.
    transaction.execute_typed("SELECT pg_advisory_xact_lock($1)", &[(&LOCK, Type::INT8)])?;
    // A table that somebody reads for long is not waited for: everybody else would queue up behind the wait.
    transaction.batch_execute(
        "SET LOCAL lock_timeout = '5s'; \
         SET LOCAL client_min_messages = warning; \
         CREATE TABLE IF NOT EXISTS deployment_plugin_migrations ( \
             version integer PRIMARY KEY, \
             applied_at timestamptz NOT NULL DEFAULT now(), \
             applied_by text)",
    )?;
    // Somebody else may have been faster.
    let found = version(transaction)?;
    for (version, statements) in MIGRATIONS {
        if version > found {
            transaction.batch_execute(statements)?;
            transaction.execute_typed(
                "INSERT INTO deployment_plugin_migrations (version, applied_by) VALUES ($1, $2)",
                &[(&version, Type::INT4), (&application, Type::TEXT)],
            )?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_numbered_from_one_without_a_gap() {
        for (place, (version, _)) in (1..).zip(MIGRATIONS) {
            assert_eq!(version, place);
        }
    }
}
