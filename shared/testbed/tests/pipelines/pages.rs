//! Every workflow that is shown or used anywhere is one that Woodpecker takes without a warning.

use std::fs;

use serde_yaml::Value;
use testbed::example::top;
use testbed::markdown::{blocks, of};
use testbed::woodpecker::lint;

const PAGES: &[&str] = &[
    "README.md",
    "plugins/health/docs.md",
    "plugins/progressive/docs.md",
    "plugins/rollback/docs.md",
];

/// Every workflow with its place.
fn workflows() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in [".woodpecker", "examples/pipelines"] {
        for entry in fs::read_dir(top().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            found.push((
                path.display().to_string(),
                fs::read_to_string(&path).unwrap(),
            ));
        }
    }
    for page in PAGES {
        let blocks = blocks(page);
        let shown = of(&blocks, "yaml").filter(|block| block.text.contains("steps:"));
        found.extend(shown.map(|block| (block.place.clone(), block.text.clone())));
    }
    found
}

/// A workflow with its anchors and merges resolved.
fn parsed(text: &str) -> Value {
    let mut yaml: Value = serde_yaml::from_str(text).unwrap();
    yaml.apply_merge().unwrap();
    yaml
}

#[test]
fn woodpecker_takes_every_workflow_and_warns_of_none() {
    let workflows = workflows();
    assert!(workflows.len() >= 25, "{}", workflows.len());
    let said = workflows
        .iter()
        .filter_map(|(place, text)| Some(format!("{place}: {}", lint(&parsed(text)).err()?)));
    assert_eq!(said.collect::<Vec<_>>(), Vec::<String>::new());
}

const SHOP: &str = "/srv/shop:/srv/shop";

/// Whether a step is of a plugin that calls the team's script; a dry run calls none.
fn calls_a_script(step: &Value) -> bool {
    let settings = &step["settings"];
    is_ours(step) && settings["deployment_script"].is_string() && settings["dry_run"] != true
}

/// Whether its image is one that has a shell, and the user who promotes and rolls back.
fn is_ours(step: &Value) -> bool {
    let image = step["image"].as_str().unwrap();
    ["plugin-progressive:", "plugin-rollback:"]
        .iter()
        .any(|ours| image.starts_with(ours))
}

/// What is wrong with how the steps of a workflow call the team's script.
fn misplaced(yaml: &Value) -> Vec<&str> {
    let steps = yaml["steps"].as_sequence().unwrap();
    if !steps.iter().any(calls_a_script) {
        return Vec::new();
    }
    let deploys = |step: &Value| {
        let mut commands = step["commands"].as_sequence().into_iter().flatten();
        commands.any(|command| command.as_str().unwrap().contains("deploy.sh"))
    };
    let callers = steps
        .iter()
        .filter(|step| deploys(step) || calls_a_script(step));
    let wrong = callers.filter(|step| {
        let mut volumes = step["volumes"].as_sequence().into_iter().flatten();
        !is_ours(step) || !volumes.any(|volume| volume == SHOP)
    });
    wrong.map(|step| step["name"].as_str().unwrap()).collect()
}

#[test]
fn whoever_calls_the_script_is_one_user_and_has_the_folder() {
    let mut called = 0;
    for (place, text) in workflows() {
        let yaml = parsed(&text);
        let steps = yaml["steps"].as_sequence().unwrap();
        called += steps.iter().filter(|step| calls_a_script(step)).count();
        assert_eq!(misplaced(&yaml), Vec::<&str>::new(), "{place}");
    }
    assert!(called >= 12, "{called}");
}

#[test]
fn another_user_and_a_folder_that_is_not_mounted_are_seen() {
    let workflow = |image: &str, volumes: &str| {
        parsed(&format!(
            "steps:\n  - {{name: deploy, image: {image}, commands: [./deploy.sh deploy]{volumes}}}\n  \
             - {{name: rollout, image: 'plugin-progressive:1', volumes: ['{SHOP}'], \
             settings: {{deployment_script: deploy.sh}}}}\n"
        ))
    };
    let shop = format!(", volumes: ['{SHOP}']");
    let ours = "'plugin-progressive:1'";
    assert_eq!(misplaced(&workflow(ours, &shop)), Vec::<&str>::new());
    assert_eq!(misplaced(&workflow(ours, "")), ["deploy"]);
    assert_eq!(misplaced(&workflow("'alpine:3'", &shop)), ["deploy"]);
}
