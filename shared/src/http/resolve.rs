//! Looking names up, within a limit: the system's resolver knows none.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::time::Duration;

/// Why there is no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoAddress {
    /// The limit passed.
    Timeout,
    /// The resolver said so.
    Unknown(String),
}

/// Whether a host is an address already.
pub(crate) fn is_address(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok()
}

/// All addresses of a host (a name, or an address without brackets).
///
/// A look-up that hangs is left to end by itself on its own thread.
pub(crate) fn addresses(
    host: &str,
    port: u16,
    limit: Duration,
) -> Result<Vec<SocketAddr>, NoAddress> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (tell, told) = mpsc::sync_channel(1);
    let name = host.to_owned();
    let looking = std::thread::Builder::new()
        .name("resolve".into())
        .spawn(move || {
            let found = (name.as_str(), port).to_socket_addrs();
            // Nobody listens any more when the limit has passed.
            let _ = tell.send(found.map(Iterator::collect::<Vec<_>>));
        });
    if let Err(error) = looking {
        return Err(NoAddress::Unknown(format!("no thread to ask on: {error}")));
    }
    match told.recv_timeout(limit) {
        Err(_) => Err(NoAddress::Timeout),
        Ok(Ok(found)) if !found.is_empty() => Ok(found),
        Ok(Ok(_)) => Err(NoAddress::Unknown(format!("{host} has no address"))),
        Ok(Err(error)) => {
            let text = error.to_string();
            let said = text
                .strip_prefix("failed to lookup address information: ")
                .unwrap_or(&text);
            Err(NoAddress::Unknown(format!("{host}: {said}")))
        }
    }
}
