//! What a rollback does to a remote. Each act asks first whether it is done, and each may be done again.

use git2::Oid;

use super::ask::Move;
use super::error::GitError;
use super::lease::Pushed;
use super::name;
use super::remote::Remote;
use super::work::{Identity, Work};

/// Where a branch stands between the bad and the good commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// At the bad commit: nothing was done yet.
    AtBad,
    /// At the good commit: a reset is done.
    AtGood,
    /// At another commit with the good one's tree: a restore is done.
    GoodTree(Oid),
    /// Elsewhere: somebody pushed.
    Elsewhere(Oid),
}

/// A way back by a new commit.
#[derive(Debug, Clone, Copy)]
pub struct Restore<'a> {
    /// What the branch is at; the new commit's parent.
    pub head: Oid,
    /// Whose tree it gets.
    pub good: Oid,
    /// Its message.
    pub message: &'a str,
    /// Who writes it, and when.
    pub identity: &'a Identity,
}

impl Work {
    /// Where a branch stands, whose `head` and `good` are here.
    ///
    /// # Errors
    /// When they are not.
    pub fn standing(&self, head: Oid, bad: Oid, good: Oid) -> Result<Standing, GitError> {
        Ok(if head == good {
            Standing::AtGood
        } else if self.tree_of(head)? == self.tree_of(good)? {
            Standing::GoodTree(head)
        } else if head == bad {
            Standing::AtBad
        } else {
            Standing::Elsewhere(head)
        })
    }

    /// Takes a branch back from the bad commit to the good one, with a lease on exactly the bad one.
    ///
    /// # Errors
    /// When the remote cannot be asked; the branch is then at one of the two, unless somebody else moved it.
    pub fn reset(
        &self,
        remote: &Remote<'_>,
        branch: &str,
        bad: Oid,
        good: Oid,
    ) -> Result<Pushed, GitError> {
        let change = Move {
            name: full_name(branch)?,
            old: Some(bad),
            new: good,
        };
        remote.swap(self, &change, &[])
    }

    /// Puts one commit with the good tree on a branch, with a lease on exactly its head.
    ///
    /// # Errors
    /// When head or good commit is not here, or the remote cannot be asked.
    pub fn restore(
        &self,
        remote: &Remote<'_>,
        branch: &str,
        restore: Restore<'_>,
    ) -> Result<Pushed, GitError> {
        if self.tree_of(restore.head)? == self.tree_of(restore.good)? {
            return Ok(Pushed::Already(restore.head));
        }
        let made = self.make(restore)?;
        let change = Move {
            name: full_name(branch)?,
            old: Some(restore.head),
            new: made,
        };
        remote.swap(self, &change, &[made])
    }

    /// Pushes the same commit as a new branch, for a pull request. A branch of this name with the same parent and tree
    /// is taken for an earlier try.
    ///
    /// # Errors
    /// When head or good commit is not here, or the remote cannot be asked.
    pub fn push_branch(
        &self,
        remote: &Remote<'_>,
        branch: &str,
        restore: Restore<'_>,
    ) -> Result<Pushed, GitError> {
        let made = self.make(restore)?;
        let change = Move {
            name: full_name(branch)?,
            old: None,
            new: made,
        };
        match remote.swap(self, &change, &[made])? {
            Pushed::LeaseLost { now: Some(now) } if self.is_alike(remote, now, made)? => {
                Ok(Pushed::Already(now))
            }
            other => Ok(other),
        }
    }

    /// Where the marker of an environment is; nothing where there is none.
    ///
    /// # Errors
    /// When the remote cannot be asked.
    pub fn read_marker(
        &self,
        remote: &Remote<'_>,
        environment: &str,
    ) -> Result<Option<Oid>, GitError> {
        Ok(remote.refs()?.get(&name::marker(environment)).copied())
    }

    /// Moves the marker of an environment from `old` (nothing where there is none yet) to `new`, which the remote must
    /// have.
    ///
    /// # Errors
    /// When the remote cannot be asked.
    pub fn write_marker(
        &self,
        remote: &Remote<'_>,
        environment: &str,
        old: Option<Oid>,
        new: Oid,
    ) -> Result<Pushed, GitError> {
        let change = Move {
            name: name::marker(environment),
            old,
            new,
        };
        remote.swap(self, &change, &[])
    }

    fn make(&self, restore: Restore<'_>) -> Result<Oid, GitError> {
        self.restore_commit(
            restore.head,
            restore.good,
            restore.message,
            restore.identity,
        )
    }

    fn is_alike(&self, remote: &Remote<'_>, found: Oid, made: Oid) -> Result<bool, GitError> {
        self.fetch(remote, &[found], Some(1))?;
        let (found, made) = (self.commit(found)?, self.commit(made)?);
        Ok(found.tree_id() == made.tree_id() && found.parent_ids().eq(made.parent_ids()))
    }
}

fn full_name(branch: &str) -> Result<String, GitError> {
    name::branch(branch).map_err(|detail| GitError::Setting { detail })
}
