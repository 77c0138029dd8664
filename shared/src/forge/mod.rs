//! The forge: incidents, commit and deployment status, pull requests on GitHub, Gitea, Forgejo and GitLab.
//!
//! ```text
//! incidents, deploying, proposing … ─▶ dialect (a request as data) ─▶ talk ─▶ http
//!         ▲                                                            │
//!         └────────────── issues, pulls, … ◀─ said (wait, move, refuse) ┘
//! ```
//!
//! Nothing here fails a step: whatever a forge does comes back as one line that says what to do. Every operation ends
//! within the time it is given, may be asked for twice, and shows the token to no other host and in no text.
//!
//! Deliberately absent: search (its index lags behind), the labels as a way to find an incident (Gitea ignores an
//! unknown one and gives everything).

mod call;
mod deploying;
mod dialect;
mod gitea;
mod github;
mod gitlab;
mod incidents;
mod knowing;
mod opening;
mod place;
mod proposing;
mod records;
mod said;
mod talk;

use std::time::Duration;

use crate::clock::Clock;
use crate::http::Http;
use crate::incident::{Incident, Key, Template};

pub use deploying::pipeline_deployment;
pub use knowing::Protection;
pub use place::{Kind, Place};

pub use crate::standing::State;

use talk::Talk;

/// The longest description of a status that every forge takes, in characters.
const DESCRIPTION_MAX: usize = 140;

/// What was done at the forge, for the log.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// In a line: `opened incident 12 : https://…`.
    pub what: String,
    /// Where a person reads it.
    pub url: Option<String>,
    /// What is worth a line of its own: labels that were dropped, accounts that do not exist.
    pub notes: Vec<String>,
}

/// How an incident is opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Desk {
    /// The labels' names.
    pub labels: Vec<String>,
    /// The accounts it is assigned to; one that does not exist is left out.
    pub assignees: Vec<String>,
    /// The team's own text.
    pub template: Option<Template>,
}

/// A commit's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitStatus {
    /// The commit, in full.
    pub sha: String,
    /// The name under which it stands; a later one of the same name replaces it.
    pub context: String,
    /// The state.
    pub state: State,
    /// Why; cut to 140 characters.
    pub description: String,
    /// Where a person reads more; left out when it is no web address.
    pub url: Option<String>,
}

/// A pull request that is to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The branch with the change.
    pub head: String,
    /// The branch that it is meant for.
    pub base: String,
    /// One line; cut to 250 characters.
    pub title: String,
    /// Markdown.
    pub body: String,
}

/// What becomes of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It goes on.
    InProgress,
    /// It is live and well.
    Success,
    /// It is bad, or was put back.
    Failure,
    /// It was cancelled, which says nothing of the version.
    Cancelled,
}

/// What kind of deployment it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// A new version.
    Deploy,
    /// Going back to one that was good: the deployment gone back from is marked as failed first.
    Rollback {
        /// The name of the deployment gone back from.
        of: String,
        /// Its commit.
        sha: String,
    },
}

/// A deployment and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Its name, by which the forge's own record of it is found again.
    pub name: String,
    /// The environment.
    pub environment: String,
    /// The commit that is live when it succeeds, in full.
    pub sha: String,
    /// The branch or tag it came from; GitLab asks for it.
    pub reference: String,
    /// What kind it is.
    pub purpose: Purpose,
    /// What becomes of it.
    pub progress: Progress,
    /// Why; cut to 140 characters.
    pub description: String,
    /// Where a person reads more: the pipeline.
    pub url: Option<String>,
    /// The number of GitHub's own record when that started this pipeline ([`pipeline_deployment`]): no second one is
    /// made then.
    pub started_by: Option<u64>,
}

/// What the forge tells of the deployments so far.
#[must_use]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Past {
    /// The newest first.
    pub good: Vec<Good>,
    /// Why there may be more, or none.
    pub notes: Vec<String>,
}

/// A deployment that succeeded and was not put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Good {
    /// Its number at the forge; a later one's is higher.
    pub id: u64,
    /// The commit.
    pub sha: String,
    /// When it was recorded, as the forge writes it.
    pub created_at: String,
}

/// One repository at a forge. Opening it asks nothing yet.
pub struct Forge<'a> {
    place: &'a Place,
    http: &'a Http,
    clock: &'a dyn Clock,
}

impl<'a> Forge<'a> {
    /// The repository of `place`, reached through `http`.
    pub fn open(place: &'a Place, http: &'a Http, clock: &'a dyn Clock) -> Self {
        Self { place, http, clock }
    }

    /// Looks whether the forge can be reached, knows the repository and lets it be written to. Writes nothing.
    ///
    /// # Errors
    /// In one line, when it cannot be reached or the token is not accepted.
    pub fn check(&self, within: Duration) -> Result<Told, String> {
        knowing::check(&mut self.talk(within))
    }

    /// Sees to it that there is one open incident of this deployment that tells of this: comments on the one that is
    /// there, reopens one that was closed, or opens one. Of several that were opened at the same time the first stays.
    ///
    /// # Errors
    /// In one line, when nothing could be told within the time.
    pub fn incident(
        &self,
        incident: &Incident,
        desk: &Desk,
        within: Duration,
    ) -> Result<Told, String> {
        incidents::tell(&mut self.talk(within), incident, desk)
    }

    /// Says on the incident of this deployment that all is well, and closes it. Without an open one nothing is done.
    ///
    /// # Errors
    /// In one line, when it could not be closed within the time.
    pub fn recovered(
        &self,
        key: &Key,
        what: &str,
        links: &[(String, String)],
        within: Duration,
    ) -> Result<Told, String> {
        incidents::recovered(&mut self.talk(within), key, what, links)
    }

    /// Sets the status of a commit.
    ///
    /// # Errors
    /// In one line, when it could not be set within the time.
    pub fn commit_status(&self, status: &CommitStatus, within: Duration) -> Result<Told, String> {
        knowing::commit_status(&mut self.talk(within), status)
    }

    /// Tells what becomes of a deployment. Gitea and Forgejo keep no deployments: a note says so.
    ///
    /// On GitHub a new record starts a pipeline of the event `deployment` where Woodpecker is allowed to run those;
    /// a pipeline that was itself started by a record updates that one.
    ///
    /// # Errors
    /// In one line, when it could not be told within the time.
    pub fn deployment(&self, deployment: &Deployment, within: Duration) -> Result<Told, String> {
        deploying::tell(&mut self.talk(within), deployment)
    }

    /// What was deployed to an environment, succeeded and was not put back, the newest first.
    ///
    /// # Errors
    /// In one line, when it could not be found out within the time.
    pub fn last_successful_deployments(
        &self,
        environment: &str,
        within: Duration,
    ) -> Result<Past, String> {
        deploying::past(&mut self.talk(within), environment)
    }

    /// Sees to it that there is one open pull request of that head and base.
    ///
    /// # Errors
    /// In one line, when it could not be opened within the time.
    pub fn pull_request(&self, proposal: &Proposal, within: Duration) -> Result<Told, String> {
        proposing::propose(&mut self.talk(within), proposal)
    }

    /// Whether a branch is protected from being set back, as far as the forge tells.
    pub fn branch_protected(&self, branch: &str, within: Duration) -> Protection {
        knowing::protection(&mut self.talk(within), branch)
    }

    fn talk(&self, within: Duration) -> Talk<'a> {
        Talk {
            place: self.place,
            http: self.http,
            clock: self.clock,
            until: self.clock.elapsed() + within,
            notes: Vec::new(),
        }
    }
}
