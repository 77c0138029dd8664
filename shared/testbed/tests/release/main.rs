//! This project's own release: `.ci/release` with a real repository and a real registry, and the pipelines in
//! `.woodpecker/`.
#![expect(clippy::unwrap_used, reason = "what goes wrong in a test must fail it")]

mod moving;
mod pipelines;
mod tags;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use testbed::example::top;
use testbed::scratch::Scratch;

/// A clone of a repository that is at a version, with the script and what it reads.
struct Checkout {
    folder: Scratch,
}

impl Checkout {
    /// One at this version, released on a day, with these versions before it.
    fn at(version: &str, released: &[&str]) -> Self {
        let folder = Scratch::new("release");
        let checkout = Self { folder };
        checkout.write(
            "Cargo.toml",
            &format!("[workspace.package]\nversion = \"{version}\"\n\n"),
        );
        checkout.write(
            "CHANGELOG.md",
            &format!("# Changelog\n\n## [{version}] - 2026-12-01\n"),
        );
        fs::create_dir(checkout.folder.join(".ci")).unwrap();
        let script = checkout.folder.join(".ci/release");
        fs::copy(top().join(".ci/release"), &script).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        checkout.git(&["init", "--quiet"]);
        checkout.git(&[
            "commit",
            "--quiet",
            "--allow-empty",
            "--message",
            "all of it",
        ]);
        for tag in released {
            checkout.git(&["tag", tag]);
        }
        checkout
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(".release").join(name)
    }

    fn git(&self, arguments: &[&str]) {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=ci", "-c", "user.email=ci@example.com"]);
        let done = command
            .args(arguments)
            .current_dir(self.folder.path())
            .status();
        assert!(done.unwrap().success(), "git {arguments:?}");
    }

    /// Runs the script as a step does: nothing in the environment but this, and where programs are.
    fn run(&self, what: &str, variables: &[(&str, &str)]) -> (Option<i32>, String) {
        let output = Command::new("/bin/sh")
            .arg(self.folder.join(".ci/release"))
            .arg(what)
            .current_dir("/")
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        (output.status.code(), said.concat())
    }

    /// What a pipeline for this tag calls the images, and which tags move.
    fn tagged(&self, tag: &str) -> Result<(String, String), String> {
        let pipeline = [
            ("CI_PIPELINE_EVENT", "tag"),
            ("CI_COMMIT_TAG", tag),
            ("CI_COMMIT_SHA", "5f3c2a9"),
            ("CI_REPO_URL", "https://forge.example/acme/plugins"),
        ];
        match self.run("tags", &pipeline) {
            (Some(0), _) => Ok((self.read("tags"), self.read("moving").replace('\n', " "))),
            (code, said) => {
                assert_eq!(code, Some(2), "{said}");
                Err(said)
            }
        }
    }
}
