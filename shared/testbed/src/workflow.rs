//! A workflow, run as Woodpecker runs it: one step after the other in one workspace, by the plugins' own binaries.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_yaml::Value;

use crate::binary::plugin;
use crate::woodpecker;

/// What runs workflows.
#[derive(Debug)]
pub struct Agent {
    /// The folder that the steps share.
    pub workspace: PathBuf,
    /// `CI_*` variables, and those that were given when the pipeline was started.
    pub variables: BTreeMap<String, String>,
    /// The repository's secrets.
    pub secrets: BTreeMap<String, String>,
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
    /// Runs a workflow, and gives the steps that ran; `before` hears of each before it begins.
    ///
    /// # Panics
    /// When Woodpecker would not take it, or a step needs what is not understood here.
    pub fn run(&self, workflow: &str, before: impl Fn(&str)) -> Vec<Step> {
        let mut yaml: Value = serde_yaml::from_str(&self.substituted(workflow)).unwrap();
        yaml.apply_merge().unwrap();
        woodpecker::lint(&yaml).unwrap();
        if !self.matches(&yaml["when"]) {
            return Vec::new();
        }
        let mut ran: Vec<Step> = Vec::new();
        for step in yaml["steps"].as_sequence().unwrap() {
            let when = &step["when"];
            let failed = ran.iter().any(|step| step.code != Some(0));
            if !self.matches(when) || !runs_after(when, failed) {
                continue;
            }
            let name = step["name"].as_str().unwrap();
            before(name);
            ran.push(self.step(name, step, failed));
        }
        ran
    }

    /// `${NAME}` is replaced before the YAML is read.
    fn substituted(&self, text: &str) -> String {
        let mut parts = text.split("${");
        let mut whole = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').unwrap();
            whole.push_str(self.variables.get(name).map_or("", String::as_str));
            whole.push_str(rest);
        }
        whole
    }

    /// Whether one of the filters lets it through; without any everything does.
    fn matches(&self, when: &Value) -> bool {
        let filters = listed(when);
        filters.is_empty() || filters.iter().any(|filter| self.passes(filter))
    }

    fn passes(&self, filter: &Value) -> bool {
        let given = |name: &str| self.variables.get(name).map_or("", String::as_str);
        filter.as_mapping().unwrap().iter().all(|(key, value)| {
            let is = |name: &str| words(value).any(|word| word == given(name));
            match key.as_str().unwrap() {
                "event" => is("CI_PIPELINE_EVENT"),
                "cron" => is("CI_PIPELINE_CRON"),
                "status" => true,
                "evaluate" => {
                    let parts = value.as_str().unwrap().split_once(" == ").unwrap();
                    given(parts.0) == parts.1.trim_matches('"')
                }
                other => panic!("the filter {other} is not understood here"),
            }
        })
    }

    fn step(&self, name: &str, step: &Value, failed: bool) -> Step {
        let image = step["image"].as_str().unwrap().split(':').next().unwrap();
        let commands: Vec<&str> = words(&step["commands"]).collect();
        let mut command = if commands.is_empty() {
            let mut command = Command::new(plugin(image));
            command.env_clear().envs(&self.variables);
            // What the YAML says is not for others to say.
            command.envs(woodpecker::variables(&step["settings"], &self.secrets).unwrap());
            command
        } else {
            let mut command = Command::new("/bin/sh");
            command.args(["-e", "-c", &commands.join("\n")]);
            command.env_clear().envs(&self.variables);
            command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
            let own = step["environment"].as_mapping().into_iter().flatten();
            command.envs(own.map(|(name, value)| (text(name), text(value))));
            command
        };
        let status = if failed { "failure" } else { "success" };
        let output = command
            .current_dir(&self.workspace)
            .stdin(Stdio::null())
            .env("CI", "woodpecker")
            .env("CI_WORKSPACE", &self.workspace)
            .env("CI_PIPELINE_STATUS", status)
            .env("NO_COLOR", "1")
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        Step {
            name: name.to_owned(),
            code: output.status.code(),
            log: said.concat(),
        }
    }
}

/// Success is meant wherever one of the filters names no status; failure only where one names it. So Woodpecker reads
/// all filters of a step together, also those that did not let it through.
fn runs_after(when: &Value, failed: bool) -> bool {
    let filters = listed(when);
    let names = |filter: &Value, status: &str| words(&filter["status"]).any(|one| one == status);
    if failed {
        return filters.iter().any(|filter| names(filter, "failure"));
    }
    let success = |filter: &Value| filter["status"].is_null() || names(filter, "success");
    filters.is_empty() || filters.iter().any(success)
}

/// A list, or the one thing that stands for it.
fn listed(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Sequence(list) => list.clone(),
        one => vec![one.clone()],
    }
}

fn words(value: &Value) -> impl Iterator<Item = &str> {
    let list = value.as_sequence().map_or(&[][..], Vec::as_slice);
    list.iter().chain(Some(value)).filter_map(Value::as_str)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_runs_after_what_its_filters_name_all_together() {
        for (when, after_success, after_failure) in [
            ("", true, false),
            ("[{event: push}]", true, false),
            ("[{status: failure}]", false, true),
            ("{status: [success, failure]}", true, true),
            ("[{event: push, status: failure}]", false, true),
            // The trap: the second filter lets the first one run after a success.
            (
                "[{event: push, status: failure}, {event: manual}]",
                true,
                true,
            ),
        ] {
            let filters: Value = serde_yaml::from_str(when).unwrap();
            assert_eq!(runs_after(&filters, false), after_success, "{when}");
            assert_eq!(runs_after(&filters, true), after_failure, "{when}");
        }
    }

    #[test]
    fn an_event_that_no_filter_names_runs_nothing() {
        let agent = Agent {
            workspace: std::env::temp_dir(),
            variables: BTreeMap::from([("CI_PIPELINE_EVENT".to_owned(), "push".to_owned())]),
            secrets: BTreeMap::new(),
        };
        let workflow = |when: &str| {
            format!(
                "when: {when}\nsteps: [{{name: a, image: b, commands: [echo $CI_PIPELINE_STATUS]}}]"
            )
        };
        assert!(agent.run(&workflow("[{event: manual}]"), |_| ()).is_empty());
        let other = "[{event: push, evaluate: 'ROLLBACK == \"yes\"'}]";
        assert!(agent.run(&workflow(other), |_| ()).is_empty());
        let ran = agent.run(&workflow("[{event: push}]"), |_| ());
        assert_eq!((ran.len(), ran[0].code), (1, Some(0)));
        assert_eq!(ran[0].log, "success\n");
    }
}
