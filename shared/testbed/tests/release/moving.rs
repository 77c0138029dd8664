//! What happens at the registry.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use testbed::registry::{PASSWORD, Registry, USER};

use super::Checkout;

const IMAGES: [&str; 3] = ["plugin-health", "plugin-progressive", "plugin-rollback"];

/// A registry with a version of every image.
fn published(registry: &Registry, version: &str) {
    for image in IMAGES {
        registry.push(image, version, &format!("{image} {version}"));
    }
}

fn at(
    registry: &Registry,
    checkout: &Checkout,
    what: &str,
    more: &[(&str, &str)],
) -> (Option<i32>, String) {
    let images = registry.images();
    let mut variables = vec![
        ("IMAGES", images.as_str()),
        ("RELEASE_USERNAME", USER),
        ("RELEASE_PASSWORD", PASSWORD),
        ("HOME", registry.home().to_str().unwrap()),
    ];
    variables.extend(more);
    checkout.run(what, &variables)
}

#[test]
fn the_moving_tags_name_the_very_images_of_this_version() {
    let registry = Registry::start();
    published(&registry, "1.1.0");
    let older = Checkout::at("1.1.0", &[]);
    older.tagged("1.1.0").unwrap();
    let (code, said) = at(&registry, &older, "move", &[]);
    assert_eq!(code, Some(0), "{said}");

    published(&registry, "1.2.0");
    let newer = Checkout::at("1.2.0", &["1.1.0"]);
    newer.tagged("1.2.0").unwrap();
    let (code, said) = at(&registry, &newer, "move", &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains(PASSWORD), "{said}");
    assert!(
        !newer.path("logins").exists(),
        "the login stays in the workspace"
    );

    for image in IMAGES {
        let manifest = |tag: &str| registry.manifest(image, tag).unwrap();
        assert!(manifest("1.2.0").contains("arm64") && manifest("1.2.0") != manifest("1.1.0"));
        for tag in ["1.2", "1", "latest"] {
            assert_eq!(manifest(tag), manifest("1.2.0"), "{image}:{tag}");
        }
        assert_eq!(manifest("1.1"), manifest("1.1.0"), "{image}");
    }

    // A patch of the older line touches nothing of the newer one.
    published(&registry, "1.1.1");
    let patch = Checkout::at("1.1.1", &["1.1.0", "1.2.0"]);
    patch.tagged("1.1.1").unwrap();
    assert_eq!(at(&registry, &patch, "move", &[]).0, Some(0));
    for image in IMAGES {
        let manifest = |tag: &str| registry.manifest(image, tag).unwrap();
        assert_eq!(manifest("1.1"), manifest("1.1.1"));
        assert_eq!(manifest("latest"), manifest("1.2.0"));
    }
}

#[test]
fn an_image_that_is_missing_moves_nothing_of_the_tags_after_it() {
    let registry = Registry::start();
    registry.push("plugin-health", "1.2.0", "health");
    let checkout = Checkout::at("1.2.0", &[]);
    checkout.tagged("1.2.0").unwrap();
    let (code, said) = at(&registry, &checkout, "move", &[]);
    assert_ne!(code, Some(0), "{said}");
    assert_eq!(registry.manifest("plugin-health", "latest"), None);
}

#[test]
fn a_wrong_login_ends_it() {
    let registry = Registry::start();
    published(&registry, "1.2.0");
    let checkout = Checkout::at("1.2.0", &[]);
    checkout.tagged("1.2.0").unwrap();
    let (code, said) = at(
        &registry,
        &checkout,
        "move",
        &[("RELEASE_PASSWORD", "another")],
    );
    assert!(code != Some(0) && !said.contains("another"), "{said}");
    assert_eq!(registry.manifest("plugin-health", "1"), None);
}

#[test]
fn a_version_before_a_release_leaves_every_tag_alone() {
    let checkout = Checkout::at("1.3.0-rc.1", &[]);
    checkout.tagged("1.3.0-rc.1").unwrap();
    let (code, said) = checkout.run("move", &[]);
    assert_eq!(
        (code, said.as_str()),
        (Some(0), "no other tag is to name this version\n")
    );
}

#[test]
fn without_a_key_nothing_is_signed_and_the_log_says_so() {
    let checkout = Checkout::at("1.2.0", &[]);
    checkout.tagged("1.2.0").unwrap();
    for key in [&[][..], &[("COSIGN_PRIVATE_KEY", "none")]] {
        let (code, said) = checkout.run("sign", key);
        assert_eq!(code, Some(0), "{said}");
        assert!(
            said.starts_with("NOT SIGNED: the secret cosign_key is 'none'"),
            "{said}"
        );
    }
}

/// A program for the script, first on its PATH.
fn tool(checkout: &Checkout, name: &str, script: &str) -> String {
    let tools = checkout.folder.join("tools");
    fs::create_dir_all(&tools).unwrap();
    let program = tools.join(name);
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:/usr/bin:/bin", tools.display())
}

/// A cosign that has its key and the login for this registry, and writes down how it is called.
fn cosign(registry: &str) -> String {
    format!(
        r#"[ -n "$COSIGN_PRIVATE_KEY$COSIGN_PASSWORD" ] || exit 1
        grep -qF '"{registry}"' "$DOCKER_CONFIG/config.json" || exit 1
        echo "$@" >>"$(dirname "$0")/../calls""#
    )
}

fn key(path: &str) -> [(&str, &str); 3] {
    [
        ("PATH", path),
        ("COSIGN_PRIVATE_KEY", "a key"),
        ("COSIGN_PASSWORD", "its password"),
    ]
}

/// Docker Hub cannot be asked here: one that leaves a login as skopeo does stands for skopeo. cosign goes by another
/// name for the Hub.
#[test]
fn at_docker_hub_cosign_finds_the_login_too() {
    let checkout = Checkout::at("1.2.0", &[]);
    checkout.tagged("1.2.0").unwrap();
    let skopeo = r#"case $1 in
        login) cat >/dev/null; echo '{ "auths": { "docker.io": { "auth": "YWNtZTpzZWNyZXQ=" } } }' >"$REGISTRY_AUTH_FILE" ;;
        inspect) echo '{}' ;;
        esac"#;
    tool(&checkout, "skopeo", skopeo);
    let path = tool(&checkout, "cosign", &cosign("https://index.docker.io/v1/"));
    let mut variables = vec![
        ("IMAGES", "docker.io/acme"),
        ("RELEASE_USERNAME", USER),
        ("RELEASE_PASSWORD", PASSWORD),
    ];
    variables.extend(key(&path));
    let (code, said) = checkout.run("sign", &variables);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("signed docker.io/acme/plugin-rollback@sha256:"));
}

/// Debian has no cosign: one that writes down how it is called stands for it. What it is to sign is real.
#[test]
fn with_a_key_every_image_is_signed_by_its_digest() {
    let registry = Registry::start();
    published(&registry, "1.2.0");
    let checkout = Checkout::at("1.2.0", &[]);
    checkout.tagged("1.2.0").unwrap();
    let host = registry.images();
    let host = host.split('/').next().unwrap();
    let path = tool(&checkout, "cosign", &cosign(host));
    let (code, said) = at(&registry, &checkout, "sign", &key(&path));
    assert_eq!(code, Some(0), "{said}");
    let calls = fs::read_to_string(checkout.folder.join("calls")).unwrap();
    let calls: Vec<&str> = calls.lines().collect();
    assert_eq!(calls.len(), IMAGES.len());
    for (call, image) in calls.iter().zip(IMAGES) {
        let begin = format!(
            "sign --yes --recursive --key env://COSIGN_PRIVATE_KEY {}/{image}@sha256:",
            registry.images()
        );
        let digest = call
            .strip_prefix(&begin)
            .unwrap_or_else(|| panic!("{call} does not begin with {begin}"));
        assert_eq!(digest.len(), 64);
        assert!(said.contains(&format!(
            "signed {}/{image}@sha256:{digest}",
            registry.images()
        )));
    }
}
