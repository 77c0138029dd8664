//! Addresses of what is probed, read and shown without their secrets.

use std::fmt;

use crate::secret::{Secret, base64};
use crate::value::Expected;

/// How an endpoint is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `http://`
    Http,
    /// `https://`
    Https,
    /// `tcp://`: a connection is all that is asked for.
    Tcp,
}

impl Scheme {
    fn prefix(self) -> &'static str {
        match self {
            Self::Http => "http://",
            Self::Https => "https://",
            Self::Tcp => "tcp://",
        }
    }
}

/// An address such as `https://user:password@shop.example:8443/health?deep=1`.
///
/// `Display` leaves out the user, the password and the query's values, which can hold secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// How it is spoken to.
    pub scheme: Scheme,
    /// A name, an IPv4 address, or an IPv6 address without brackets.
    pub host: String,
    /// The port; the scheme's own if none was written.
    pub port: u16,
    /// `user:password` before the `@`, percent-decoded.
    login: Option<Secret>,
    /// Path and query, from the first `/`; `/` when none was written.
    path: String,
    port_written: bool,
}

const WANTED: Expected = "an address such as https://shop.example/health or tcp://db.example:5432";

impl Endpoint {
    /// Reads an address. A fragment (`#…`) is dropped: it is never sent.
    ///
    /// # Errors
    /// When it is not an absolute `http://`, `https://` or `tcp://` address.
    pub fn parse(text: &str) -> Result<Self, Expected> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").ok_or(WANTED)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            "tcp" => Scheme::Tcp,
            _ => return Err(WANTED),
        };
        if rest.contains(|c: char| c.is_whitespace() || c.is_control() || !c.is_ascii()) {
            return Err("an address without spaces or letters beyond ASCII (percent-encode them)");
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (login, host_port) = match authority.rsplit_once('@') {
            Some((login, host)) => (
                Some(Secret::new(percent_decoded(login).ok_or(WANTED)?)),
                host,
            ),
            None => (None, authority),
        };
        let (host, port) = split_port(host_port)?;
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        let known = match scheme {
            Scheme::Http => Some(80),
            Scheme::Https => Some(443),
            Scheme::Tcp if path == "/" && login.is_none() => None,
            Scheme::Tcp => {
                return Err("an address of host and port only, such as tcp://db.example:5432");
            }
        };
        let default = port
            .or(known)
            .ok_or("an address with a port, such as tcp://db.example:5432")?;
        Ok(Self {
            scheme,
            host: host.to_owned(),
            port: default,
            login,
            path,
            port_written: port.is_some(),
        })
    }

    /// The address to send a request to, without the login.
    pub fn url(&self) -> String {
        format!("{}{}{}", self.scheme.prefix(), self.authority(), self.path)
    }

    /// The value of the `Authorization` header that the login asks for (RFC 7617).
    pub fn authorization(&self) -> Option<Secret> {
        let login = self.login.as_ref()?;
        Some(Secret::new(format!(
            "Basic {}",
            base64(login.reveal().as_bytes())
        )))
    }

    /// The parts of the address that must not be shown: the password, or the whole login when it has none; the login
    /// as a whole as well, because basic authentication encodes it as one.
    pub fn secrets(&self) -> Vec<&str> {
        let login = self.login.iter().map(|login| {
            login
                .reveal()
                .split_once(':')
                .map_or(login.reveal(), |(_, password)| password)
        });
        let query = self.path.split_once('?').map_or("", |(_, query)| query);
        let values = query
            .split('&')
            .filter_map(|pair| pair.split_once('=').map(|(_, value)| value));
        let whole = self.login.iter().map(Secret::reveal);
        login
            .chain(whole)
            .chain(values.filter(|value| value.len() > 7))
            .collect()
    }

    /// Where a `Location` header leads from here; absent when it leads to no `http` address.
    pub fn join(&self, location: &str) -> Option<Self> {
        let location = location.trim();
        let absolute = if location.contains("://") {
            location.to_owned()
        } else if let Some(rest) = location.strip_prefix("//") {
            format!("{}{rest}", self.scheme.prefix())
        } else if location.starts_with('/') {
            format!("{}{}{location}", self.scheme.prefix(), self.authority())
        } else {
            let path = self.path.split('?').next().unwrap_or_default();
            let folder = &path[..=path.rfind('/').unwrap_or(0)];
            format!(
                "{}{}{folder}{location}",
                self.scheme.prefix(),
                self.authority()
            )
        };
        let mut next = Self::parse(&absolute)
            .ok()
            .filter(|next| next.scheme != Scheme::Tcp)?;
        if next.same_origin(self) && next.login.is_none() {
            next.login.clone_from(&self.login);
        }
        Some(next)
    }

    /// Whether both have the same scheme, host and port: only then may credentials go along a redirect.
    pub fn same_origin(&self, other: &Self) -> bool {
        self.scheme == other.scheme
            && self.host.eq_ignore_ascii_case(&other.host)
            && self.port == other.port
    }

    fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        if self.port_written {
            format!("{host}:{}", self.port)
        } else {
            host
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.scheme.prefix(), self.authority())?;
        match self.path.split_once('?') {
            _ if self.scheme == Scheme::Tcp => Ok(()),
            Some((path, _)) => write!(f, "{path}?***"),
            None => f.write_str(&self.path),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

fn split_port(text: &str) -> Result<(&str, Option<u16>), Expected> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or(WANTED)?;
        (
            host,
            if after.is_empty() {
                None
            } else {
                Some(after.strip_prefix(':').ok_or(WANTED)?)
            },
        )
    } else {
        text.split_once(':')
            .map_or((text, None), |(host, port)| (host, Some(port)))
    };
    let wanted = "an address with a port from 1 to 65535";
    let port = port
        .map(|port| port.parse::<u16>().ok().filter(|p| *p > 0).ok_or(wanted))
        .transpose()?;
    let fits = !host.is_empty()
        && host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-._~:%".contains(c));
    if fits { Ok((host, port)) } else { Err(WANTED) }
}

/// Decodes `%41` to `A`; absent when an escape is broken or the result is not UTF-8.
pub fn percent_decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digits = [bytes.next()?, bytes.next()?];
        let digits = std::str::from_utf8(&digits)
            .ok()
            .filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
        out.push(u8::from_str_radix(digits, 16).ok()?);
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_secrets() {
        let endpoint =
            Endpoint::parse("https://bob:s3cr%40t@Shop.example:8443/health?token=abcdefgh")
                .unwrap();
        assert_eq!(format!("{endpoint} {endpoint:?}").matches("***").count(), 2);
        assert_eq!(endpoint.to_string(), "https://Shop.example:8443/health?***");
        assert_eq!(
            endpoint.url(),
            "https://Shop.example:8443/health?token=abcdefgh"
        );
        assert_eq!(
            endpoint.authorization().unwrap().reveal(),
            "Basic Ym9iOnMzY3JAdA=="
        );
        assert_eq!(endpoint.secrets(), ["s3cr@t", "bob:s3cr@t", "abcdefgh"]);
    }

    #[test]
    fn addresses_of_every_form_are_read() {
        for (text, shown) in [
            ("http://[::1]:8080/x", "http://[::1]:8080/x"),
            ("HTTP://a", "http://a/"),
            ("http://a?x=1#y", "http://a/?***"),
            ("tcp://db:5432", "tcp://db:5432"),
        ] {
            assert_eq!(Endpoint::parse(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "shop.example/health",
            "ftp://a",
            "http://",
            "http://a:0",
            "http://a:99999",
            "http://a b",
            "tcp://db",
            "tcp://db:1/x",
            "http://a:b:c",
            "http://[::1",
            "http://ü",
        ] {
            assert!(Endpoint::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_redirect_keeps_the_login_only_at_the_same_origin() {
        let from = Endpoint::parse("http://u:p@a.example/x/y?z").unwrap();
        for (location, shown, keeps) in [
            ("/n", "http://a.example/n", true),
            ("n", "http://a.example/x/n", true),
            ("//b.example/n", "http://b.example/n", false),
            ("https://a.example/n", "https://a.example/n", false),
        ] {
            let next = from.join(location).unwrap();
            assert_eq!(
                (next.to_string().as_str(), next.authorization().is_some()),
                (shown, keeps)
            );
        }
        assert!(from.join("ftp://x").is_none());
    }
}
