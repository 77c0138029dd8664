//! A real HAProxy.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::backend::Backend;
use crate::program::{as_server_user, find, free_port, give};
use crate::scratch::Scratch;
use crate::stop::Stop;
use crate::tls::Issued;

/// How long it may take to start.
const PATIENCE_TICKS: u32 = 1500;

/// The configuration of a proxy whose backend `shop` has the servers `blue` and `green`.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address of the server `blue`.
    pub blue: SocketAddr,
    /// The address of the server `green`.
    pub green: SocketAddr,
    /// Configured weights of blue and green; 100 and 0.
    pub weights: (u16, u16),
    /// The algorithm; `roundrobin`.
    pub balance: &'static str,
    /// Level of the runtime API; `admin`.
    pub level: &'static str,
    /// More lines of the backend.
    pub lines: &'static str,
    /// More words of each server, such as `check`; `NAME` stands for its name.
    pub words: &'static str,
    /// Certificate with key, and authority, both PEM, of the runtime API over TLS.
    pub tls: Option<(String, String)>,
}

impl Config {
    /// Blue carries everything.
    pub fn new(blue: &Backend, green: &Backend) -> Self {
        Self {
            blue: blue.address,
            green: green.address,
            weights: (100, 0),
            balance: "roundrobin",
            level: "admin",
            lines: "",
            words: "",
            tls: None,
        }
    }

    /// Also offers the runtime API over TLS to whom the authority (PEM) has issued a certificate.
    #[must_use]
    pub fn tls(mut self, issued: &Issued, ca_pem: &str) -> Self {
        let server = format!("{}{}", issued.cert_pem, issued.key_pem);
        self.tls = Some((server, ca_pem.to_owned()));
        self
    }
}

/// A running HAProxy. It ends when it is dropped.
pub struct Haproxy {
    /// Where clients are served.
    pub address: SocketAddr,
    /// The runtime API as a unix socket.
    pub socket: PathBuf,
    /// The same as `tcp://127.0.0.1:PORT`.
    pub tcp: String,
    /// The same as `tls://localhost:PORT`, where the configuration offers it.
    pub tls: String,
    child: Child,
    scratch: Scratch,
}

impl Haproxy {
    /// Starts it and waits until it serves. Not as root, although HAProxy would agree.
    pub fn start(config: &Config) -> Self {
        let mut log = String::new();
        // Another test can take a free port before HAProxy does.
        for _ in 0..5 {
            match Self::try_start(config) {
                Ok(server) => return server,
                Err(said) => log = said,
            }
        }
        panic!("haproxy does not start:\n{log}");
    }

    fn try_start(config: &Config) -> Result<Self, String> {
        let scratch = Scratch::new("haproxy");
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
        give(scratch.path());
        let [client, api, secure] = std::array::from_fn(|_| free_port());
        let text = write(config, &scratch, [client, api, secure]);
        fs::write(scratch.join("haproxy.cfg"), text).unwrap();
        let child = spawn(&scratch);
        let mut server = Self {
            address: SocketAddr::from(([127, 0, 0, 1], client)),
            socket: scratch.join("admin.sock"),
            tcp: format!("tcp://127.0.0.1:{api}"),
            tls: format!("tls://localhost:{secure}"),
            child,
            scratch,
        };
        server.wait_until_serving()?;
        Ok(server)
    }

    /// The runtime API's unix socket, as an address.
    pub fn unix(&self) -> String {
        self.socket.display().to_string()
    }

    /// Ends it, as a machine does that fails.
    pub fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Ends it and starts it again, with its configuration as it was: what was set at runtime is gone.
    pub fn restart(&mut self) {
        self.kill();
        drop(fs::remove_file(&self.socket));
        self.child = spawn(&self.scratch);
        self.wait_until_serving().unwrap();
    }

    fn wait_until_serving(&mut self) -> Result<(), String> {
        let waiting = Stop::default();
        for _ in 0..PATIENCE_TICKS {
            if self.child.try_wait().unwrap().is_some() {
                return Err(fs::read_to_string(self.scratch.join("log")).unwrap());
            }
            if self.answers() && TcpStream::connect(self.address).is_ok() {
                return Ok(());
            }
            waiting.wait(Duration::from_millis(20));
        }
        Err("it runs and does not serve".into())
    }
}

impl Haproxy {
    /// Whether its runtime API answers: one that lost its port to another process has a socket, too, until it ends.
    fn answers(&self) -> bool {
        let asked = UnixStream::connect(&self.socket).and_then(|mut stream| {
            stream.write_all(b"show version\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)
        });
        asked.is_ok_and(|read| read > 0)
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(scratch: &Scratch) -> Child {
    let log = fs::File::create(scratch.join("log")).unwrap();
    let hint = "install the package haproxy";
    as_server_user(&find("haproxy", "/usr/lib/haproxy", hint))
        .arg("-db")
        .arg("-f")
        .arg(scratch.join("haproxy.cfg"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

fn write(config: &Config, scratch: &Scratch, [client, api, secure]: [u16; 3]) -> String {
    let folder = scratch.path().display();
    let Config {
        balance,
        level,
        lines,
        ..
    } = config;
    let mut text = format!(
        "global\n  stats socket {folder}/admin.sock mode 600 level {level}\n  \
         stats socket ipv4@127.0.0.1:{api} level {level}\n\
         defaults\n  mode http\n  timeout connect 1s\n  timeout client 30s\n  timeout server 30s\n\
         frontend web\n  bind 127.0.0.1:{client}\n  default_backend shop\n\
         backend shop\n  balance {balance}\n  {lines}\n"
    );
    for (name, address, weight) in [
        ("blue", config.blue, config.weights.0),
        ("green", config.green, config.weights.1),
    ] {
        let words = config.words.replace("NAME", name);
        writeln!(text, "  server {name} {address} weight {weight} {words}").unwrap();
    }
    if let Some((server, ca)) = &config.tls {
        for (name, pem) in [("server.pem", server), ("ca.pem", ca)] {
            fs::write(scratch.join(name), pem).unwrap();
            give(&scratch.join(name));
        }
        writeln!(
            text,
            "listen cli\n  mode tcp\n  bind 127.0.0.1:{secure} ssl crt {folder}/server.pem \
             ca-file {folder}/ca.pem verify required\n  server cli unix@{folder}/admin.sock"
        )
        .unwrap();
    }
    text
}
