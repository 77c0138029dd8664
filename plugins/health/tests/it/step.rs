//! A pipeline step: the binary with its settings, in a workspace.

use std::process::{Child, Command, Stdio};

use testbed::scratch::Scratch;
use testbed::sink::{Reply, Sink};

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

    /// The same, having ended with this code.
    #[track_caller]
    pub(crate) fn with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.log);
        self
    }

    /// The same, having said this.
    #[track_caller]
    pub(crate) fn saying(self, text: &str) -> Self {
        assert!(self.log.contains(text), "{text:?} is not in:\n{}", self.log);
        self
    }

    /// The same, never having said this.
    #[track_caller]
    pub(crate) fn not_saying(self, text: &str) -> Self {
        assert!(!self.log.contains(text), "{text:?} is in:\n{}", self.log);
        self
    }
}

/// A pipeline, whose steps share a workspace.
pub(crate) struct Pipeline {
    pub(crate) workspace: Scratch,
    variables: Vec<(String, String)>,
}

impl Pipeline {
    pub(crate) fn new() -> Self {
        let workspace = Scratch::new("workspace");
        let ci = [
            ("CI", "woodpecker"),
            ("CI_REPO", "acme/shop"),
            ("CI_PIPELINE_NUMBER", "8"),
            ("CI_PIPELINE_EVENT", "deployment"),
            ("CI_PIPELINE_URL", "https://ci.example/repos/7/pipeline/8"),
            ("CI_COMMIT_SHA", COMMIT),
            ("CI_WORKSPACE", workspace.path().to_str().unwrap()),
            ("NO_COLOR", "1"),
        ];
        let variables = ci
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();
        Self {
            workspace,
            variables,
        }
    }

    /// A variable for every step from here on.
    pub(crate) fn var(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn step(&self, settings: &[(&str, &str)]) -> Step {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plugin-health"));
        command
            .env_clear()
            .current_dir(self.workspace.path())
            .stdin(Stdio::null());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.envs(
            settings
                .iter()
                .map(|(name, value)| (format!("PLUGIN_{}", name.to_uppercase()), value)),
        );
        Step(command)
    }

    pub(crate) fn run(&self, settings: &[(&str, &str)]) -> Ended {
        self.step(settings).run()
    }

    /// The lines of the journal; none when there is no journal.
    pub(crate) fn journal(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.workspace.join(".deployment/journal.jsonl"))
            .unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.workspace.join(name), text).unwrap();
    }
}

pub(crate) struct Step(Command);

impl Step {
    pub(crate) fn flag(mut self, flag: &str) -> Self {
        self.0.arg(flag);
        self
    }

    pub(crate) fn run(mut self) -> Ended {
        let output = self.0.output().unwrap();
        let log =
            String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        Ended {
            code: output.status.code(),
            log,
        }
    }

    /// Starts the step and leaves it running.
    pub(crate) fn spawn(mut self) -> Child {
        self.0
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

/// The end of a step that was left running.
pub(crate) fn wait(child: Child) -> Ended {
    let output = child.wait_with_output().unwrap();
    Ended {
        code: output.status.code(),
        log: String::from_utf8(output.stdout).unwrap(),
    }
}

/// A service that answers these bodies, one after the other, as JSON; a status may stand before the body.
pub(crate) fn service(bodies: &[&str]) -> Sink {
    Sink::start(bodies.iter().map(|body| json(body)))
}

/// One JSON answer, 200 unless a status stands before it.
pub(crate) fn json(body: &str) -> Reply {
    let (status, body) = match body.split_once(' ') {
        Some((status, body)) if status.len() == 3 && status.parse::<u16>().is_ok() => {
            (status.parse().unwrap(), body)
        }
        _ => (200, body),
    };
    Reply::new(status, body).header("Content-Type", "application/json")
}
