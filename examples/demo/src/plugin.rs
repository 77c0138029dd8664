//! The real plugins: built, and run as Woodpecker runs a step.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::say;

/// A step of a pipeline, as it is shown and as it is run.
pub(crate) struct Step<'a> {
    /// Its name in the pipeline.
    pub(crate) name: &'a str,
    /// The plugin.
    pub(crate) image: &'a str,
    /// The pipeline's number.
    pub(crate) number: &'a str,
    /// The commit that the pipeline is about.
    pub(crate) commit: &'a str,
    /// Its `settings:`. Those that begin with `{` are maps, as Woodpecker hands them over.
    pub(crate) settings: &'a [(&'a str, &'a str)],
}

/// Where the built plugins are.
pub(crate) struct Plugins {
    folder: PathBuf,
}

impl Plugins {
    /// Builds them with the cargo that runs the demo.
    #[expect(
        clippy::disallowed_methods,
        reason = "cargo tells where it is in the environment"
    )]
    pub(crate) fn build() -> anyhow::Result<Self> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let me = std::env::current_exe()?;
        let folder = me.parent().context("the demo is in no folder")?.to_owned();
        let mut command = Command::new(cargo);
        command
            .args(["build", "--quiet"])
            .args(["-p", "plugin-health"])
            .args(["-p", "plugin-progressive"])
            .args(["-p", "plugin-rollback"])
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        if folder.ends_with("release") {
            command.arg("--release");
        }
        let status = command.status().context("cargo could not be started")?;
        if !status.success() {
            bail!("the plugins could not be built");
        }
        Ok(Self { folder })
    }

    /// The step, ready to be run: a cleared environment with nothing but `PLUGIN_*` and `CI_*`.
    pub(crate) fn step(&self, step: &Step, workspace: &Path) -> Command {
        let mut command = Command::new(self.folder.join(step.image));
        command
            .env_clear()
            .current_dir(workspace)
            .stdin(Stdio::null());
        command.envs([
            ("CI", "woodpecker"),
            ("CI_REPO", "acme/shop"),
            ("CI_PIPELINE_EVENT", "deployment"),
            ("CI_PIPELINE_NUMBER", step.number),
            ("CI_COMMIT_SHA", step.commit),
            ("NO_COLOR", "1"),
        ]);
        command.env("CI_WORKSPACE", workspace);
        let settings = step.settings.iter();
        command.envs(settings.map(|(name, value)| (variable(name), value)));
        command
    }
}

fn variable(setting: &str) -> String {
    format!("PLUGIN_{}", setting.to_uppercase())
}

/// Shows a step as it would stand in a pipeline.
pub(crate) fn show(step: &Step) {
    let Step { name, image, .. } = step;
    say(&format!(
        "  - name: {name}\n    image: {image}\n    settings:"
    ));
    for (name, value) in step.settings {
        say(&format!("      {name}: {value}"));
    }
    say("");
}

/// Says how a step ended, and whether that was right.
pub(crate) fn ended(code: Option<i32>, expected: i32) -> bool {
    let right = code == Some(expected);
    let code = code.map_or_else(|| "a signal".to_owned(), |code| code.to_string());
    let but = if right {
        ""
    } else {
        ", which was not expected here"
    };
    say(&format!("→ exit code {code}{but}"));
    right
}
