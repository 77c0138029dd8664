//! Git through the program `ssh`: the same packets over its pipes.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use shared::clock::Clock;
use shared::secret::Secret;

use super::{Begun, Rest, Service, unreadable, useless};
use crate::git::address::{Address, Shell};
use crate::git::advert::{Advert, Fault};
use crate::git::error::GitError;
use crate::git::remote::Limits;
use crate::git::text;

/// How much of what `ssh` says is kept.
const WORDS: usize = 16 << 10;
/// How long the last words of an ended `ssh` are waited for.
const LAST_WORDS: Duration = Duration::from_secs(2);
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
        let mut talk = Talk::new(self, child);
        let advert = Advert::read(&mut talk);
        let advert = advert.map_err(|fault| match fault {
            Fault::Io(error) => talk.explain(&error),
            fault => useless(&talk.remote, fault),
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

/// A running `ssh`. It ends with the value.
pub(in crate::git) struct Talk<'a> {
    remote: String,
    child: Child,
    chunks: Receiver<io::Result<Vec<u8>>>,
    current: Vec<u8>,
    taken: usize,
    words: Arc<Mutex<Vec<u8>>>,
    said: Receiver<()>,
    clock: &'a dyn Clock,
    limits: Limits,
    deadline: Duration,
    /// The limit that passed.
    passed: Option<Duration>,
}

impl<'a> Talk<'a> {
    fn new(ssh: &Ssh<'a>, mut child: Child) -> Self {
        let (tell, chunks) = sync_channel(4);
        if let Some(output) = child.stdout.take() {
            thread::spawn(move || hand_on(output, &tell));
        }
        let words = Arc::new(Mutex::new(Vec::new()));
        let (end, said) = sync_channel(1);
        if let Some(errors) = child.stderr.take() {
            let words = Arc::clone(&words);
            thread::spawn(move || {
                keep(errors, &words);
                let _ = end.send(());
            });
        }
        Self {
            remote: Address::Shell(ssh.shell.clone()).to_string(),
            child,
            chunks,
            current: Vec::new(),
            taken: 0,
            words,
            said,
            clock: ssh.clock,
            limits: ssh.limits,
            deadline: ssh.clock.elapsed() + ssh.limits.whole,
            passed: None,
        }
    }

    pub(super) fn ask(
        mut self,
        body: &[u8],
        limit: u64,
        sink: &mut dyn Write,
    ) -> Result<(), GitError> {
        if let Some(mut input) = self.child.stdin.take() {
            let body = body.to_vec();
            // A server that does not read must not hold us up: the thread ends with `ssh`.
            thread::spawn(move || {
                let _ = input.write_all(&body);
            });
        }
        let mut left = limit;
        let mut buffer = vec![0; 64 << 10];
        loop {
            let amount = match self.read(&mut buffer) {
                Ok(0) => break,
                Ok(amount) => amount,
                Err(error) => return Err(self.explain(&error)),
            };
            left = left
                .checked_sub(amount as u64)
                .ok_or_else(|| GitError::TooLarge {
                    remote: self.remote.clone(),
                    limit,
                })?;
            sink.write_all(&buffer[..amount])
                .map_err(|error| GitError::here("what comes cannot be kept", &error))?;
        }
        // An answer that is whole counts, however `ssh` ends; one that is not is told by whoever reads it.
        if left == limit {
            return Err(self.explain(&ErrorKind::UnexpectedEof.into()));
        }
        Ok(())
    }

    /// What an error means, with what `ssh` and the server's programs said.
    fn explain(&mut self, error: &io::Error) -> GitError {
        let remote = self.remote.clone();
        if let Some(limit) = self.passed {
            return GitError::TimedOut { remote, limit };
        }
        let _ = self.said.recv_timeout(LAST_WORDS);
        let words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        explained(remote, &String::from_utf8_lossy(&words), error)
    }
}

/// What the words of `ssh`, or of git's programs at its other end, mean.
fn explained(remote: String, words: &str, error: &io::Error) -> GitError {
    const ABSENT: [&str; 4] = [
        "not found",
        "does not appear to be a git repository",
        "does not exist",
        "could not be found",
    ];
    const NETWORK: [&str; 5] = [
        "Could not resolve hostname",
        "Connection refused",
        "Connection timed out",
        "Connection reset",
        "No route to host",
    ];
    let has = |known: &[&str]| known.iter().any(|text| words.contains(text));
    let said = text::said(words);
    if said.is_empty() {
        unreadable(&remote, error)
    } else if has(&NETWORK) {
        GitError::Unreachable {
            remote,
            detail: said,
        }
    } else if words.contains("Host key verification failed") {
        // Before it stand many lines that frighten and say no more.
        let said = "Host key verification failed, expected the host's key in ssh_known_hosts, as \
            ssh-keyscan prints it";
        GitError::Ssh {
            remote,
            said: said.into(),
        }
    } else if words.contains("No user exists for uid") {
        let hint = "ssh needs a line in /etc/passwd for the image's user";
        GitError::Ssh {
            remote,
            said: format!("{said}; {hint}"),
        }
    } else if has(&ABSENT) {
        GitError::Absent { remote }
    } else {
        GitError::Ssh { remote, said }
    }
}

impl Read for Talk<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.current.len() {
            let left = self.deadline.saturating_sub(self.clock.elapsed());
            let patience = left.min(self.limits.idle);
            match self.chunks.recv_timeout(patience) {
                Ok(chunk) => (self.current, self.taken) = (chunk?, 0),
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
                Err(RecvTimeoutError::Timeout) => {
                    let whole = left <= self.limits.idle;
                    self.passed = Some(if whole {
                        self.limits.whole
                    } else {
                        self.limits.idle
                    });
                    return Err(ErrorKind::TimedOut.into());
                }
            }
        }
        let amount = buffer.len().min(self.current.len() - self.taken);
        buffer[..amount].copy_from_slice(&self.current[self.taken..self.taken + amount]);
        self.taken += amount;
        Ok(amount)
    }
}

impl Drop for Talk<'_> {
    fn drop(&mut self) {
        // It has ended already, or is of no use any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn hand_on(mut output: impl Read, tell: &SyncSender<io::Result<Vec<u8>>>) {
    let mut buffer = vec![0; 32 << 10];
    loop {
        let chunk = match output.read(&mut buffer) {
            Ok(0) => return,
            Ok(amount) => Ok(buffer[..amount].to_vec()),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let failed = chunk.is_err();
        if tell.send(chunk).is_err() || failed {
            return;
        }
    }
}

fn keep(mut errors: impl Read, words: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 1024];
    while let Ok(amount @ 1..) = errors.read(&mut buffer) {
        let mut words = words.lock().unwrap_or_else(PoisonError::into_inner);
        let room = WORDS.saturating_sub(words.len()).min(amount);
        words.extend(&buffer[..room]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_ssh_are_told_apart() {
        let eof = io::Error::from(ErrorKind::UnexpectedEof);
        let told = |said: &str| explained("r".into(), said, &eof);
        assert!(matches!(told(""), GitError::Unreachable { .. }));
        assert!(matches!(
            told("ssh: connect to host x port 22: Connection refused"),
            GitError::Unreachable { .. }
        ));
        assert!(matches!(
            told("ERROR: Repository not found."),
            GitError::Absent { .. }
        ));
        for (said, hint) in [
            ("Host key verification failed.", "ssh_known_hosts"),
            ("No user exists for uid 1000", "/etc/passwd"),
            ("git@x: Permission denied (publickey).", "publickey"),
        ] {
            let error = told(said);
            assert!(matches!(&error, GitError::Ssh { .. }) && error.to_string().contains(hint));
        }
    }

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
