//! GitLab's way. Pure.

use serde_json::{Value, json};

use super::call::{Call, Page, number, query, short, text, texts, web};
use super::dialect::{Dialect, Issue, NewIssue, Pull, Repository, Turn};
use super::{CommitStatus, DESCRIPTION_MAX, Proposal, State};
use crate::secret::url_encoded;

/// GitLab.
#[derive(Debug)]
pub(super) struct GitLab;

impl Dialect for GitLab {
    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("accept", "application/json")]
    }

    fn page_size(&self) -> u32 {
        100
    }

    fn repository(&self, answer: &Value) -> Repository {
        let level = |kind: &str| answer.pointer(kind).and_then(Value::as_u64);
        let levels = ["project", "group"]
            .map(|kind| level(&format!("/permissions/{kind}_access/access_level")));
        Repository {
            has_issues: answer["issues_enabled"].as_bool(),
            is_archived: answer["archived"] == true,
            // 30 is a developer.
            may_write: levels.into_iter().flatten().max().map(|level| level >= 30),
        }
    }

    fn issues(&self, repo: &str, open: bool, page: Page) -> Call {
        let (state, order) = if open {
            ("opened", "created_at")
        } else {
            ("closed", "updated_at")
        };
        Call::get(format!(
            "{repo}/issues?state={state}&scope=all&order_by={order}&sort=desc&per_page={}&page={}",
            page.size, page.number
        ))
    }

    fn issue(&self, entry: &Value) -> Option<Issue> {
        let labels = entry["labels"].as_array().into_iter().flatten();
        Some(Issue {
            number: number(entry, "/iid")?,
            url: text(entry, "/web_url"),
            body: text(entry, "/description"),
            labels: labels
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            assignees: texts(entry, "/assignees", "/username"),
        })
    }

    fn open_issue(&self, repo: &str, issue: &NewIssue) -> Call {
        let mut body = json!({
            "title": issue.title,
            "description": issue.body,
            "issue_type": "incident",
        });
        if !issue.labels.is_empty() {
            body["labels"] = json!(issue.labels.join(","));
        }
        if !issue.assignee_ids.is_empty() {
            body["assignee_ids"] = json!(issue.assignee_ids);
        }
        Call::post(format!("{repo}/issues"), body)
    }

    fn turn_issue(&self, repo: &str, number: u64, turn: Turn) -> Call {
        let event = match turn {
            Turn::Reopened => "reopen",
            Turn::Completed | Turn::Duplicate => "close",
        };
        Call::put(
            format!("{repo}/issues/{number}"),
            json!({ "state_event": event }),
        )
    }

    fn comments(&self, repo: &str, number: u64, page: Page) -> Call {
        Call::get(format!(
            "{repo}/issues/{number}/notes?per_page={}&page={}",
            page.size, page.number
        ))
    }

    fn pages_comments(&self) -> bool {
        true
    }

    fn comment(&self, repo: &str, number: u64, body: &str) -> Call {
        Call::post(
            format!("{repo}/issues/{number}/notes"),
            json!({ "body": body }),
        )
    }

    fn status(&self, repo: &str, status: &CommitStatus) -> Call {
        let state = match status.state {
            State::Pending => "pending",
            State::Success => "success",
            State::Failure | State::Error => "failed",
        };
        let mut body = json!({
            "state": state,
            "name": status.context,
            "description": short(&status.description, DESCRIPTION_MAX),
        });
        if let Some(url) = web(status.url.as_deref()) {
            body["target_url"] = json!(url);
        }
        Call::post(
            format!("{repo}/statuses/{}", url_encoded(&status.sha)),
            body,
        )
        .repeatable()
    }

    fn pulls(&self, repo: &str, _: &str, proposal: &Proposal, page: Page) -> Call {
        let pairs = [
            ("state", "opened"),
            ("source_branch", proposal.head.as_str()),
            ("target_branch", &proposal.base),
            ("per_page", &page.size.to_string()),
            ("page", &page.number.to_string()),
        ];
        Call::get(format!("{repo}/merge_requests{}", query(&pairs)))
    }

    fn pull(&self, entry: &Value) -> Option<Pull> {
        Some(Pull {
            number: number(entry, "/iid")?,
            url: text(entry, "/web_url"),
            head: text(entry, "/source_branch"),
            base: text(entry, "/target_branch"),
        })
    }

    fn open_pull(&self, repo: &str, proposal: &Proposal) -> Call {
        let body = json!({
            "title": short(&proposal.title, 250),
            "source_branch": proposal.head,
            "target_branch": proposal.base,
            "description": proposal.body,
            "remove_source_branch": true,
        });
        Call::post(format!("{repo}/merge_requests"), body)
    }

    fn branch(&self, repo: &str, branch: &str) -> Call {
        Call::get(format!(
            "{repo}/repository/branches/{}",
            url_encoded(branch)
        ))
    }
}

/// The accounts of that name: one or none.
pub(super) fn users(name: &str) -> Call {
    Call::get(format!("/users{}", query(&[("username", name)])))
}

/// Whether a refusal only says that the status is what it is to become.
pub(super) fn is_already(status: u16, said: &str) -> bool {
    status == 400 && said.contains("Cannot transition status")
}
