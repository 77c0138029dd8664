//! The three Dockerfiles agree with each other and with the manifest.

use crate::files::read;

const DOCKERFILES: [&str; 3] = [
    "Dockerfile.health",
    "Dockerfile.progressive",
    "Dockerfile.rollback",
];

/// From the first `FROM` to the next, and what is said about that one.
fn build_stage(text: &str) -> Vec<&str> {
    let from = |line: &&str| line.starts_with("FROM ");
    let mut lines = text.lines().skip_while(|line| !from(line));
    let first = lines.next().unwrap();
    let mut stage = vec![first];
    stage.extend(lines.take_while(|line| !from(line)));
    while stage
        .last()
        .is_some_and(|line| line.is_empty() || line.starts_with('#'))
    {
        stage.pop();
    }
    stage
}

#[test]
fn the_build_stage_is_the_same_in_all_of_them() {
    let texts = DOCKERFILES.map(read);
    let [first, others @ ..] = texts.each_ref().map(|text| build_stage(text));
    assert!(first[0].ends_with(" AS build"), "{first:?}");
    for other in others {
        assert_eq!(first, other);
    }
}

#[test]
fn the_version_that_they_expect_is_the_manifests() {
    let arguments = format!("ARG VERSION={}", env!("CARGO_PKG_VERSION"));
    for path in DOCKERFILES {
        let text = read(path);
        let mut versions = text.lines().filter(|line| line.starts_with("ARG VERSION"));
        // One in the build stage, which checks it, and one for the label.
        assert_eq!(versions.clone().count(), 2, "{path}");
        assert!(versions.all(|line| line == arguments), "{path}");
        let tag = format!(":{} .", env!("CARGO_PKG_VERSION"));
        assert!(text.lines().any(|line| line.ends_with(&tag)), "{path}");
    }
}

#[test]
fn the_manifest_of_every_member_is_there_before_the_libraries_are_built() {
    let manifest = read("Cargo.toml");
    let members = manifest
        .split_once("members = [")
        .and_then(|(_, rest)| rest.split_once(']'))
        .unwrap()
        .0;
    let members: Vec<&str> = members.split('"').skip(1).step_by(2).collect();
    assert!(members.len() > 5, "{members:?}");
    for path in DOCKERFILES {
        let text = read(path);
        for member in &members {
            let copied = format!("COPY {member}/Cargo.toml {member}/\n");
            assert!(text.contains(&copied), "{path} does not copy {member}");
        }
    }
}
