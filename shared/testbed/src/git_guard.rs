//! A server in a process group of its own, which ends with the test, also when the test is killed or keeps the server
//! in a static.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Ends the whole group when its own input ends, and removes the folder that is its first argument.
const GUARD: &str = "home=$1; shift; exec 3<&0; \"$@\" </dev/null & cat <&3 >/dev/null; \
    trap '' TERM; kill -TERM 0; wait; rm -rf \"$home\"; kill -KILL 0";

/// A running server.
#[derive(Debug)]
pub(crate) struct Guard(Child);

impl Guard {
    /// Starts a server whose words go to a file in its home.
    pub(crate) fn start(home: &Path, server: &Command, log: &str) -> Self {
        let log = File::create(home.join(log)).unwrap();
        let child = Command::new("sh")
            .args(["-c", GUARD, "sh"])
            .arg(home)
            .arg(server.get_program())
            .args(server.get_args())
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self(child)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        drop(self.0.wait());
    }
}
