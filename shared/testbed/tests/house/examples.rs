//! Every file of `examples/` is named by a test that runs or reads it.

use crate::files::{below, read};

/// The demonstration's sources are run as a whole.
const DEMO: &str = "examples/demo/";

/// The texts of all tests but this one, and of what they stand on.
fn tests() -> Vec<String> {
    let folders = ["plugins", "shared"];
    let all = folders.iter().flat_map(|folder| below(folder, ".rs"));
    all.filter(|path| path.contains("/tests/") || path.starts_with("shared/testbed/src/"))
        .filter(|path| !path.ends_with("house/examples.rs"))
        .map(|path| read(&path))
        .collect()
}

/// Whether a test names this file of `examples/`, by its folder and its name.
fn is_named(path: &str, tests: &[String]) -> bool {
    let name = path.strip_prefix("examples/").unwrap();
    tests.iter().any(|text| text.contains(name))
}

#[test]
fn every_file_of_the_examples_is_named_by_a_test() {
    let tests = tests();
    let files = below("examples", "");
    assert!(files.len() > 20);
    for path in files.iter().filter(|path| !path.starts_with(DEMO)) {
        assert!(is_named(path, &tests), "no test runs or reads {path}");
    }
    let demo = read(".ci/test").contains("cargo run --quiet -p demo");
    assert!(demo, "CI runs the demonstration");
}

#[test]
fn an_example_that_no_test_runs_is_seen() {
    assert!(!is_named(
        "examples/pipelines/nobody-runs-this.yaml",
        &tests()
    ));
}
