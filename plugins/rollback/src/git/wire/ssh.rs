//! Git through the program `ssh`: the same packets over its pipes.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use shared::clock::Clock;
use shared::secret::Secret;

use super::talk::Talk;
use super::{Begun, Rest, Service, useless};
use crate::git::address::{Address, Shell};
use crate::git::advert::{Advert, Fault};
use crate::git::error::GitError;
use crate::git::remote::Limits;

/// Where `ssh` is looked for: the step's own PATH can be anything.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A repository that is reached by SSH.
pub(in crate::git) struct Ssh<'a> {
    pub(in crate::git) shell: Shell,
    pub(in crate::git) files: Files,
    pub(in crate::git) clock: &'a dyn Clock,
    pub(in crate::git) limits: Limits,
    pub(in crate::git) program: &'static str,
}

impl std::fmt::Debug for Ssh<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ssh({:?})", self.shell)
    }
}

/// The key and the known hosts, in a folder that nobody else can look into.
#[derive(Debug)]
pub(in crate::git) struct Files {
    key: PathBuf,
    known_hosts: PathBuf,
}

impl Files {
    pub(in crate::git) fn write(
        folder: &Path,
        key: &Secret,
        known_hosts: &str,
    ) -> Result<Self, GitError> {
        let files = Self {
            key: folder.join("key"),
            known_hosts: folder.join("known_hosts"),
        };
        // A secret often comes without its last line break, or with those of Windows: OpenSSH wants neither.
        let tidy = |text: &str| format!("{}\n", text.replace("\r\n", "\n").trim());
        for (path, text) in [
            (&files.key, tidy(key.reveal())),
            (&files.known_hosts, tidy(known_hosts)),
        ] {
            let opened = fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(path);
            opened
                .and_then(|mut file| file.write_all(text.as_bytes()))
                .map_err(|error| GitError::here("the SSH key cannot be written", &error))?;
        }
        Ok(files)
    }
}

impl<'a> Ssh<'a> {
    /// Starts `ssh` and reads what there is.
    pub(in crate::git) fn begin(&self, service: Service) -> Result<Begun<'a>, GitError> {
        let child = self
            .command(service)
            .spawn()
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound => GitError::NoSsh,
                _ => GitError::here("ssh cannot be started", &error),
            })?;
        let remote = Address::Shell(self.shell.clone()).to_string();
        let mut talk = Talk::new(remote, child, self.clock, self.limits);
        let advert = Advert::read(&mut talk);
        let advert = advert.map_err(|fault| match fault {
            Fault::Io(error) => talk.explain(&error),
            fault => useless(talk.remote(), fault),
        })?;
        Ok(Begun {
            advert,
            rest: Rest::Ssh(Box::new(talk)),
        })
    }

    fn command(&self, service: Service) -> Command {
        let path = self.shell.path.replace('\'', r"'\''");
        let host = match &self.shell.user {
            Some(user) => format!("{user}@{}", self.shell.host),
            None => self.shell.host.clone(),
        };
        let known_hosts = self.files.known_hosts.display();
        let seconds = self.limits.idle.as_secs().max(1);
        let mut command = Command::new(self.program);
        command
            .env_clear()
            .env("PATH", PATH)
            .env("LC_ALL", "C")
            .args(["-F", "none", "-T"])
            .arg("-i")
            .arg(&self.files.key);
        for option in [
            "BatchMode=yes",
            "StrictHostKeyChecking=yes",
            "GlobalKnownHostsFile=none",
            "IdentitiesOnly=yes",
            "IdentityAgent=none",
            "ClearAllForwardings=yes",
            "UpdateHostKeys=no",
            "LogLevel=ERROR",
            &format!("UserKnownHostsFile=\"{known_hosts}\""),
            &format!("ConnectTimeout={seconds}"),
        ] {
            command.args(["-o", option]);
        }
        if let Some(port) = self.shell.port {
            command.args(["-p", &port.to_string()]);
        }
        command
            .args(["--", &host, &format!("{} '{path}'", service.word())])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_without_ssh_is_told_so() {
        let clock = shared::clock::SystemClock::start(shared::signal::Cancel::default());
        let ssh = Ssh {
            shell: Shell {
                user: None,
                host: "h".into(),
                port: None,
                path: "x".into(),
            },
            files: Files {
                key: PathBuf::new(),
                known_hosts: PathBuf::new(),
            },
            clock: &clock,
            limits: Limits::default(),
            program: "/nowhere/ssh",
        };
        let error = ssh.begin(Service::Upload).err();
        assert_eq!(error, Some(GitError::NoSsh));
    }
}
