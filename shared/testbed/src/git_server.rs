//! A real git server over HTTPS with a login: nginx, fcgiwrap and `git http-backend`.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use crate::git_guard::Guard;
use crate::git_repository::{Repository, git};
use crate::program::{as_server_user, find, free_port, give};
use crate::scratch::Scratch;
use crate::stop::Stop;
use crate::tls::Ca;

/// The user that may read and write.
pub const USER: &str = "ci";
/// Its password.
pub const PASSWORD: &str = "c0rrect-h0rse";

/// How long it may take to start.
const PATIENCE_TICKS: u32 = 1500;

/// A running server. It ends when it is dropped.
#[derive(Debug)]
pub struct GitServer {
    /// Where it listens with TLS, as `localhost` and as `127.0.0.1`.
    pub address: SocketAddr,
    /// The authority that its certificate is from, as a PEM file.
    pub ca_file: PathBuf,
    _nginx: Guard,
    _fcgiwrap: Guard,
    home: Scratch,
}

impl GitServer {
    /// The one server that all tests of a process share, each with repositories of its own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<GitServer> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Starts a server without a repository.
    pub fn start() -> Self {
        let mut said = String::new();
        // Another process can take the port between the look and the start.
        for _ in 0..5 {
            match Self::try_start(free_port()) {
                Ok(server) => return server,
                Err(log) => said = log,
            }
        }
        panic!("nginx does not serve:\n{said}");
    }

    fn try_start(port: u16) -> Result<Self, String> {
        let home = Scratch::new("git");
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
        give(home.path());
        let ca = Ca::new("git servers");
        let issued = ca.issue(&["localhost", "127.0.0.1"]);
        for (name, text) in [
            ("ca.pem", &ca.pem),
            ("server.pem", &issued.cert_pem),
            ("server.key", &issued.key_pem),
            ("users", &format!("{USER}:{{PLAIN}}{PASSWORD}\n")),
            ("nginx.conf", &configuration(home.path(), port)),
        ] {
            fs::write(home.join(name), text).unwrap();
            give(&home.join(name));
        }
        let socket = home.join("fcgiwrap.sock");
        let mut fcgiwrap = as_server_user(&server("fcgiwrap", "fcgiwrap"));
        fcgiwrap
            .args(["-c", "8", "-s"])
            .arg(format!("unix:{}", socket.display()));
        let fcgiwrap = Guard::start(home.path(), &fcgiwrap, "fcgiwrap.log");
        let mut nginx = as_server_user(&server("nginx", "nginx-light"));
        nginx.arg("-e").arg(home.join("error.log"));
        nginx.arg("-c").arg(home.join("nginx.conf"));
        let nginx = Guard::start(home.path(), &nginx, "nginx.log");
        let server = Self {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            ca_file: home.join("ca.pem"),
            _nginx: nginx,
            _fcgiwrap: fcgiwrap,
            home,
        };
        let waiting = Stop::default();
        for _ in 0..PATIENCE_TICKS {
            let log = fs::read_to_string(server.home.join("nginx.log")).unwrap_or_default();
            if log.contains("[emerg]") {
                return Err(log);
            }
            if socket.exists() && TcpStream::connect(server.address).is_ok() {
                return Ok(server);
            }
            waiting.wait(Duration::from_millis(20));
        }
        Err("it runs and does not serve".into())
    }

    /// A new repository of this name, without a commit.
    pub fn repository(&self, name: &str) -> Repository {
        self.repository_in(name, "sha1")
    }

    /// One whose objects are named by SHA-256.
    pub fn sha256_repository(&self, name: &str) -> Repository {
        self.repository_in(name, "sha256")
    }

    fn repository_in(&self, name: &str, format: &str) -> Repository {
        Repository::create(self.home.join("repositories").join(name), format)
    }

    /// The address of a repository below a place: `git` (with a login), `open` (reading without one), `moved`
    /// (redirects to `git`), `elsewhere` (redirects to another host), `round` (to itself), `forbidden` (403 in words),
    /// `page` (a page for people).
    pub fn url(&self, place: &str, name: &str) -> String {
        format!("https://localhost:{}/{place}/{name}", self.address.port())
    }

    /// Real git as a client of this server, which trusts its certificate.
    pub fn client(&self, folder: &Path) -> Command {
        let mut command = git(|program| Command::new(program));
        command
            .env("GIT_SSL_CAINFO", &self.ca_file)
            .current_dir(folder);
        command
    }
}

/// A server's program, where only root's PATH leads.
fn server(name: &str, package: &str) -> PathBuf {
    let usual = Path::new("/usr/sbin").join(name);
    if usual.is_file() {
        return usual;
    }
    find(name, "/nowhere", &format!("install the package {package}"))
}

fn backend() -> PathBuf {
    let output = git(|program| Command::new(program))
        .arg("--exec-path")
        .output()
        .unwrap();
    let folder = String::from_utf8(output.stdout).unwrap();
    Path::new(folder.trim()).join("git-http-backend")
}

fn configuration(home: &Path, port: u16) -> String {
    let (home, backend) = (home.display(), backend());
    let temporary: Vec<String> = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|name| format!("{name}_temp_path {home}/{name};"))
        .collect();
    let git = format!(
        "fastcgi_pass unix:{home}/fcgiwrap.sock; fastcgi_param SCRIPT_FILENAME {};
         fastcgi_param GIT_PROJECT_ROOT {home}/repositories; fastcgi_param GIT_HTTP_EXPORT_ALL 1;
         fastcgi_param PATH /usr/bin:/bin; fastcgi_param HOME {home}; fastcgi_param PATH_INFO $1;
         fastcgi_param QUERY_STRING $query_string; fastcgi_param REQUEST_METHOD $request_method;
         fastcgi_param CONTENT_TYPE $content_type; fastcgi_param CONTENT_LENGTH $content_length;
         fastcgi_param REMOTE_ADDR $remote_addr; fastcgi_param HTTP_CONTENT_ENCODING $http_content_encoding;
         fastcgi_param GIT_PROTOCOL $http_git_protocol;",
        backend.display()
    );
    format!(
        "daemon off; worker_processes 1; pid {home}/nginx.pid; error_log {home}/error.log;
events {{}}
http {{
  access_log {home}/access.log; client_max_body_size 0; default_type text/plain; {temporary}
  server {{
    listen 127.0.0.1:{port} ssl; server_name localhost;
    ssl_certificate {home}/server.pem; ssl_certificate_key {home}/server.key;
    location ~ ^/git(/.*)$ {{
      auth_basic git; auth_basic_user_file {home}/users; {git} fastcgi_param REMOTE_USER $remote_user;
    }}
    location ~ ^/open(/.*)$ {{ {git} }}
    location ~ ^/moved(/.*)$ {{ return 301 /git$1?$query_string; }}
    location ~ ^/elsewhere(/.*)$ {{ return 302 https://127.0.0.1:{port}/git$1?$query_string; }}
    location ~ ^/round(/.*)$ {{ return 302 /round$1?$query_string; }}
    location /forbidden/ {{ return 403 'Permission to shop.git denied to ci.\\n'; }}
    location /page/ {{ default_type text/html; return 200 '<html>Please log in</html>'; }}
  }}
}}
",
        temporary = temporary.join(" ")
    )
}
