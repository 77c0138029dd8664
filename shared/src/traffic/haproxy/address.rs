//! Where a runtime API listens.

use std::fmt;
use std::path::PathBuf;

use crate::endpoint::Endpoint;
use crate::value::Expected;

/// A runtime API's address. `Display` writes it as it is read; it holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `/run/haproxy/admin.sock`
    Unix(PathBuf),
    /// `tcp://host:port`, readable and changeable by everyone on the way.
    Tcp(Host),
    /// `tls://host:port`, where both sides show certificates.
    Tls(Host),
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// A name, an IPv4 address, or an IPv6 address without brackets.
    pub name: String,
    /// The port.
    pub port: u16,
}

const WANTED: Expected =
    "a socket such as /run/haproxy.sock, tcp://haproxy.example:9999 or tls://haproxy.example:9999";

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// When it is neither an absolute path nor `tcp://` or `tls://` with a host and a port.
    pub fn parse(text: &str) -> Result<Self, Expected> {
        let text = text.trim();
        if text.starts_with('/') && text.len() > 1 && !text.contains(char::is_control) {
            return Ok(Self::Unix(PathBuf::from(text)));
        }
        let (scheme, rest) = text.split_once("://").ok_or(WANTED)?;
        let read = || {
            let endpoint = Endpoint::parse(&format!("tcp://{rest}")).map_err(|_| WANTED)?;
            Ok(Host {
                name: endpoint.host,
                port: endpoint.port,
            })
        };
        match scheme.to_ascii_lowercase().as_str() {
            "tcp" => read().map(Self::Tcp),
            "tls" => read().map(Self::Tls),
            _ => Err(WANTED),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Tcp(host) => write!(f, "tcp://{host}"),
            Self::Tls(host) => write!(f, "tls://{host}"),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]:{}", self.name, self.port)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_as_it_is_written() {
        for text in [
            "/run/haproxy.sock",
            "tcp://a:9999",
            "tls://[::1]:1",
            "tls://h.example:9",
        ] {
            assert_eq!(Address::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "/",
            "haproxy.sock",
            "tcp://a",
            "http://a:1",
            "tls://a:b",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }
}
