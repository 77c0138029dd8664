//! A real bare git repository, filled by real git.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::program::{as_server_user, find, give};

static COMMITS: AtomicU32 = AtomicU32::new(0);

/// A bare repository that belongs to the servers' user.
#[derive(Debug)]
pub struct Repository {
    /// Where it is.
    pub path: PathBuf,
}

/// The program, with nothing of the machine's own configuration. Debian's where there are two.
pub fn git(program: impl Fn(&Path) -> Command) -> Command {
    let debian = PathBuf::from("/usr/bin/git");
    let path = if debian.is_file() {
        debian
    } else {
        find("git", "/nowhere", "install the package git")
    };
    let mut command = program(&path);
    command
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("HOME", "/nowhere");
    command
}

impl Repository {
    /// A new one, without a commit; its objects are named by `format`: `sha1` or `sha256`.
    pub fn create(path: PathBuf, format: &str) -> Self {
        let output = git(as_server_user)
            .args(["init", "--quiet", "--bare", "--initial-branch=main"])
            .arg(format!("--object-format={format}"))
            .arg(&path)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git init: {errors}");
        Self { path }
    }

    /// Runs git in it, and gives its output. A failure fails the test.
    pub fn git(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = git(as_server_user);
        command.arg("-C").arg(&self.path).args(arguments);
        command
    }

    /// Sets one of its settings.
    pub fn config(&self, name: &str, value: &str) {
        self.git(&["config", name, value]);
    }

    /// What a reference is at.
    pub fn at(&self, reference: &str) -> Option<String> {
        let output = self
            .command(&["rev-parse", "--verify", "--quiet", reference])
            .output()
            .unwrap();
        let id = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        (!id.is_empty()).then_some(id)
    }

    /// Puts a commit that holds just these files on a branch, and gives its name.
    pub fn commit(&self, branch: &str, message: &str, files: &[(&str, &str)]) -> String {
        let text = written(branch, message, self.at(branch), files);
        self.import(branch, &text)
    }

    /// Puts many commits on a branch that has one, and gives the last one's name.
    pub fn grow(&self, branch: &str, commits: u32) -> String {
        let text: String = (0..commits)
            .map(|number| {
                let number = number.to_string();
                let parent = (number == "0").then(|| self.at(branch).unwrap());
                written(branch, &number, parent, &[("number", &number)])
            })
            .collect();
        self.import(branch, &text)
    }

    fn import(&self, branch: &str, text: &str) -> String {
        let mut child = self
            .command(&["fast-import", "--quiet", "--force"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(text.as_bytes()).unwrap();
        drop(input);
        assert!(child.wait().unwrap().success(), "git fast-import failed");
        self.at(branch).unwrap()
    }

    /// Installs a hook that git's server runs.
    pub fn hook(&self, name: &str, script: &str) {
        let path = self.path.join("hooks").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        give(&path);
    }

    /// Removes a hook.
    pub fn unhook(&self, name: &str) {
        fs::remove_file(self.path.join("hooks").join(name)).unwrap();
    }
}

/// A commit as `git fast-import` reads it; without a parent it follows the one before it.
fn written(branch: &str, message: &str, parent: Option<String>, files: &[(&str, &str)]) -> String {
    let second = 1_700_000_000 + COMMITS.fetch_add(1, Ordering::Relaxed);
    let length = message.len();
    let mut text = format!(
        "commit refs/heads/{branch}\ncommitter Ada <ada@shop.example> {second} +0000\n\
         data {length}\n{message}\n"
    );
    if let Some(parent) = parent {
        writeln!(text, "from {parent}").unwrap();
    }
    text.push_str("deleteall\n");
    for (path, content) in files {
        let length = content.len();
        writeln!(text, "M 100644 inline {path}\ndata {length}\n{content}").unwrap();
    }
    text
}
