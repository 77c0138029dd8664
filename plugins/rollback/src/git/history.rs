//! How the bad commit, the good one and the branch belong together.

use std::collections::{BinaryHeap, HashSet};

use git2::{Commit, Oid};
use jiff::Timestamp;

use super::error::GitError;
use super::graph::past;
use super::text;
use super::work::Work;

/// How many commits are listed.
const LISTED: usize = 50;

/// A commit as it is shown to people. Its texts come from outside and are cut to a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub id: Oid,
    /// The first line of its message.
    pub subject: String,
    /// Who wrote it.
    pub author: String,
    /// When it was committed, if the time is a possible one.
    pub at: Option<Timestamp>,
}

/// How three commits belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Whether the branch is at the bad commit.
    pub bad_is_head: bool,
    /// Whether the branch holds the bad commit.
    pub bad_on_branch: bool,
    /// Whether the bad commit came from the good one.
    pub good_is_ancestor: bool,
    /// The commits of the branch that the bad one does not hold, the newest first, up to 50.
    pub after_bad: Vec<Listed>,
    /// How many there are of them.
    pub after_bad_total: usize,
    /// The paths that differ between the good and the bad commit.
    pub changed: Vec<String>,
}

impl Work {
    /// How the three belong together, after [`Work::gather`].
    ///
    /// # Errors
    /// When one of them is not here.
    pub fn history(&self, head: Oid, bad: Oid, good: Oid) -> Result<History, GitError> {
        let (branch, before) = (past(&self.repo, head), past(&self.repo, bad));
        let later = self.later(head, &before.ids);
        let shown = later.iter().take(LISTED);
        let after_bad: Result<_, GitError> = shown.map(|id| self.listed(*id)).collect();
        Ok(History {
            bad_is_head: head == bad,
            bad_on_branch: branch.ids.contains(&bad),
            good_is_ancestor: good != bad && before.ids.contains(&good),
            after_bad: after_bad?,
            after_bad_total: later.len(),
            changed: self.changed(good, bad)?,
        })
    }

    /// The paths that differ between two commits, in order. Files themselves are not needed, and a moved one counts
    /// as both.
    ///
    /// # Errors
    /// When one of them, or a tree, is not here.
    pub fn changed(&self, from: Oid, to: Oid) -> Result<Vec<String>, GitError> {
        let (from, to) = (self.commit(from)?.tree()?, self.commit(to)?.tree()?);
        let diff = self.repo.diff_tree_to_tree(Some(&from), Some(&to), None)?;
        let mut paths: Vec<String> = diff
            .deltas()
            .flat_map(|delta| [delta.old_file().path_bytes(), delta.new_file().path_bytes()])
            .flatten()
            .map(|path| String::from_utf8_lossy(path).into_owned())
            .collect();
        paths.sort();
        paths.dedup();
        Ok(paths)
    }

    /// A commit that is here, for people.
    ///
    /// # Errors
    /// When it is not here.
    pub fn listed(&self, id: Oid) -> Result<Listed, GitError> {
        Ok(listed(&self.commit(id)?))
    }

    /// What `head` came from that is not among `before`, the newest first. A walk of libgit2 would not get past what
    /// is missing.
    fn later(&self, head: Oid, before: &HashSet<Oid>) -> Vec<Oid> {
        let mut order = Vec::new();
        let (mut open, mut seen) = (BinaryHeap::from([(0, head)]), HashSet::new());
        while let Some((_, id)) = open.pop() {
            if before.contains(&id) || !seen.insert(id) {
                continue;
            }
            if let Ok(commit) = self.repo.find_commit(id) {
                let parents = commit.parent_ids();
                open.extend(parents.map(|parent| (self.seconds(parent), parent)));
                order.push(id);
            }
        }
        order
    }

    fn seconds(&self, id: Oid) -> i64 {
        let commit = self.repo.find_commit(id);
        commit.map_or(i64::MIN, |commit| commit.time().seconds())
    }
}

fn listed(commit: &Commit<'_>) -> Listed {
    let message = String::from_utf8_lossy(commit.message_bytes());
    let subject = message.trim_start().lines().next().unwrap_or_default();
    Listed {
        id: commit.id(),
        subject: text::line(subject),
        author: text::line(&String::from_utf8_lossy(commit.author().name_bytes())),
        at: Timestamp::from_second(commit.time().seconds()).ok(),
    }
}
