//! Gitea's and Forgejo's way: nearly GitHub's, but labels are numbers. Pure.

use serde_json::{Value, json};

use super::call::{Call, Page, number, text};
use super::dialect::{Dialect, Issue, NewIssue, Pull, Repository, Turn};
use super::github::{GitHub, pull_body, status_body};
use super::{CommitStatus, Proposal};
use crate::secret::url_encoded;

/// Gitea and Forgejo.
#[derive(Debug)]
pub(super) struct Gitea;

/// The colour of a label that is made: a warm red.
const COLOUR: &str = "#d73a4a";

impl Dialect for Gitea {
    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("accept", "application/json")]
    }

    fn page_size(&self) -> u32 {
        // The most that is given without a change of its configuration.
        50
    }

    fn repository(&self, answer: &Value) -> Repository {
        GitHub.repository(answer)
    }

    fn issues(&self, repo: &str, open: bool, page: Page) -> Call {
        let state = if open { "open" } else { "closed" };
        Call::get(format!(
            "{repo}/issues?state={state}&type=issues&limit={}&page={}",
            page.size, page.number
        ))
    }

    fn issue(&self, entry: &Value) -> Option<Issue> {
        GitHub.issue(entry)
    }

    fn open_issue(&self, repo: &str, issue: &NewIssue) -> Call {
        let mut body = json!({ "title": issue.title, "body": issue.body });
        if !issue.label_ids.is_empty() {
            body["labels"] = json!(issue.label_ids);
        }
        if !issue.assignees.is_empty() {
            body["assignees"] = json!(issue.assignees);
        }
        Call::post(format!("{repo}/issues"), body)
    }

    fn turn_issue(&self, repo: &str, number: u64, turn: Turn) -> Call {
        let state = match turn {
            Turn::Reopened => "open",
            Turn::Completed | Turn::Duplicate => "closed",
        };
        Call::patch(format!("{repo}/issues/{number}"), json!({ "state": state }))
    }

    fn comments(&self, repo: &str, number: u64, _: Page) -> Call {
        Call::get(format!("{repo}/issues/{number}/comments"))
    }

    fn pages_comments(&self) -> bool {
        false
    }

    fn comment(&self, repo: &str, number: u64, body: &str) -> Call {
        GitHub.comment(repo, number, body)
    }

    fn status(&self, repo: &str, status: &CommitStatus) -> Call {
        let path = format!("{repo}/statuses/{}", url_encoded(&status.sha));
        Call::post(path, status_body(status)).repeatable()
    }

    fn pulls(&self, repo: &str, _: &str, _: &Proposal, page: Page) -> Call {
        // A filter by branch is known to the newest versions only, and the older ones ignore it.
        Call::get(format!(
            "{repo}/pulls?state=open&limit={}&page={}",
            page.size, page.number
        ))
    }

    fn pull(&self, entry: &Value) -> Option<Pull> {
        GitHub.pull(entry)
    }

    fn open_pull(&self, repo: &str, proposal: &Proposal) -> Call {
        Call::post(format!("{repo}/pulls"), pull_body(proposal))
    }

    fn branch(&self, repo: &str, branch: &str) -> Call {
        Call::get(format!("{repo}/branches/{}", url_encoded(branch)))
    }
}

/// The repository's labels.
pub(super) fn labels(repo: &str, page: Page) -> Call {
    Call::get(format!(
        "{repo}/labels?limit={}&page={}",
        page.size, page.number
    ))
}

/// The number of the label of that name. Names are not unique: the oldest one counts.
pub(super) fn label_id(labels: &[Value], name: &str) -> Option<u64> {
    let same = labels.iter().filter(|label| text(label, "/name") == name);
    same.filter_map(|label| number(label, "/id")).min()
}

/// Makes a label.
pub(super) fn make_label(repo: &str, name: &str) -> Call {
    let body = json!({ "name": name, "color": COLOUR });
    Call::post(format!("{repo}/labels"), body)
}
