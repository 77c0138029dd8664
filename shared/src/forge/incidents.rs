//! One open incident of a deployment, however many steps tell of it.

use std::time::Duration;

use crate::incident::{Incident, Key, recovery};

use super::call::Page;
use super::dialect::{Issue, Turn};
use super::opening::{create, missing, written};
use super::talk::{Failed, Talk};
use super::{Desk, Told};

/// How often the list is read again until it shows what was just opened, and after which pause; it doubles.
const LOOKS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(250);

/// What there is of a deployment already, the first one first.
#[derive(Debug, PartialEq, Eq)]
enum Course {
    /// It is open; the others say the same and are closed.
    Comment(Issue, Vec<Issue>),
    /// It was closed.
    Reopen(Issue),
    /// There is none.
    Open,
}

/// Pure: what to do by what there is.
fn course(mut open: Vec<Issue>, closed: Vec<Issue>) -> Course {
    open.sort_by_key(|issue| issue.number);
    if !open.is_empty() {
        let first = open.remove(0);
        return Course::Comment(first, open);
    }
    match closed.into_iter().min_by_key(|issue| issue.number) {
        Some(first) => Course::Reopen(first),
        None => Course::Open,
    }
}

pub(super) fn tell(talk: &mut Talk, incident: &Incident, desk: &Desk) -> Result<Told, String> {
    let marker = incident.key.marker();
    let open = opened(talk, &marker).map_err(|failed| failed.text)?;
    let closed = if open.is_empty() {
        lately_closed(talk, &marker).map_err(|failed| failed.text)?
    } else {
        Vec::new()
    };
    match course(open, closed) {
        Course::Comment(first, others) => {
            for other in others {
                duplicate(talk, &other, first.number);
            }
            comment(talk, incident, &first, false)
        }
        Course::Reopen(issue) => {
            let call = talk
                .dialect()
                .turn_issue(&talk.repo(), issue.number, Turn::Reopened);
            talk.ask("reopen the incident", &call)
                .map_err(|failed| failed.text)?;
            comment(talk, incident, &issue, true)
        }
        Course::Open => open_one(talk, incident, desk),
    }
}

pub(super) fn recovered(
    talk: &mut Talk,
    key: &Key,
    what: &str,
    links: &[(String, String)],
) -> Result<Told, String> {
    let mut open = opened(talk, &key.marker()).map_err(|failed| failed.text)?;
    open.sort_by_key(|issue| issue.number);
    let Some(first) = open.first().cloned() else {
        return Ok(told(
            talk,
            "there is no open incident to close".to_owned(),
            None,
        ));
    };
    for issue in &open {
        let marker = key.note_marker("recovered");
        if !says(talk, issue, &marker)? {
            let text = recovery(key, what, links, "recovered");
            say(talk, issue.number, &text, &marker).map_err(|failed| failed.text)?;
        }
        let call = talk
            .dialect()
            .turn_issue(&talk.repo(), issue.number, Turn::Completed);
        talk.ask("close the incident", &call)
            .map_err(|failed| failed.text)?;
    }
    Ok(about(talk, "closed incident", &first))
}

fn told(talk: &mut Talk, what: String, url: Option<String>) -> Told {
    Told {
        what,
        url,
        notes: std::mem::take(&mut talk.notes),
    }
}

fn about(talk: &mut Talk, what: &str, issue: &Issue) -> Told {
    let url = Some(issue.url.clone()).filter(|url| !url.is_empty());
    told(
        talk,
        format!("{what} {} : {}", issue.number, issue.url),
        url,
    )
}

/// The open issues with that marker, through all pages.
fn opened(talk: &mut Talk, marker: &str) -> Result<Vec<Issue>, Failed> {
    let (dialect, repo) = (talk.dialect(), talk.repo());
    let entries = talk.all("list the issues", |page| dialect.issues(&repo, true, page))?;
    let issues = entries.iter().filter_map(|entry| dialect.issue(entry));
    Ok(issues.filter(|issue| issue.body.contains(marker)).collect())
}

/// Those among the issues that were closed last: an older incident is not reopened but opened anew.
fn lately_closed(talk: &mut Talk, marker: &str) -> Result<Vec<Issue>, Failed> {
    let dialect = talk.dialect();
    let page = Page {
        number: 1,
        size: dialect.page_size(),
    };
    let call = dialect.issues(&talk.repo(), false, page);
    let answer = talk.ask("list the closed issues", &call)?;
    let entries = answer.body.as_array().into_iter().flatten();
    let issues = entries.filter_map(|entry| dialect.issue(entry));
    Ok(issues.filter(|issue| issue.body.contains(marker)).collect())
}

fn comment(
    talk: &mut Talk,
    incident: &Incident,
    issue: &Issue,
    reopened: bool,
) -> Result<Told, String> {
    let marker = incident.key.note_marker(&incident.note);
    if !reopened && says(talk, issue, &marker)? {
        return Ok(about(talk, "it is told already on incident", issue));
    }
    let text = incident.comment(talk.place.kind.text_max());
    let said = say(talk, issue.number, &text, &marker);
    let done = if reopened {
        "reopened incident"
    } else {
        "commented on incident"
    };
    match said {
        Ok(()) => Ok(about(talk, done, issue)),
        // It is open again: that is what counts.
        Err(failed) if reopened => {
            talk.note(failed.text);
            Ok(about(talk, done, issue))
        }
        Err(failed) => Err(failed.text),
    }
}

/// Whether the issue or one of its comments holds that marker.
fn says(talk: &mut Talk, issue: &Issue, marker: &str) -> Result<bool, String> {
    if issue.body.contains(marker) {
        return Ok(true);
    }
    commented(talk, issue.number, marker).map_err(|failed| failed.text)
}

fn commented(talk: &mut Talk, number: u64, marker: &str) -> Result<bool, Failed> {
    let (dialect, repo) = (talk.dialect(), talk.repo());
    let comments = if dialect.pages_comments() {
        talk.all("read the comments", |page| {
            dialect.comments(&repo, number, page)
        })?
    } else {
        let page = Page { number: 1, size: 0 };
        let answer = talk.ask("read the comments", &dialect.comments(&repo, number, page))?;
        answer.body.as_array().cloned().unwrap_or_default()
    };
    let mut texts = comments
        .iter()
        .filter_map(|comment| comment["body"].as_str());
    Ok(texts.any(|text| text.contains(marker)))
}

/// Comments once, also where the answer to the first attempt got lost.
fn say(talk: &mut Talk, number: u64, text: &str, marker: &str) -> Result<(), Failed> {
    let call = talk.dialect().comment(&talk.repo(), number, text);
    match talk.ask("comment on the incident", &call) {
        Err(failed) if failed.perhaps => {
            if commented(talk, number, marker)? {
                return Ok(());
            }
            talk.ask("comment on the incident", &call).map(drop)
        }
        result => result.map(drop),
    }
}

fn duplicate(talk: &mut Talk, issue: &Issue, of: u64) {
    let repo = talk.repo();
    let text = format!("Duplicate of #{of}");
    let say = talk.dialect().comment(&repo, issue.number, &text);
    let close = talk
        .dialect()
        .turn_issue(&repo, issue.number, Turn::Duplicate);
    // Closed first: a comment more or less harms nobody.
    for (what, call) in [
        ("close a duplicate", close),
        ("comment on a duplicate", say),
    ] {
        if let Err(failed) = talk.ask(what, &call) {
            talk.note(failed.text);
        }
    }
}

fn open_one(talk: &mut Talk, incident: &Incident, desk: &Desk) -> Result<Told, String> {
    let marker = incident.key.marker();
    let new = written(talk, incident, desk);
    let issue = match create(talk, &new) {
        Err(failed) if failed.perhaps => {
            let found = opened(talk, &marker).map_err(|_| failed.text.clone())?;
            match found.into_iter().min_by_key(|issue| issue.number) {
                Some(issue) => issue,
                None => create(talk, &new).map_err(|failed| failed.text)?,
            }
        }
        result => result.map_err(|failed| failed.text)?,
    };
    missing(talk, "label", &new.labels, &issue.labels);
    missing(talk, "account", &desk.assignees, &issue.assignees);
    match first_of_all(talk, &marker, &issue) {
        Some(first) if first.number < issue.number => {
            duplicate(talk, &issue, first.number);
            Ok(about(talk, "another step opened incident", &first))
        }
        _ => Ok(about(talk, "opened incident", &issue)),
    }
}

/// The issue that was opened first, as soon as the list shows the own one.
fn first_of_all(talk: &mut Talk, marker: &str, own: &Issue) -> Option<Issue> {
    for look in 0..LOOKS {
        match opened(talk, marker) {
            Ok(found) => {
                let shows_own = found.iter().any(|issue| issue.number == own.number);
                let first = found.into_iter().min_by_key(|issue| issue.number);
                let earlier = first
                    .as_ref()
                    .is_some_and(|first| first.number < own.number);
                if shows_own || earlier {
                    return first;
                }
            }
            Err(failed) => {
                talk.note(format!(
                    "whether the incident is the only one is unknown: {}",
                    failed.text
                ));
                return None;
            }
        }
        if !talk.rest(PAUSE * 2_u32.pow(look)) {
            break;
        }
    }
    talk.note("whether the incident is the only one is unknown: the list does not show it yet");
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issue(number: u64) -> Issue {
        Issue {
            number,
            url: String::new(),
            body: String::new(),
            labels: Vec::new(),
            assignees: Vec::new(),
        }
    }

    #[test]
    fn the_first_open_one_counts_then_the_first_closed_one() {
        for (open, closed, expected) in [
            (vec![], vec![], Course::Open),
            (vec![], vec![9, 4], Course::Reopen(issue(4))),
            (vec![7], vec![4], Course::Comment(issue(7), vec![])),
            (
                vec![9, 7, 8],
                vec![],
                Course::Comment(issue(7), vec![issue(8), issue(9)]),
            ),
        ] {
            let of = |numbers: Vec<u64>| numbers.into_iter().map(issue).collect();
            assert_eq!(course(of(open), of(closed)), expected);
        }
    }
}
