//! One command, one connection, one answer, within a limit however slowly the other side talks.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::http::resolve::{NoAddress, addresses};
use crate::http::{Progress, socket_words};

use super::address::{Address, Host};
use crate::traffic::{Fault, pause};

/// An answer longer than this is none of a runtime API: 4 MiB.
const ANSWER_BYTES: u64 = 4 << 20;
/// Between two tries at a socket whose queue is full.
const QUEUE_PAUSE: Duration = Duration::from_millis(10);

/// Sends one command and reads the answer to its end, without the empty line there.
pub(super) fn ask(
    address: &Address,
    tls: Option<&Arc<ClientConfig>>,
    command: &str,
    limit: Duration,
) -> Result<String, Fault> {
    let progress = Progress::start(limit);
    let mut line = connect(address, tls, &progress).map_err(|problem| {
        let doing = "connecting";
        problem.fault(doing, limit)
    })?;
    let told = line
        .write_all(format!("{command}\n").as_bytes())
        .and_then(|()| line.flush());
    told.map_err(|error| Problem::of(error).fault("sending the command", limit))?;
    let mut answer = Vec::new();
    let read = line.take(ANSWER_BYTES).read_to_end(&mut answer);
    match read {
        // Not every server says goodbye in TLS; whether the answer is whole shows in its last line.
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => {
            Err(Problem::of(error).fault("reading the answer", limit))
        }
        _ => whole(answer),
    }
}

/// The text of an answer that came to its end: an empty line.
fn whole(answer: Vec<u8>) -> Result<String, Fault> {
    let garbage = |detail: &str| Fault::Garbage {
        detail: detail.into(),
    };
    if answer.is_empty() {
        return Err(garbage(
            "the connection was closed without a word, expected a runtime api of haproxy",
        ));
    }
    let text = String::from_utf8(answer).map_err(|_| garbage("it is no text"))?;
    if text == "\n" {
        return Ok(String::new());
    }
    text.strip_suffix("\n\n")
        .map(str::to_owned)
        .ok_or_else(|| garbage("it ends before its last line, expected an empty line at its end"))
}

trait Line: Read + Write {}
impl<T: Read + Write> Line for T {}

fn connect<'a>(
    address: &Address,
    tls: Option<&Arc<ClientConfig>>,
    progress: &'a Progress,
) -> Result<Box<dyn Line + 'a>, Problem> {
    Ok(match address {
        Address::Unix(path) => Box::new(Timed {
            stream: connect_unix(path, progress)?,
            progress,
        }),
        Address::Tcp(host) => Box::new(Timed {
            stream: connect_tcp(host, progress)?,
            progress,
        }),
        Address::Tls(host) => {
            let config = tls.ok_or_else(|| Problem::text("no client certificate is set"))?;
            let name = ServerName::try_from(host.name.clone()).map_err(|_| {
                Problem::text("the host's name is none that a certificate can carry")
            })?;
            let connection = ClientConnection::new(Arc::clone(config), name)
                .map_err(|error| Problem::text(&error.to_string()))?;
            let stream = connect_tcp(host, progress)?;
            let mut line = StreamOwned::new(connection, Timed { stream, progress });
            line.conn.complete_io(&mut line.sock).map_err(Problem::of)?;
            Box::new(line)
        }
    })
}

/// The system's own way to connect to a unix socket knows no limit, and waits for ever while its queue is full.
fn connect_unix(path: &Path, progress: &Progress) -> Result<UnixStream, Problem> {
    let address = SocketAddrUnix::new(path).map_err(|error| Problem::of(error.into()))?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
        .map_err(|error| Problem::of(error.into()))?;
    loop {
        match rustix::net::connect(&socket, &address) {
            Ok(()) => break,
            Err(Errno::AGAIN | Errno::INTR) if !progress.left().is_zero() => pause(QUEUE_PAUSE),
            Err(Errno::AGAIN | Errno::INTR) => return Err(Problem::Timeout),
            Err(error) => return Err(Problem::of(error.into())),
        }
    }
    let stream = UnixStream::from(socket);
    stream.set_nonblocking(false).map_err(Problem::of)?;
    Ok(stream)
}

fn connect_tcp(host: &Host, progress: &Progress) -> Result<TcpStream, Problem> {
    let found = addresses(&host.name, host.port, progress.left());
    let found = found.map_err(|none| match none {
        NoAddress::Timeout => Problem::Timeout,
        NoAddress::Unknown(detail) => Problem::text(&detail),
    })?;
    let mut last = Problem::Timeout;
    for (place, address) in found.iter().enumerate() {
        let rest = u32::try_from(found.len() - place).unwrap_or(u32::MAX);
        let share = progress.left() / rest;
        if share.is_zero() {
            return Err(Problem::Timeout);
        }
        match TcpStream::connect_timeout(address, share) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Problem::of(error),
        }
    }
    Err(last)
}

/// A socket each of whose reads and writes may take what is left of the whole, and no more.
struct Timed<'a, S> {
    stream: S,
    progress: &'a Progress,
}

/// What a socket needs to be timed.
trait Socket: Read + Write {
    fn set_limit(&self, limit: Duration) -> io::Result<()>;
}

impl Socket for TcpStream {
    fn set_limit(&self, limit: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(limit))?;
        self.set_write_timeout(Some(limit))
    }
}

impl Socket for UnixStream {
    fn set_limit(&self, limit: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(limit))?;
        self.set_write_timeout(Some(limit))
    }
}

impl<S: Socket> Timed<'_, S> {
    fn ready(&self) -> io::Result<()> {
        let left = self.progress.left();
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        self.stream.set_limit(left)
    }
}

impl<S: Socket> Read for Timed<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.ready()?;
        self.stream.read(buffer)
    }
}

impl<S: Socket> Write for Timed<'_, S> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.ready()?;
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// What went wrong on the way, before it is known what was going on.
enum Problem {
    Timeout,
    Socket(io::Error),
    Text(String),
}

impl Problem {
    fn of(error: io::Error) -> Self {
        match error.kind() {
            // A limit on a socket that passes shows as `WouldBlock` here and as `TimedOut` elsewhere.
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Self::Timeout,
            _ => Self::Socket(error),
        }
    }

    fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    fn fault(self, doing: &'static str, limit: Duration) -> Fault {
        match self {
            Self::Timeout => Fault::Timeout { doing, limit },
            Self::Text(detail) => Fault::Unreachable { detail },
            Self::Socket(error) => match error.kind() {
                ErrorKind::PermissionDenied => Fault::Refused {
                    detail: "the socket's mode shuts this user out: give the step's user access \
                             (`mode`, `user` or `group` in `stats socket`)"
                        .into(),
                },
                ErrorKind::NotFound => Fault::Unreachable {
                    detail: "there is no such socket: is it mounted into this step".into(),
                },
                _ => Fault::Unreachable {
                    detail: format!("{} while {doing}", socket_words(&error)),
                },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_an_empty_line_ends_it() {
        assert_eq!(whole(b"\n".to_vec()), Ok(String::new()));
        assert_eq!(whole(b"a\nb\n\n".to_vec()), Ok("a\nb".into()));
        for half in [&b""[..], b"a", b"a\n", b"a\xff\n\n"] {
            assert!(matches!(whole(half.to_vec()), Err(Fault::Garbage { .. })));
        }
    }
}
