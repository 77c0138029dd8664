//! A real sshd on loopback that is nobody's but the test's.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::git_guard::Guard;
use crate::git_repository::Repository;
use crate::program::{as_server_user, find, free_port, give};
use crate::scratch::Scratch;
use crate::stop::Stop;

/// How long it may take to start.
const PATIENCE_TICKS: u32 = 1500;

/// A running sshd that lets in whoever has the key. It ends when it is dropped.
#[derive(Debug)]
pub struct Sshd {
    /// The port on 127.0.0.1.
    pub port: u16,
    /// The private key that it lets in.
    pub key: String,
    /// One that it does not.
    pub wrong_key: String,
    /// The line of a `known_hosts` file that names it.
    pub known_hosts: String,
    /// A line that names another key for it.
    pub wrong_hosts: String,
    user: String,
    _guard: Guard,
    home: Scratch,
}

impl Sshd {
    /// Starts it.
    pub fn start() -> Self {
        let mut said = String::new();
        for _ in 0..5 {
            match Self::try_start(free_port()) {
                Ok(server) => return server,
                Err(log) => said = log,
            }
        }
        panic!("sshd does not serve:\n{said}");
    }

    fn try_start(port: u16) -> Result<Self, String> {
        let home = Scratch::new("sshd");
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
        give(home.path());
        for name in ["host", "user", "other"] {
            let made = Command::new(find("ssh-keygen", "/nowhere", "install openssh-client"))
                .args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"])
                .arg(home.join(name))
                .status();
            assert!(made.unwrap().success(), "ssh-keygen failed");
        }
        give(&home.join("host"));
        let shown = home.path().display();
        let config = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {shown}/host\nAuthorizedKeysFile {shown}/user.pub\n\
             PidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nLogLevel VERBOSE\n"
        );
        fs::write(home.join("config"), config).unwrap();
        let mut server = as_server_user(Path::new("/usr/sbin/sshd"));
        server.args(["-D", "-e", "-f"]).arg(home.join("config"));
        let guard = Guard::start(home.path(), &server, "log");
        let text = |name: &str| fs::read_to_string(home.join(name)).unwrap();
        let host = |name: &str| format!("[127.0.0.1]:{port} {}", text(name));
        let started = Self {
            port,
            key: text("user"),
            wrong_key: text("other"),
            known_hosts: host("host.pub"),
            wrong_hosts: host("other.pub"),
            user: user(),
            _guard: guard,
            home,
        };
        let waiting = Stop::default();
        for _ in 0..PATIENCE_TICKS {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(started);
            }
            let log = fs::read_to_string(started.home.join("log")).unwrap_or_default();
            if log.contains("Cannot bind") || log.contains("fatal") || log.contains("not found") {
                return Err(log);
            }
            waiting.wait(Duration::from_millis(20));
        }
        Err("it runs and does not serve".into())
    }

    /// A new repository of this name, without a commit.
    pub fn repository(&self, name: &str) -> Repository {
        Repository::create(self.home.join(name), "sha1")
    }

    /// The address of a repository.
    pub fn url(&self, repository: &Repository) -> String {
        self.url_of(&repository.path)
    }

    /// The address of a path.
    pub fn url_of(&self, path: &Path) -> String {
        let (user, port, path) = (&self.user, self.port, path.display());
        format!("ssh://{user}@127.0.0.1:{port}{path}")
    }

    /// Where its files are.
    pub fn home(&self) -> PathBuf {
        self.home.path().to_owned()
    }
}

/// Whom a server that is not root's can let in: its own user.
fn user() -> String {
    let output = as_server_user(Path::new("/usr/bin/id"))
        .arg("-un")
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
