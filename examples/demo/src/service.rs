//! The service: a thread per connection, an answer per path.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// The version that the service says it is.
const VERSION: &str = "5f3c2a9d1e8b7460c5f3c2a9d1e8b7460c5f3c2a";

/// A service that answers health questions, each path in its own way:
///
/// | path | answer |
/// |---|---|
/// | `/healthy` | 200, error rate 0.4 %, availability 99.9 %, quickly |
/// | `/degraded` | 200, calls itself degraded, error rate 3.5 % |
/// | `/failing` | 200, error rate 12 % |
/// | `/slow` | 200 after 2.5 seconds |
/// | `/down` | 503 |
/// | `/starting` | 503 three times, then as `/healthy` |
/// | `/recovering` | `/failing` once, then as `/healthy` |
///
/// `?version=…` after any of them is the version that it says it is.
///
/// Listens on a free loopback port until the process ends.
#[derive(Debug)]
pub struct Service {
    address: SocketAddr,
    asked: Arc<AtomicU32>,
}

#[derive(Default)]
struct Counters {
    starting: AtomicU32,
    recovering: AtomicU32,
}

impl Service {
    /// Starts the service.
    ///
    /// # Errors
    /// When no loopback port can be had.
    pub fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let asked = Arc::new(AtomicU32::new(0));
        let counters = Arc::new(Counters::default());
        let seen = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (counters, seen) = (Arc::clone(&counters), Arc::clone(&seen));
                std::thread::spawn(move || {
                    seen.fetch_add(1, Ordering::SeqCst);
                    // A client that went away is its own affair.
                    let _ = answer(stream, &counters);
                });
            }
        });
        Ok(Self { address, asked })
    }

    /// The address of a path: `service.url("/healthy")`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// How many connections were made so far.
    pub fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }
}

fn answer(mut stream: TcpStream, counters: &Counters) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines
        .next()
        .transpose()?
        .is_some_and(|line| !line.is_empty())
    {}
    let path = request.split(' ').nth(1).unwrap_or("/");
    let (path, version) = path.split_once("?version=").unwrap_or((path, VERSION));
    let path = match path {
        "/starting" if counters.starting.fetch_add(1, Ordering::SeqCst) < 3 => "/down",
        "/recovering" if counters.recovering.fetch_add(1, Ordering::SeqCst) < 1 => "/failing",
        "/starting" | "/recovering" => "/healthy",
        path => path,
    };
    let (status, body) = match path {
        "/healthy" => (200, health(version, "healthy", 0.4, 99.9)),
        "/degraded" => (200, health(version, "degraded", 3.5, 99.6)),
        "/failing" => (200, health(version, "healthy", 12.0, 98.2)),
        "/slow" => {
            pause(Duration::from_millis(2500));
            (200, health(version, "healthy", 0.4, 99.9))
        }
        "/down" => (503, r#"{"status":"unhealthy"}"#.to_owned()),
        _ => (404, r#"{"status":"unhealthy"}"#.to_owned()),
    };
    write!(
        stream,
        "HTTP/1.1 {status} {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        if status == 200 { "OK" } else { "Not well" },
        body.len()
    )
}

fn health(version: &str, status: &str, error_rate: f64, availability: f64) -> String {
    format!(
        r#"{{"status":"{status}","error_rate":{error_rate},"availability":{availability},"response_time":42,"version":"{version}"}}"#
    )
}

/// A wait that only time ends.
fn pause(time: Duration) {
    let lock = Mutex::new(());
    let guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
    drop(Condvar::new().wait_timeout_while(guard, time, |()| true));
}
