//! `NO_PROXY`: which hosts are reached without a proxy.

use std::net::IpAddr;

/// The entries of `NO_PROXY`.
///
/// `*` is every host; `shop.example` is that host and those below it; `.shop.example` and `*.shop.example` only those
/// below it; an address is that address, `10.0.0.0/8` a range of them. Any of them may end in `:port`. The machine itself
/// (`localhost`, loopback addresses) is never reached through a proxy.
#[derive(Debug, Clone, Default)]
pub(super) struct NoProxy {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Debug, Clone)]
enum Hosts {
    All,
    Below(String),
    AtAndBelow(String),
    Network(IpAddr, u32),
}

impl NoProxy {
    /// Reads entries between commas or spaces.
    pub(super) fn parse(text: &str) -> Self {
        let parts = text.split(|c: char| c == ',' || c.is_whitespace());
        Self {
            entries: parts.filter(|part| !part.is_empty()).map(entry).collect(),
        }
    }

    /// Whether a host is reached without a proxy.
    pub(super) fn covers(&self, host: &str, port: u16) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let address: Option<IpAddr> = host.parse().ok();
        if host == "localhost" || address.is_some_and(|a| a.to_canonical().is_loopback()) {
            return true;
        }
        self.entries.iter().any(|entry| {
            entry.port.is_none_or(|wanted| wanted == port) && entry.hosts.hold(&host, address)
        })
    }
}

impl Hosts {
    fn hold(&self, host: &str, address: Option<IpAddr>) -> bool {
        match self {
            Self::All => true,
            Self::Network(network, bits) => {
                address.is_some_and(|address| within(address, *network, *bits))
            }
            Self::Below(suffix) => host.ends_with(suffix.as_str()) && host != suffix,
            Self::AtAndBelow(name) => host
                .strip_suffix(name.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
        }
    }
}

fn entry(text: &str) -> Entry {
    let text = text.to_ascii_lowercase();
    let (host, port) = match text.rsplit_once(':') {
        // An IPv6 address without brackets has colons and no port.
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (text.as_str(), None),
        },
        _ => (text.as_str(), None),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let hosts = if host == "*" {
        Hosts::All
    } else if let Some(network) = network(host) {
        network
    } else {
        let name = host.strip_prefix('*').unwrap_or(host);
        let name = name.trim_end_matches('.').to_owned();
        if name.starts_with('.') {
            Hosts::Below(name)
        } else {
            Hosts::AtAndBelow(name)
        }
    };
    Entry { hosts, port }
}

fn network(text: &str) -> Option<Hosts> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let all = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(all);
    (bits <= all).then_some(Hosts::Network(address, bits))
}

fn within(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => {
            (a.to_bits() ^ n.to_bits())
                .checked_shr(32 - bits)
                .unwrap_or(0)
                == 0
        }
        (IpAddr::V6(a), IpAddr::V6(n)) => {
            (a.to_bits() ^ n.to_bits())
                .checked_shr(128 - bits)
                .unwrap_or(0)
                == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_go_without_a_proxy_as_the_entries_say() {
        for (entries, host, port, covered) in [
            ("", "shop.example", 80, false),
            ("*", "shop.example", 80, true),
            ("shop.example", "shop.example", 80, true),
            ("Shop.Example", "api.shop.EXAMPLE", 80, true),
            ("shop.example", "workshop.example", 80, false),
            (".shop.example", "api.shop.example", 80, true),
            (".shop.example", "shop.example", 80, false),
            ("*.shop.example", "api.shop.example", 80, true),
            ("a.example, b.example", "b.example", 80, true),
            ("shop.example:8080", "shop.example", 8080, true),
            ("shop.example:8080", "shop.example", 80, false),
            ("10.1.2.3", "10.1.2.3", 80, true),
            ("10.0.0.0/8", "10.1.2.3", 80, true),
            ("10.0.0.0/8", "11.1.2.3", 80, false),
            ("0.0.0.0/0", "11.1.2.3", 80, true),
            ("fd00::/8", "fd12::1", 80, true),
            ("[fd12::1]:443", "fd12::1", 443, true),
            ("fd12::1", "fd12::2", 443, false),
            ("", "localhost", 80, true),
            ("", "127.0.0.1", 80, true),
            ("", "::1", 80, true),
        ] {
            let found = NoProxy::parse(entries).covers(host, port);
            assert_eq!(found, covered, "{entries:?} {host}:{port}");
        }
    }
}
