//! A relay between a client and a server that can cut a connection, or let something else happen first.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::stop::Stop;

/// What becomes of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is passed on.
    Pass,
    /// It is cut when so many bytes have gone from the client to the server.
    CutUp(usize),
    /// Nothing of what the server sends comes through once this file is there.
    CutAnswer(PathBuf),
}

/// A relay on loopback. It ends when it is dropped.
pub struct Relay {
    /// Where it listens.
    pub address: SocketAddr,
    stop: Stop,
    accepting: Option<JoinHandle<()>>,
}

impl Relay {
    /// Passes connections on to `server`. `fate` is asked before each, from 0 on, and may take its time.
    pub fn start(server: SocketAddr, mut fate: impl FnMut(usize) -> Fate + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Stop::default();
        let stopping = stop.clone();
        let accepting = std::thread::spawn(move || {
            for (count, stream) in listener.incoming().enumerate() {
                if stopping.stopped() {
                    return;
                }
                let (client, fate) = (stream.unwrap(), fate(count));
                std::thread::spawn(move || pass(client, server, fate));
            }
        });
        Self {
            address,
            stop,
            accepting: Some(accepting),
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.stop();
        // Wakes the thread that waits for the next connection.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

fn pass(client: TcpStream, server: SocketAddr, fate: Fate) {
    let server = TcpStream::connect(server).unwrap();
    let (limit, cut_by) = match fate {
        Fate::Pass => (usize::MAX, None),
        Fate::CutUp(limit) => (limit, None),
        Fate::CutAnswer(path) => (usize::MAX, Some(path)),
    };
    let (from, to) = (Arc::new(client), Arc::new(server));
    let (client, server) = (Arc::clone(&from), Arc::clone(&to));
    let up = std::thread::spawn(move || copy(&from, &to, limit, None));
    copy(&server, &client, usize::MAX, cut_by.as_deref());
    let _ = up.join();
}

/// Copies up to a limit, or until a file is there; then both ends are cut.
fn copy(mut from: &TcpStream, mut to: &TcpStream, limit: usize, cut_by: Option<&Path>) {
    let (mut left, mut buffer) = (limit, [0; 4096]);
    while let Ok(amount @ 1..) = from.read(&mut buffer) {
        let cut = cut_by.is_some_and(Path::exists);
        let amount = if cut { 0 } else { amount.min(left) };
        left -= amount;
        if to.write_all(&buffer[..amount]).is_err() {
            break;
        }
        if left == 0 || cut {
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
            return;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
