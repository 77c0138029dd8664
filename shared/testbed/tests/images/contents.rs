//! What is in the images: static binaries that know their version and their parts, and no more than is said.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use testbed::scratch::Scratch;

use crate::container::{PLUGINS, image, podman};

/// An image's files, without its running.
struct Contents {
    container: String,
    scratch: Scratch,
}

impl Contents {
    fn of(plugin: &str, architecture: &str) -> Self {
        let platform = format!("--platform=linux/{architecture}");
        let image = image(plugin, architecture);
        let created = podman(&["create", "--pull=never", &platform, &image]);
        Self {
            container: created.trim().to_owned(),
            scratch: Scratch::new("contents"),
        }
    }

    /// A file, copied out of it.
    fn file(&self, path: &str) -> PathBuf {
        let target = self.scratch.join(Path::new(path).file_name().unwrap());
        let source = format!("{}:{path}", self.container);
        podman(&["cp", &source, target.to_str().unwrap()]);
        target
    }

    /// Its binary.
    fn binary(&self, plugin: &str) -> PathBuf {
        self.file(&format!("/bin/{plugin}"))
    }

    /// Its list of parts.
    fn parts(&self, plugin: &str) -> Value {
        let path = self.file(&format!("/usr/share/sbom/{plugin}.cdx.json"));
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }
}

impl Drop for Contents {
    fn drop(&mut self) {
        podman(&["rm", "--force", &self.container]);
    }
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Plugins and architectures.
fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    let both = |plugin| ["amd64", "arm64"].map(|architecture| (plugin, architecture));
    PLUGINS.into_iter().flat_map(both)
}

#[test]
#[ignore = "needs the built images: .ci/images"]
fn every_binary_is_static_and_for_its_architecture() {
    for (plugin, architecture) in all() {
        let binary = Contents::of(plugin, architecture);
        let binary = binary.binary(plugin);
        let said = output(Command::new("readelf").args(["-hldW"]).arg(&binary));
        let machine = match architecture {
            "amd64" => "X86-64",
            _ => "AArch64",
        };
        assert!(said.contains(machine), "{plugin} for {architecture}");
        for word in ["INTERP", "(NEEDED)"] {
            assert!(!said.contains(word), "{plugin} for {architecture}: {word}");
        }
    }
}

/// An image is fetched before every deployment. Who needs more raises this, and says why.
#[test]
#[ignore = "needs the built images: .ci/images"]
fn no_binary_grows_unseen() {
    let bytes = [5_600_000, 6_800_000, 7_200_000];
    for (plugin, most) in PLUGINS.into_iter().zip(bytes) {
        let contents = Contents::of(plugin, "amd64");
        let size = std::fs::metadata(contents.binary(plugin)).unwrap().len();
        assert!(size <= most, "{plugin}: {size} bytes, at most {most}");
    }
}

#[test]
#[ignore = "needs the built images: .ci/images"]
fn a_binary_that_is_copied_out_runs_alone() {
    for plugin in PLUGINS {
        let contents = Contents::of(plugin, "amd64");
        let mut command = Command::new(contents.binary(plugin));
        let version = output(command.env_clear().arg("--version"));
        assert_eq!(version, format!("{plugin} {}\n", env!("CARGO_PKG_VERSION")));
    }
}

#[test]
#[ignore = "needs the built images: .ci/images"]
fn the_image_of_health_holds_the_binary_and_what_belongs_to_it() {
    let contents = Contents::of("plugin-health", "amd64");
    let archive = contents.scratch.join("files.tar");
    let archive = archive.to_str().unwrap();
    podman(&["export", "--output", archive, &contents.container]);
    let listed = output(Command::new("tar").args(["-tf", archive]));
    let files: BTreeSet<&str> = listed.lines().filter(|path| !path.ends_with('/')).collect();
    let expected = [
        "bin/plugin-health",
        "etc/ssl/certs/ca-certificates.crt",
        "usr/share/licenses/plugin-health.txt.gz",
        "usr/share/sbom/plugin-health.cdx.json",
    ];
    assert_eq!(files, BTreeSet::from(expected));
}

/// Names with versions.
fn named(list: &Value) -> BTreeSet<String> {
    let list = list.as_array().unwrap().iter();
    list.map(|one| {
        format!(
            "{} {}",
            one["name"].as_str().unwrap(),
            one["version"].as_str().unwrap()
        )
    })
    .collect()
}

/// A section of a binary: objcopy reads only those of its own machine.
fn section(binary: &[u8], wanted: &str) -> Vec<u8> {
    let number = |at: usize, bytes: usize| {
        let little = binary[at..at + bytes].iter().rev();
        little.fold(0, |sum, byte| sum << 8 | usize::from(*byte))
    };
    let (table, length, count) = (number(0x28, 8), number(0x3a, 2), number(0x3c, 2));
    let place = |index: usize| {
        let header = table + index * length;
        (number(header + 0x18, 8), number(header + 0x20, 8))
    };
    let names = place(number(0x3e, 2)).0;
    let mut indices = 0..count;
    let found = indices.find(|index| {
        let name = names + number(table + index * length, 4);
        binary[name..].starts_with(format!("{wanted}\0").as_bytes())
    });
    let (begin, size) = place(found.unwrap_or_else(|| panic!("there is no section {wanted}")));
    binary[begin..begin + size].to_vec()
}

/// What `cargo auditable` wrote into a binary: JSON, compressed by zlib, in a section of its own.
fn audited(binary: &Path) -> Value {
    let section = section(&std::fs::read(binary).unwrap(), ".dep-v0");
    let script =
        "import sys, zlib; sys.stdout.buffer.write(zlib.decompress(sys.stdin.buffer.read()))";
    let mut python = Command::new("/usr/bin/python3")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(&section).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What a binary says that it is made of, but for itself and what only its build took.
fn linked(audited: &Value) -> BTreeSet<String> {
    let packages = audited["packages"].as_array().unwrap();
    let linked = packages
        .iter()
        .filter(|package| package["kind"] != "build" && package["root"] != true);
    named(&linked.cloned().collect())
}

#[test]
#[ignore = "needs the built images: .ci/images"]
fn the_list_of_parts_names_what_the_binary_is_made_of() {
    let version = env!("CARGO_PKG_VERSION");
    let own = |name: &str| format!("{name} {version}");
    for (plugin, architecture) in all() {
        let contents = Contents::of(plugin, architecture);
        let parts = contents.parts(plugin);
        assert_eq!(parts["bomFormat"], "CycloneDX");
        let listed = named(&parts["components"]);
        assert!(listed.contains(&own("shared")), "{plugin}: {listed:?}");
        // What tests are made of is in no image.
        assert!(!listed.contains(&own("testbed")), "{plugin}: {listed:?}");
        let data = audited(&contents.binary(plugin));
        let packages = data["packages"].as_array().unwrap();
        let linked = linked(&data);
        for name in ["rustls ", "ring ", "postgres ", "ureq "] {
            let has = |set: &BTreeSet<String>| set.iter().any(|one| one.starts_with(name));
            assert!(has(&linked) && has(&listed), "{plugin}: {name}");
        }
        let missing: Vec<&String> = linked.difference(&listed).collect();
        assert!(
            missing.is_empty(),
            "{plugin} for {architecture}: {missing:?}"
        );
        let root = packages.iter().find(|package| package["root"] == true);
        assert_eq!(root.unwrap()["name"], plugin);
    }
}

#[test]
#[ignore = "needs the built images: .ci/images"]
fn the_licenses_of_everything_in_the_binary_are_with_it() {
    for (plugin, architecture) in all() {
        let contents = Contents::of(plugin, architecture);
        let packed = contents.file(&format!("/usr/share/licenses/{plugin}.txt.gz"));
        let texts = output(Command::new("gzip").arg("-cd").arg(packed));
        for words in ["Apache License", "GNU LESSER GENERAL PUBLIC", "BoringSSL"] {
            assert!(texts.contains(words), "{plugin}: {words}");
        }
        assert_eq!(texts.contains("libgit2"), plugin == "plugin-rollback");
        let told = |part: &String| texts.contains(&format!("──── {part}"));
        let parts = linked(&audited(&contents.binary(plugin)));
        let (told, untold): (Vec<_>, Vec<_>) = parts.iter().partition(|part| told(part));
        for name in ["clap ", "postgres ", "ring ", "rustls ", "serde ", "ureq "] {
            let is_told = told.iter().any(|part| part.starts_with(name));
            assert!(is_told, "{plugin} for {architecture}: {name}");
        }
        // Ours, and the few that the binary's list has although no feature turns them on.
        assert!(untold.len() < 10, "{plugin} for {architecture}: {untold:?}");
    }
}
