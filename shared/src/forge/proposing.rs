//! One open pull request of a head and a base.

use super::dialect::Pull;
use super::talk::{Failed, Talk};
use super::{Proposal, Told};

pub(super) fn propose(talk: &mut Talk, proposal: &Proposal) -> Result<Told, String> {
    if let Some(found) = find(talk, proposal).map_err(|failed| failed.text)? {
        return Ok(told(talk, "found", &found));
    }
    let call = talk.dialect().open_pull(&talk.repo(), proposal);
    match talk.ask("open the pull request", &call) {
        Ok(answer) => match talk.dialect().pull(&answer.body) {
            Some(pull) => Ok(told(talk, "opened", &pull)),
            None => Err("the forge opened a pull request and did not say which".to_owned()),
        },
        // Somebody else was quicker, or the answer got lost on its way.
        Err(failed) if failed.perhaps || matches!(failed.status, Some(409 | 422)) => {
            match find(talk, proposal) {
                Ok(Some(found)) => Ok(told(talk, "found", &found)),
                _ => Err(failed.text),
            }
        }
        Err(failed) => Err(failed.text),
    }
}

fn told(talk: &mut Talk, done: &str, pull: &Pull) -> Told {
    Told {
        what: format!("{done} pull request {} : {}", pull.number, pull.url),
        url: Some(pull.url.clone()).filter(|url| !url.is_empty()),
        notes: std::mem::take(&mut talk.notes),
    }
}

/// The open one, the oldest if there are several.
fn find(talk: &mut Talk, proposal: &Proposal) -> Result<Option<Pull>, Failed> {
    let (dialect, repo) = (talk.dialect(), talk.repo());
    let owner = talk.place.owner().to_owned();
    let entries = talk.all("list the pull requests", |page| {
        dialect.pulls(&repo, &owner, proposal, page)
    })?;
    let pulls = entries.iter().filter_map(|entry| dialect.pull(entry));
    // A filter that a forge does not know gives everything.
    let same = pulls.filter(|pull| pull.head == proposal.head && pull.base == proposal.base);
    Ok(same.min_by_key(|pull| pull.number))
}
