//! A server that answers as it is told, however wrong that is: one behaviour a server.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::stop::Stop;
use crate::tls::Issued;

/// Makes the bytes of an answer from the head of a request.
pub type Script = Box<dyn Fn(&str) -> Vec<u8> + Send + Sync>;

/// What the server does with each connection.
pub enum Behaviour {
    /// Reads the request and answers with these bytes, made from the request's head, and closes. With none it closes
    /// without an answer.
    Says(Script),
    /// Reads the request, sends the text, and then one byte every 50 ms for ever.
    Trickles(&'static str),
    /// Reads the request, sends the text, and then bytes as fast as they are taken, for ever.
    Floods(&'static str),
    /// Sends the text without having read the request whole, and resets the connection.
    Resets(&'static str),
    /// Takes the connection and does nothing with it.
    Silent,
}

/// A server on loopback. It ends when it is dropped.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    stop: Stop,
    accepting: Option<JoinHandle<()>>,
}

impl Server {
    /// A plain HTTP server on `127.0.0.1`.
    pub fn start(behaviour: Behaviour) -> Self {
        Self::listen("127.0.0.1:0", behaviour, None)
    }

    /// One on `[::1]`.
    pub fn start_on_ipv6(behaviour: Behaviour) -> Self {
        Self::listen("[::1]:0", behaviour, None)
    }

    /// One that speaks TLS with this certificate.
    pub fn start_with_tls(behaviour: Behaviour, issued: &Issued) -> Self {
        let certificate = CertificateDer::from(issued.cert_der.clone());
        let key = PrivateKeyDer::try_from(issued.key_der.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        Self::listen("127.0.0.1:0", behaviour, Some(Arc::new(config)))
    }

    /// A server that gives this answer to every request: status line, headers and body as they go over the wire.
    pub fn says(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(Behaviour::Says(Box::new(move |_| answer.clone())))
    }

    /// A server that gives a good answer with this JSON.
    pub fn json(body: &str) -> Self {
        Self::says(json_answer(body))
    }

    /// The heads of the requests so far, from the request line to the last header.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    fn listen(address: &str, behaviour: Behaviour, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, heads) = (Stop::default(), Arc::new(Mutex::new(Vec::new())));
        let (stopping, noting) = (stop.clone(), Arc::clone(&heads));
        let behaviour = Arc::new(behaviour);
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopping.stopped() {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (behaviour, tls) = (Arc::clone(&behaviour), tls.clone());
                let (stop, heads) = (stopping.clone(), Arc::clone(&noting));
                std::thread::spawn(move || {
                    // The client may leave at any time; that is not the server's failure.
                    let _ = serve(stream, &behaviour, tls, &stop, &heads);
                });
            }
        });
        Self {
            address,
            heads,
            stop,
            accepting: Some(accepting),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.stop();
        // Wakes the thread that waits for the next connection.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

/// A good answer with this JSON.
pub fn json_answer(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

fn serve(
    tcp: TcpStream,
    behaviour: &Behaviour,
    tls: Option<Arc<ServerConfig>>,
    stop: &Stop,
    heads: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    tcp.set_read_timeout(Some(Duration::from_secs(30)))?;
    if matches!(behaviour, Behaviour::Silent) {
        while !stop.wait(Duration::from_secs(1)) {}
        return Ok(());
    }
    if let Behaviour::Resets(text) = behaviour {
        return reset(tcp, text, stop);
    }
    let mut stream: Box<dyn Stream> = match tls {
        Some(config) => {
            let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
            let mut stream = StreamOwned::new(connection, tcp);
            // Also sends the alert when the handshake fails.
            stream.flush()?;
            Box::new(stream)
        }
        None => Box::new(tcp),
    };
    let head = read_request(&mut stream)?;
    heads.lock().unwrap().push(head.clone());
    match behaviour {
        Behaviour::Says(answer) => stream.write_all(&answer(&head))?,
        Behaviour::Trickles(text) => {
            stream.write_all(text.as_bytes())?;
            while !stop.wait(Duration::from_millis(50)) {
                stream.write_all(b"x")?;
                stream.flush()?;
            }
        }
        Behaviour::Floods(text) => {
            stream.write_all(text.as_bytes())?;
            while !stop.stopped() {
                stream.write_all(&[b'x'; 8192])?;
            }
        }
        Behaviour::Resets(_) | Behaviour::Silent => {}
    }
    stream.flush()
}

/// Closing a socket that holds unread bytes resets the connection.
fn reset(mut tcp: TcpStream, text: &str, stop: &Stop) -> std::io::Result<()> {
    tcp.peek(&mut [0])?;
    tcp.write_all(text.as_bytes())?;
    // The text is to be read before the reset comes.
    stop.wait(Duration::from_millis(200));
    Ok(())
}

/// Reads a request with its body and gives its head.
pub(crate) fn read_request(stream: &mut dyn Read) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        bytes.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&bytes).trim_end().to_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then_some(value)
    });
    let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
    stream.read_exact(&mut vec![0; length])?;
    Ok(head)
}
