//! The proxy variables, as Woodpecker hands them to every step: six, possibly empty.

use crate::endpoint::{Endpoint, Scheme};
use crate::problem::Problem;
use crate::secret::Secret;

use super::no_proxy::NoProxy;

/// Which proxy a request goes through.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    without: NoProxy,
}

/// An HTTP proxy.
#[derive(Debug, Clone)]
pub(super) struct Proxy {
    /// Where it is, with its login.
    pub(super) endpoint: Endpoint,
    /// The address as written, which can hold a password.
    pub(super) written: Secret,
}

impl Proxy {
    /// Whether TLS is spoken to the proxy itself.
    pub(super) fn is_secure(&self) -> bool {
        self.endpoint.scheme == Scheme::Https
    }
}

impl Proxies {
    /// Takes `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, in capitals or not, from among any variables. Capitals win;
    /// empty counts as unset.
    ///
    /// # Errors
    /// When a proxy's address is not an `http://` or `https://` one. The value is not shown: it can hold a password.
    pub fn from_pairs<N: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, Vec<Problem>> {
        const NAMES: [&str; 6] = [
            "HTTP_PROXY",
            "http_proxy",
            "HTTPS_PROXY",
            "https_proxy",
            "NO_PROXY",
            "no_proxy",
        ];
        let mut values: [Option<String>; 6] = Default::default();
        for (name, value) in pairs {
            let place = NAMES.iter().position(|known| *known == name.as_ref());
            if let Some(place) = place
                && !value.as_ref().trim().is_empty()
            {
                values[place] = Some(value.as_ref().trim().to_owned());
            }
        }
        let mut problems = Vec::new();
        let mut proxy = |places: [usize; 2]| {
            let place = places.into_iter().find(|place| values[*place].is_some())?;
            let read = values[place].as_deref().map(read)?;
            read.map_err(|()| {
                problems.push(Problem::unseen(
                    NAMES[place],
                    "the address of an HTTP proxy, such as http://proxy.example:3128",
                ));
            })
            .ok()
        };
        let (http, https) = (proxy([0, 1]), proxy([2, 3]));
        if !problems.is_empty() {
            return Err(problems);
        }
        let without = values[4].as_ref().or(values[5].as_ref());
        Ok(Self {
            http,
            https,
            without: without.map_or_else(NoProxy::default, |text| NoProxy::parse(text)),
        })
    }

    /// The proxies' passwords, to be masked wherever they turn up.
    pub fn secrets(&self) -> Vec<&str> {
        let both = self.http.iter().chain(&self.https);
        both.flat_map(|proxy| proxy.endpoint.secrets()).collect()
    }

    /// Whether requests to `endpoint` go through a proxy, which then resolves its name.
    pub fn cover(&self, endpoint: &Endpoint) -> bool {
        self.choose(endpoint).is_some()
    }

    /// The proxy that a request to `endpoint` goes through, if any.
    pub(super) fn choose(&self, endpoint: &Endpoint) -> Option<&Proxy> {
        let proxy = match endpoint.scheme {
            Scheme::Http => self.http.as_ref(),
            Scheme::Https => self.https.as_ref(),
            Scheme::Tcp => None,
        };
        proxy.filter(|_| !self.without.covers(&endpoint.host, endpoint.port))
    }
}

fn read(text: &str) -> Result<Proxy, ()> {
    let written = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let endpoint = Endpoint::parse(&written)
        .ok()
        .filter(|endpoint| endpoint.scheme != Scheme::Tcp)
        .ok_or(())?;
    Ok(Proxy {
        endpoint,
        written: Secret::new(written),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(pairs: &[(&str, &str)], target: &str) -> Option<String> {
        let proxies = Proxies::from_pairs(pairs.iter().copied()).unwrap();
        let target = Endpoint::parse(target).unwrap();
        proxies
            .choose(&target)
            .map(|proxy| proxy.endpoint.to_string())
    }

    #[test]
    fn the_scheme_picks_the_proxy_and_empty_is_unset() {
        let pairs = [
            ("HTTP_PROXY", ""),
            ("http_proxy", "plain.example:3128"),
            ("HTTPS_PROXY", "http://u:p@secure.example:3128"),
            ("NO_PROXY", "intern.example"),
            ("PATH", "/bin"),
        ];
        for (target, proxy) in [
            ("http://shop.example/", Some("http://plain.example:3128/")),
            ("https://shop.example/", Some("http://secure.example:3128/")),
            ("https://a.intern.example/", None),
            ("tcp://shop.example:5432", None),
        ] {
            assert_eq!(chosen(&pairs, target).as_deref(), proxy, "{target}");
        }
    }

    #[test]
    fn a_proxy_that_is_none_is_refused_by_name_without_its_value() {
        let problems = Proxies::from_pairs([
            ("https_proxy", "socks5://u:hunter22@p:1"),
            ("HTTP_PROXY", "http://"),
        ])
        .unwrap_err();
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "HTTP_PROXY: expected the address of an HTTP proxy, such as http://proxy.example:3128",
                "https_proxy: expected the address of an HTTP proxy, such as http://proxy.example:3128",
            ]
        );
    }
}
