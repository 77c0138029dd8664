//! One client on its way to the server.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use crate::stop::Stop;

use super::desk::{Desk, Kind, Passage};

/// How long a hanging exchange sleeps between two looks at nothing.
const LONG: Duration = Duration::from_secs(3600);

/// Where the server is.
#[derive(Debug, Clone)]
pub(super) enum Server {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

/// A connection to it.
pub(super) trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

impl Server {
    pub(super) fn connect(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match self {
            Self::Unix(path) => Box::new(UnixStream::connect(path)?),
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
        })
    }
}

/// A client, and what stands behind the relay for it.
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) client: TcpStream,
    pub(super) server: Server,
    pub(super) desk: Desk,
    pub(super) stop: Stop,
}

impl Line {
    /// One exchange: `forward` has it done by the server and gives the answer. An error is the end of the connection.
    pub(super) fn exchange(
        &mut self,
        name: String,
        kind: Kind,
        garbage: &[u8],
        forward: impl FnOnce() -> io::Result<Vec<u8>>,
    ) -> io::Result<()> {
        let closed = || io::Error::from(ErrorKind::ConnectionAborted);
        let (number, passage) = self.desk.judge(self.name, name, kind);
        match passage {
            Passage::Forward => self.client.write_all(&forward()?),
            Passage::FreezeBefore => {
                self.desk.freeze(number, &self.stop);
                if self.is_client_gone()? {
                    return Err(closed());
                }
                self.client.write_all(&forward()?)
            }
            Passage::FreezeAfter => {
                let answer = forward()?;
                self.desk.freeze(number, &self.stop);
                self.client.write_all(&answer)
            }
            Passage::Refuse => Err(closed()),
            Passage::Hang => {
                while !self.stop.wait(LONG) {}
                Err(closed())
            }
            Passage::Garbage => {
                self.client.write_all(garbage)?;
                Err(closed())
            }
            Passage::Half => {
                let answer = forward()?;
                self.client.write_all(&answer[..answer.len() / 2])?;
                Err(closed())
            }
        }
    }

    fn is_client_gone(&self) -> io::Result<bool> {
        self.client.set_nonblocking(true)?;
        let found = self.client.peek(&mut [0]);
        self.client.set_nonblocking(false)?;
        match found {
            Ok(read) => Ok(read == 0),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(_) => Ok(true),
        }
    }
}
