//! What a plan is made from: what was asked for, what the records say, what the branch is like.

use shared::deployment::Status;
use shared::exit::Exit;
use shared::intent::Intent;
use shared::record::DRY_RUN;
use shared::split::Share;

/// What made this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// A pipeline that deployed, or was about to.
    Pipeline,
    /// A person, at a terminal or with the button in Woodpecker.
    Person,
    /// The clock: what is live is spoken of.
    Clock,
    /// A pull request: nothing is deployed there.
    PullRequest,
}

impl Occasion {
    /// Whether no person asked for this very rollback.
    pub fn is_automatic(self) -> bool {
        self != Self::Person
    }
}

/// What to go back to, where somebody said it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Previous {
    /// This commit.
    Commit(String),
    /// The bad commit's first parent.
    Parent,
}

/// How the branch, or the deployment, is brought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Whatever fits.
    Auto,
    /// The branch goes back to the good commit.
    Reset,
    /// A new commit with the good commit's tree.
    Restore,
    /// The same as a pull request.
    PullRequest,
    /// Woodpecker deploys the good commit's pipeline again.
    Redeploy,
    /// Not at all.
    None,
}

impl Strategy {
    /// All of them with their words.
    pub const WORDS: [(&'static str, Self); 6] = [
        ("auto", Self::Auto),
        ("reset", Self::Reset),
        ("restore", Self::Restore),
        ("pull-request", Self::PullRequest),
        ("redeploy", Self::Redeploy),
        ("none", Self::None),
    ];
}

/// Guards that somebody lifted by name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lifted {
    /// `hold`: what is held, or was rolled back, may be touched or gone back to.
    pub hold: bool,
    /// `irreversible`: changes that cannot be rolled back are left as they are.
    pub irreversible: bool,
    /// `moved-branch`: commits after the bad one are undone, too.
    pub moved_branch: bool,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Asked {
    /// The deployment's name.
    pub deployment_id: String,
    /// Whether somebody named it, rather than the pipeline's number.
    pub id_said: bool,
    /// The commit.
    pub commit: Option<String>,
    /// Whether somebody named it, rather than the pipeline.
    pub commit_said: bool,
    /// What made this run.
    pub occasion: Occasion,
    /// Whether this pipeline runs on a commit that a rollback made.
    pub on_rollback: bool,
    /// What to go back to.
    pub previous: Option<Previous>,
    /// How.
    pub strategy: Strategy,
    /// Guards that are lifted.
    pub lifted: Lifted,
    /// Whether there is a deployment script or webhook.
    pub hook: bool,
    /// Whether there is an endpoint to look at afterwards.
    pub endpoint: bool,
    /// Whether an incident is wanted and there is a forge to open it at.
    pub incident: bool,
    /// Whether the forge is to be told of the deployment or the commit.
    pub status: bool,
    /// Whether there is a forge that can take pull requests.
    pub pull_requests: bool,
    /// Whether a redeployment is waited for.
    pub waits: bool,
}

impl Asked {
    /// The same of this deployment, whatever is live by then: it is the one whose turn it is.
    #[must_use]
    pub fn of(&self, bad: &Bad) -> Self {
        let known = bad.row.is_some() && self.occasion != Occasion::Pipeline;
        Self {
            deployment_id: if known { &bad.id } else { &self.deployment_id }.clone(),
            id_said: self.id_said || known,
            ..self.clone()
        }
    }
}

/// How much the records can be trusted to be all there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// They can be read.
    Whole,
    /// The database did not answer, in words; the journal may know a part.
    Part(String),
    /// There are none: no database, and nothing in the journal.
    Nothing,
}

/// The kind of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A deployment in earnest.
    Standard,
    /// A rollback.
    Rollback,
    /// Only walked through.
    Dry,
}

impl Kind {
    /// From the word in the records.
    pub fn of(word: &str) -> Self {
        match word {
            DRY_RUN => Self::Dry,
            shared::record::ROLLBACK => Self::Rollback,
            _ => Self::Standard,
        }
    }
}

/// A row of the deployments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The deployment's name.
    pub id: String,
    /// How it stands; absent when a newer version wrote it.
    pub status: Option<Status>,
    /// Its kind.
    pub kind: Kind,
    /// Its commit.
    pub commit: Option<String>,
    /// The last stable commit before it.
    pub previous: Option<String>,
    /// Why it was put back.
    pub reason: Option<String>,
}

/// What the records say of the environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// Whether that is all there is.
    pub reach: Reach,
    /// The latest deployments, newest first.
    pub rows: Vec<Row>,
    /// The newest rollout, as the records have it; what cannot be understood is in words.
    pub rollout: Result<Option<Intent>, String>,
}

impl Known {
    /// The row of a deployment.
    pub fn row(&self, id: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.id == id)
    }

    /// The newest rollout.
    pub fn intent(&self) -> Option<&Intent> {
        self.rollout.as_ref().ok()?.as_ref()
    }
}

/// Whether one commit is the other; either may be shortened.
pub fn same(one: &str, other: &str) -> bool {
    one.len().min(other.len()) >= 7 && (one.starts_with(other) || other.starts_with(one))
}

/// The start of a commit, for people.
pub fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

/// The deployment that is to be rolled back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    /// Its name.
    pub id: String,
    /// Its commit.
    pub commit: String,
    /// Its row, if there is one.
    pub row: Option<Row>,
}

/// Why a commit is not to be deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The deployment that was rolled back.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// Where a target was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Somebody said it.
    Said,
    /// The bad commit's parent, because somebody said so.
    Parent,
    /// The marker in the records.
    Marker,
    /// A deployment that was proved good.
    Deployment(String),
    /// The forge's deployments.
    Forge,
    /// The marker in git.
    GitMarker,
}

/// A commit that might be gone back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The commit.
    pub commit: String,
    /// Where it was found.
    pub source: Source,
    /// The hold on it.
    pub hold: Option<Hold>,
}

/// What the traffic is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Traffic {
    /// The canary's share; absent where it is no single one, or nobody can tell.
    Read(Option<Share>),
    /// There is nothing to read it with, in words.
    Unreadable(String),
}

/// A commit on the branch, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its name.
    pub id: String,
    /// Its first line.
    pub subject: String,
    /// Who wrote it.
    pub author: String,
}

/// The branch on the remote.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Branch {
    /// Its name.
    pub name: String,
    /// Its head.
    pub head: String,
    /// Whether the bad commit is on it.
    pub has_bad: bool,
    /// Whether the good commit is in the repository.
    pub has_good: bool,
    /// Whether the good commit came before the bad one.
    pub good_is_older: bool,
    /// Whether its head is what a rollback makes of it already.
    pub is_back: bool,
    /// Commits after the bad one, newest first.
    pub after: Vec<Commit>,
    /// Changed paths between the good and the bad commit that cannot be rolled back.
    pub irreversible: Vec<String>,
    /// Whether the forge protects it; absent where that cannot be told.
    pub protected: Option<bool>,
}

/// What git says of branch and target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Git {
    /// This.
    Seen(Branch),
    /// It was not asked: nothing is to be done there.
    Unasked,
    /// It could not be asked, in words.
    Unseen(String),
}

/// A run that ends without doing anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// How.
    pub exit: Exit,
    /// Why.
    pub why: String,
    /// What to do about it.
    pub next: Option<String>,
}

impl End {
    /// Nothing is to be done.
    pub fn nothing(why: impl Into<String>) -> Self {
        Self {
            exit: Exit::Passed,
            why: why.into(),
            next: None,
        }
    }

    /// It may not be done.
    pub fn refused(why: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            exit: Exit::Refused,
            why: why.into(),
            next: Some(next.into()),
        }
    }

    /// Somebody else is at it.
    pub fn busy(why: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            exit: Exit::Busy,
            ..Self::refused(why, next)
        }
    }
}
