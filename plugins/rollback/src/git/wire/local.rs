//! A repository on this machine, for pipelines without a forge: its objects are read where they are, its references
//! compared and swapped under git's own locks.
//!
//! No program of git runs, so its hooks do not either; what its configuration forbids is kept to.

use std::collections::BTreeMap;
use std::path::PathBuf;

use git2::{ErrorClass, ErrorCode, ObjectType, Oid, Reference, Repository};

use crate::git::ask::Move;
use crate::git::error::GitError;
use crate::git::work::Work;

/// A repository on this machine.
#[derive(Debug)]
pub(in crate::git) struct Local {
    pub(in crate::git) path: PathBuf,
}

impl Local {
    fn open(&self) -> Result<Repository, GitError> {
        let shown = self.path.display().to_string();
        Repository::open(&self.path).map_err(|error| {
            let said = error.message().to_lowercase();
            match error.code() {
                ErrorCode::NotFound => GitError::Absent { remote: shown },
                ErrorCode::Owner => GitError::Here {
                    detail: format!(
                        "{shown} belongs to another user, expected one of the step's own user; run \
                         the step as that user"
                    ),
                },
                _ if said.contains("objectformat") || said.contains("object format") => {
                    GitError::Sha256 { remote: shown }
                }
                _ => GitError::here(&shown, &error.message()),
            }
        })
    }

    pub(in crate::git) fn refs(&self) -> Result<BTreeMap<String, Oid>, GitError> {
        let repo = self.open()?;
        let mut refs = BTreeMap::new();
        for reference in repo.references()? {
            let reference = reference?;
            if let (Some(name), Some(id)) = (reference.name(), reference.target()) {
                refs.insert(name.to_owned(), id);
            }
        }
        Ok(refs)
    }

    /// Lets `work` read this repository's objects.
    pub(in crate::git) fn lend(&self, work: &Work) -> Result<(), GitError> {
        let objects = self.open()?.commondir().join("objects");
        let shown = objects.display().to_string();
        work.repo.odb()?.add_disk_alternate(&shown)?;
        Ok(())
    }

    /// Moves a reference from where it must be, with the objects that it needs. The inner error is a refusal.
    pub(in crate::git) fn swap(
        &self,
        work: &Work,
        change: &Move,
        objects: &[Oid],
    ) -> Result<Result<(), String>, GitError> {
        let repo = self.open()?;
        if let Some(refusal) = forbidden(&repo, change)? {
            return Ok(Err(refusal));
        }
        let (from, to) = (work.repo.odb()?, repo.odb()?);
        for id in objects {
            let object = from.read(*id)?;
            to.write(object.kind(), object.data())?;
        }
        if to.read_header(change.new)?.1 != ObjectType::Commit {
            return Ok(Err(format!("{} is no commit", change.new)));
        }
        let log = "plugin-rollback";
        let moved = match change.old {
            Some(old) => repo.reference_matching(&change.name, change.new, true, old, log),
            None => repo.reference(&change.name, change.new, false, log),
        };
        match moved {
            Ok(_) => Ok(Ok(())),
            // Another writer was faster, or holds the lock at this moment.
            Err(error)
                if error.class() == ErrorClass::Reference
                    || matches!(
                        error.code(),
                        ErrorCode::Modified | ErrorCode::Exists | ErrorCode::Locked
                    ) =>
            {
                Ok(Err("failed to update ref".into()))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// What the repository's configuration says against a move, in the words of git's own server.
fn forbidden(repo: &Repository, change: &Move) -> Result<Option<String>, GitError> {
    let config = repo.config()?.snapshot()?;
    let Some(old) = change.old else {
        return Ok(None);
    };
    let keeps_history = config.get_bool("receive.denynonfastforwards");
    if keeps_history.unwrap_or(false) && !repo.graph_descendant_of(change.new, old)? {
        return Ok(Some("non-fast-forward".into()));
    }
    let head = repo.find_reference("HEAD").ok();
    let checked_out = head.as_ref().and_then(Reference::symbolic_target);
    let allowed = config.get_str("receive.denycurrentbranch");
    let allowed = matches!(allowed, Ok("ignore" | "warn" | "false"));
    if !repo.is_bare() && checked_out == Some(change.name.as_str()) && !allowed {
        return Ok(Some("branch is currently checked out".into()));
    }
    Ok(None)
}
