//! What all forges can be asked, as data: each forge writes and reads it in its own way. Pure.

use serde_json::Value;

use super::call::{Call, Page};
use super::place::Kind;
use super::{CommitStatus, Proposal};
use super::{gitea, github, gitlab};

/// An issue as a forge lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// Its number within the repository.
    pub number: u64,
    /// Where a person reads it.
    pub url: String,
    /// Its text.
    pub body: String,
    /// Its labels' names.
    pub labels: Vec<String>,
    /// The accounts it is assigned to.
    pub assignees: Vec<String>,
}

/// An issue that is to be opened.
#[derive(Debug, Clone, Default)]
pub struct NewIssue {
    /// One line.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// Names, for forges that take names.
    pub labels: Vec<String>,
    /// The numbers of labels, for forges that take those.
    pub label_ids: Vec<u64>,
    /// Names of accounts, for forges that take names.
    pub assignees: Vec<String>,
    /// The numbers of accounts, for forges that take those.
    pub assignee_ids: Vec<u64>,
}

/// What becomes of an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It is open again.
    Reopened,
    /// It is closed, because all is well.
    Completed,
    /// It is closed, because another one says the same.
    Duplicate,
}

/// A pull request as a forge lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    /// Its number.
    pub number: u64,
    /// Where a person reads it.
    pub url: String,
    /// The branch that it would merge.
    pub head: String,
    /// The branch that it would be merged into.
    pub base: String,
}

/// What a forge tells of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repository {
    /// Whether issues are switched on; absent when it does not tell.
    pub has_issues: Option<bool>,
    /// Whether nothing can be written to it any more.
    pub is_archived: bool,
    /// Whether the token may write; absent when it does not tell.
    pub may_write: Option<bool>,
}

/// The way one forge is asked. `repo` is always the repository's path in the interface.
pub trait Dialect {
    /// Headers beside the token, the type of the body and who asks.
    fn headers(&self) -> &'static [(&'static str, &'static str)];
    /// How many entries a page may have.
    fn page_size(&self) -> u32;
    /// What it tells of the repository.
    fn repository(&self, answer: &Value) -> Repository;
    /// Issues, the newest first.
    fn issues(&self, repo: &str, open: bool, page: Page) -> Call;
    /// An entry of such a list; absent when it is a pull request or no issue at all.
    fn issue(&self, entry: &Value) -> Option<Issue>;
    /// Opens an issue.
    fn open_issue(&self, repo: &str, issue: &NewIssue) -> Call;
    /// Closes or reopens one.
    fn turn_issue(&self, repo: &str, number: u64, turn: Turn) -> Call;
    /// The comments of an issue; their text is at `/body`.
    fn comments(&self, repo: &str, number: u64, page: Page) -> Call;
    /// Whether those come in pages.
    fn pages_comments(&self) -> bool;
    /// Comments on an issue.
    fn comment(&self, repo: &str, number: u64, body: &str) -> Call;
    /// Sets the status of a commit.
    fn status(&self, repo: &str, status: &CommitStatus) -> Call;
    /// Open pull requests, at least those of that head and base.
    fn pulls(&self, repo: &str, owner: &str, proposal: &Proposal, page: Page) -> Call;
    /// An entry of such a list.
    fn pull(&self, entry: &Value) -> Option<Pull>;
    /// Opens a pull request.
    fn open_pull(&self, repo: &str, proposal: &Proposal) -> Call;
    /// What is known of a branch.
    fn branch(&self, repo: &str, branch: &str) -> Call;
}

impl Kind {
    /// The way this forge is asked.
    pub fn dialect(self) -> &'static dyn Dialect {
        match self {
            Self::GitHub => &github::GitHub,
            Self::Gitea => &gitea::Gitea,
            Self::GitLab => &gitlab::GitLab,
        }
    }
}
