//! What an earlier version made of every setting is what this one makes of it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use plugin_progressive::settings::{PLUGIN, Told};
use shared::settings::catalog;
use shared::settings::environment::Environment;
use shared::settings::raw::Raw;
use testbed::promise::{ADVICE, VERSION, broken, must_be_recorded, must_be_unreleased, record};

const EXAMPLES: &str = include_str!("../corpus/every-setting.txt");

fn folder() -> &'static Path {
    Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/corpus/recorded"
    ))
}

/// The settings as this version understands them, for comparing.
fn understand(variables: &BTreeMap<String, String>) -> Result<String, String> {
    let pairs = variables
        .iter()
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let environment = Environment::of(pairs);
    let (raw, found) = Raw::gather(PLUGIN, &BTreeMap::new(), &environment);
    Told::understand(&raw, found, &environment, Timestamp::UNIX_EPOCH)
        .map(|told| match told {
            Told::Rollout(settings) => format!("{settings:#?}"),
            Told::Replay(replaying) => format!("{replaying:#?}"),
        })
        .map_err(|problems| format!("{problems:?}"))
}

#[test]
fn every_setting_means_what_it_meant() {
    let broken = broken(folder(), understand);
    assert!(broken.is_empty(), "{}\n{ADVICE}", broken.join("\n"));
}

/// What this version promises by now.
fn promises() -> String {
    record(
        EXAMPLES,
        catalog::of(PLUGIN).map(|setting| setting.name),
        understand,
    )
}

fn file() -> PathBuf {
    folder().join(format!("{VERSION}.txt"))
}

#[test]
fn the_record_of_this_version_has_every_setting() {
    must_be_recorded(&file(), &promises());
}

#[test]
#[ignore = "records what this version promises: .ci/record"]
fn record_anew() {
    must_be_unreleased();
    fs::create_dir_all(folder()).unwrap();
    fs::write(file(), promises()).unwrap();
}
