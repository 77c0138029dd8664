//! A bare repository on this machine, filled by git.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// The repository that the shop's pipelines are of.
pub(super) struct Repository {
    bare: PathBuf,
    work: PathBuf,
}

impl Repository {
    /// An empty one.
    pub(super) fn create(folder: &Path) -> anyhow::Result<Self> {
        let repository = Self {
            bare: folder.join("shop.git"),
            work: folder.join("work"),
        };
        for (path, bare) in [(&repository.bare, true), (&repository.work, false)] {
            fs::create_dir_all(path)?;
            let kind: &[&str] = if bare { &["--bare"] } else { &[] };
            git(
                path,
                &[&["init", "--quiet", "--initial-branch=main"], kind].concat(),
            )?;
        }
        Ok(repository)
    }

    /// Its address.
    pub(super) fn url(&self) -> String {
        format!("file://{}", self.bare.display())
    }

    /// Puts a commit on `main`, and gives its name.
    pub(super) fn commit(&self, message: &str, page: &str) -> anyhow::Result<String> {
        fs::write(self.work.join("page.txt"), page)?;
        git(&self.work, &["add", "page.txt"])?;
        git(&self.work, &["commit", "--quiet", "--message", message])?;
        let bare = self.bare.display().to_string();
        git(&self.work, &["push", "--quiet", &bare, "main"])?;
        git(&self.work, &["rev-parse", "HEAD"])
    }

    /// What `main` has now.
    pub(super) fn page(&self) -> anyhow::Result<String> {
        git(&self.bare, &["show", "main:page.txt"])
    }

    /// The commits of `main`, newest first.
    pub(super) fn log(&self) -> anyhow::Result<String> {
        git(&self.bare, &["log", "--format=%h %s", "main"])
    }
}

/// Runs git with nothing of this machine's own configuration, and gives its output.
fn git(folder: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new("git");
    command
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@shop.example"])
        .args(["-c", "commit.gpgSign=false"])
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null");
    let output = command.output().context("git could not be started")?;
    if !output.status.success() {
        bail!(
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.trim().to_owned())
}
