//! A step in its image, as Woodpecker runs one: the image's own entrypoint and user, settings in the environment, a
//! workspace that is a volume.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use testbed::container;
use testbed::scratch::Scratch;

/// Where Woodpecker mounts the workspace.
pub(crate) const WORKSPACE: &str = "/woodpecker/src/forge.example/acme/shop";
/// The commit that is deployed, where a test names no other.
pub(crate) const COMMIT: &str = "5f3c2a9d1e8b7460c5f3c2a9d1e8b7460c5f3c2a";

static CONTAINERS: AtomicU32 = AtomicU32::new(0);

/// The plugins, which are their images' names.
pub(crate) const PLUGINS: [&str; 3] = ["plugin-health", "plugin-progressive", "plugin-rollback"];

/// The full name of an image that `.ci/images` built: of `plugin-health`, or of `plugin-health` for `arm64`.
pub(crate) fn image(name: &str, architecture: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    match architecture {
        "amd64" => format!("localhost/{name}:{version}"),
        other => format!("localhost/{name}:{version}-{other}"),
    }
}

/// Runs podman; a failure fails the test.
pub(crate) fn podman(arguments: &[&str]) -> String {
    let output = Command::new("podman").args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "podman {arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// A workspace that belongs to root, with this mode.
pub(crate) fn workspace(mode: u32) -> Scratch {
    let scratch = Scratch::new("workspace");
    let permissions = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(scratch.path(), permissions).unwrap();
    scratch
}

/// A step that is not started yet.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    image: String,
    podman: Vec<String>,
    variables: Vec<(String, String)>,
    arguments: Vec<String>,
}

impl Step {
    /// A step of a pipeline that deploys, in a workspace as Woodpecker's clone step leaves it or in another.
    pub(crate) fn new(image: &str, workspace: &Scratch) -> Self {
        let variables = [
            ("CI", "woodpecker"),
            ("CI_REPO", "acme/shop"),
            ("CI_PIPELINE_NUMBER", "8"),
            ("CI_PIPELINE_EVENT", "deployment"),
            ("CI_PIPELINE_URL", "https://ci.example/repos/7/pipeline/8"),
            ("CI_COMMIT_SHA", COMMIT),
            ("CI_WORKSPACE", WORKSPACE),
            ("NO_COLOR", "1"),
        ];
        Self {
            image: self::image(image, "amd64"),
            podman: vec![
                format!("--volume={}:{WORKSPACE}", workspace.path().display()),
                format!("--workdir={WORKSPACE}"),
            ],
            variables: variables
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            arguments: Vec::new(),
        }
    }

    /// From the image for another architecture.
    pub(crate) fn on(mut self, architecture: &str, image: &str) -> Self {
        self.image = self::image(image, architecture);
        self.podman(&format!("--platform=linux/{architecture}"))
    }

    /// With a variable.
    pub(crate) fn var(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(other, _)| other != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a setting.
    pub(crate) fn set(self, name: &str, value: &str) -> Self {
        self.var(&format!("PLUGIN_{}", name.to_uppercase()), value)
    }

    /// With these settings.
    pub(crate) fn with(self, settings: &[(&str, &str)]) -> Self {
        let set = |step: Self, (name, value): &(&str, &str)| step.set(name, value);
        settings.iter().fold(self, set)
    }

    /// With a word for podman.
    pub(crate) fn podman(mut self, word: &str) -> Self {
        self.podman.push(word.to_owned());
        self
    }

    /// With an argument for what the image runs.
    pub(crate) fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// With a program of the image instead of its entrypoint.
    pub(crate) fn program(self, path: &str) -> Self {
        self.podman(&format!("--entrypoint={path}"))
    }

    /// Started as its entrypoint is, by a program that takes HOME away: a container's runtime makes one up.
    pub(crate) fn without_home(self, plugin: &str) -> Self {
        self.program("/usr/bin/env")
            .argument("--unset=HOME")
            .argument(&format!("/bin/{plugin}"))
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Ended {
        self.start().wait()
    }

    /// Starts it and leaves it running.
    pub(crate) fn start(self) -> Running {
        let number = CONTAINERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("images-{}-{number}", std::process::id());
        let mut command = container::run();
        command.args(["--name", &name]).args(&self.podman);
        for (name, value) in &self.variables {
            command.arg(format!("--env={name}={value}"));
        }
        command.arg(&self.image).args(&self.arguments);
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Running {
            child,
            lines,
            name,
            log: String::new(),
        }
    }
}

/// A step that runs. It is removed when it is dropped.
pub(crate) struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
    name: String,
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

    /// Sends a signal to its first process.
    pub(crate) fn signal(self, name: &str) -> Self {
        podman(&["kill", "--signal", name, &self.name]);
        self
    }

    /// Stops it as Woodpecker does: SIGTERM, and SIGKILL after the grace period in seconds.
    pub(crate) fn stop(self, grace: u32) -> Self {
        podman(&["stop", "--time", &grace.to_string(), &self.name]);
        self
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Ended {
        self.lines.read_to_string(&mut self.log).unwrap();
        let mut errors = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut errors).unwrap();
        Ended {
            code: self.child.wait().unwrap().code(),
            log: std::mem::take(&mut self.log) + &errors,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _: Result<Output, _> = Command::new("podman")
            .args(["rm", "--force", "--ignore", "--time=0", &self.name])
            .output();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a step ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) log: String,
}

impl Ended {
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

    /// The same, having begun with the plugin's name and version.
    #[track_caller]
    pub(crate) fn signed(self, plugin: &str) -> Self {
        let first = self.log.lines().next().unwrap_or_default();
        let name = format!(" {plugin} {} ", env!("CARGO_PKG_VERSION"));
        assert!(first.contains(&name), "{name:?} is not in {first:?}");
        self
    }
}
