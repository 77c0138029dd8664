//! What is said about the images without running them: labels, user, entrypoint, what is inside.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::container::{PLUGINS, image, podman};

/// The C library, linked statically, and what `plugin-rollback` is linked with beside it.
const GLIBC: &str = "LGPL-2.1-or-later";
const LIBGIT2: &str = "GPL-2.0-only WITH GCC-exception-2.0";

/// Every image and its configuration.
fn images() -> impl Iterator<Item = (&'static str, &'static str, Value)> {
    PLUGINS.into_iter().flat_map(|plugin| {
        ["amd64", "arm64"].map(|architecture| {
            let name = image(plugin, architecture);
            let inspected: Value =
                serde_json::from_str(&podman(&["image", "inspect", &name])).unwrap();
            (plugin, architecture, inspected[0].clone())
        })
    })
}

/// The commit of the working copy, which the images are of unless `.ci/images` says otherwise.
fn head() -> String {
    let head = Command::new("git")
        .args(["-c", "safe.directory=*", "rev-parse", "HEAD"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .output()
        .unwrap();
    String::from_utf8(head.stdout).unwrap().trim().to_owned()
}

#[test]
#[ignore = "needs the built images: .ci/images"]
fn labels_say_what_the_image_is_of() {
    #[expect(
        clippy::disallowed_methods,
        reason = "the script that built the images says of what"
    )]
    let revision = std::env::var("IMAGES_REVISION").unwrap_or_else(|_| head());
    for (plugin, architecture, inspected) in images() {
        let label = |name: &str| {
            let full = format!("org.opencontainers.image.{name}");
            inspected["Labels"][&full].as_str().unwrap_or_default()
        };
        assert_eq!(label("title"), plugin);
        assert_eq!(label("version"), env!("CARGO_PKG_VERSION"), "{plugin}");
        assert_eq!(label("revision"), revision, "{plugin}");
        let own = env!("CARGO_PKG_LICENSE");
        let licenses = match plugin {
            "plugin-rollback" => format!("{own} AND {LIBGIT2} AND {GLIBC}"),
            _ => format!("{own} AND {GLIBC}"),
        };
        assert_eq!(label("licenses"), licenses, "{plugin}");
        assert!(!label("description").is_empty(), "{plugin}");
        let source = label("source");
        assert!(source.starts_with("https://"), "{plugin}: {source}");
        assert_eq!(inspected["Architecture"], architecture, "{plugin}");
    }
}

#[test]
#[ignore = "needs the built images: .ci/images"]
fn the_entrypoint_is_the_binary_without_a_shell() {
    for (plugin, architecture, inspected) in images() {
        let config = &inspected["Config"];
        let binary = format!("/bin/{plugin}");
        assert_eq!(
            config["Entrypoint"],
            serde_json::json!([binary]),
            "{architecture}"
        );
        // What a base may say is no argument of the plugin.
        let command = &config["Cmd"];
        assert!(
            command.is_null() || command == &serde_json::json!([]),
            "{plugin}: {command}"
        );
    }
}

#[test]
#[ignore = "needs the built images: .ci/images"]
fn the_user_is_a_number_that_is_not_root() {
    for (plugin, architecture, inspected) in images() {
        let user = inspected["User"].as_str().unwrap();
        let (user, group) = user.split_once(':').unwrap();
        for id in [user, group] {
            let id: u32 = id.parse().unwrap();
            assert!(id > 0, "{plugin} for {architecture}");
        }
    }
}
