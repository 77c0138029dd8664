//! A small HTTP server that a proxy splits traffic to: it counts what it is asked, and fails when it is told to.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::stop::Stop;

/// The header that names the backend in its answers.
pub const HEADER: &str = "X-Backend";

/// What it does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Answers 200 and `{"status":"healthy","version":VERSION}`.
    Healthy,
    /// Answers with this status and `{"status":"unhealthy","version":VERSION}`.
    Failing(u16),
    /// Answers with this status and nothing else: no body, no version.
    Blank(u16),
    /// Closes the connection without an answer.
    Mute,
    /// Keeps the request for as long as it is so, and then goes on as it is told.
    Stuck,
    /// Answers `/health` well, and of all other requests the last `failing` of every `of` with 500.
    Faulty {
        /// So many.
        failing: u64,
        /// Of so many; above 0.
        of: u64,
    },
}

/// A running backend. It ends when it is dropped.
pub struct Backend {
    /// Where it listens.
    pub address: SocketAddr,
    inner: Arc<Inner>,
    accepting: Option<JoinHandle<()>>,
}

/// A folder that says what is served.
struct Release {
    folder: PathBuf,
    version: String,
    /// Answers of this version so far.
    answers: u64,
}

struct Inner {
    name: String,
    version: Mutex<String>,
    manner: Mutex<Manner>,
    release: Mutex<Option<Release>>,
    requests: AtomicU64,
    /// Those that did not ask for its health.
    served: AtomicU64,
    connections: AtomicU64,
    /// Requests under way, and the most that were at once.
    under_way: Mutex<(u64, u64)>,
    open: Mutex<Vec<TcpStream>>,
    stop: Stop,
}

impl Backend {
    /// Starts a healthy one on a free loopback port.
    pub fn start(name: &str) -> Self {
        Self::start_at(name, SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// Starts a healthy one where another one was.
    pub fn start_at(name: &str, address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Inner {
            name: name.to_owned(),
            version: Mutex::new(name.to_owned()),
            manner: Mutex::new(Manner::Healthy),
            release: Mutex::default(),
            requests: AtomicU64::new(0),
            served: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            under_way: Mutex::default(),
            open: Mutex::default(),
            stop: Stop::default(),
        });
        let serving = Arc::clone(&inner);
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.stop.stopped() {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let inner = Arc::clone(&serving);
                // The proxy may leave at any time; that is not the backend's failure.
                std::thread::spawn(move || drop(inner.serve(stream)));
            }
        });
        Self {
            address,
            inner,
            accepting: Some(accepting),
        }
    }

    /// What it does from the next answer on.
    pub fn behave(&self, manner: Manner) {
        *self.inner.manner.lock().unwrap() = manner;
    }

    /// The version that its answers name from now on; its own name before that.
    pub fn deploy(&self, version: &str) {
        version.clone_into(&mut self.inner.version.lock().unwrap());
    }

    /// Serves what lies in a folder from now on, looked at for every answer: `version` is what the answers name, `bears`
    /// how many good ones it gives before it breaks down; without that file it never does.
    pub fn follow(&self, folder: &Path) {
        *self.inner.release.lock().unwrap() = Some(Release {
            folder: folder.to_owned(),
            version: String::new(),
            answers: 0,
        });
    }

    /// The version that its answers name.
    pub fn version(&self) -> String {
        self.inner.version.lock().unwrap().clone()
    }

    /// How many connections were opened to it so far.
    pub fn connections(&self) -> u64 {
        self.inner.connections.load(Ordering::SeqCst)
    }

    /// The most requests that were under way at once.
    pub fn most_at_once(&self) -> u64 {
        self.inner.under_way.lock().unwrap().1
    }

    /// How many requests came so far.
    pub fn requests(&self) -> u64 {
        self.inner.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Backend {
    /// Also ends its open connections: from here on the port refuses.
    fn drop(&mut self) {
        self.inner.stop.stop();
        // Wakes the thread that waits for the next connection.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        for stream in self.inner.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Inner {
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        self.connections.fetch_add(1, Ordering::SeqCst);
        self.open.lock().unwrap().push(stream.try_clone()?);
        let mut input = BufReader::new(stream.try_clone()?);
        let mut output = stream;
        while let Some(path) = read_head(&mut input)? {
            self.begin();
            self.look();
            while self.manner() == Manner::Stuck {
                if self.stop.wait(Duration::from_millis(5)) {
                    return Ok(());
                }
            }
            let (status, word) = match self.manner() {
                Manner::Failing(status) | Manner::Blank(status) => (status, "unhealthy"),
                Manner::Faulty { failing, of } if path != "/health" => {
                    let number = self.served.fetch_add(1, Ordering::SeqCst) % of;
                    if number + failing < of {
                        (200, "healthy")
                    } else {
                        (500, "unhealthy")
                    }
                }
                Manner::Healthy | Manner::Faulty { .. } => (200, "healthy"),
                Manner::Mute | Manner::Stuck => return output.shutdown(Shutdown::Both),
            };
            let (name, version) = (&self.name, self.version.lock().unwrap().clone());
            let body = match self.manner() {
                Manner::Blank(_) => String::new(),
                _ => format!("{{\"status\":\"{word}\",\"version\":\"{version}\"}}"),
            };
            let answer = format!(
                "HTTP/1.1 {status} Answer\r\nContent-Type: application/json\r\n{HEADER}: {name}\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            );
            // Before the answer: whoever has it may ask again at once.
            self.under_way.lock().unwrap().0 -= 1;
            output.write_all(answer.as_bytes())?;
        }
        Ok(())
    }

    fn begin(&self) {
        let mut under_way = self.under_way.lock().unwrap();
        under_way.0 += 1;
        under_way.1 = under_way.1.max(under_way.0);
        drop(under_way);
        self.requests.fetch_add(1, Ordering::SeqCst);
    }

    /// Becomes what the folder says, if there is one.
    fn look(&self) {
        let mut release = self.release.lock().unwrap();
        let Some(release) = release.as_mut() else {
            return;
        };
        let read = |name: &str| std::fs::read_to_string(release.folder.join(name)).ok();
        let version = read("version").unwrap_or_default().trim().to_owned();
        let bears: u64 = read("bears").map_or(u64::MAX, |text| text.trim().parse().unwrap());
        if version != release.version {
            release.answers = 0;
            release.version.clone_from(&version);
        }
        release.answers += 1;
        *self.manner.lock().unwrap() = if release.answers > bears {
            Manner::Failing(500)
        } else {
            Manner::Healthy
        };
        *self.version.lock().unwrap() = version;
    }

    fn manner(&self) -> Manner {
        *self.manner.lock().unwrap()
    }
}

/// Reads a request without a body, and says what it asks for; nothing when there is none any more.
fn read_head(input: &mut impl BufRead) -> std::io::Result<Option<String>> {
    let mut path = None;
    loop {
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if line == "\r\n" {
            return Ok(path);
        }
        if path.is_none() {
            path = Some(line.split(' ').nth(1).unwrap_or_default().to_owned());
        }
    }
}
