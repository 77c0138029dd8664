//! A real PostgreSQL: its own cluster in a scratch folder, on a free loopback port.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::program::{self, as_server_user, free_port, give};
use crate::scratch::Scratch;
use crate::tls::Issued;

/// The superuser of every cluster.
pub const USER: &str = "tester";
/// Its password, asked for with SCRAM-SHA-256 on every connection over TCP.
pub const PASSWORD: &str = "c0rrect-horse";

/// Ends the server when its own input ends: also when the test process is killed, and for a server in a static, which
/// is never dropped. Its first argument is the server's folder, removed with it unless the last word was to keep it.
const GUARD: &str = "home=$1; shift; exec 3<&0; \"$@\" </dev/null & server=$!; word=$(cat <&3); \
    kill -QUIT $server 2>/dev/null; kill -CONT $server 2>/dev/null; wait $server; \
    [ \"$word\" = keep ] || rm -rf \"$home\"";

static DATABASES: AtomicU32 = AtomicU32::new(0);

/// A cluster. It ends with the value.
#[derive(Debug)]
pub struct Postgres {
    port: u16,
    guard: Option<Child>,
    paused: bool,
    tls: bool,
    home: Scratch,
}

impl Postgres {
    /// A cluster without TLS, running.
    pub fn start_new() -> Self {
        Self::launch(None)
    }

    /// A cluster that offers TLS with this certificate, running.
    pub fn start_with_tls(certificate: &Issued) -> Self {
        Self::launch(Some(certificate))
    }

    /// The one cluster that all tests of a process share, each in a database of its own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Self::start_new)
    }

    /// Creates an empty database and gives its name.
    pub fn fresh_database(&self) -> String {
        let name = format!("t{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        name
    }

    /// The URL of a database, with user and password.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://{USER}:{PASSWORD}@127.0.0.1:{}/{database}",
            self.port
        )
    }

    /// The URL of the cluster's own database.
    pub fn admin_url(&self) -> String {
        self.url("postgres")
    }

    /// The port on 127.0.0.1. It stays the same over `stop` and `start`.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs statements with `psql` and gives its output, fields parted by `|`. A failing one fails the test.
    pub fn sql(&self, database: &str, statements: &str) -> String {
        let output = Command::new(binary("psql"))
            .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statements])
            .arg(self.url(database))
            .env("PGTZ", "UTC")
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "psql: {errors}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// A database as statements that make it again, without comments.
    ///
    /// # Panics
    /// When it cannot be dumped.
    pub fn dump(&self, database: &str) -> String {
        let output = Command::new(binary("pg_dump"))
            .args(["--column-inserts", "--no-owner", "--no-privileges"])
            .arg(self.url(database))
            .env("PGTZ", "UTC")
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "pg_dump: {errors}");
        let text = String::from_utf8(output.stdout).unwrap();
        // What sets up the session is different in every version of pg_dump.
        let kept = text.lines().filter(|line| {
            let setup = ["--", "\\", "SET ", "SELECT pg_catalog.set_config"];
            !line.is_empty() && !setup.iter().any(|begin| line.starts_with(begin))
        });
        kept.collect::<Vec<_>>().join("\n") + "\n"
    }

    /// What the server has said so far.
    pub fn log(&self) -> String {
        log(&self.home)
    }

    /// Ends the server, without warning its clients.
    pub fn stop(&mut self) {
        self.resume();
        if let Some(mut guard) = self.guard.take() {
            let mut input = guard.stdin.take().unwrap();
            input.write_all(b"keep").unwrap();
            drop(input);
            guard.wait().unwrap();
        }
    }

    /// Starts the server again, with its data, on the same port.
    pub fn start(&mut self) {
        assert!(self.guard.is_none(), "the server runs already");
        self.guard = run(&self.home, self.port, self.tls);
        assert!(self.guard.is_some(), "{}", log(&self.home));
    }

    /// Freezes the server with all its sessions: connections stay open and nothing answers.
    pub fn pause(&mut self) {
        self.signal("STOP");
        self.paused = true;
    }

    /// Lets a frozen server go on.
    pub fn resume(&mut self) {
        if self.paused {
            self.signal("CONT");
            self.paused = false;
        }
    }

    fn launch(certificate: Option<&Issued>) -> Self {
        let home = Scratch::new("postgres");
        // The server's user has to reach its data in here.
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let data = home.join("data");
        // `-a` keeps the owner and the mode, which the server insists on.
        let copied = Command::new("cp")
            .arg("-a")
            .args([template().join("data"), data.clone()])
            .status();
        assert!(copied.unwrap().success(), "the template was not copied");
        if let Some(issued) = certificate {
            for (name, text) in [
                ("server.crt", &issued.cert_pem),
                ("server.key", &issued.key_pem),
            ] {
                let path = data.join(name);
                fs::write(&path, text).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
                give(&path);
            }
        }
        // Another process can take the port between the look and the start.
        for _ in 0..5 {
            let port = free_port();
            if let Some(guard) = run(&home, port, certificate.is_some()) {
                return Self {
                    port,
                    guard: Some(guard),
                    paused: false,
                    tls: certificate.is_some(),
                    home,
                };
            }
        }
        panic!("PostgreSQL did not start: {}", log(&home));
    }

    /// Every session is a child in a process group of its own, so each is told by itself.
    fn signal(&self, name: &str) {
        let pid = fs::read_to_string(self.home.join("data/postmaster.pid")).unwrap();
        let postmaster = pid.lines().next().unwrap().to_owned();
        let children = Command::new("ps")
            .args(["-o", "pid=", "--ppid", &postmaster])
            .output()
            .unwrap();
        let children = String::from_utf8(children.stdout).unwrap();
        let status = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(&postmaster)
            .args(children.split_whitespace())
            .status();
        assert!(status.unwrap().success(), "kill -{name} failed");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            drop(guard.stdin.take());
            drop(guard.wait());
        }
    }
}

fn binary(name: &str) -> PathBuf {
    program::find(name, "/usr/lib/postgresql", "install PostgreSQL")
}

/// A cluster fresh from initdb, made once a process and copied from then on.
fn template() -> &'static Path {
    static TEMPLATE: OnceLock<(Scratch, Child)> = OnceLock::new();
    let (home, _) = TEMPLATE.get_or_init(|| {
        let home = Scratch::new("postgres-template");
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let (data, password) = (home.join("data"), home.join("password"));
        fs::create_dir(&data).unwrap();
        fs::write(&password, PASSWORD).unwrap();
        give(&data);
        let output = as_server_user(&binary("initdb"))
            .args(["--no-sync", "--auth=scram-sha-256", "--encoding=UTF8"])
            .args(["--locale=C", "--username", USER, "--pwfile"])
            .arg(&password)
            .arg("-D")
            .arg(&data)
            .current_dir(home.path())
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "initdb: {errors}");
        // Statics are never dropped: a shell that waits for the end of this process removes the folder.
        let remover = Command::new("sh")
            .args(["-c", "cat >/dev/null; rm -rf \"$1\"", "sh"])
            .arg(home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        (home, remover)
    });
    home.path()
}

/// Starts the server and waits until it takes connections; nothing when it ended before that.
fn run(home: &Scratch, port: u16, tls: bool) -> Option<Child> {
    let data = home.join("data");
    let server = as_server_user(&binary("postgres"));
    let mut guard = Command::new("sh")
        .args(["-c", GUARD, "sh"])
        .arg(home.path())
        .arg(server.get_program())
        .args(server.get_args())
        .arg("-D")
        .arg(&data)
        .args(["-p", &port.to_string(), "-h", "127.0.0.1", "-k", ""])
        .args(["-F", "-c", "max_connections=200", "-c"])
        .arg(format!("ssl={}", if tls { "on" } else { "off" }))
        .current_dir(home.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(fs::File::create(home.join("log")).unwrap())
        .spawn()
        .unwrap();
    for _ in 0..1500 {
        std::thread::park_timeout(Duration::from_millis(20));
        let status = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
        if status.lines().nth(7).map(str::trim) == Some("ready") {
            return Some(guard);
        }
        // A client that is early is turned away with a FATAL of its own; the server goes on.
        let ended = |line: &str| line.contains("FATAL") && !line.contains("the database system is");
        if log(home).lines().any(ended) {
            // It has ended by itself: without the guard the folder stays, for another try.
            guard.kill().unwrap();
            guard.wait().unwrap();
            return None;
        }
    }
    drop(guard.stdin.take());
    guard.wait().unwrap();
    panic!("PostgreSQL is not ready after 30 s: {}", log(home));
}

fn log(home: &Scratch) -> String {
    fs::read_to_string(home.join("log")).unwrap_or_default()
}
