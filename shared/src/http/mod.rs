//! HTTP requests: one connection each, every step timed, every failure named.
//!
//! ```text
//! send ─▶ hop ─▶ dial ─▶ resolve ─▶ connect ─▶ [TLS] ─▶ watched transport ─▶ answer
//!   ▲      │                                                                  │
//!   └──────┴── redirect of a GET or HEAD, at most `follow` times ◀────────────┘
//! ```
//!
//! Deliberately absent: a connection pool (a kept-alive connection hides a dead listener; only a burst of requests,
//! of which the rate counts, keeps its own in `kept`), compression (nothing asks
//! for it), cookies, and credentials on any other origin than the first.

mod dial;
mod failure;
mod hop;
mod kept;
mod no_proxy;
mod progress;
mod proxies;
mod receive;
pub(crate) mod resolve;
mod secured;
mod watched;

use std::sync::Arc;
use std::time::Duration;

use crate::endpoint::{Endpoint, Scheme};
use crate::reason::{Phase, Reason};
use crate::sample::Phases;
use crate::secret::Secret;
use crate::tls::Roots;
use crate::value::Expected;

pub(crate) use failure::socket_words;
use hop::Hop;
pub(crate) use kept::Kept;
pub(crate) use progress::Progress;
pub use proxies::Proxies;

/// How much of a body is read unless said otherwise: 1 MiB.
pub const BODY_LIMIT: u64 = 1 << 20;
/// How many redirects are followed unless said otherwise.
pub const REDIRECTS: u32 = 5;

/// An HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `OPTIONS`
    Options,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
}

impl Method {
    const ALL: [Self; 7] = [
        Self::Get,
        Self::Head,
        Self::Options,
        Self::Post,
        Self::Put,
        Self::Patch,
        Self::Delete,
    ];

    /// Reads a method, in any case.
    ///
    /// # Errors
    /// When it is not one of the seven.
    pub fn parse(text: &str) -> Result<Self, Expected> {
        Self::ALL
            .into_iter()
            .find(|method| method.word().eq_ignore_ascii_case(text.trim()))
            .ok_or("GET, HEAD, OPTIONS, POST, PUT, PATCH or DELETE")
    }

    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// One request.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The method. Only GET and HEAD follow redirects.
    pub method: Method,
    /// Where to; a login in it becomes basic authorization, unless `headers` hold an `Authorization`.
    pub endpoint: &'a Endpoint,
    /// Names and values beside those that every request has. They go to this origin only.
    pub headers: &'a [(String, Secret)],
    /// The body; its type belongs to `headers`.
    pub body: Option<&'a [u8]>,
    /// The whole of it may take this long, from the name's resolution to the body's last byte, redirects included.
    pub timeout: Duration,
    /// Bytes of the body to read; the rest is left where it is and [`Response::cut`] says so.
    pub body_limit: u64,
    /// How many redirects to follow; with 0 a redirect is the answer.
    pub follow: u32,
}

impl<'a> Request<'a> {
    /// A GET without headers of its own, [`BODY_LIMIT`] and [`REDIRECTS`].
    pub fn get(endpoint: &'a Endpoint, timeout: Duration) -> Self {
        Self {
            method: Method::Get,
            endpoint,
            headers: &[],
            body: None,
            timeout,
            body_limit: BODY_LIMIT,
            follow: REDIRECTS,
        }
    }
}

/// An answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Names in lower case, in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// The body, or its beginning when `cut`.
    pub body: Vec<u8>,
    /// Whether the body is longer than the request's limit.
    pub cut: bool,
    /// Who answered, at the end of the redirects.
    pub endpoint: Endpoint,
    /// How long each step took.
    pub phases: Phases,
}

impl Response {
    /// The first header of a name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }
}

/// No answer, or none that could be read to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// Why.
    pub reason: Reason,
    /// How long the steps took that were completed.
    pub phases: Phases,
}

/// The way out to HTTP: whom to trust, which proxy to go through, who asks.
#[derive(Debug)]
pub struct Http {
    roots: Roots,
    proxies: Proxies,
    user_agent: String,
}

impl Http {
    /// Requests that trust `roots`, go through `proxies` and carry `user_agent`.
    pub fn new(roots: Roots, proxies: Proxies, user_agent: impl Into<String>) -> Self {
        Self {
            roots,
            proxies,
            user_agent: user_agent.into(),
        }
    }

    /// Sends a request on a connection of its own and reads the answer. Any status is an answer.
    ///
    /// # Errors
    /// When there is no answer within the limit, or it breaks the protocol, or a redirect leads nowhere.
    pub fn send(&self, request: &Request) -> Result<Response, Box<Failure>> {
        // Reading the machine's certificates takes milliseconds that belong to no phase of the request.
        if request.endpoint.scheme == Scheme::Https {
            let _ = self.roots.client_config();
        }
        let progress = Arc::new(Progress::start(request.timeout));
        self.follow(request, &progress).map_err(|reason| {
            Box::new(Failure {
                reason,
                phases: progress.phases(),
            })
        })
    }

    fn follow(&self, request: &Request, progress: &Arc<Progress>) -> Result<Response, Reason> {
        let mut visited = vec![request.endpoint.clone()];
        loop {
            let here = &visited[visited.len() - 1];
            let mut response = self.prepare(request, here, progress)?.run()?;
            let Some(location) = leads_on(request, &response) else {
                progress.enter(Phase::Total);
                response.phases = progress.phases();
                return Ok(response);
            };
            let next = next_page(here, location).map_err(|detail| Reason::Redirect { detail })?;
            let detail = if visited.iter().any(|page| page.url() == next.url()) {
                format!("redirected back to {next}, a page already visited")
            } else if visited.len() > request.follow as usize {
                format!("more than {} redirects, the last to {next}", request.follow)
            } else {
                visited.push(next);
                continue;
            };
            return Err(Reason::Redirect { detail });
        }
    }

    fn prepare<'a>(
        &'a self,
        request: &'a Request<'a>,
        endpoint: &'a Endpoint,
        progress: &'a Arc<Progress>,
    ) -> Result<Hop<'a>, Reason> {
        let proxy = self.proxies.choose(endpoint);
        let secure =
            endpoint.scheme == Scheme::Https || proxy.is_some_and(proxies::Proxy::is_secure);
        let tls = if secure {
            Some(
                self.roots
                    .client_config()
                    .map_err(|detail| Reason::Certificate { detail })?,
            )
        } else {
            None
        };
        Ok(Hop {
            request,
            endpoint,
            proxy,
            tls,
            user_agent: &self.user_agent,
            progress,
            keeps: false,
        })
    }
}

/// Where the answer sends the request on to, when it is one that follows.
fn leads_on<'a>(request: &Request, response: &'a Response) -> Option<&'a str> {
    let follows = request.follow > 0 && matches!(request.method, Method::Get | Method::Head);
    let redirect = matches!(response.status, 301 | 302 | 303 | 307 | 308);
    response.header("location").filter(|_| follows && redirect)
}

fn next_page(here: &Endpoint, location: &str) -> Result<Endpoint, String> {
    let next = here
        .join(location)
        .ok_or("redirected to something that is no http address")?;
    if here.scheme == Scheme::Https && next.scheme == Scheme::Http {
        return Err(format!(
            "redirected from https to {next}, which anyone on the way can read and change"
        ));
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_read_in_any_case() {
        assert_eq!(Method::parse(" head "), Ok(Method::Head));
        assert_eq!(Method::parse("PATCH"), Ok(Method::Patch));
        assert!(Method::parse("CONNECT").is_err() && Method::parse("").is_err());
    }
}
