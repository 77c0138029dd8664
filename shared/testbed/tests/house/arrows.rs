//! `main → settings, run`; `run → pure, edge`; `edge → pure, clock, http, script, signal, tls`; `pure → pure`.

use crate::files::{below, code, read};

/// Rooms of `shared` that decide: no network, clock, file or environment.
const PURE: &[&str] = &[
    "answer",
    "chart",
    "deployment",
    "endpoint",
    "evidence",
    "hook",
    "incident",
    "intent",
    "message",
    "metric",
    "page",
    "policy",
    "problem",
    "reason",
    "record",
    "sample",
    "secret",
    "signature",
    "split",
    "standing",
    "table",
    "tally",
    "threshold",
    "tick",
    "value",
    "verdict",
    "window",
];
/// Rooms of `shared` that touch the outside, each named after what it touches.
const EDGE: &[&str] = &[
    "clock", "forge", "http", "metrics", "notify", "probe", "script", "signal", "store", "tls",
    "traffic",
];
/// Edge rooms that other edge rooms may stand on.
const GROUND: &[&str] = &["clock", "http", "signal", "tls"];
/// Arrows between edge rooms beside those to the ground: metrics are looked at in the same tick as endpoints, all at
/// once and with one way to cancel.
/// The deployment script can move traffic, too.
const BESIDE: &[(&str, &str)] = &[("probe", "metrics"), ("traffic", "script")];
/// Rooms of `shared` between a process and a run.
const FRONT: &[&str] = &["ci", "exit", "guard", "log", "settings"];

/// Files of `plugin-health` that decide.
const HEALTH_PURE: &[&str] = &["course", "report", "rows", "tick"];

/// Rooms of `plugin-progressive` that decide.
const PROGRESSIVE_PURE: &[&str] = &["replay", "report", "rollout", "rows", "stage", "unnamed"];

/// Rooms of `plugin-rollback` that decide.
const ROLLBACK_PURE: &[&str] = &["plan", "report", "rows", "watch"];

/// Files of `plugin-rollback` that read and write git's protocol without touching a wire.
const GIT_PURE: &[&str] = &[
    "address", "advert", "ask", "barrier", "incoming", "lease", "login", "name", "packet",
    "report", "text",
];

/// A library and the only places that may name it.
const LIBRARIES: &[(&str, &[&str])] = &[
    (
        "clap",
        &["shared/src/settings/", "plugins/health/src/main.rs"],
    ),
    ("envy", &["shared/src/settings/"]),
    ("git2", &["plugins/rollback/"]),
    ("lettre", &["shared/src/notify/"]),
    ("postgres", &["shared/src/store/"]),
    ("tokio_postgres_rustls", &["shared/src/store/"]),
    (
        "ring",
        &["shared/src/signature.rs", "shared/src/notify/mod.rs"],
    ),
    (
        "rustls",
        &[
            "shared/src/http/",
            "shared/src/notify/",
            "shared/src/store/tls.rs",
            "shared/src/tls/",
            "shared/src/traffic/haproxy/",
        ],
    ),
    ("rustls_native_certs", &["shared/src/tls/"]),
    ("schemars", &["shared/src/policy/"]),
    (
        "rustix",
        &["shared/src/script/", "shared/src/traffic/haproxy/dial.rs"],
    ),
    ("serde_yaml", &["shared/src/policy/"]),
    ("signal_hook", &["shared/src/signal.rs"]),
    ("ureq", &["shared/src/http/"]),
    ("webpki_roots", &["shared/src/tls/"]),
    (
        "anyhow",
        &["plugins/health/src/edges.rs", "examples/demo/src/"],
    ),
];
/// Libraries that are values and their notation, and so at home in every room.
const EVERYWHERE: &[&str] = &["jiff", "serde", "serde_json"];
/// Libraries that only tests use.
const TESTS_ONLY: &[&str] = &["jsonschema", "proptest", "rcgen"];

fn room(path: &str, folder: &str) -> String {
    let rest = path.strip_prefix(folder).unwrap();
    rest.split(['/', '.']).next().unwrap().to_owned()
}

/// The first names after `prefix` (such as `crate::`), also within braces: `crate::{a::B, c}`.
fn named(text: &str, prefix: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (place, _) in text.match_indices(prefix) {
        let rest = &text[place + prefix.len()..];
        let inner = rest
            .strip_prefix('{')
            .map(|rest| &rest[..rest.find("};").unwrap_or(rest.len())]);
        let parts: Vec<&str> = inner.map_or_else(|| vec![rest], |inner| top_level(inner));
        for part in parts {
            let name: String = part
                .trim()
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            if !name.is_empty() {
                names.push(name);
            }
        }
    }
    names
}

/// The parts between commas that are not within inner braces.
fn top_level(text: &str) -> Vec<&str> {
    let (mut depth, mut from, mut parts) = (0, 0, Vec::new());
    for (place, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[from..place]);
                from = place + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

/// Where an arrow from `room` of `shared` may lead.
fn allowed(room: &str, to: &str) -> bool {
    if room == to || PURE.contains(&to) {
        return true;
    }
    if EDGE.contains(&room) {
        return GROUND.contains(&to) || BESIDE.contains(&(room, to));
    }
    FRONT.contains(&room) && (FRONT.contains(&to) || EDGE.contains(&to))
}

#[test]
fn every_room_of_the_common_crate_is_pure_edge_or_front() {
    for path in below("shared/src", ".rs") {
        let room = room(&path, "shared/src/");
        let known = room == "lib" || [PURE, EDGE, FRONT].concat().contains(&room.as_str());
        assert!(
            known,
            "{path}: say in this test whether the room {room} is pure, edge or front"
        );
    }
}

#[test]
fn arrows_in_the_common_crate_lead_where_they_may() {
    let mut wrong = Vec::new();
    for path in below("shared/src", ".rs")
        .iter()
        .filter(|path| *path != "shared/src/lib.rs")
    {
        let from = room(path, "shared/src/");
        for to in named(&code(path), "crate::") {
            if !allowed(&from, &to) {
                wrong.push(format!("{path}: {from} → {to}"));
            }
        }
    }
    assert!(wrong.is_empty(), "wrong arrows:\n{}", wrong.join("\n"));
}

/// What a pure room must not name, however its `use` is written.
fn effects(text: &str) -> Vec<String> {
    const MODULES: &[&str] = &["fs", "net", "env", "thread", "process", "os"];
    const CLOCKS: &[&str] = &["Instant", "SystemTime"];
    let modules = named(text, "std::")
        .into_iter()
        .filter(|name| MODULES.contains(&name.as_str()));
    let clocks = named(text, "time::")
        .into_iter()
        .filter(|name| CLOCKS.contains(&name.as_str()));
    let now = ["Timestamp::now", "Zoned::now"]
        .into_iter()
        .filter(|call| text.contains(call))
        .map(str::to_owned);
    modules.chain(clocks).chain(now).collect()
}

#[test]
fn pure_rooms_touch_nothing() {
    let shared = below("shared/src", ".rs")
        .into_iter()
        .filter(|path| PURE.contains(&room(path, "shared/src/").as_str()));
    let health = below("plugins/health/src", ".rs")
        .into_iter()
        .filter(|path| {
            let room = room(path, "plugins/health/src/");
            // What is to be probed is made of an edge's values, and made without any effect all the same.
            room == "targets" || HEALTH_PURE.contains(&room.as_str())
        });
    let progressive = below("plugins/progressive/src", ".rs")
        .into_iter()
        .filter(|path| {
            let room = room(path, "plugins/progressive/src/");
            room == "targets" || PROGRESSIVE_PURE.contains(&room.as_str())
        });
    let git = below("plugins/rollback/src/git", ".rs")
        .into_iter()
        .filter(|path| GIT_PURE.contains(&room(path, "plugins/rollback/src/git/").as_str()));
    for path in shared.chain(health).chain(progressive).chain(git) {
        let found = effects(&code(&path));
        assert!(
            found.is_empty(),
            "{path} is pure and must not use {found:?}"
        );
    }
}

#[test]
fn what_decides_in_a_plugin_sees_no_edge() {
    let mut wrong = Vec::new();
    for (folder, pure) in [
        ("plugins/health/src/", HEALTH_PURE),
        ("plugins/progressive/src/", PROGRESSIVE_PURE),
        ("plugins/rollback/src/", ROLLBACK_PURE),
    ] {
        for path in below(folder, ".rs") {
            if !pure.contains(&room(&path, folder).as_str()) {
                continue;
            }
            let text = code(&path);
            for to in named(&text, "shared::") {
                if !PURE.contains(&to.as_str()) && to != "ci" && to != "exit" {
                    wrong.push(format!("{path} → shared::{to}"));
                }
            }
            for to in named(&text, "crate::") {
                if !pure.contains(&to.as_str()) {
                    wrong.push(format!("{path} → {to}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "wrong arrows:\n{}", wrong.join("\n"));
}

#[test]
fn no_room_is_left_by_a_path_that_these_tests_cannot_read() {
    for path in ["shared/src", "plugins/health/src"]
        .iter()
        .flat_map(|folder| below(folder, ".rs"))
    {
        let climbs = code(&path).contains("super::super::");
        assert!(!climbs, "{path}: write crate::… for what is further up");
    }
}

#[test]
fn main_knows_the_settings_and_the_run_only() {
    for (main, library) in [
        ("plugins/health/src/main.rs", "plugin_health::"),
        ("plugins/progressive/src/main.rs", "plugin_progressive::"),
        ("plugins/rollback/src/main.rs", "plugin_rollback::"),
    ] {
        for to in named(&code(main), library) {
            assert!(["run", "settings"].contains(&to.as_str()), "{main} → {to}");
        }
    }
}

#[test]
fn every_library_has_its_room() {
    let manifest = read("Cargo.toml");
    let dependencies = manifest.split("[workspace.dependencies]").nth(1).unwrap();
    let dependencies = dependencies.split("\n[").next().unwrap();
    for line in dependencies
        .lines()
        .filter(|line| line.contains('=') && !line.contains("path ="))
    {
        let name = line.split([' ', '=']).next().unwrap().replace('-', "_");
        let known = EVERYWHERE.contains(&name.as_str())
            || TESTS_ONLY.contains(&name.as_str())
            || LIBRARIES.iter().any(|(library, _)| *library == name);
        assert!(known, "say in this test in which room {name} lives");
    }
}

#[test]
fn a_library_stays_in_its_room() {
    for (library, rooms) in LIBRARIES {
        let sources = ["shared/src", "plugins", "examples/demo/src"]
            .iter()
            .flat_map(|folder| below(folder, ".rs"));
        for path in sources.filter(|path| path.contains("/src/")) {
            if rooms.iter().any(|room| path.starts_with(room)) {
                continue;
            }
            assert!(
                !names_library(&code(&path), library),
                "{path} names {library}, which belongs to {rooms:?}"
            );
        }
    }
}

/// Whether the text names a crate: as the first part of a path, or in a `use` of its own. `rustls::x` names rustls,
/// `tokio_postgres_rustls::x` and `rustls::crypto::ring::x` name no other.
fn names_library(text: &str, library: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(library).any(|(place, _)| {
        let (before, after) = (&text[..place], &text[place + library.len()..]);
        let first = !before.ends_with(inside)
            && (!before.ends_with("::")
                || before.trim_end_matches("::").ends_with([' ', '\n', '(']));
        let whole_use = before.trim_end().ends_with("use") && after.starts_with([';', ' ']);
        first && (after.starts_with("::") || whole_use)
    })
}

#[test]
fn no_plugin_depends_on_another_and_the_common_crate_on_none() {
    for (manifest, own) in [
        ("plugins/health/Cargo.toml", "plugin-health"),
        ("plugins/rollback/Cargo.toml", "plugin-rollback"),
        ("plugins/progressive/Cargo.toml", "plugin-progressive"),
        ("shared/Cargo.toml", "shared"),
    ] {
        let text = read(manifest);
        for other in ["plugin-health", "plugin-rollback", "plugin-progressive"]
            .iter()
            .filter(|other| **other != own)
        {
            let depends = text.lines().any(|line| line.starts_with(other));
            assert!(!depends, "{manifest} depends on {other}");
        }
        let shipped = text.split("[dev-dependencies]").next().unwrap();
        assert!(!shipped.contains("testbed"), "{manifest} ships the testbed");
    }
}

#[test]
fn a_wrong_arrow_is_seen() {
    assert_eq!(
        named("use crate::{a::B, c};\nuse crate::d::E;", "crate::"),
        ["a", "c", "d"]
    );
    assert!(
        !allowed("reason", "http") && !allowed("store", "notify") && !allowed("policy", "settings")
    );
    assert!(allowed("notify", "http") && allowed("settings", "policy"));
    assert_eq!(effects("use std::time::{Duration, Instant};"), ["Instant"]);
    assert_eq!(effects("use std::{fmt, fs};"), ["fs"]);
    assert!(effects("use std::fmt;\nlet Instant(at) = std::iter::empty();").is_empty());
    for text in [
        "use ring;",
        "use ring as r;",
        "ring::hmac::sign()",
        "x(::ring::a)",
    ] {
        assert!(names_library(text, "ring"), "{text}");
    }
    for text in ["rustls::crypto::ring::x()", "string::String", "offering;"] {
        assert!(!names_library(text, "ring"), "{text}");
    }
}
