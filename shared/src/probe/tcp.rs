//! A TCP connection, and nothing said over it.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::http::Progress;
use crate::http::resolve::{NoAddress, addresses, is_address};
use crate::http::socket_words;
use crate::reason::{Phase, Reason};
use crate::sample::{Answer, Phases};

/// Opens a connection to one of the host's addresses and closes it again.
pub(super) fn connect(
    endpoint: &Endpoint,
    limit: Duration,
) -> (Phases, Result<Answer, Vec<Reason>>) {
    let progress = Progress::start(limit);
    let outcome = try_all(endpoint, &progress);
    (progress.phases(), outcome.map_err(|reason| vec![reason]))
}

fn try_all(endpoint: &Endpoint, progress: &Progress) -> Result<Answer, Reason> {
    if !is_address(&endpoint.host) {
        progress.enter(Phase::Resolve);
    }
    let found = addresses(&endpoint.host, endpoint.port, progress.left());
    let found = found.map_err(|none| match none {
        NoAddress::Timeout => timeout(progress),
        NoAddress::Unknown(detail) => Reason::Unresolved { detail },
    })?;
    progress.enter(Phase::Connect);
    let mut last = timeout(progress);
    for (place, address) in found.iter().enumerate() {
        match try_one(address, found.len() - place, progress) {
            Ok(()) => {
                progress.enter(Phase::Total);
                return Ok(Answer::default());
            }
            Err(reason) => last = reason,
        }
    }
    Err(last)
}

/// Tries one address, with its share of the time that is left for it and the addresses after it.
fn try_one(address: &SocketAddr, remaining: usize, progress: &Progress) -> Result<(), Reason> {
    let share = progress.left() / u32::try_from(remaining).unwrap_or(u32::MAX);
    if share.is_zero() {
        return Err(timeout(progress));
    }
    match TcpStream::connect_timeout(address, share) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::TimedOut => Err(timeout(progress)),
        Err(error) => Err(Reason::Unreachable {
            phase: Phase::Connect,
            detail: socket_words(&error),
        }),
    }
}

fn timeout(progress: &Progress) -> Reason {
    Reason::Timeout {
        phase: progress.phase(),
        limit: progress.limit(),
    }
}
