//! A remote repository, however it is reached.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use git2::Oid;
use shared::clock::Clock;
use shared::http::Http;

use super::address::Address;
use super::advert::Advert;
use super::error::GitError;
use super::login::Login;
use super::name;
use super::wire::{Begun, Files, Local, Service, Ssh, Web, Wire};
use super::work::Work;

/// How long and how much a remote may keep us.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For one conversation as a whole: 5 minutes.
    pub whole: Duration,
    /// For every single read or write: 60 s.
    pub idle: Duration,
    /// Bytes of a history: 2 GiB.
    pub history_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            whole: Duration::from_secs(300),
            idle: Duration::from_secs(60),
            history_bytes: 2 << 30,
        }
    }
}

/// What a remote is reached with.
#[derive(Clone, Copy)]
pub struct Means<'a> {
    /// The way out to HTTP: proxies and authorities.
    pub http: &'a Http,
    /// For the limits of SSH.
    pub clock: &'a dyn Clock,
    /// How long and how much.
    pub limits: Limits,
}

/// A remote repository. Each question opens a connection of its own.
#[derive(Debug)]
pub struct Remote<'a> {
    pub(super) shown: String,
    pub(super) wire: Wire<'a>,
    pub(super) limits: Limits,
}

impl<'a> Remote<'a> {
    /// A remote that is reached by its address; nothing is sent yet. An SSH key is written to `work`'s folder, and goes
    /// with it.
    ///
    /// # Errors
    /// When the login does not fit the address, or a key cannot be written.
    pub fn open(
        address: &Address,
        login: &Login,
        means: Means<'a>,
        work: &Work,
    ) -> Result<Self, GitError> {
        let limits = means.limits;
        let wire = match (address, login) {
            (Address::Web { at, .. }, login) => Wire::Web(Web {
                http: means.http,
                at: (**at).clone(),
                login: match login {
                    Login::Password { user, password } => Some((user.clone(), password.clone())),
                    Login::Nobody | Login::Key { .. } => None,
                },
                limits,
            }),
            (Address::Shell(shell), Login::Key { key, known_hosts }) => Wire::Ssh(Ssh {
                shell: shell.clone(),
                files: Files::write(work.folder(), key, known_hosts)?,
                clock: means.clock,
                limits,
                program: "ssh",
            }),
            (Address::Shell(_), _) => {
                return Err(GitError::Setting {
                    detail: "the remote is reached by SSH, expected ssh_key and ssh_known_hosts"
                        .into(),
                });
            }
            (Address::Local(path), _) => Wire::Local(Local { path: path.clone() }),
        };
        Ok(Self {
            shown: address.to_string(),
            wire,
            limits,
        })
    }

    /// All references, by their full names.
    ///
    /// # Errors
    /// When the remote cannot be asked.
    pub fn refs(&self) -> Result<BTreeMap<String, Oid>, GitError> {
        Ok(match self.begin(Service::Upload)? {
            Some(begun) => begun.advert.refs,
            None => self.local_advert()?.refs,
        })
    }

    /// Where a branch is; nothing when there is none of this name.
    ///
    /// # Errors
    /// When the remote cannot be asked, or no branch can be called so.
    pub fn branch(&self, name: &str) -> Result<Option<Oid>, GitError> {
        let name = name::branch(name).map_err(|detail| GitError::Setting { detail })?;
        Ok(self.refs()?.get(&name).copied())
    }

    /// Begins a conversation; nothing where there is no server to talk to.
    pub(super) fn begin(&self, service: Service) -> Result<Option<Begun<'_>>, GitError> {
        match &self.wire {
            Wire::Web(web) => web.begin(service).map(Some),
            Wire::Ssh(ssh) => ssh.begin(service).map(Some),
            Wire::Local(_) => Ok(None),
        }
    }

    pub(super) fn local_advert(&self) -> Result<Advert, GitError> {
        match &self.wire {
            Wire::Local(local) => local.refs().map(Advert::of),
            Wire::Web(_) | Wire::Ssh(_) => Ok(Advert::default()),
        }
    }

    /// Asks within the limit for a history, and writes the answer to `sink`.
    pub(super) fn ask(
        &self,
        begun: Begun<'_>,
        body: &[u8],
        sink: &mut dyn Write,
    ) -> Result<(), GitError> {
        begun.ask(body, self.limits.history_bytes, sink)
    }
}

impl std::fmt::Display for Remote<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}
