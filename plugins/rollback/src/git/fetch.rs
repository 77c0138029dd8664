//! Getting the history that a decision needs: a short piece of it, and the whole where that does not tell.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Write};

use git2::Oid;

use super::advert::Advert;
use super::error::GitError;
use super::remote::Remote;
use super::wire::{Service, Wire, unreadable};
use super::work::Work;
use super::{ask, graph, incoming, name};

/// How many generations are fetched at first.
const FIRST_DEPTH: u32 = 100;

impl Work {
    /// Fetches a branch's head, and of its history what is needed to see how `bad` and `good` belong to it: commits and
    /// trees, and files only where the server cannot leave them out. Both are here afterwards, also when the branch
    /// does not hold them. Tells the head.
    ///
    /// # Errors
    /// When the remote cannot be asked, or does not have the branch or one of the commits.
    pub fn gather(
        &self,
        remote: &Remote<'_>,
        branch: &str,
        bad: Oid,
        good: Oid,
    ) -> Result<Oid, GitError> {
        let full = name::branch(branch).map_err(|detail| GitError::Setting { detail })?;
        let head_of = |advert: &Advert| {
            let head = advert.refs.get(&full).copied();
            head.map(|head| vec![head])
                .ok_or_else(|| GitError::NoBranch {
                    remote: remote.to_string(),
                    branch: branch.to_owned(),
                })
        };
        let mut head = self.fetch_by(remote, Some(FIRST_DEPTH), head_of)?;
        let enough = |head: &[Oid]| {
            head.iter()
                .all(|head| graph::is_enough(&self.repo, *head, bad, good))
        };
        if !enough(&head) && !head.iter().all(|head| graph::past(&self.repo, *head).whole) {
            head = self.fetch_by(remote, None, head_of)?;
        }
        for commit in [bad, good] {
            self.ensure(remote, commit)?;
        }
        head.first().copied().ok_or_else(|| GitError::NoBranch {
            remote: remote.to_string(),
            branch: branch.to_owned(),
        })
    }

    /// Fetches commits by their names, with all they came from or only so many generations of it.
    ///
    /// # Errors
    /// When the remote cannot be asked, or does not give them out.
    pub fn fetch(
        &self,
        remote: &Remote<'_>,
        wants: &[Oid],
        depth: Option<u32>,
    ) -> Result<(), GitError> {
        self.fetch_by(remote, depth, |advert| {
            let refused = wants.iter().find(|want| !advert.gives(**want));
            match refused {
                Some(commit) if !matches!(remote.wire, Wire::Local(_)) => Err(GitError::NoCommit {
                    remote: remote.to_string(),
                    commit: *commit,
                }),
                _ => Ok(wants.to_vec()),
            }
        })
        .map(drop)
    }

    /// Makes sure that a commit is here: by its name where the server allows that, else by all branches and tags.
    fn ensure(&self, remote: &Remote<'_>, commit: Oid) -> Result<(), GitError> {
        if self.has(commit) {
            return Ok(());
        }
        let absent = || GitError::NoCommit {
            remote: remote.to_string(),
            commit,
        };
        let fetched = self.fetch_by(remote, None, |advert| {
            if advert.gives(commit) {
                return Ok(vec![commit]);
            }
            let named = advert.refs.iter().filter(|(name, _)| {
                name.starts_with("refs/heads/") || name.starts_with("refs/tags/")
            });
            let ids: HashSet<Oid> = named.map(|(_, id)| *id).collect();
            Ok(ids.into_iter().collect())
        });
        match fetched {
            // Asked for by its name, a commit that is not there is told in words that differ from server to server.
            Err(GitError::Said { .. }) => Err(absent()),
            Err(error) => Err(error),
            Ok(_) if self.has(commit) => Ok(()),
            Ok(_) => Err(absent()),
        }
    }

    /// Fetches what `choose` picks from the server's references, and tells what that was.
    fn fetch_by(
        &self,
        remote: &Remote<'_>,
        depth: Option<u32>,
        choose: impl Fn(&Advert) -> Result<Vec<Oid>, GitError>,
    ) -> Result<Vec<Oid>, GitError> {
        let Some(begun) = remote.begin(Service::Upload)? else {
            let wants = choose(&remote.local_advert()?)?;
            if let Wire::Local(local) = &remote.wire {
                local.lend(self)?;
            }
            return Ok(wants);
        };
        let advert = begun.advert.clone();
        let wants = choose(&advert)?;
        if wants.is_empty() {
            return Ok(wants);
        }
        let path = self.folder().join("incoming");
        let here = |error: std::io::Error| GitError::here("what comes cannot be kept", &error);
        let mut file = BufWriter::new(File::create(&path).map_err(here)?);
        remote.ask(begun, &ask::fetch(&advert, &wants, depth), &mut file)?;
        file.flush().map_err(here)?;
        drop(file);
        let mut input = BufReader::new(File::open(&path).map_err(here)?);
        let odb = self.repo.odb()?;
        let mut pack = odb.packwriter()?;
        incoming::pack(&advert, depth.is_some(), &mut input, &mut pack)
            .map_err(|error| unreadable(&remote.shown, &error))?;
        pack.commit()?;
        // It has been taken over, and the next one takes its place.
        let _ = fs::remove_file(&path);
        Ok(wants)
    }
}
