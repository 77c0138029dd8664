//! Valid and invalid environments, one rule a file. Beside each invalid one stands the exact text of its problems.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use plugin_rollback::settings::{PLUGIN, Settings};
use shared::problem::Problem;
use shared::settings::environment::Environment;
use shared::settings::raw::Raw;

fn files(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(kind);
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files: Vec<PathBuf> = entries
        .filter(|path| path.extension().is_some_and(|ending| ending == "env"))
        .collect();
    assert!(files.len() > 10, "the corpus is gone");
    files
}

fn understand(path: &Path) -> Result<Settings, Vec<Problem>> {
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pairs = lines
        .map(|line| line.split_once('=').unwrap())
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let environment = Environment::of(pairs);
    let (raw, found) = Raw::gather(PLUGIN, &BTreeMap::new(), &environment);
    Settings::understand(&raw, found, &environment)
}

#[test]
fn every_valid_environment_is_understood() {
    for path in files("valid") {
        if let Err(problems) = understand(&path) {
            panic!("{}: {problems:?}", path.display());
        }
    }
}

#[test]
fn every_invalid_environment_gets_exactly_its_problems() {
    for path in files("invalid") {
        let Err(problems) = understand(&path) else {
            panic!("{} was understood", path.display())
        };
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let found = lines.join(
            "
",
        ) + "
";
        let wanted = std::fs::read_to_string(path.with_extension("txt")).unwrap_or_default();
        assert_eq!(found, wanted, "{}", path.display());
    }
}
