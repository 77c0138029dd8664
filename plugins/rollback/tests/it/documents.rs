//! Every fenced block of docs.md, what README.md shows of this plugin, and every example is run or parsed: what is shown
//! works.

use std::collections::BTreeMap;
use std::ffi::OsString;

use plugin_rollback::settings::{PLUGIN, Settings};
use serde_yaml::Value;
use shared::settings::catalog;
use shared::settings::environment::Environment;
use shared::settings::raw::Raw;
use testbed::example::top;
use testbed::markdown::{Block, blocks, of};
use testbed::woodpecker;

use crate::step::BAD;

const PAGE: &str = "plugins/rollback/docs.md";

fn page() -> Vec<Block> {
    blocks(PAGE)
}

#[test]
fn every_block_of_the_page_is_of_a_kind_that_is_checked() {
    for block in page() {
        assert_eq!(
            block.language, "yaml",
            "{}: it is checked by no test",
            block.place
        );
        assert!(block.text.contains("steps:"), "{}", block.place);
    }
}

#[test]
fn every_step_of_ours_is_understood() {
    let (page, readme) = (page(), blocks("README.md"));
    let ours = |blocks: &[Block]| -> usize {
        of(blocks, "yaml")
            .filter(|block| block.text.contains("steps:"))
            .map(|block| pipeline(&block.text, &block.place))
            .sum()
    };
    assert!(ours(&page) >= 8);
    assert!(ours(&readme) >= 1);
}

#[test]
fn every_example_pipelines_steps_are_understood() {
    let files = std::fs::read_dir(top().join("examples/pipelines")).unwrap();
    let ours = files.map(|entry| {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        pipeline(&text, &path.display().to_string())
    });
    assert!(ours.sum::<usize>() >= 2);
}

/// Holds a pipeline against Woodpecker's schema, understands the steps of it that are ours, and says how many there are.
fn pipeline(text: &str, place: &str) -> usize {
    let text = text
        .replace("${CI_COMMIT_SHA}", BAD)
        .replace("${CI_REPO_CLONE_URL}", "https://git.example/acme/shop.git")
        .replace("${CI_COMMIT_BRANCH}", "main");
    let mut yaml: Value =
        serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{place}: {error}"));
    yaml.apply_merge().unwrap();
    if let Err(errors) = woodpecker::lint(&yaml) {
        panic!("{place}: {errors}");
    }
    let mut ours = 0;
    for step in yaml["steps"].as_sequence().unwrap() {
        let is_plugin = step.get("settings").is_some();
        assert!(!is_plugin || step.get("environment").is_none(), "{place}");
        let image = step["image"].as_str().unwrap();
        if is_plugin && image.starts_with("plugin-rollback:") {
            understand(&step["settings"], place);
            ours += 1;
        }
    }
    ours
}

/// Understands a step's settings as they stand.
fn understand(settings: &Value, place: &str) {
    let secrets = [
        (
            "database_url",
            "postgres://ci:secret@db.example/deployments",
        ),
        (
            "slack_webhook_url",
            "https://hooks.slack.example/services/T/B/x",
        ),
        ("git_token", "a-token-for-git"),
        ("ssh_key", "a-key-for-git"),
        ("forge_token", "a-token-for-the-forge"),
        ("woodpecker_token", "a-token-for-woodpecker"),
    ];
    let secrets: BTreeMap<String, String> = secrets
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let mut variables = woodpecker::variables(settings, &secrets)
        .unwrap_or_else(|error| panic!("{place}: {error}"));
    let given = [
        ("CI_COMMIT_SHA", BAD),
        ("CI_COMMIT_BRANCH", "main"),
        ("CI_REPO_CLONE_URL", "https://git.example/acme/shop.git"),
        ("CI_SYSTEM_URL", "https://ci.example"),
        ("CI_REPO", "acme/shop"),
        ("CI_FORGE_TYPE", "github"),
        ("CI_FORGE_URL", "https://git.example"),
    ];
    variables.extend(given.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let pairs = variables
        .into_iter()
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let environment = Environment::of(pairs);
    let (raw, found) = Raw::gather(PLUGIN, &BTreeMap::new(), &environment);
    assert!(found.notes.is_empty(), "{place}: {:?}", found.notes);
    if let Err(problems) = Settings::understand(&raw, found, &environment) {
        panic!("{place}: {problems:?}");
    }
}

#[test]
fn what_is_to_be_pinned_are_settings_of_ours() {
    let text = std::fs::read_to_string(top().join(PAGE)).unwrap();
    let (_, rest) = text.split_once("## Settings to pin in YAML").unwrap();
    let section = rest.split("\n## ").next().unwrap();
    let names: Vec<&str> = section
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|name| name.bytes().all(|c| c.is_ascii_lowercase() || c == b'_'))
        .collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        assert!(catalog::of(PLUGIN).any(|one| one.name == name), "{name}");
    }
}
