//! Clients that ask and count who answers.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::backend::HEADER;
use crate::stop::Stop;

/// How many clients ask at once.
const CLIENTS: usize = 4;
/// A client that waits longer than this for an answer counts it as failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// What clients got.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answers {
    /// Good answers by the backend that gave them.
    pub by: BTreeMap<String, usize>,
    /// Requests without an answer, or with a status of 400 or more.
    pub failed: usize,
}

impl Answers {
    /// Good answers of one backend.
    pub fn of(&self, backend: &str) -> usize {
        self.by.get(backend).copied().unwrap_or_default()
    }

    /// All requests.
    pub fn total(&self) -> usize {
        self.by.values().sum::<usize>() + self.failed
    }

    fn add(&mut self, answer: Option<String>) {
        match answer {
            Some(backend) => *self.by.entry(backend).or_default() += 1,
            None => self.failed += 1,
        }
    }

    fn join(mut self, other: &Self) -> Self {
        for (backend, count) in &other.by {
            *self.by.entry(backend.clone()).or_default() += count;
        }
        self.failed += other.failed;
        self
    }
}

/// Sends so many requests to `address` and counts the answers.
pub fn send(address: SocketAddr, requests: usize) -> Answers {
    send_with(address, requests, "")
}

/// The same with header lines, each with its line end: `Cookie: SRV=green\r\n`.
pub fn send_with(address: SocketAddr, requests: usize, headers: &'static str) -> Answers {
    let left = Arc::new(AtomicUsize::new(requests));
    let next = move || {
        let took = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
            left.checked_sub(1)
        });
        took.is_ok()
    };
    ended(clients(address, |_| headers, next))
}

/// The header line of a client that opens a connection for every request.
const ONCE: &str = "Connection: close\r\n";

/// Clients that ask until they are told to stop.
pub struct Load {
    stop: Stop,
    sent: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Answers>>,
}

impl Load {
    /// Starts asking, each client on a connection that it keeps.
    pub fn start(address: SocketAddr) -> Self {
        Self::begin(address, |_| "")
    }

    /// The same, but so many requests a second in all, at most.
    pub fn start_paced(address: SocketAddr, a_second: u32) -> Self {
        let clients = u32::try_from(CLIENTS).unwrap();
        Self::pace(address, |_| "", clients * Duration::from_secs(1) / a_second)
    }

    /// The same as [`Self::start`], but every other client opens a new connection for each request.
    pub fn start_mixed(address: SocketAddr) -> Self {
        Self::begin(address, |client| if client % 2 == 0 { "" } else { ONCE })
    }

    fn begin(address: SocketAddr, headers: fn(usize) -> &'static str) -> Self {
        Self::pace(address, headers, Duration::ZERO)
    }

    fn pace(address: SocketAddr, headers: fn(usize) -> &'static str, pause: Duration) -> Self {
        let (stop, sent) = (Stop::default(), Arc::new(AtomicUsize::new(0)));
        let (stopping, counting) = (stop.clone(), Arc::clone(&sent));
        let next = move || {
            counting.fetch_add(1, Ordering::SeqCst);
            !stopping.wait(pause)
        };
        let clients = clients(address, headers, next);
        Self {
            stop,
            sent,
            clients,
        }
    }

    /// Waits until this many more requests have begun.
    pub fn wait_for(&self, requests: usize) {
        let enough = self.sent.load(Ordering::SeqCst) + requests;
        while self.sent.load(Ordering::SeqCst) < enough {
            assert!(
                !self.clients.iter().all(JoinHandle::is_finished),
                "no client is left"
            );
            self.stop.wait(Duration::from_millis(1));
        }
    }

    /// Ends it and says what the clients got.
    pub fn stop(self) -> Answers {
        self.stop.stop();
        ended(self.clients)
    }
}

fn clients(
    address: SocketAddr,
    headers: impl Fn(usize) -> &'static str,
    next: impl Fn() -> bool + Clone + Send + 'static,
) -> Vec<JoinHandle<Answers>> {
    let client = |number| {
        let (next, headers) = (next.clone(), headers(number));
        std::thread::spawn(move || {
            let (mut answers, mut client) = (Answers::default(), None);
            while next() {
                answers.add(ask(&mut client, address, headers));
            }
            answers
        })
    };
    (0..CLIENTS).map(client).collect()
}

fn ended(clients: Vec<JoinHandle<Answers>>) -> Answers {
    clients
        .into_iter()
        .map(|client| client.join().unwrap())
        .fold(Answers::default(), |sum, answers| sum.join(&answers))
}

/// One request on the client's connection, which is opened when there is none. A good answer gives the backend's name.
fn ask(
    client: &mut Option<BufReader<TcpStream>>,
    address: SocketAddr,
    headers: &str,
) -> Option<String> {
    let mut stream = match client.take() {
        Some(stream) => stream,
        None => connect(address)?,
    };
    let request = format!("GET / HTTP/1.1\r\nHost: shop\r\n{headers}\r\n");
    stream.get_mut().write_all(request.as_bytes()).ok()?;
    let (mut status, mut backend, mut length, mut close) = (0, None, 0, false);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
            status = rest.split(' ').next()?.parse().ok()?;
        } else if let Some((name, value)) = line.split_once(": ") {
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().ok()?,
                "connection" => close = value == "close",
                name if name == HEADER.to_ascii_lowercase() => backend = Some(value.to_owned()),
                _ => {}
            }
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    if !close {
        *client = Some(stream);
    }
    backend.filter(|_| (200..400).contains(&status))
}

fn connect(address: SocketAddr) -> Option<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address).ok()?;
    stream.set_nodelay(true).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    Some(BufReader::new(stream))
}
