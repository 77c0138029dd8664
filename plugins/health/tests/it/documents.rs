//! Every fenced block of docs.md and what README.md shows of this plugin is parsed: what is shown works.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use plugin_health::settings::{PLUGIN, Settings};
use shared::settings::environment::Environment;
use shared::settings::raw::Raw;
use testbed::markdown::{Block, blocks};
use testbed::woodpecker;

/// Its own page, and what README.md shows of it: that the latter is run whole is seen to where all plugins are.
fn all() -> Vec<Block> {
    let pages = ["README.md", "plugins/health/docs.md"];
    let blocks: Vec<Block> = pages.iter().flat_map(|path| blocks(path)).collect();
    assert!(blocks.len() > 8);
    blocks
}

#[test]
fn every_block_of_the_page_is_of_a_kind_that_is_checked() {
    for block in blocks("plugins/health/docs.md") {
        let known = ["yaml", "json"].contains(&block.language.as_str());
        assert!(
            known,
            "{}: a block of {:?} is checked by no test",
            block.place, block.language
        );
    }
}

#[test]
fn every_step_of_ours_is_understood() {
    let pipelines = all()
        .into_iter()
        .filter(|block| block.language == "yaml" && block.text.contains("steps:"))
        .map(|block| (block.text, block.place));
    assert!(
        pipelines
            .map(|(text, place)| steps(&text, &place))
            .sum::<usize>()
            >= 7
    );
}

#[test]
fn every_example_pipeline_is_understood() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/pipelines");
    let files = std::fs::read_dir(top)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let understood = files.map(|path| {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("concurrency:"), "{}", path.display());
        steps(&text, &path.display().to_string())
    });
    assert!(understood.sum::<usize>() >= 4);
}

/// Understands the steps of a pipeline that are ours, and says how many there are.
fn steps(text: &str, place: &str) -> usize {
    let text = text.replace("${CI_COMMIT_SHA}", crate::step::COMMIT);
    let mut yaml: serde_yaml::Value =
        serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{place}: {error}"));
    yaml.apply_merge().unwrap();
    let mut ours = 0;
    for step in yaml["steps"].as_sequence().unwrap() {
        let plugin = step.get("settings").is_some();
        assert!(!plugin || step.get("environment").is_none(), "{place}");
        let image = step["image"].as_str().unwrap();
        if image.starts_with("plugin-health:") {
            understand(&step["settings"], place);
            ours += 1;
        }
    }
    ours
}

fn understand(settings: &serde_yaml::Value, place: &str) {
    let secrets = [
        (
            "database_url",
            "postgres://ci:secret@db.example/deployments",
        ),
        (
            "slack_webhook_url",
            "https://hooks.slack.example/services/T/B/x",
        ),
    ];
    let secrets: BTreeMap<String, String> = secrets
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let mut variables = woodpecker::variables(settings, &secrets).unwrap();
    variables.insert("CI_COMMIT_SHA".to_owned(), crate::step::COMMIT.to_owned());
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
fn every_policy_and_every_answer_is_understood() {
    for block in all() {
        match block.language.as_str() {
            "yaml" if !block.text.contains("steps:") => {
                let loaded = shared::policy::load(&block.text, "deployment-policy.yaml", "staging");
                assert!(loaded.is_ok(), "{}: {:?}", block.place, loaded.err());
            }
            "json" => {
                let parsed: Result<serde_json::Value, _> = serde_json::from_str(&block.text);
                assert!(parsed.is_ok(), "{}: {:?}", block.place, parsed.err());
            }
            _ => {}
        }
    }
}
