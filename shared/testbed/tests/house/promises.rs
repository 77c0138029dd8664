//! What a version promises of names, defaults and exit codes is kept by every later one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use shared::exit::Exit;
use shared::settings::catalog::{self, Plugin, Setting};
use testbed::promise::{ADVICE, VERSION, must_be_recorded, must_be_unreleased};

use crate::files::root;

const PLUGINS: [Plugin; 3] = [Plugin::Health, Plugin::Progressive, Plugin::Rollback];

fn folder() -> PathBuf {
    root().join("shared/testbed/tests/house/recorded")
}

/// What was recorded by every version in files of this name.
fn recorded(name: &str) -> Vec<(String, String)> {
    let versions = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let found: Vec<(String, String)> = versions
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into(),
                fs::read_to_string(path.join(name)).unwrap(),
            )
        })
        .collect();
    assert!(!found.is_empty());
    found
}

const HEAD: &str = "plugin\tsetting\tdefault\tfalls back to\tpolicy\ta flag without a value\n";

fn row(plugin: Plugin, setting: &Setting) -> String {
    let back: Vec<&str> = setting.plain.iter().chain(setting.ci).copied().collect();
    let (back, policy, switch) = (back.join(","), setting.policy, setting.switch);
    format!(
        "{}\t{}\t{}\t{back}\t{policy}\t{switch}\n",
        plugin.name(),
        setting.name,
        setting.default
    )
}

fn settings() -> String {
    let rows = PLUGINS
        .into_iter()
        .flat_map(|plugin| catalog::of(plugin).map(move |one| row(plugin, one)));
    HEAD.to_owned() + &rows.collect::<String>()
}

/// Every promise of a table that another one does not keep.
fn broken(promised: &str, kept: &str) -> Vec<String> {
    let rows = |text: &str| -> BTreeMap<String, Vec<String>> {
        let cells = text
            .lines()
            .map(|line| line.split('\t').map(str::to_owned).collect::<Vec<_>>());
        cells
            .map(|cells| (format!("{} {}", cells[0], cells[1]), cells))
            .collect()
    };
    let kept = rows(kept);
    let mut broken = Vec::new();
    for (name, promised) in rows(promised) {
        let Some(now) = kept.get(&name) else {
            broken.push(format!("{name} is gone"));
            continue;
        };
        let same = |column: usize| promised[column] == now[column];
        // Further variables come after those that were there; a key of the policy may be added.
        let back = now[3] == promised[3]
            || promised[3].is_empty()
            || now[3].starts_with(&format!("{},", promised[3]));
        if !same(2) || !back || !(same(4) || promised[4].is_empty()) || !same(5) {
            broken.push(format!(
                "{name} was {:?} and is {:?}",
                &promised[2..],
                &now[2..]
            ));
        }
    }
    broken
}

#[test]
fn every_setting_stays_with_its_default_and_where_it_comes_from() {
    for (version, text) in recorded("settings.tsv") {
        assert!(
            text.starts_with(HEAD) && text.lines().count() > 100,
            "{version}"
        );
        let broken = broken(&text, &settings());
        assert!(
            broken.is_empty(),
            "not as {version} promised: {broken:#?}: {ADVICE}"
        );
    }
}

#[test]
fn adding_is_fine_and_taking_away_or_changing_is_not() {
    let before = "h\ts\td\tv\tp\tf\nplugin-health\tinterval\t`30s`\tA\t\tfalse\nplugin-health\twait\t\t\t\ttrue\n";
    let added = before.replace("\tA\t\t", "\tA,B\thealth_checks.interval\t")
        + "plugin-health\tnew\t\t\t\tfalse\n";
    assert_eq!(broken(before, &added), [""; 0]);
    for (from, to) in [
        ("`30s`", "`60s`"),
        ("\tA\t", "\tB,A\t"),
        ("\tA\t", "\t\t"),
        ("true", "false"),
        ("interval", "every"),
    ] {
        assert_eq!(
            broken(before, &before.replace(from, to)).len(),
            1,
            "{from} became {to}"
        );
    }
}

fn codes() -> String {
    Exit::ALL
        .iter()
        .fold(String::from("code\tname\n"), |mut text, exit| {
            let _ = writeln!(text, "{}\t{exit:?}", exit.code());
            text
        })
}

#[test]
fn every_exit_code_keeps_its_meaning() {
    for (version, text) in recorded("exit-codes.tsv") {
        let now = codes();
        for line in text.lines() {
            assert!(
                now.lines().any(|one| one == line),
                "{line:?} of {version} is another one: {ADVICE}"
            );
        }
        assert_eq!(
            text.lines().count(),
            Exit::ALL.len() + 1,
            "a new exit code means something new to old pipelines: {ADVICE}"
        );
    }
}

/// Every page says what each code means, and none that the plugin does not have.
#[test]
fn every_page_has_a_table_of_exit_codes() {
    for plugin in ["health", "progressive", "rollback"] {
        let text = crate::files::read(&format!("plugins/{plugin}/docs.md"));
        let table = text
            .split("\n## Exit codes\n")
            .nth(1)
            .unwrap()
            .split("\n## ")
            .next()
            .unwrap();
        let rows: Vec<u8> = table
            .lines()
            .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next()?.parse().ok())
            .collect();
        assert!(rows.len() >= 6 && rows.is_sorted(), "{plugin}: {rows:?}");
        let known: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert!(
            rows.iter().all(|code| known.contains(code)),
            "{plugin}: {rows:?}"
        );
    }
}

#[test]
fn the_record_of_this_version_has_every_setting_and_exit_code() {
    let folder = folder().join(VERSION);
    must_be_recorded(&folder.join("settings.tsv"), &settings());
    must_be_recorded(&folder.join("exit-codes.tsv"), &codes());
}

#[test]
#[ignore = "records what this version promises: .ci/record"]
fn record_anew() {
    must_be_unreleased();
    let folder = folder().join(VERSION);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("settings.tsv"), settings()).unwrap();
    fs::write(folder.join("exit-codes.tsv"), codes()).unwrap();
}
