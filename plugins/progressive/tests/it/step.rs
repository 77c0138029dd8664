//! A pipeline step: the binary with its settings, between real versions behind a real HAProxy.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use testbed::backend::Backend;
use testbed::haproxy::{Config, Haproxy};
use testbed::scratch::Scratch;

/// The commit that every step deploys.
pub(crate) const COMMIT: &str = "5f3c2a9d1e8b7460c5f3c2a9d1e8b7460c5f3c2a";

/// How a step ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) log: String,
}

impl Ended {
    /// The last line of the log.
    pub(crate) fn verdict(&self) -> &str {
        self.log.lines().last().unwrap_or_default()
    }

    /// The same, having ended with this code and a last line that begins so.
    #[track_caller]
    pub(crate) fn with(self, code: i32, word: &str) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.log);
        let begins = format!("{word} (exit {code}): ");
        assert!(self.verdict().starts_with(&begins), "{}", self.log);
        self
    }

    /// The same, having said this.
    #[track_caller]
    pub(crate) fn saying(self, text: &str) -> Self {
        assert!(self.log.contains(text), "{text:?} is not in:\n{}", self.log);
        self
    }
}

/// Two versions, and the proxy that splits traffic between them.
pub(crate) struct World {
    pub(crate) blue: Backend,
    pub(crate) green: Backend,
    pub(crate) proxy: Haproxy,
}

impl World {
    pub(crate) fn start() -> Self {
        let (blue, green) = (Backend::start("blue"), Backend::start("green"));
        let proxy = Haproxy::start(&Config::new(&blue, &green));
        Self { blue, green, proxy }
    }

    /// The weights of blue and green, as HAProxy has them.
    pub(crate) fn weights(&self) -> (u32, u32) {
        let weight = |server: &str| {
            let answer = ask(&self.proxy, &format!("get weight shop/{server}\n"));
            answer.split(' ').next().unwrap().trim().parse().unwrap()
        };
        (weight("blue"), weight("green"))
    }

    /// What every step of this world is told.
    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        let url = |backend: &Backend| format!("http://{}/health", backend.address);
        let settings = [
            ("traffic", "haproxy".to_owned()),
            ("haproxy_address", self.proxy.unix()),
            ("haproxy_backend", "shop".to_owned()),
            ("stable_server", "blue".to_owned()),
            ("canary_server", "green".to_owned()),
            ("canary_endpoint", url(&self.green)),
            ("baseline_endpoint", url(&self.blue)),
            ("expect_version", "green".to_owned()),
            ("finish", "stay".to_owned()),
            ("stages", "10,50,100".to_owned()),
            ("wait_time", "600ms".to_owned()),
            ("interval", "100ms".to_owned()),
            ("initial_delay", "0".to_owned()),
        ];
        settings
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}

/// Waits until it is so. A hang ends the test.
#[track_caller]
pub(crate) fn wait_until(so: impl Fn() -> bool) {
    for _ in 0..12_000 {
        if so() {
            return;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(5));
    }
    panic!("it did not come to that within a minute");
}

/// One command of the runtime API.
pub(crate) fn ask(proxy: &Haproxy, command: &str) -> String {
    ask_at(&proxy.socket, command)
}

/// The same at its socket.
pub(crate) fn ask_at(socket: &std::path::Path, command: &str) -> String {
    use std::io::Write;
    let mut stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
    stream.write_all(command.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A pipeline, whose steps share a workspace.
pub(crate) struct Pipeline {
    pub(crate) workspace: Scratch,
    number: &'static str,
    settings: Vec<(String, String)>,
}

impl Pipeline {
    /// A pipeline with what its steps have in common.
    pub(crate) fn new(number: &'static str, settings: Vec<(String, String)>) -> Self {
        Self {
            workspace: Scratch::new("workspace"),
            number,
            settings,
        }
    }

    /// With one setting more, or another value of it.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.retain(|(other, _)| other != name);
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A step that is not started yet.
    pub(crate) fn command(&self, more: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plugin-progressive"));
        command.env_clear().stdin(Stdio::null());
        command.current_dir(self.workspace.path());
        let url = format!("https://ci.example/repos/7/pipeline/{}", self.number);
        command.envs([
            ("CI", "woodpecker"),
            ("CI_REPO", "acme/shop"),
            ("CI_PIPELINE_NUMBER", self.number),
            ("CI_PIPELINE_EVENT", "deployment"),
            ("CI_PIPELINE_URL", &url),
            ("CI_COMMIT_SHA", COMMIT),
            ("NO_COLOR", "1"),
        ]);
        command.env("CI_WORKSPACE", self.workspace.path());
        let own = self
            .settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in own.chain(more.iter().copied()) {
            command.env(format!("PLUGIN_{}", name.to_uppercase()), value);
        }
        command
    }

    /// Runs a step to its end.
    pub(crate) fn run(&self, more: &[(&str, &str)]) -> Ended {
        self.spawn(more).wait()
    }

    /// Starts a step and leaves it running.
    pub(crate) fn spawn(&self, more: &[(&str, &str)]) -> Running {
        let mut command = self.command(more);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Running {
            child,
            lines,
            log: String::new(),
        }
    }
}

/// Sends a signal.
pub(crate) fn send(name: &str, child: &Child) {
    let pid = child.id().to_string();
    let sent = Command::new("kill").args([name, &pid]).status().unwrap();
    assert!(sent.success());
    // Sent is not heard yet on a busy machine. Of the dead nothing is heard at all.
    let is_pending = || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let mut pending = status.lines().filter_map(|line| {
            line.strip_prefix("SigPnd:")
                .or_else(|| line.strip_prefix("ShdPnd:"))
        });
        pending.any(|set| set.trim().contains(|bit| bit != '0'))
    };
    while name != "-KILL" && is_pending() {}
}

/// A step that was left running. It is killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
    log: String,
}

impl Running {
    /// Reads the log until it says this.
    #[track_caller]
    pub(crate) fn until(mut self, text: &str) -> Self {
        loop {
            let mut line = String::new();
            let read = self.lines.read_line(&mut line).unwrap();
            assert!(read > 0, "{text:?} is not in:\n{}", self.log);
            self.log.push_str(&line);
            if line.contains(text) {
                return self;
            }
        }
    }

    /// Sends a signal.
    pub(crate) fn signal(self, name: &str) -> Self {
        send(name, &self.child);
        self
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Ended {
        for line in self.lines.by_ref().lines() {
            self.log.push_str(&line.unwrap());
            self.log.push('\n');
        }
        Ended {
            code: self.child.wait().unwrap().code(),
            log: std::mem::take(&mut self.log),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
