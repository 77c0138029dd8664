//! The plugins' own binaries, built as they stand.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A plugin's binary, of the build that the running test is of.
///
/// # Panics
/// When the plugins cannot be built.
pub fn plugin(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let path = FOLDER.get_or_init(build).join(name);
    assert!(path.is_file(), "{} was not built", path.display());
    path
}

/// Cargo hands a test the binaries of its own package only: the others are brought up to date here.
fn build() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    // …/target/debug/deps/it-0123456789abcdef
    let folder = test.ancestors().nth(2).unwrap().to_owned();
    #[expect(
        clippy::disallowed_methods,
        reason = "cargo tells where it is in the environment"
    )]
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--quiet"])
        .args(["-p", "plugin-health"])
        .args(["-p", "plugin-progressive"])
        .args(["-p", "plugin-rollback"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")));
    if folder.ends_with("release") {
        command.arg("--release");
    }
    assert!(command.status().unwrap().success(), "cargo build failed");
    folder
}
