//! What can go wrong with a remote, each with what to do.

use std::fmt;
use std::time::Duration;

use git2::Oid;
use shared::value::show_duration;

/// Why something with git did not work. Nothing was changed unless it is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitError {
    /// The remote cannot be reached, or the connection broke. It may pass.
    Unreachable {
        /// The remote, without its login.
        remote: String,
        /// What happened.
        detail: String,
    },
    /// The remote was too slow. It may pass.
    TimedOut {
        /// The remote.
        remote: String,
        /// The limit that passed.
        limit: Duration,
    },
    /// The remote does not know who asks (401).
    Login {
        /// The remote.
        remote: String,
        /// Whether it was told; not when there is no login, or when a redirect led to a host that it is not for.
        shown: bool,
    },
    /// The remote knows who asks and says no (403).
    Forbidden {
        /// The remote.
        remote: String,
        /// What it said.
        said: String,
    },
    /// No repository is there, or none that this login may see (404).
    Absent {
        /// The remote.
        remote: String,
    },
    /// What answers is no git server, or breaks git's protocol.
    NotGit {
        /// The remote.
        remote: String,
        /// What came.
        detail: String,
    },
    /// The repository names its objects by SHA-256.
    Sha256 {
        /// The remote.
        remote: String,
    },
    /// More came than may come.
    TooLarge {
        /// The remote.
        remote: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// The remote ended the conversation with these words.
    Said {
        /// The remote.
        remote: String,
        /// The words.
        said: String,
    },
    /// There is no such branch.
    NoBranch {
        /// The remote.
        remote: String,
        /// The branch.
        branch: String,
    },
    /// There is no such commit.
    NoCommit {
        /// The remote.
        remote: String,
        /// The commit.
        commit: Oid,
    },
    /// The program `ssh` is not there.
    NoSsh,
    /// `ssh` could not log in, or does not trust the host.
    Ssh {
        /// The remote.
        remote: String,
        /// What it said.
        said: String,
    },
    /// Something on this machine: a folder, a repository's objects.
    Here {
        /// What happened.
        detail: String,
    },
    /// A setting is wrong.
    Setting {
        /// What was found, what was expected.
        detail: String,
    },
}

impl GitError {
    /// Whether the same may work a moment later.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::TimedOut { .. })
    }

    pub(super) fn here(what: &str, error: &impl fmt::Display) -> Self {
        Self::Here {
            detail: format!("{what}: {error}"),
        }
    }
}

impl From<git2::Error> for GitError {
    fn from(error: git2::Error) -> Self {
        Self::here("git's objects", &error.message())
    }
}

impl fmt::Display for GitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { remote, detail } => write!(f, "{remote} : {detail}"),
            Self::TimedOut { remote, limit } => {
                write!(f, "{remote} : no answer within {}", show_duration(*limit))
            }
            Self::Login {
                remote,
                shown: true,
            } => write!(
                f,
                "{remote} : the login is refused (401), expected a git_username and git_password \
                 (or a token) that are valid there"
            ),
            Self::Login { remote, .. } => write!(
                f,
                "{remote} : a login is asked for (401), set git_password (a token will do) from a \
                 secret; a login is never sent to another host than remote's own"
            ),
            Self::Forbidden { remote, said } => write!(
                f,
                "{remote} : the login may not do this (403{}), give it permission to write to the \
                 repository's contents",
                after(said)
            ),
            Self::Absent { remote } => write!(
                f,
                "{remote} : no repository is found (404), check remote, and that the login may see \
                 it: forges answer so to whom they do not trust"
            ),
            Self::NotGit { remote, detail } => write!(
                f,
                "{remote} : no git server answers ({detail}), expected the address that git clone takes"
            ),
            Self::Sha256 { remote } => write!(
                f,
                "{remote} : the repository names its objects by SHA-256, which is not supported; use \
                 strategy: redeploy or none"
            ),
            Self::TooLarge { remote, limit } => write!(
                f,
                "{remote} : more than {limit} bytes come, which is the limit for a history"
            ),
            Self::Said { remote, said } => write!(f, "{remote} : it says: {said}"),
            Self::NoBranch { remote, branch } => {
                write!(f, "{remote} : there is no branch {branch}, set branch")
            }
            Self::NoCommit { remote, commit } => {
                write!(f, "{remote} : there is no commit {commit}")
            }
            Self::NoSsh => write!(
                f,
                "the program ssh is not in this image, use one that has it, or set remote to the \
                 https:// address"
            ),
            Self::Ssh { remote, said } => write!(f, "{remote} : ssh says: {said}"),
            Self::Here { detail } | Self::Setting { detail } => f.write_str(detail),
        }
    }
}

impl std::error::Error for GitError {}

fn after(said: &str) -> String {
    if said.is_empty() {
        String::new()
    } else {
        format!(": {said}")
    }
}
