//! ARCHITECTURE.md has a line for every source file and every dependency, and for no other.

use crate::files::{below, read};

fn sources() -> Vec<String> {
    let folders = ["plugins", "shared", "examples"];
    let all = folders.iter().flat_map(|folder| below(folder, ".rs"));
    all.filter(|path| path.contains("/src/")).collect()
}

/// The paths in backquotes that begin a table row.
fn listed() -> Vec<String> {
    let text = read("ARCHITECTURE.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split_once('`'))
        .map(|(name, _)| name.to_owned())
        .collect()
}

#[test]
fn every_source_file_has_its_line() {
    let listed = listed();
    for path in sources() {
        assert!(
            listed.contains(&path),
            "ARCHITECTURE.md has no line for {path}"
        );
    }
}

#[test]
fn no_line_speaks_of_a_file_that_is_gone() {
    let root = crate::files::root();
    for name in listed().iter().filter(|name| name.contains('/')) {
        assert!(
            root.join(name).exists(),
            "ARCHITECTURE.md speaks of {name}, which is not there"
        );
    }
}

#[test]
fn every_dependency_is_argued_for() {
    let listed = listed();
    let manifest = read("Cargo.toml");
    let dependencies = manifest.split("[workspace.dependencies]").nth(1).unwrap();
    let dependencies = dependencies.split("\n[").next().unwrap();
    for line in dependencies
        .lines()
        .filter(|line| line.contains('=') && !line.contains("path ="))
    {
        let name = line.split([' ', '=']).next().unwrap().to_owned();
        assert!(
            listed.contains(&name),
            "ARCHITECTURE.md does not argue for {name}"
        );
    }
}
