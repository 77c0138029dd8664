//! A conversation over the pipes of a running `ssh`, within its limits.

use std::io::{self, ErrorKind, Read, Write};
use std::process::Child;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use shared::clock::Clock;

use super::unreadable;
use crate::git::error::GitError;
use crate::git::remote::Limits;
use crate::git::text;

/// How much of what `ssh` says is kept.
const WORDS: usize = 16 << 10;
/// How long the last words of an ended `ssh` are waited for.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A running `ssh`. It ends with the value.
pub(super) struct Talk<'a> {
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
    pub(super) fn new(
        remote: String,
        mut child: Child,
        clock: &'a dyn Clock,
        limits: Limits,
    ) -> Self {
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
            remote,
            child,
            chunks,
            current: Vec::new(),
            taken: 0,
            words,
            said,
            clock,
            limits,
            deadline: clock.elapsed() + limits.whole,
            passed: None,
        }
    }

    pub(super) fn remote(&self) -> &str {
        &self.remote
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
    pub(super) fn explain(&mut self, error: &io::Error) -> GitError {
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
}
