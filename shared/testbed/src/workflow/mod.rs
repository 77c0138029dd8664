//! A workflow, run as Woodpecker runs it: its steps in one workspace, in their order, by the plugins' own binaries.

mod engine;
mod process;
mod stages;
mod substitution;
mod when;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_yaml::Value;

use crate::woodpecker::{self, Secret, words};
pub use engine::Engine;
use engine::Told;
use process::Running;
use stages::{Due, stages};
use when::{Given, runs_after};

/// What a workflow and its steps may have here. Whatever else Woodpecker knows would be passed over in silence. One
/// workflow is run at a time, in a workspace that somebody has filled: what it waits for is over, and what it clones is
/// there.
const WORKFLOW_KEYS: &[&str] = &[
    "when",
    "steps",
    "concurrency",
    "depends_on",
    "variables",
    "clone",
    "skip_clone",
];
const STEP_KEYS: &[&str] = &[
    "name",
    "image",
    "settings",
    "commands",
    "environment",
    "when",
    "depends_on",
    "failure",
    "pull",
    "volumes",
];

/// What runs workflows.
#[derive(Debug)]
pub struct Agent {
    /// The folder that the steps share.
    pub workspace: PathBuf,
    /// `CI_*` variables, and those that were given when the pipeline was started. Empty ones are not set.
    pub variables: BTreeMap<String, String>,
    /// The name of the cron that started the pipeline.
    pub cron: String,
    /// The repository's secrets, by name in lower case.
    pub secrets: BTreeMap<String, Secret>,
    /// How long a step may take to end after SIGTERM. Zero: it is killed at once, as when its machine goes down.
    pub grace: Duration,
    /// By what steps are run.
    pub engine: Engine,
    /// Whether an administrator trusts the repository with volumes.
    pub is_trusted: bool,
    /// What the agent mounts into every step by itself, as `FROM:TO`.
    pub volumes: Vec<String>,
}

/// A step that was run.
#[derive(Debug)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What it said.
    pub log: String,
}

impl Agent {
    /// One for a pipeline in this workspace.
    #[must_use]
    pub fn new(workspace: &Path, variables: BTreeMap<String, String>) -> Self {
        Self {
            workspace: workspace.to_owned(),
            variables,
            cron: String::new(),
            secrets: BTreeMap::new(),
            grace: Duration::from_secs(20),
            engine: Engine::Machine,
            is_trusted: false,
            volumes: Vec::new(),
        }
    }

    /// Runs a workflow, and gives the steps that ran; `before` hears of each before it begins.
    ///
    /// # Panics
    /// When Woodpecker would not take it, or it has what is not understood here.
    pub fn run(&self, workflow: &str, before: impl Fn(&str)) -> Vec<Step> {
        self.run_until(workflow, before, |_, _| false)
    }

    /// The same, cancelled when `is_cancel` says so of a step and a line that it has just said: every step that runs is
    /// told to end, and no other one begins.
    ///
    /// # Panics
    /// As above.
    pub fn run_until(
        &self,
        workflow: &str,
        before: impl Fn(&str),
        is_cancel: impl Fn(&str, &str) -> bool + Sync,
    ) -> Vec<Step> {
        let yaml = self.understood(workflow);
        let (given, mut ran, mut failed) = (self.given(), Vec::new(), false);
        if !given.matches(&yaml["when"]) {
            return ran;
        }
        let steps = woodpecker::steps(&yaml).into_iter();
        let due = steps.filter(|(_, step)| given.matches(&step["when"]));
        let due = due.map(|(name, step)| Due { name, step }).collect();
        for mut stage in stages(due).unwrap() {
            stage.retain(|one| runs_after(&one.step["when"], failed));
            for one in &stage {
                before(&one.name);
            }
            let running = Running::new(self.grace);
            let ended = self.at_once(&stage, failed, &running, &is_cancel);
            let counted = stage.iter().zip(&ended);
            failed |= counted
                .filter(|(one, _)| !is_ignored(one.step))
                .any(|(_, step)| step.code != Some(0));
            ran.extend(ended);
            if running.is_cancelled() {
                break;
            }
        }
        ran
    }

    /// The `PLUGIN_*` variables that a step of a workflow is handed, whether or not it would run.
    ///
    /// # Errors
    /// When a secret is missing.
    ///
    /// # Panics
    /// When there is no such step.
    pub fn handed(&self, workflow: &str, name: &str) -> Result<Vec<(String, String)>, String> {
        let yaml = self.read(workflow);
        let steps = woodpecker::steps(&yaml);
        let (_, step) = steps.iter().find(|(one, _)| one == name).unwrap();
        let told = self.told(name, step, false)?;
        let handed = told.variables.into_iter();
        Ok(handed
            .filter(|(name, _)| name.starts_with("PLUGIN_"))
            .collect())
    }

    fn read(&self, workflow: &str) -> Value {
        let text = substitution::substituted(workflow, &self.variables).unwrap();
        let mut yaml: Value = serde_yaml::from_str(&text).unwrap();
        yaml.apply_merge().unwrap();
        yaml
    }

    /// What is written there, when Woodpecker takes it and all of it is understood here.
    fn understood(&self, workflow: &str) -> Value {
        let yaml = self.read(workflow);
        woodpecker::lint(&yaml).unwrap();
        let known = |map: &Value, keys: &[&str]| {
            for key in map.as_mapping().unwrap().keys() {
                let key = key.as_str().unwrap();
                assert!(keys.contains(&key), "`{key}` is not understood here");
            }
        };
        known(&yaml, WORKFLOW_KEYS);
        for (_, step) in woodpecker::steps(&yaml) {
            known(step, STEP_KEYS);
            assert!(
                self.is_trusted || step["volumes"].is_null(),
                "the repository is not trusted with `volumes`"
            );
        }
        yaml
    }

    fn given(&self) -> Given<'_> {
        Given {
            variables: &self.variables,
            cron: &self.cron,
        }
    }

    fn at_once(
        &self,
        stage: &[Due<'_>],
        failed: bool,
        running: &Running,
        is_cancel: &(impl Fn(&str, &str) -> bool + Sync),
    ) -> Vec<Step> {
        std::thread::scope(|threads| {
            let run = |one: &Due<'_>| {
                let told = self.told(&one.name, one.step, failed).unwrap();
                let command = self.engine.command(&told);
                let name = one.name.clone();
                threads.spawn(move || {
                    let (code, log) = running.run(command, |line| is_cancel(&name, line));
                    Step { name, code, log }
                })
            };
            let threads: Vec<_> = stage.iter().map(run).collect();
            let ended = threads.into_iter().map(|thread| thread.join().unwrap());
            ended.collect()
        })
    }

    /// What a step is told, which is all that it knows.
    fn told<'a>(&'a self, name: &str, step: &'a Value, failed: bool) -> Result<Told<'a>, String> {
        let image = step["image"].as_str().unwrap();
        let commands: Vec<&str> = words(&step["commands"]).collect();
        // So Woodpecker tells them apart.
        let is_plugin = commands.is_empty() && step["environment"].is_null();
        let secrets = self.secrets_for(image, is_plugin);
        let mut variables = self.variables.clone();
        variables.retain(|_, value| !value.is_empty());
        let workspace = self.workspace.display().to_string();
        let own = [
            ("CI", "woodpecker"),
            ("CI_WORKSPACE", &workspace),
            (
                "CI_PIPELINE_STATUS",
                if failed { "failure" } else { "success" },
            ),
            ("CI_STEP_NAME", name),
            (
                "CI_STEP_TYPE",
                if is_plugin { "plugin" } else { "commands" },
            ),
            ("NO_COLOR", "1"),
        ];
        variables.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
        // What the YAML says is not for others to say.
        if !step["settings"].is_null() {
            variables.extend(woodpecker::variables(&step["settings"], &secrets)?);
        }
        if !step["environment"].is_null() {
            variables.extend(woodpecker::environment(&step["environment"], &secrets)?);
        }
        let volumes = self.volumes.iter().map(String::as_str);
        Ok(Told {
            image,
            commands: (!is_plugin).then(|| commands.join("\n")),
            variables,
            workspace: &self.workspace,
            volumes: volumes.chain(words(&step["volumes"])).collect(),
        })
    }

    fn secrets_for(&self, image: &str, is_plugin: bool) -> BTreeMap<String, String> {
        let event = self.variables.get("CI_PIPELINE_EVENT");
        let event = event.map_or("", String::as_str);
        let theirs = self.secrets.iter();
        theirs
            .filter(|(_, secret)| secret.is_for(image, is_plugin, event))
            .map(|(name, secret)| (name.clone(), secret.value.clone()))
            .collect()
    }
}

/// Whether a step's failure is nobody's.
fn is_ignored(step: &Value) -> bool {
    match step["failure"].as_str() {
        None | Some("fail") => false,
        Some("ignore") => true,
        Some(other) => panic!("`failure: {other}` is not understood here"),
    }
}
