//! Opening one issue as its forge wants it: labels by name or number, accounts that exist.

use crate::incident::Incident;

use super::call::short;
use super::dialect::{Issue, NewIssue};
use super::place::Kind;
use super::talk::{Failed, Talk};
use super::{Desk, gitea, gitlab};

/// The longest name of a label, in characters.
const LABEL_MAX: usize = 50;

/// Creates the issue; without assignees where the forge refuses them.
pub(super) fn create(talk: &mut Talk, new: &NewIssue) -> Result<Issue, Failed> {
    let (dialect, repo) = (talk.dialect(), talk.repo());
    let mut result = talk.ask("open the incident", &dialect.open_issue(&repo, new));
    if let Err(failed) = &result
        && failed.status == Some(422)
        && !new.assignees.is_empty()
    {
        let why = failed.text.clone();
        let alone = NewIssue {
            assignees: Vec::new(),
            ..new.clone()
        };
        result = talk.ask("open the incident", &dialect.open_issue(&repo, &alone));
        if result.is_ok() {
            talk.note(format!("the incident is assigned to nobody: {why}"));
        }
    }
    let answer = result?;
    dialect.issue(&answer.body).ok_or_else(|| Failed {
        status: Some(answer.status),
        said: String::new(),
        text: "the forge opened an incident and did not say which".to_owned(),
        perhaps: true,
    })
}

/// The issue as this forge wants it.
pub(super) fn written(talk: &mut Talk, incident: &Incident, desk: &Desk) -> NewIssue {
    let mut new = NewIssue {
        title: incident.issue_title(),
        body: incident.issue_body(desk.template.as_ref(), talk.place.kind.text_max()),
        assignees: desk.assignees.clone(),
        ..NewIssue::default()
    };
    for label in &desk.labels {
        let parts = talk.place.kind == Kind::GitLab && label.contains(',');
        if label.chars().count() > LABEL_MAX || parts {
            let label = short(label, LABEL_MAX);
            talk.note(format!(
                "the label {label} is left out: too long, or a comma in it"
            ));
        } else if !new.labels.contains(label) {
            new.labels.push(label.clone());
        }
    }
    match talk.place.kind {
        Kind::GitHub => {}
        Kind::Gitea => new.label_ids = label_ids(talk, &new.labels),
        Kind::GitLab => new.assignee_ids = account_ids(talk, &desk.assignees),
    }
    new
}

/// The labels' numbers; what is missing is made.
fn label_ids(talk: &mut Talk, names: &[String]) -> Vec<u64> {
    if names.is_empty() {
        return Vec::new();
    }
    let repo = talk.repo();
    let known = match talk.all("list the labels", |page| gitea::labels(&repo, page)) {
        Ok(known) => known,
        Err(failed) => {
            talk.note(failed.text);
            return Vec::new();
        }
    };
    let mut ids = Vec::new();
    for name in names {
        if let Some(id) = gitea::label_id(&known, name) {
            ids.push(id);
            continue;
        }
        match talk.ask("make a label", &gitea::make_label(&repo, name)) {
            Ok(answer) => ids.extend(answer.body["id"].as_u64()),
            Err(failed) => talk.note(failed.text),
        }
    }
    ids
}

fn account_ids(talk: &mut Talk, names: &[String]) -> Vec<u64> {
    let mut ids = Vec::new();
    for name in names {
        match talk.ask("find an account", &gitlab::users(name)) {
            Ok(answer) => ids.extend(
                answer
                    .body
                    .pointer("/0/id")
                    .and_then(serde_json::Value::as_u64),
            ),
            Err(failed) => talk.note(failed.text),
        }
    }
    ids
}

/// Forges drop silently what they do not take.
pub(super) fn missing(talk: &mut Talk, what: &str, wanted: &[String], got: &[String]) {
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    let missing: Vec<&str> = wanted
        .iter()
        .filter(|one| !got.iter().any(|other| same(one, other)))
        .map(String::as_str)
        .collect();
    if !missing.is_empty() {
        let names = missing.join(", ");
        talk.note(format!(
            "the forge did not take the {what}s {names}: does the token have write access, do they exist?"
        ));
    }
}
