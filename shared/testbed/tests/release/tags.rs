//! What images are called.

use super::Checkout;

/// The tags that move for a version, with these versions released before.
#[track_caller]
fn moved(version: &str, released: &[&str]) -> String {
    let (tags, moving) = Checkout::at(version, released).tagged(version).unwrap();
    assert_eq!(
        tags,
        format!("{version}\n"),
        "the version itself is pushed, and nothing else"
    );
    moving.trim_end().to_owned()
}

#[test]
fn a_release_moves_what_names_its_line_and_the_newest_moves_latest() {
    assert_eq!(moved("1.2.3", &[]), "1.2 1 latest");
    assert_eq!(moved("1.2.3", &["1.2.2", "1.1.9", "0.9.0"]), "1.2 1 latest");
    assert_eq!(moved("1.10.0", &["1.9.0", "1.2.0"]), "1.10 1 latest");
    assert_eq!(moved("10.0.0", &["9.9.9", "2.0.0"]), "10.0 10 latest");
}

#[test]
fn a_patch_of_an_older_line_moves_that_line_alone() {
    assert_eq!(moved("1.1.5", &["1.1.4", "1.2.0"]), "1.1");
    assert_eq!(moved("1.9.1", &["1.9.0", "2.0.0"]), "1.9 1");
    assert_eq!(moved("1.1.4", &["1.1.5", "1.2.0"]), "");
    // 12.1.0 is no version of the line 2.1.
    assert_eq!(moved("2.1.0", &["12.1.0"]), "2.1 2");
}

#[test]
fn before_the_first_major_version_nothing_is_called_0() {
    assert_eq!(moved("0.1.0", &[]), "0.1 latest");
    assert_eq!(moved("0.2.0", &["0.1.0", "0.1.9"]), "0.2 latest");
}

#[test]
fn a_version_before_a_release_moves_nothing() {
    for version in ["1.2.3-rc.1", "2.0.0-alpha", "0.1.0-dev-2"] {
        let checkout = Checkout::at(version, &[]);
        // Nobody writes a heading for it.
        checkout.write("CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n");
        let (tags, moving) = checkout.tagged(version).unwrap();
        assert_eq!((tags, moving), (format!("{version}\n"), String::new()));
    }
    // Nor does it keep the release after it from doing so.
    assert_eq!(
        moved(
            "1.2.3",
            &["1.2.3-rc.1", "1.3.0-rc.1", "2.0.0-alpha", "nightly"]
        ),
        "1.2 1 latest"
    );
}

#[test]
fn a_tag_that_is_not_the_codes_version_is_refused() {
    let checkout = Checkout::at("1.2.3", &[]);
    for tag in ["1.2.4", "v1.2.3", "1.2", "", "latest"] {
        let said = checkout.tagged(tag).unwrap_err();
        assert!(
            said.contains(&format!("the tag is '{tag}' and Cargo.toml says 1.2.3")),
            "{said}"
        );
    }
    let metadata = Checkout::at("1.2.3+build", &[])
        .tagged("1.2.3+build")
        .unwrap_err();
    assert!(metadata.contains("cannot be an image's tag"), "{metadata}");
}

#[test]
fn a_release_without_its_day_in_the_changelog_is_refused() {
    let checkout = Checkout::at("1.2.3", &[]);
    for heading in [
        "## [Unreleased]",
        "## [1.2.3] - unreleased",
        "## [1x2.3] - 2026-12-01",
    ] {
        checkout.write("CHANGELOG.md", &format!("# Changelog\n\n{heading}\n"));
        let said = checkout.tagged("1.2.3").unwrap_err();
        assert!(said.contains("has no heading '## [1.2.3] - '"), "{said}");
    }
}

#[test]
fn what_is_no_release_is_called_next_and_moves_nothing() {
    let checkout = Checkout::at("1.2.3", &["1.2.2"]);
    for event in ["push", "pull_request", "manual"] {
        let variables = [
            ("CI_PIPELINE_EVENT", event),
            ("CI_COMMIT_SHA", "5f3c2a9"),
            ("CI_REPO_URL", "https://forge.example/acme/plugins"),
            ("CI_COMMIT_TAG", "1.2.3"),
        ];
        assert_eq!(checkout.run("tags", &variables).0, Some(0));
        assert_eq!(
            (checkout.read("tags"), checkout.read("moving")),
            ("next\n".into(), String::new())
        );
        assert_eq!(
            checkout.read("build.env"),
            "VERSION=1.2.3\nREVISION=5f3c2a9\nSOURCE=https://forge.example/acme/plugins\n"
        );
    }
}

#[test]
fn a_release_whose_part_is_misspelt_is_refused() {
    let (code, said) = Checkout::at("1.2.3", &[]).run("publish", &[]);
    assert_eq!(
        (code, said.as_str()),
        (Some(2), ".ci/release: say tags, sign or move\n")
    );
}
