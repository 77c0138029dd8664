//! Small things: whether the forge is there, a commit's status, a branch's protection.

use super::call::{Call, short};
use super::dialect::Repository;
use super::gitlab::is_already;
use super::place::Kind;
use super::talk::Talk;
use super::{CommitStatus, Told, github};

/// What is known of a branch's protection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protection {
    /// A push that sets it back would be refused.
    Protected,
    /// Nothing is known that would refuse it.
    Open,
    /// The forge does not tell; why.
    Unknown(String),
}

pub(super) fn check(talk: &mut Talk) -> Result<Told, String> {
    let repo = talk.repo();
    let answer = talk
        .ask("read the repository", &Call::get(repo))
        .map_err(|failed| failed.text)?;
    for note in doubts(talk.dialect().repository(&answer.body)) {
        talk.note(note);
    }
    Ok(Told {
        what: format!("{} knows {}", talk.place.kind.name(), talk.place.repo()),
        url: None,
        notes: std::mem::take(&mut talk.notes),
    })
}

/// What will not work in this repository.
fn doubts(repository: Repository) -> Vec<&'static str> {
    [
        (
            repository.has_issues == Some(false),
            "issues are switched off for this repository: no incident can be opened",
        ),
        (
            repository.is_archived,
            "the repository is archived: nothing can be written to it",
        ),
        (
            repository.may_write == Some(false),
            "the token may not write to the repository: labels and statuses will be refused or dropped",
        ),
    ]
    .into_iter()
    .filter_map(|(holds, note)| holds.then_some(note))
    .collect()
}

pub(super) fn commit_status(talk: &mut Talk, status: &CommitStatus) -> Result<Told, String> {
    let call = talk.dialect().status(&talk.repo(), status);
    let commit = short(&status.sha, 12);
    let what = match talk.ask("set the commit's status", &call) {
        Ok(_) => format!("set the status {} of commit {commit}", status.context),
        Err(failed)
            if talk.place.kind == Kind::GitLab
                && is_already(failed.status.unwrap_or_default(), &failed.said) =>
        {
            format!(
                "the status {} of commit {commit} stood already",
                status.context
            )
        }
        Err(failed) => return Err(failed.text),
    };
    Ok(Told {
        what,
        url: None,
        notes: std::mem::take(&mut talk.notes),
    })
}

pub(super) fn protection(talk: &mut Talk, branch: &str) -> Protection {
    let repo = talk.repo();
    let call = talk.dialect().branch(&repo, branch);
    let answer = match talk.ask("read the branch", &call) {
        Ok(answer) => answer,
        Err(failed) => return Protection::Unknown(failed.text),
    };
    match answer.body["protected"].as_bool() {
        Some(true) => Protection::Protected,
        None => Protection::Unknown(format!("{} does not tell", talk.place.kind.name())),
        // Rules stand beside the older kind of protection.
        Some(false) if talk.place.kind == Kind::GitHub => ruled(talk, &repo, branch),
        Some(false) => Protection::Open,
    }
}

fn ruled(talk: &mut Talk, repo: &str, branch: &str) -> Protection {
    match talk.ask("read the branch's rules", &github::rules(repo, branch)) {
        Ok(answer) if github::forbids_push(&answer.body) => Protection::Protected,
        Ok(_) => Protection::Open,
        // An Enterprise edition without rules.
        Err(failed) if failed.status == Some(404) => Protection::Open,
        Err(failed) => Protection::Unknown(failed.text),
    }
}
