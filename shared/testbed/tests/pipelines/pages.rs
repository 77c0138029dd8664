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

#[test]
fn woodpecker_takes_every_workflow_and_warns_of_none() {
    let workflows = workflows();
    assert!(workflows.len() >= 25, "{}", workflows.len());
    let said = workflows.iter().filter_map(|(place, text)| {
        let mut yaml: Value = serde_yaml::from_str(text).unwrap();
        yaml.apply_merge().unwrap();
        Some(format!("{place}: {}", lint(&yaml).err()?))
    });
    assert_eq!(said.collect::<Vec<_>>(), Vec::<String>::new());
}
