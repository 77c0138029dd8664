//! The page "How it decides" shows what the room does.

use std::path::{Path, PathBuf};

use crate::{content, picture};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../plugins/progressive")
        .join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(file(name)).unwrap()
}

const AGAIN: &str = "write it again: cargo run -p shared --example evidence-page";

#[test]
fn the_picture_is_what_the_trial_makes() {
    assert!(read(content::PICTURE) == picture::svg(), "{AGAIN}");
}

#[test]
fn the_figures_are_what_the_trial_makes() {
    let text = read(content::PAGE);
    assert!(content::filled(&text) == text, "{AGAIN}");
}

#[test]
fn the_picture_shows_one_rollback_and_two_that_go_through() {
    let text = read(content::PICTURE);
    assert_eq!(text.matches("<polyline").count(), 3);
    assert_eq!(text.matches("rolled back after check").count(), 1);
}

#[test]
fn the_page_names_the_picture_and_every_key_of_the_analysis() {
    let text = read(content::PAGE);
    assert!(text.contains(content::PICTURE));
    for key in [
        "alpha",
        "beta",
        "allowed_factor",
        "p_max",
        "latency_limit",
        "icc",
        "on_inconclusive",
        "min_samples",
    ] {
        assert!(text.contains(&format!("`{key}`")), "{key}");
    }
}
