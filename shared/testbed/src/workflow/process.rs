//! A step's process: what it says, and its end when the pipeline is cancelled.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// The processes of the steps that run at the same time.
#[derive(Debug)]
pub(super) struct Running {
    /// How long a process may take to end after SIGTERM.
    grace: Duration,
    now: Mutex<Now>,
}

#[derive(Debug, Default)]
struct Now {
    is_cancelled: bool,
    /// Each process, and whom to tell that it is to end.
    processes: Vec<(u32, Sender<()>)>,
}

impl Running {
    pub(super) fn new(grace: Duration) -> Self {
        Self {
            grace,
            now: Mutex::default(),
        }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.now.lock().unwrap().is_cancelled
    }

    /// Runs a command to its end: its exit code, none when a signal ended it, and what it said. Every line is shown to
    /// `is_cancel`, which may cancel the pipeline.
    pub(super) fn run(
        &self,
        mut command: Command,
        is_cancel: impl Fn(&str) -> bool + Sync,
    ) -> (Option<i32>, String) {
        // One stream, as Woodpecker's log is.
        let (output, input) = std::io::pipe().unwrap();
        command.stdout(input.try_clone().unwrap()).stderr(input);
        command.stdin(Stdio::null()).process_group(0);
        let mut child = command.spawn().unwrap();
        // The command's own ends of the pipe, which would never end otherwise.
        drop(command);
        let process = child.id();
        let told = self.begin(process);
        std::thread::scope(|threads| {
            let listening = threads.spawn(|| {
                let lines = BufReader::new(output).split(b'\n').map(Result::unwrap);
                let mut log = String::new();
                for line in lines {
                    let line = String::from_utf8(line).unwrap();
                    log.extend([&line, "\n"]);
                    if is_cancel(&line) {
                        self.cancel();
                    }
                }
                log
            });
            threads.spawn(move || end_when_told(process, &told, self.grace));
            let status = child.wait().unwrap();
            self.forget(process);
            // What it left running ends with its container.
            signal("KILL", &format!("-{process}"));
            (status.code(), listening.join().unwrap())
        })
    }

    fn begin(&self, process: u32) -> Receiver<()> {
        let (teller, told) = channel();
        let mut now = self.now.lock().unwrap();
        if now.is_cancelled {
            teller.send(()).unwrap();
        }
        now.processes.push((process, teller));
        told
    }

    fn cancel(&self) {
        let mut now = self.now.lock().unwrap();
        if !now.is_cancelled {
            now.is_cancelled = true;
            for (_, teller) in &now.processes {
                let _ = teller.send(());
            }
        }
    }

    fn forget(&self, process: u32) {
        let mut now = self.now.lock().unwrap();
        now.processes.retain(|(other, _)| *other != process);
    }
}

/// SIGTERM, and SIGKILL to what has not ended by then; without any grace SIGKILL at once.
fn end_when_told(process: u32, told: &Receiver<()>, grace: Duration) {
    if told.recv().is_err() {
        return;
    }
    if !grace.is_zero() {
        signal("TERM", &process.to_string());
    }
    if told.recv_timeout(grace) == Err(RecvTimeoutError::Timeout) {
        signal("KILL", &process.to_string());
    }
}

fn signal(name: &str, process: &str) {
    // It may have ended by itself in the meantime.
    let _ = Command::new("kill")
        .args(["-s", name, "--", process])
        .stderr(Stdio::null())
        .status()
        .unwrap();
}
