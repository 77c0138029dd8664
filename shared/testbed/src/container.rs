//! A container, as Woodpecker's agent would start one for a step, by podman. Harder than Woodpecker: nothing but what is
//! mounted can be written to, no capability is left, and nothing is added to the image.

use std::process::Command;

/// `podman run` for an image of the local storage, on the host's network; ended after two minutes. What it runs, and with
/// what, is still to be said.
#[must_use]
pub fn run() -> Command {
    let mut command = Command::new("podman");
    command
        .args(["run", "--rm", "--pull=never", "--network=host"])
        .args(["--timeout=120", "--read-only", "--read-only-tmpfs=false"])
        .args(["--cap-drop=all", "--security-opt=no-new-privileges"])
        .args(["--passwd=false", "--http-proxy=false", "--unsetenv=TERM"])
        .arg("--log-driver=none");
    command
}
