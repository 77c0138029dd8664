//! Running a team's deployment script.
//!
//! `deploy | promote | rollback | update-traffic PERCENT STAGE | get-traffic`; exit 0 means applied, 64 that the script
//! does not know the action, anything else that it failed. It runs in the workspace, in a process group of its own,
//! which ends with it at its limit.

mod environment;
mod output;

use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::hook::{Action, Call, Facts};
use crate::http::Progress;
use crate::secret::Secret;
use crate::signal::Cancel;

use output::Gathered;
pub use output::{Line, Stream};

/// How long a script may clean up after SIGTERM unless said otherwise.
pub const GRACE: Duration = Duration::from_secs(2);
/// How long output is waited for after the script ended: what it left running may hold the pipes for ever.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// The exit code of a script that does not know what it was asked.
const USAGE: i32 = 64;

/// A script and what it is given.
#[derive(Debug, Clone)]
pub struct Script {
    /// The program; a relative path starts at the workspace.
    pub path: PathBuf,
    /// Its working directory.
    pub workspace: PathBuf,
    /// The step's own variables, of which it gets `PATH`, `HOME` and `CI_*`.
    pub variables: Vec<(String, String)>,
    /// What the team gives it (`script_env`).
    pub script_env: Vec<(String, Secret)>,
    /// The deployment it is for.
    pub facts: Facts,
    /// How long one action may take.
    pub limit: Duration,
    /// How long it may clean up after SIGTERM, before SIGKILL: what puts traffic back waits for it to be gone.
    pub grace: Duration,
}

/// How a cancelled run holds a script that is running.
#[derive(Debug, Clone, Copy)]
pub struct Leash<'a> {
    /// Whether the run was cancelled.
    pub cancel: &'a Cancel,
    /// How long the script may go on after that; nothing for what goes forward.
    pub left: Duration,
}

/// How an action ended.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Exit 0.
    Applied,
    /// Exit 64: the script does not know the action.
    Usage,
    /// It failed, in words: `exit 3`, `killed by signal 9`.
    Failed(String),
    /// The limit passed, and it was ended. How far it came is not known: a forward action is not to be repeated.
    TimedOut,
    /// The run was cancelled, and it was ended. How far it came is not known.
    Cancelled,
    /// It could not be started, in words.
    NotStarted(String),
}

/// An action's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// How it ended.
    pub outcome: Outcome,
    /// Its last lines, in the order in which they came, without control characters. Secrets are not masked.
    pub output: Vec<Line>,
}

impl Script {
    /// Runs an action to its end. With `cancel` a cancelled run ends it: for what goes forward only, since what puts
    /// things back is what a cancelled run has to do.
    pub fn run(&self, action: Action, call: Call, cancel: Option<&Cancel>) -> Ran {
        let leash = cancel.map(|cancel| Leash {
            cancel,
            left: Duration::ZERO,
        });
        self.run_on(leash, action, call)
    }

    /// Runs an action to its end; a cancelled run leaves it as much time as the leash says.
    pub fn run_on(&self, leash: Option<Leash<'_>>, action: Action, call: Call) -> Ran {
        let path = self.workspace.join(&self.path);
        let started = Command::new(&path)
            .args(action.arguments(call))
            .current_dir(&self.workspace)
            .env_clear()
            .envs(environment::of(self, call))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn();
        let mut child = match started {
            Ok(child) => child,
            Err(error) => {
                return Ran {
                    outcome: Outcome::NotStarted(self.not_started(&error)),
                    output: Vec::new(),
                };
            }
        };
        let gathered = Gathered::from(&mut child);
        let outcome = self.wait(&mut child, leash);
        Ran {
            outcome,
            output: gathered.last_lines(LAST_WORDS),
        }
    }

    fn wait(&self, child: &mut Child, leash: Option<Leash<'_>>) -> Outcome {
        match watch(child, self.limit, leash) {
            Ok(Watched::Ended(status)) => outcome(status),
            Ok(Watched::TimedOut) => {
                end(child, self.grace);
                Outcome::TimedOut
            }
            Ok(Watched::Cancelled) => {
                end(child, self.grace);
                Outcome::Cancelled
            }
            Err(error) => {
                end(child, self.grace);
                Outcome::Failed(format!("it cannot be waited for: {error}"))
            }
        }
    }

    fn not_started(&self, error: &io::Error) -> String {
        let shown = self.path.display();
        match error.kind() {
            io::ErrorKind::NotFound if !self.workspace.is_dir() => {
                format!("there is no workspace {}", self.workspace.display())
            }
            io::ErrorKind::NotFound if self.workspace.join(&self.path).exists() => format!(
                "{shown} is there, and what its first line names is not: install it in the step's image"
            ),
            io::ErrorKind::NotFound => format!("there is no {shown} in the workspace"),
            io::ErrorKind::PermissionDenied => {
                format!("{shown} is not executable: chmod +x it, and commit that")
            }
            _ => format!("{shown} cannot be started: {error}"),
        }
    }
}

enum Watched {
    Ended(ExitStatus),
    TimedOut,
    Cancelled,
}

/// Waits for a child to end by itself.
fn watch(child: &mut Child, limit: Duration, mut leash: Option<Leash<'_>>) -> io::Result<Watched> {
    let never = Cancel::default();
    let mut progress = Progress::start(limit);
    let mut over = Watched::TimedOut;
    let mut tick = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Watched::Ended(status));
        }
        if let Some(Leash { left, .. }) = leash.take_if(|leash| leash.cancel.is_cancelled()) {
            progress = Progress::start(left.min(progress.left()));
            over = Watched::Cancelled;
        }
        let left = progress.left();
        if left.is_zero() {
            return Ok(over);
        }
        let cancel = leash.map_or(&never, |leash| leash.cancel);
        cancel.wait(tick.min(left));
        tick = (tick * 2).min(Duration::from_millis(20));
    }
}

/// Ends a child with all that it started. The child is not waited for before the last signal is sent, so that its id
/// can be nobody else's.
fn end(child: &mut Child, grace: Duration) {
    let group = Pid::from_child(child);
    // Errors say that the group is gone, which is what is wanted.
    let _ = kill_process_group(group, Signal::TERM);
    if !matches!(watch(child, grace, None), Ok(Watched::Ended(_))) {
        let _ = kill_process_group(group, Signal::KILL);
        let _ = child.wait();
        return;
    }
    // The group keeps its id as long as one of it lives; when all are gone there is nobody to be hit.
    let _ = kill_process_group(group, Signal::KILL);
}

fn outcome(status: ExitStatus) -> Outcome {
    match (status.code(), status.signal()) {
        (Some(0), _) => Outcome::Applied,
        (Some(USAGE), _) => Outcome::Usage,
        (Some(code), _) => Outcome::Failed(format!("exit {code}")),
        (None, Some(signal)) => Outcome::Failed(format!("killed by signal {signal}")),
        (None, None) => Outcome::Failed("it ended without a code".into()),
    }
}
