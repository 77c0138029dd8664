//! The version comes from Cargo.toml alone: everything else that names it says the same.

use std::process::Command;

use testbed::binary::plugin;
use testbed::scratch::Scratch;
use testbed::sink::Sink;

use crate::files::{below, read, root};

const PLUGINS: [&str; 3] = ["plugin-health", "plugin-progressive", "plugin-rollback"];
const GOOD: &str = "1111111111111111111111111111111111111111";
const COMMIT: &str = "5f3c2a9d1e8b7460c5f3c2a9d1e8b7460c5f3c2a";

/// The version in Cargo.toml.
pub(crate) fn version() -> String {
    let manifest = read("Cargo.toml");
    let package = manifest.split("[workspace.package]").nth(1).unwrap();
    let line = package
        .lines()
        .find(|line| line.starts_with("version = "))
        .unwrap();
    line.split('"').nth(1).unwrap().to_owned()
}

/// The headings of CHANGELOG.md, newest first: what was released (or not yet), and when.
pub(crate) fn changelog() -> Vec<(String, Option<String>)> {
    let text = read("CHANGELOG.md");
    let headings = text.lines().filter_map(|line| line.strip_prefix("## ["));
    headings
        .map(|line| {
            let (name, rest) = line.split_once(']').unwrap();
            let day = rest.strip_prefix(" - ").filter(|day| *day != "unreleased");
            (name.to_owned(), day.map(str::to_owned))
        })
        .collect()
}

#[test]
fn every_package_has_the_workspaces_version() {
    let manifests = below("plugins", "Cargo.toml").into_iter();
    let manifests = manifests
        .chain(below("shared", "Cargo.toml"))
        .chain(below("examples", "Cargo.toml"));
    let lock = read("Cargo.lock");
    let mut found = 0;
    for path in manifests {
        let manifest = read(&path);
        assert!(
            manifest.contains("\nversion.workspace = true\n"),
            "{path} has a version of its own"
        );
        let name = manifest
            .split("name = \"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        let locked = format!("name = \"{name}\"\nversion = \"{}\"\n", version());
        assert!(
            lock.contains(&locked),
            "Cargo.lock has another version of {name}"
        );
        found += 1;
    }
    assert!(found >= 6);
}

#[test]
fn the_version_is_printed_and_begins_the_log() {
    for name in PLUGINS {
        let said = |arguments: &[&str], setting: &str| {
            let mut command = Command::new(plugin(name));
            command
                .args(arguments)
                .env_clear()
                .env("PLUGIN_OF_LATER_DAYS", setting);
            String::from_utf8(command.output().unwrap().stdout).unwrap()
        };
        let wanted = format!("{name} {}", version());
        assert_eq!(said(&["--version"], "").trim_end(), wanted);
        // What is refused may be a setting that only a later version has.
        let log = said(&[], "x");
        assert_eq!(first(&log), wanted, "{log}");
        assert!(
            log.contains("PLUGIN_OF_LATER_DAYS: expected a setting"),
            "{log}"
        );
    }
}

/// The first line without the time of day.
fn first(log: &str) -> &str {
    log.lines().next().unwrap().split_once(' ').unwrap().1
}

#[test]
fn whoever_is_asked_is_told_the_version() {
    for (name, settings) in [
        ("plugin-health", &[("ENDPOINT", "/"), ("RETRIES", "0")][..]),
        (
            "plugin-progressive",
            &[
                ("CANARY_ENDPOINT", "/"),
                ("TRAFFIC", "none"),
                ("STAGES", "100"),
                ("DRY_RUN", "true"),
            ],
        ),
        (
            "plugin-rollback",
            &[
                ("COMMIT", COMMIT),
                ("REMOTE", "/"),
                ("BRANCH", "main"),
                ("STRATEGY", "reset"),
                ("PREVIOUS_COMMIT", GOOD),
                ("DRY_RUN", "true"),
            ],
        ),
    ] {
        let (sink, workspace) = (Sink::start([]), Scratch::new("version"));
        let mut command = Command::new(plugin(name));
        command.env_clear().current_dir(workspace.path());
        command
            .env("CI_COMMIT_SHA", COMMIT)
            .env("CI_REPO", "acme/shop")
            .env("NO_COLOR", "1");
        for (setting, value) in settings {
            let value = if *value == "/" {
                sink.url("/")
            } else {
                (*value).to_owned()
            };
            command.env(format!("PLUGIN_{setting}"), value);
        }
        let log = String::from_utf8(command.output().unwrap().stdout).unwrap();
        let wanted = format!("{name} {} acme/shop", version());
        assert!(first(&log).starts_with(&wanted), "{log}");
        let requests = sink.requests();
        let agent = requests
            .first()
            .and_then(|request| request.header("user-agent"));
        let agent = agent.unwrap_or_else(|| panic!("nobody was asked: {log}"));
        // A git server is told first that it is git that asks.
        let told = [
            format!("{name}/{}", version()),
            format!("git/2.0 ({name} {})", version()),
        ];
        assert!(told.iter().any(|one| one == agent), "{agent}");
    }
}

#[test]
fn every_page_and_example_shows_this_version() {
    let mut pages = below("examples", ".yaml");
    pages.extend(below("plugins", "docs.md"));
    pages.push("README.md".to_owned());
    let mut shown = 0;
    for path in &pages {
        for image in images(&read(path)) {
            assert!(
                image.ends_with(&format!(":{}", version())),
                "{path} shows {image}"
            );
            shown += 1;
        }
    }
    assert!(shown > 20, "the pages show no images");
}

#[test]
fn our_own_pipelines_use_a_version_that_is_out_or_comes_out_with_them() {
    let released: Vec<String> = changelog().into_iter().map(|(name, _)| name).collect();
    let mut used = 0;
    for path in below(".woodpecker", ".yaml") {
        for image in images(&read(&path)) {
            let version = image.rsplit(':').next().unwrap().to_owned();
            assert!(
                released.contains(&version),
                "{path} uses {image}, which was never released"
            );
            used += 1;
        }
    }
    assert!(used > 0);
}

/// Every image of ours that a text names with a tag.
fn images(text: &str) -> Vec<String> {
    let words = text.split(|c: char| c.is_whitespace() || "`\"'()|@".contains(c));
    let ours = |word: &&str| {
        PLUGINS
            .iter()
            .any(|name| word.contains(&format!("{name}:")))
    };
    // A sentence may end after it.
    words
        .filter(ours)
        .map(|word| word.trim_end_matches(['.', ',', ';', ':']).to_owned())
        .collect()
}

#[test]
fn the_changelog_names_this_version_first() {
    let headings = changelog();
    let newest = headings
        .iter()
        .find(|(name, _)| name != "Unreleased")
        .unwrap();
    assert_eq!(
        newest.0,
        version(),
        "Cargo.toml and CHANGELOG.md name different versions"
    );
    for (name, day) in &headings[1..] {
        assert!(
            day.is_some() || *name == version(),
            "{name} was released on no day"
        );
    }
    for (name, day) in headings
        .iter()
        .filter_map(|(name, day)| Some((name, day.as_ref()?)))
    {
        let parts: Vec<usize> = day.split('-').map(str::len).collect();
        assert_eq!(
            parts,
            [4, 2, 2],
            "{name} was released on {day}, which is no day"
        );
    }
}

#[test]
fn the_images_label_takes_the_version_of_cargo_toml() {
    let names = std::fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let names = names.filter_map(|name| name.into_string().ok());
    for path in names.filter(|name| name.starts_with("Dockerfile.")) {
        let text = read(&path);
        let given: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("ARG VERSION="))
            .collect();
        assert!(
            !given.is_empty() && given.iter().all(|one| *one == version()),
            "{path} has another default: {given:?}"
        );
        // The images' own tests look at the label itself.
        assert!(
            text.contains("org.opencontainers.image.version=\"$VERSION\""),
            "{path} has no label with the version"
        );
    }
}
