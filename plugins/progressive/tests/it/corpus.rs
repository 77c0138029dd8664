//! Valid and invalid environments, one rule a file. Beside each invalid one stands the exact text of its problems.
//!
//! A line `@name` stands for the lines of `base/name.env`; a later line beats an earlier one, and one without a value
//! takes the variable away.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use plugin_progressive::settings::{PLUGIN, Settings};
use shared::problem::Problem;
use shared::settings::environment::Environment;
use shared::settings::raw::Raw;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

fn files(kind: &str, at_least: usize) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(corpus().join(kind)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let files: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "env"))
        .collect();
    assert!(files.len() >= at_least, "the corpus is gone");
    files
}

fn variables(path: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let text = std::fs::read_to_string(path).unwrap();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(base) = line.strip_prefix('@') {
            all.extend(variables(&corpus().join(format!("base/{base}.env"))));
        } else {
            let (name, value) = line.split_once('=').unwrap();
            all.insert(name.to_owned(), value.to_owned());
        }
    }
    all
}

/// As the step would understand it; policies are looked for from this package on.
fn understand(path: &Path) -> Result<Settings, Vec<Problem>> {
    let pairs = variables(path)
        .into_iter()
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let environment = Environment::of(pairs);
    let (raw, found) = Raw::gather(PLUGIN, &BTreeMap::new(), &environment);
    Settings::understand(&raw, found, &environment, Timestamp::UNIX_EPOCH)
}

#[test]
fn every_valid_environment_is_understood() {
    for path in files("valid", 15) {
        if let Err(problems) = understand(&path) {
            panic!("{}: {problems:?}", path.display());
        }
    }
}

#[test]
fn every_invalid_environment_gets_exactly_its_problems() {
    for path in files("invalid", 40) {
        let Err(problems) = understand(&path) else {
            panic!("{} was understood", path.display())
        };
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let found = lines.join("\n") + "\n";
        let wanted = std::fs::read_to_string(path.with_extension("txt")).unwrap_or_default();
        assert_eq!(found, wanted, "{}", path.display());
    }
}
