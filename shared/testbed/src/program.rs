//! Programs that the tests start: where they are, and as whom they run.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A port on 127.0.0.1 that nothing listens on at the moment.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A command as a user that the server agrees to run under: it refuses root.
pub fn as_server_user(program: &Path) -> Command {
    let Some((user, group)) = server_user() else {
        return Command::new(program);
    };
    let mut command = Command::new("setpriv");
    command
        .arg(format!("--reuid={user}"))
        .arg(format!("--regid={group}"))
        .args(["--clear-groups", "--"])
        .arg(program)
        // That user may not look into the folder that the tests run in, and some servers insist on coming back to it.
        .current_dir("/");
    command
}

/// The user `postgres`, else `nobody`; nothing when the tests do not run as root.
fn server_user() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    ["postgres", "nobody"].iter().find_map(|name| {
        let line = users
            .lines()
            .find(|line| line.split(':').next() == Some(name))?;
        let mut ids = line.split(':').skip(2).map(str::parse);
        Some((ids.next()?.ok()?, ids.next()?.ok()?))
    })
}

/// Gives a file or folder to that user.
pub fn give(path: &Path) {
    if let Some((user, group)) = server_user() {
        chown(path, Some(user), Some(group)).unwrap();
    }
}

/// A program: from the PATH, else from `<versions>/*/bin`, the newest version first.
///
/// # Panics
/// When it is in neither, with the hint.
pub fn find(name: &str, versions: &str, hint: &str) -> PathBuf {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test tool is looked up as a shell would"
    )]
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut versions: Vec<PathBuf> = fs::read_dir(versions)
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    versions.sort();
    folders.extend(versions.into_iter().rev());
    let mut candidates = folders.iter().map(|folder| folder.join(name));
    candidates
        .find(|program| program.is_file())
        .unwrap_or_else(|| panic!("{name} was not found: {hint}"))
}
