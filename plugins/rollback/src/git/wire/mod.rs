//! The ways to a repository, each of which ends in the same packets.

mod local;
mod ssh;
mod talk;
mod web;

use std::io::{self, ErrorKind, Write};

use super::advert::{Advert, Fault};
use super::error::GitError;

pub(super) use local::Local;
pub(super) use ssh::{Files, Ssh};
pub(super) use web::Web;

/// What is asked of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    /// To give objects out.
    Upload,
    /// To take objects, and to move references.
    Receive,
}

impl Service {
    fn word(self) -> &'static str {
        match self {
            Self::Upload => "git-upload-pack",
            Self::Receive => "git-receive-pack",
        }
    }
}

/// A way to a repository.
#[derive(Debug)]
pub(super) enum Wire<'a> {
    Web(Web<'a>),
    Ssh(Ssh<'a>),
    Local(Local),
}

/// A conversation, after the server has told what it has.
pub(super) struct Begun<'a> {
    pub(super) advert: Advert,
    rest: Rest<'a>,
}

enum Rest<'a> {
    Web(web::Base<'a>),
    Ssh(Box<talk::Talk<'a>>),
}

impl Begun<'_> {
    /// Sends the one request of the conversation and writes the answer to `sink`, up to `limit` bytes.
    pub(super) fn ask(self, body: &[u8], limit: u64, sink: &mut dyn Write) -> Result<(), GitError> {
        match self.rest {
            Rest::Web(base) => base.ask(body, limit, sink),
            Rest::Ssh(talk) => talk.ask(body, limit, sink),
        }
    }
}

/// What an error of reading packets means.
pub(super) fn unreadable(remote: &str, error: &io::Error) -> GitError {
    let remote = remote.to_owned();
    match error.kind() {
        ErrorKind::InvalidData => {
            let said = error.to_string();
            match said.strip_prefix("it says: ") {
                Some(said) => GitError::Said {
                    remote,
                    said: said.to_owned(),
                },
                None => GitError::NotGit {
                    remote,
                    detail: said,
                },
            }
        }
        ErrorKind::UnexpectedEof => GitError::Unreachable {
            remote,
            detail: "the answer ends before its end".into(),
        },
        _ => GitError::Unreachable {
            remote,
            detail: error.to_string(),
        },
    }
}

/// What a server's first words mean when they are of no use.
fn useless(remote: &str, fault: Fault) -> GitError {
    match fault {
        Fault::Sha256 => GitError::Sha256 {
            remote: remote.to_owned(),
        },
        Fault::Said(said) => GitError::Said {
            remote: remote.to_owned(),
            said,
        },
        Fault::Io(error) => unreadable(remote, &error),
    }
}
