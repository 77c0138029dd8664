//! A real Prometheus.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::stop::Stop;

/// How long it may take to start and to scrape for the first time.
const PATIENCE_TENTHS: u32 = 600;

/// A Prometheus server that scrapes one target every second, as job `shop`. It ends when it is dropped.
pub struct Prometheus {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    folder: PathBuf,
}

impl Prometheus {
    /// Starts a server below the path `prefix` (`/` for none) and waits until it has scraped the target twice.
    pub fn start(target: SocketAddr, prefix: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("prometheus-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let config = folder.join("prometheus.yml");
        let scrape = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
             scrape_configs: [{{job_name: shop, static_configs: [{{targets: ['{target}']}}]}}]\n"
        );
        std::fs::write(&config, scrape).unwrap();
        // The port is free again as soon as the listener is gone.
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .arg(format!("--web.route-prefix={prefix}"))
            .arg("--log.level=error")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("prometheus must be installed: {error}"));
        let mut server = Self {
            address,
            child,
            folder,
        };
        server.wait_until_scraped(prefix.trim_end_matches('/'));
        server
    }

    fn wait_until_scraped(&mut self, prefix: &str) {
        let path = format!("{prefix}/api/v1/query?query=count_over_time(up%5B1m%5D)%3E1");
        for _ in 0..PATIENCE_TENTHS {
            if self
                .get(&path)
                .is_some_and(|answer| answer.contains("\"job\":\"shop\""))
            {
                return;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "prometheus ended by itself: {ended:?}");
            Stop::default().wait(Duration::from_millis(100));
        }
        panic!("prometheus on {} did not scrape its target", self.address);
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
