//! An HTTP proxy that takes both `CONNECT` and whole addresses, and leads every name to one server.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crate::hostile::read_request;
use crate::stop::Stop;

/// A proxy on loopback. It ends when it is dropped.
pub struct ConnectProxy {
    /// Where it listens.
    pub address: SocketAddr,
    lines: Arc<Mutex<Vec<String>>>,
    stop: Stop,
    accepting: Option<JoinHandle<()>>,
}

impl ConnectProxy {
    /// A proxy that leads to `upstream`; with `login`, only whoever sends it as `Proxy-Authorization` is let through.
    pub fn start(upstream: SocketAddr, login: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, lines) = (Stop::default(), Arc::new(Mutex::new(Vec::new())));
        let (stopping, noting) = (stop.clone(), Arc::clone(&lines));
        let login = login.map(|login| format!("proxy-authorization: {login}").to_lowercase());
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopping.stopped() {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (login, lines) = (login.clone(), Arc::clone(&noting));
                std::thread::spawn(move || {
                    // Either side may leave at any time; that is not the proxy's failure.
                    let _ = serve(stream, upstream, login.as_deref(), &lines);
                });
            }
        });
        Self {
            address,
            lines,
            stop,
            accepting: Some(accepting),
        }
    }

    /// The request lines so far.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

impl Drop for ConnectProxy {
    fn drop(&mut self) {
        self.stop.stop();
        // Wakes the thread that waits for the next connection.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

fn serve(
    mut client: TcpStream,
    upstream: SocketAddr,
    login: Option<&str>,
    lines: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let head = read_request(&mut client)?;
    let (line, headers) = head.split_once("\r\n").unwrap_or((&head, ""));
    lines.lock().unwrap().push(line.to_owned());
    let known = headers.lines().map(str::to_lowercase);
    if login.is_some_and(|login| !known.into_iter().any(|header| header == login)) {
        return client
            .write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
    }
    let mut server = TcpStream::connect(upstream)?;
    if line.starts_with("CONNECT ") {
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    } else {
        // `GET http://shop.example/health HTTP/1.1` becomes `GET /health HTTP/1.1`.
        let (method, rest) = line.split_once(" http://").unwrap();
        let path = &rest[rest.find('/').unwrap()..];
        let headers: Vec<&str> = headers
            .lines()
            .filter(|header| !header.to_lowercase().starts_with("proxy-"))
            .collect();
        write!(
            server,
            "{method} {path}\r\n{}\r\n\r\n",
            headers.join("\r\n")
        )?;
    }
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    let up = std::thread::spawn(move || {
        pass(&mut from_client, &mut to_server);
    });
    pass(&mut server, &mut client);
    let _ = up.join();
    Ok(())
}

fn pass(from: &mut TcpStream, to: &mut TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut buffer)
        && to.write_all(&buffer[..read]).is_ok()
    {}
    let _ = to.shutdown(Shutdown::Write);
}
