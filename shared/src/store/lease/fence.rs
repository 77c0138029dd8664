//! The fence: whoever has an old token writes nothing more.

use std::fmt;

use postgres::{Error, Transaction};

use super::{Holder, row};

/// A write was refused because a newer token exists: another run has the lease. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fenced {
    /// The newer token.
    pub token: i64,
    /// Who has it; absent when that run has let go of it already.
    pub by: Option<Box<Holder>>,
}

impl fmt::Display for Fenced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let newer = self.token;
        match &self.by {
            Some(by) => write!(f, "the lease (token {newer}) is now {by}"),
            None => write!(f, "another run has held the lease since (token {newer})"),
        }
    }
}

/// Whether a newer token than `token` exists. Until the transaction ends nobody can take the lease.
pub(in crate::store) fn against(
    transaction: &mut Transaction<'_>,
    repo: &str,
    environment: &str,
    token: i64,
) -> Result<Option<Fenced>, Error> {
    let row = row::look(transaction, repo, environment, "FOR SHARE")?;
    Ok(row.filter(|row| token < row.token).map(|row| Fenced {
        token: row.token,
        by: row.holder.map(Box::new),
    }))
}
