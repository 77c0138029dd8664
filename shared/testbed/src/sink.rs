//! A small HTTP server that records what it is sent and answers from a script.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::tls::Issued;

/// One answer of the script.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Headers besides `Content-Length` and `Connection`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// Waited before the answer.
    pub delay: Duration,
}

impl Reply {
    /// An answer without headers and delay.
    pub fn new(status: u16, body: &str) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.to_owned(),
            delay: Duration::ZERO,
        }
    }

    /// The same answer with a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same answer, later.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    /// Such as `POST`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, as long as `Content-Length` says.
    pub body: Vec<u8>,
}

impl Request {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(have, _)| have == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// What is answered to a request.
enum Rule {
    /// One after the other, and then 200 and `ok`.
    Script(Mutex<VecDeque<Reply>>),
    /// This, made from the request.
    Made(Box<dyn Fn(&Request) -> Reply + Send + Sync>),
}

/// A running server. After the script it answers 200 and `ok`.
pub struct Sink {
    address: SocketAddr,
    scheme: &'static str,
    seen: Arc<Mutex<Vec<Request>>>,
    ended: Arc<AtomicBool>,
    listening: Option<JoinHandle<()>>,
}

impl Sink {
    /// Starts on a free loopback port.
    pub fn start(script: impl IntoIterator<Item = Reply>) -> Self {
        Self::listen(scripted(script), None)
    }

    /// Starts one that makes each answer from its request, several at once.
    pub fn answering(rule: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(Rule::Made(Box::new(rule)), None)
    }

    /// The same over TLS.
    pub fn start_tls(script: impl IntoIterator<Item = Reply>, issued: &Issued) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from(issued.cert_der.clone())],
                PrivateKeyDer::try_from(issued.key_der.clone()).unwrap(),
            )
            .unwrap();
        Self::listen(scripted(script), Some(Arc::new(config)))
    }

    fn listen(rule: Rule, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (rule, seen) = (Arc::new(rule), Arc::default());
        let ended = Arc::new(AtomicBool::new(false));
        let (keep, stop) = (Arc::clone(&seen), Arc::clone(&ended));
        let listening = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (rule, seen, tls) = (Arc::clone(&rule), Arc::clone(&keep), tls.clone());
                std::thread::spawn(move || match tls {
                    // A client that refuses the certificate breaks off: that is its good right.
                    Some(config) => {
                        let session = rustls::ServerConnection::new(config).unwrap();
                        let _ = answer(rustls::StreamOwned::new(session, stream), &rule, &seen);
                    }
                    None => {
                        let _ = answer(stream, &rule, &seen);
                    }
                });
            }
        });
        Self {
            address,
            scheme,
            seen,
            ended,
            listening: Some(listening),
        }
    }

    /// The address of a path on this server, by the name `localhost`.
    pub fn url(&self, path: &str) -> String {
        format!("{}://localhost:{}{path}", self.scheme, self.address.port())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What came so far, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the accepting thread, which then sees that it is over.
        let _ = TcpStream::connect(self.address);
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

fn scripted(script: impl IntoIterator<Item = Reply>) -> Rule {
    Rule::Script(Mutex::new(script.into_iter().collect()))
}

fn answer(
    stream: impl Read + Write,
    rule: &Rule,
    seen: &Mutex<Vec<Request>>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Ok(());
    };
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let request = Request {
        method,
        path,
        headers,
        body,
    };
    let reply = {
        let mut seen = seen.lock().unwrap();
        seen.push(request.clone());
        match rule {
            // Under one lock, or requests and answers could cross.
            Rule::Script(script) => script.lock().unwrap().pop_front(),
            Rule::Made(rule) => {
                drop(seen);
                Some(rule(&request))
            }
        }
    };
    let reply = reply.unwrap_or_else(|| Reply::new(200, "ok"));
    #[expect(
        clippy::disallowed_methods,
        reason = "a real server that is slow is what is wanted here"
    )]
    std::thread::sleep(reply.delay);
    let mut head = format!(
        "HTTP/1.1 {} Answer\r\nContent-Length: {}\r\nConnection: close\r\n",
        reply.status,
        reply.body.len()
    );
    for (name, value) in &reply.headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    let stream = stream.get_mut();
    stream.write_all(format!("{head}\r\n{}", reply.body).as_bytes())?;
    stream.flush()
}
