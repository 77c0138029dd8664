//! What an earlier version made of every key of a policy is what this one makes of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use testbed::promise::{ADVICE, VERSION, meaning, must_be_recorded, must_be_unreleased};

use super::files::{corpus, examples};
use super::loaded;

/// One file that has every key; which test sees to that is beside the schema.
const EVERY_KEY: &str = "full.yaml";

/// What a policy means, in an environment that it names and in one that it does not.
fn meanings(policy: &str) -> BTreeMap<String, String> {
    ["production", "staging"]
        .into_iter()
        .flat_map(|environment| {
            let debug = format!("{:#?}", loaded(policy, environment).policy);
            let named = move |(path, value)| (format!("{environment}: {path}"), value);
            meaning(&debug).into_iter().map(named)
        })
        .collect()
}

fn text(meanings: &BTreeMap<String, String>) -> String {
    meanings
        .iter()
        .fold(String::new(), |mut text, (path, value)| {
            let _ = writeln!(text, "{path} = {value}");
            text
        })
}

fn folder() -> PathBuf {
    corpus("recorded")
}

#[test]
fn every_key_means_what_it_meant() {
    let mut versions = 0;
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "yaml") {
            continue;
        }
        versions += 1;
        let now = meanings(&fs::read_to_string(&path).unwrap());
        let then = fs::read_to_string(path.with_extension("txt")).unwrap();
        assert!(then.lines().count() > 100, "{}", path.display());
        for line in then.lines() {
            let (path_in, value) = line.split_once(" = ").unwrap();
            assert_eq!(
                now.get(path_in).map(String::as_str),
                Some(value),
                "{}: {path_in}: {ADVICE}",
                path.display()
            );
        }
    }
    assert!(versions > 0, "nothing is recorded");
}

#[test]
fn the_record_of_this_version_has_every_key() {
    let policy = fs::read_to_string(examples().join(EVERY_KEY)).unwrap();
    let meant = text(&meanings(&policy));
    must_be_recorded(&folder().join(format!("{VERSION}.yaml")), &policy);
    must_be_recorded(&folder().join(format!("{VERSION}.txt")), &meant);
}

#[test]
#[ignore = "records what this version promises: .ci/record"]
fn record_anew() {
    must_be_unreleased();
    let policy = fs::read_to_string(examples().join(EVERY_KEY)).unwrap();
    fs::create_dir_all(folder()).unwrap();
    fs::write(
        folder().join(format!("{VERSION}.txt")),
        text(&meanings(&policy)),
    )
    .unwrap();
    fs::write(folder().join(format!("{VERSION}.yaml")), policy).unwrap();
}
