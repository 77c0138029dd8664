//! A loopback address before a real server that understands what passes: one command, one statement, one request with
//! its answer is an exchange, and a test decides what becomes of each.
//!
//! ```text
//! desk         the exchanges of several relays in one order, and the rule that decides
//! line         one exchange between a client and the server: passed on, frozen, or spoiled
//! haproxy      one command a connection
//! postgres     messages, and statement: what they say
//! http         requests
//! ```

mod desk;
mod haproxy;
mod http;
mod line;
mod postgres;
mod statement;

use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crate::stop::Stop;

use line::{Line, Server};

pub use desk::{Desk, Exchange, Kind, Passage};

/// A relay. It ends when it is dropped, with its connections.
pub struct Relay {
    /// Where it listens.
    pub address: SocketAddr,
    inner: Arc<Inner>,
    accepting: Option<JoinHandle<()>>,
}

struct Inner {
    open: Mutex<Vec<TcpStream>>,
    stop: Stop,
}

impl Relay {
    /// Before a runtime API of HAProxy on a unix socket.
    pub fn haproxy(desk: &Desk, name: &'static str, socket: &Path) -> Self {
        let server = Server::Unix(socket.to_owned());
        Self::start(desk, name, server, haproxy::serve)
    }

    /// Before a PostgreSQL on this loopback port. Clients are told that there is no TLS.
    pub fn postgres(desk: &Desk, name: &'static str, port: u16) -> Self {
        let server = Server::Tcp(SocketAddr::from(([127, 0, 0, 1], port)));
        Self::start(desk, name, server, postgres::serve)
    }

    /// Before an HTTP server.
    pub fn http(desk: &Desk, name: &'static str, server: SocketAddr) -> Self {
        Self::start(desk, name, Server::Tcp(server), http::serve)
    }

    /// Its address for a runtime API: `tcp://127.0.0.1:PORT`.
    pub fn tcp(&self) -> String {
        format!("tcp://{}", self.address)
    }

    /// The URL of a path behind it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn start(
        desk: &Desk,
        name: &'static str,
        server: Server,
        serve: fn(Line) -> std::io::Result<()>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Inner {
            open: Mutex::default(),
            stop: Stop::default(),
        });
        let (relaying, desk) = (Arc::clone(&inner), desk.clone());
        let accepting = std::thread::spawn(move || {
            for client in listener.incoming() {
                if relaying.stop.stopped() {
                    return;
                }
                let Ok(client) = client else { continue };
                let Ok(open) = client.try_clone() else {
                    continue;
                };
                relaying.open.lock().unwrap().push(open);
                let line = Line {
                    name,
                    client,
                    server: server.clone(),
                    desk: desk.clone(),
                    stop: relaying.stop.clone(),
                };
                // Either side may leave at any time; that is not the relay's failure.
                std::thread::spawn(move || {
                    let client = line.client.try_clone();
                    drop(serve(line));
                    // Another clone of it is kept, so that dropping it closes nothing.
                    drop(client.map(|client| client.shutdown(Shutdown::Both)));
                });
            }
        });
        Self {
            address,
            inner,
            accepting: Some(accepting),
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.inner.stop.stop();
        // Wakes the thread that waits for the next connection.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        for client in self.inner.open.lock().unwrap().drain(..) {
            let _ = client.shutdown(Shutdown::Both);
        }
    }
}
