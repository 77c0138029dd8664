//! A shop with two sides, stable and canary. Each runs whatever release its link points to.

use std::collections::VecDeque;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Side, http};

/// How many requests are looked back at to tell how much of the traffic a side carries.
const RECENT: usize = 50;

/// Both sides, each on a port of its own, until the process ends.
pub(super) struct Shop {
    stable: SocketAddr,
    canary: SocketAddr,
}

/// What both sides see.
struct Inner {
    root: PathBuf,
    recent: Mutex<VecDeque<Side>>,
    /// The release that broke down. It does not get well by itself.
    broken: Mutex<Option<String>>,
}

/// What a release's folder says.
struct Release {
    version: String,
    /// How many of the last [`RECENT`] requests it can take before it breaks down.
    bears: usize,
}

impl Shop {
    /// Opens the shop whose releases are below `root`.
    pub(super) fn open(root: &Path) -> std::io::Result<Self> {
        let inner = Arc::new(Inner {
            root: root.to_owned(),
            recent: Mutex::default(),
            broken: Mutex::default(),
        });
        Ok(Self {
            stable: serve(&inner, Side::Stable)?,
            canary: serve(&inner, Side::Canary)?,
        })
    }

    /// Where a side listens.
    pub(super) fn address(&self, side: Side) -> SocketAddr {
        match side {
            Side::Stable => self.stable,
            Side::Canary => self.canary,
        }
    }
}

fn serve(inner: &Arc<Inner>, side: Side) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let inner = Arc::clone(inner);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let inner = Arc::clone(&inner);
            // A client that went away is its own affair.
            std::thread::spawn(move || drop(inner.answer(stream, side)));
        }
    });
    Ok(address)
}

impl Inner {
    fn answer(&self, mut stream: TcpStream, side: Side) -> std::io::Result<()> {
        let request = http::read_head(&stream)?;
        let release = self.release(side)?;
        // The health check is asked beside the traffic, and is none of it.
        let is_well = if request.starts_with("GET /health ") {
            !self.is_broken(&release.version)
        } else {
            self.bears(&release, side)
        };
        let (status, word) = if is_well {
            (200, "healthy")
        } else {
            (500, "unhealthy")
        };
        let version = release.version;
        let body = format!(r#"{{"status":"{word}","version":"{version}"}}"#);
        write!(
            stream,
            "HTTP/1.1 {status} Answer\r\ncontent-type: application/json\r\nx-version: {version}\r\nx-side: {side}\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
    }

    fn release(&self, side: Side) -> std::io::Result<Release> {
        let folder = self.root.join(side.to_string());
        let read = |name: &str| std::fs::read_to_string(folder.join(name));
        Ok(Release {
            version: read("version")?.trim().to_owned(),
            bears: read("bears")?.trim().parse().unwrap_or(RECENT),
        })
    }

    /// Takes one more request, and says whether the release bears it.
    fn bears(&self, release: &Release, side: Side) -> bool {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.push_back(side);
        if recent.len() > RECENT {
            recent.pop_front();
        }
        let own = recent.iter().filter(|other| **other == side).count();
        drop(recent);
        if own > release.bears {
            *self.broken.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(release.version.clone());
        }
        !self.is_broken(&release.version)
    }

    fn is_broken(&self, version: &str) -> bool {
        let broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        broken.as_deref() == Some(version)
    }
}
