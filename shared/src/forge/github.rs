//! GitHub's way. Pure.

use serde_json::{Value, json};

use super::call::{Call, Page, number, query, short, text, texts, web};
use super::dialect::{Dialect, Issue, NewIssue, Pull, Repository, Turn};
use super::{CommitStatus, DESCRIPTION_MAX, Proposal, State};
use crate::secret::url_encoded;

/// GitHub, in the version of its interface that is asked for by name.
#[derive(Debug)]
pub(super) struct GitHub;

impl Dialect for GitHub {
    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("accept", "application/vnd.github+json"),
            ("x-github-api-version", "2022-11-28"),
        ]
    }

    fn page_size(&self) -> u32 {
        100
    }

    fn repository(&self, answer: &Value) -> Repository {
        Repository {
            has_issues: answer["has_issues"].as_bool(),
            is_archived: answer["archived"] == true,
            may_write: answer.pointer("/permissions/push").and_then(Value::as_bool),
        }
    }

    fn issues(&self, repo: &str, open: bool, page: Page) -> Call {
        let state = if open { "open" } else { "closed" };
        // Of closed ones those that were closed last matter; open ones are read through all pages.
        let sort = if open { "created" } else { "updated" };
        Call::get(format!(
            "{repo}/issues?state={state}&sort={sort}&direction=desc&per_page={}&page={}",
            page.size, page.number
        ))
    }

    fn issue(&self, entry: &Value) -> Option<Issue> {
        if entry
            .get("pull_request")
            .is_some_and(|pull| !pull.is_null())
        {
            return None;
        }
        Some(Issue {
            number: number(entry, "/number")?,
            url: text(entry, "/html_url"),
            body: text(entry, "/body"),
            labels: texts(entry, "/labels", "/name"),
            assignees: texts(entry, "/assignees", "/login"),
        })
    }

    fn open_issue(&self, repo: &str, issue: &NewIssue) -> Call {
        let mut body = json!({ "title": issue.title, "body": issue.body });
        if !issue.labels.is_empty() {
            body["labels"] = json!(issue.labels);
        }
        if !issue.assignees.is_empty() {
            body["assignees"] = json!(issue.assignees);
        }
        Call::post(format!("{repo}/issues"), body)
    }

    fn turn_issue(&self, repo: &str, number: u64, turn: Turn) -> Call {
        let (state, reason) = match turn {
            Turn::Reopened => ("open", "reopened"),
            Turn::Completed => ("closed", "completed"),
            // `duplicate` is not known to every Enterprise edition; a comment says what it duplicates.
            Turn::Duplicate => ("closed", "not_planned"),
        };
        let body = json!({ "state": state, "state_reason": reason });
        Call::patch(format!("{repo}/issues/{number}"), body)
    }

    fn comments(&self, repo: &str, number: u64, page: Page) -> Call {
        Call::get(format!(
            "{repo}/issues/{number}/comments?per_page={}&page={}",
            page.size, page.number
        ))
    }

    fn pages_comments(&self) -> bool {
        true
    }

    fn comment(&self, repo: &str, number: u64, body: &str) -> Call {
        Call::post(
            format!("{repo}/issues/{number}/comments"),
            json!({ "body": body }),
        )
    }

    fn status(&self, repo: &str, status: &CommitStatus) -> Call {
        Call::post(
            format!("{repo}/statuses/{}", url_encoded(&status.sha)),
            status_body(status),
        )
        .repeatable()
    }

    fn pulls(&self, repo: &str, owner: &str, proposal: &Proposal, page: Page) -> Call {
        let head = format!("{owner}:{}", proposal.head);
        let pairs = [
            ("state", "open"),
            ("head", &head),
            ("base", &proposal.base),
            ("per_page", &page.size.to_string()),
            ("page", &page.number.to_string()),
        ];
        Call::get(format!("{repo}/pulls{}", query(&pairs)))
    }

    fn pull(&self, entry: &Value) -> Option<Pull> {
        Some(Pull {
            number: number(entry, "/number")?,
            url: text(entry, "/html_url"),
            head: text(entry, "/head/ref"),
            base: text(entry, "/base/ref"),
        })
    }

    fn open_pull(&self, repo: &str, proposal: &Proposal) -> Call {
        Call::post(format!("{repo}/pulls"), pull_body(proposal))
    }

    fn branch(&self, repo: &str, branch: &str) -> Call {
        Call::get(format!("{repo}/branches/{}", url_encoded(branch)))
    }
}

/// The rules that hold for a branch, its own and the organization's.
pub(super) fn rules(repo: &str, branch: &str) -> Call {
    let branch = url_encoded(branch);
    Call::get(format!("{repo}/rules/branches/{branch}?per_page=100"))
}

/// Whether one of the rules keeps a branch from being set back.
pub(super) fn forbids_push(rules: &Value) -> bool {
    let all = rules.as_array().into_iter().flatten();
    all.filter_map(|rule| rule["type"].as_str()).any(|kind| {
        matches!(
            kind,
            "non_fast_forward"
                | "update"
                | "pull_request"
                | "required_status_checks"
                | "merge_queue"
        )
    })
}

/// What GitHub and Gitea both take as a status.
pub(super) fn status_body(status: &CommitStatus) -> Value {
    let state = match status.state {
        State::Pending => "pending",
        State::Success => "success",
        State::Failure => "failure",
        State::Error => "error",
    };
    let mut body = json!({
        "state": state,
        "context": status.context,
        "description": short(&status.description, DESCRIPTION_MAX),
    });
    if let Some(url) = web(status.url.as_deref()) {
        body["target_url"] = json!(url);
    }
    body
}

/// What GitHub and Gitea both take as a pull request.
pub(super) fn pull_body(proposal: &Proposal) -> Value {
    json!({
        "title": short(&proposal.title, 250),
        "head": proposal.head,
        "base": proposal.base,
        "body": proposal.body,
    })
}
