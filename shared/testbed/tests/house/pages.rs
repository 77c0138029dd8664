//! Each `docs.md` is a page that Woodpecker's plugin index can show.

use std::collections::BTreeSet;

use serde_yaml::Value;
use shared::settings::catalog::{self, Plugin};

use crate::files::read;

const PAGES: [(Plugin, &str); 3] = [
    (Plugin::Health, "plugins/health/docs.md"),
    (Plugin::Progressive, "plugins/progressive/docs.md"),
    (Plugin::Rollback, "plugins/rollback/docs.md"),
];
/// What the index reads of the front matter.
const KEYS: [&str; 8] = [
    "name",
    "icon",
    "description",
    "author",
    "tags",
    "containerImage",
    "containerImageUrl",
    "url",
];

#[test]
fn every_front_matter_is_what_the_index_reads() {
    let mut names = BTreeSet::new();
    for (plugin, path) in PAGES {
        let text = read(path);
        let front = text
            .strip_prefix("---\n")
            .unwrap()
            .split("\n---\n")
            .next()
            .unwrap();
        let front: Value = serde_yaml::from_str(front).unwrap();
        for key in front.as_mapping().unwrap().keys() {
            assert!(
                KEYS.contains(&key.as_str().unwrap()),
                "{path}: the index does not read {key:?}"
            );
        }
        for key in ["name", "description", "author", "containerImage"] {
            assert!(
                front[key].as_str().is_some_and(|value| !value.is_empty()),
                "{path} has no {key}"
            );
        }
        // The address of the page is made of the name.
        assert!(
            names.insert(front["name"].as_str().unwrap().to_lowercase()),
            "{path}: the name is taken"
        );
        assert!(
            front["tags"]
                .as_sequence()
                .unwrap()
                .iter()
                .all(Value::is_string),
            "{path}"
        );
        assert_eq!(front["containerImage"], plugin.name());
        for key in ["icon", "containerImageUrl", "url"] {
            let address = front[key].as_str();
            assert!(
                address.is_none_or(|address| address.starts_with("https://")),
                "{path}: {key}"
            );
        }
    }
}

/// The names in backquotes in a part of a page.
fn named(text: &str, heading: &str) -> Vec<String> {
    let part = text.split(&format!("\n## {heading}\n")).nth(1);
    let part = part
        .unwrap_or_else(|| panic!("no part {heading}"))
        .split("\n## ")
        .next()
        .unwrap();
    let pieces = part.split('`').skip(1).step_by(2);
    let setting = |piece: &&str| piece.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    pieces.filter(setting).map(str::to_owned).collect()
}

/// Settings that decide where a login goes, what is run, what is believed, or what is let through.
const DECIDING: &[&str] = &[
    "deployment_script",
    "deployment_webhook",
    "script_env",
    "endpoint",
    "canary_endpoint",
    "baseline_endpoint",
    "expect_version",
    "haproxy_address",
    "remote",
    "forge_url",
    "woodpecker_url",
    "override",
    "force",
    "strategy",
    "on_failure",
    "on_inconclusive",
    "skip_rollback",
    "auto_rollback_on_failure",
    "settle_to",
    "dry_run",
    "replay",
    "policy",
    "previous_commit",
    "commit",
    "environment",
    "database_url",
    "journal",
    "ca_certificate",
    "webhook_url",
    "metrics_endpoint",
    "integrity_endpoint",
    "retries",
    "min_samples",
];

#[test]
fn every_page_says_which_settings_to_pin() {
    for (plugin, path) in PAGES {
        let pinned = named(&read(path), "Settings to pin in YAML");
        let known: Vec<&str> = catalog::of(plugin).map(|setting| setting.name).collect();
        for name in DECIDING.iter().filter(|name| known.contains(name)) {
            assert!(
                pinned.iter().any(|one| one == name),
                "{path} does not say to pin {name}"
            );
        }
        for name in &pinned {
            assert!(
                known.contains(&name.as_str()),
                "{path} says to pin {name}, which is no setting"
            );
        }
    }
}

/// An empty setting is an unset one: what falls back to a variable has to be pinned with a value.
#[test]
fn every_page_says_which_settings_need_a_value_to_be_pinned() {
    for (plugin, path) in PAGES {
        let text = read(path);
        let pinned = named(&text, "Settings to pin in YAML");
        let part = text
            .split("\n## Settings to pin in YAML\n")
            .nth(1)
            .unwrap()
            .split("\n## ")
            .next()
            .unwrap();
        for setting in
            catalog::of(plugin).filter(|setting| pinned.iter().any(|one| one == setting.name))
        {
            for variable in setting.plain {
                assert!(
                    part.contains(&format!("`{variable}`")),
                    "{path} does not say that {variable} is another way in"
                );
            }
        }
    }
}

#[test]
fn every_page_has_five_uses_to_copy() {
    for (_, path) in PAGES {
        let text = read(path);
        let uses = text
            .split("\n## The five commonest uses\n")
            .nth(1)
            .unwrap()
            .split("\n## ")
            .next()
            .unwrap();
        let parts: Vec<&str> = uses.split("\n### ").skip(1).collect();
        assert_eq!(parts.len(), 5, "{path}");
        assert!(parts.iter().all(|part| part.contains("```yaml\nsteps:\n") || part.contains("```yaml\nwhen:\n")), "{path}");
    }
}
