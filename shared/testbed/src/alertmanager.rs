//! A real Alertmanager.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::program::free_port;
use crate::scratch::Scratch;
use crate::stop::Stop;

/// How long it may take to start.
const PATIENCE_TENTHS: u32 = 600;

/// An Alertmanager that tells nobody. It ends when it is dropped.
pub struct Alertmanager {
    address: SocketAddr,
    child: Child,
    _folder: Scratch,
}

impl Alertmanager {
    /// Starts a server and waits until it is ready.
    pub fn start() -> Self {
        let folder = Scratch::new("alertmanager");
        let config = folder.join("alertmanager.yml");
        let nobody = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";
        std::fs::write(&config, nobody).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let child = Command::new("prometheus-alertmanager")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            // It speaks with no others.
            .arg("--cluster.listen-address=")
            .arg("--log.level=error")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("prometheus-alertmanager must be installed: {error}"));
        let mut server = Self {
            address,
            child,
            _folder: folder,
        };
        server.wait_until_ready();
        server
    }

    fn wait_until_ready(&mut self) {
        for _ in 0..PATIENCE_TENTHS {
            if self
                .get("/-/ready")
                .is_some_and(|answer| answer.starts_with("HTTP/1.0 200"))
            {
                return;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "alertmanager ended by itself: {ended:?}");
            Stop::default().wait(Duration::from_millis(100));
        }
        panic!("alertmanager on {} is not ready", self.address);
    }

    /// Its address, as a setting.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The alerts that are not over.
    pub fn alerts(&self) -> Vec<Value> {
        let answer = self.get("/api/v2/alerts").unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap()
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
