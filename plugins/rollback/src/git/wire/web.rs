//! Git over HTTP: one request for what there is, one for what is wanted.

use std::io::Write;

use shared::endpoint::{Endpoint, Scheme};
use shared::http::{Failure, Http, Method, Request, Response};
use shared::reason::Reason;
use shared::secret::{Secret, base64};

use super::{Begun, Rest, Service, useless};
use crate::git::advert::{Advert, LIMIT};
use crate::git::error::GitError;
use crate::git::remote::Limits;
use crate::git::text;

/// How many redirects are followed, as git does it: before anything is asked, and never later.
const REDIRECTS: usize = 5;
/// Forges tell git's clients from browsers by this beginning.
const USER_AGENT: &str = concat!("git/2.0 (plugin-rollback ", env!("CARGO_PKG_VERSION"), ")");

/// A repository that is reached over HTTP.
#[derive(Debug)]
pub(in crate::git) struct Web<'a> {
    pub(in crate::git) http: &'a Http,
    pub(in crate::git) at: Endpoint,
    pub(in crate::git) login: Option<(String, Secret)>,
    pub(in crate::git) limits: Limits,
}

/// Where the repository was found, after redirects.
#[derive(Debug)]
pub(in crate::git) struct Base<'a> {
    web: &'a Web<'a>,
    at: Endpoint,
    service: Service,
}

impl Web<'_> {
    /// Asks what there is.
    pub(in crate::git) fn begin(&self, service: Service) -> Result<Begun<'_>, GitError> {
        let word = service.word();
        let question = format!("/info/refs?service={word}");
        let mut here = self.joined(&self.at, &question)?;
        for _ in 0..=REDIRECTS {
            let mut body = Vec::new();
            let response = self.send(&here, Method::Get, None, &[], LIMIT, &mut body)?;
            if let Some(location) = leads_on(&response) {
                here = onward(&here, location).map_err(|detail| self.odd(detail))?;
                continue;
            }
            self.check(&response, &here)?;
            let kind = format!("application/x-{word}-advertisement");
            if response.header("content-type") != Some(kind.as_str()) {
                let found = response.header("content-type").unwrap_or("nothing");
                return Err(self.odd(format!("an answer of type {}", text::line(found))));
            }
            let advert = Advert::read(&mut body.as_slice());
            let advert = advert.map_err(|fault| useless(&self.shown(), fault))?;
            let base = here.url();
            let at = base
                .strip_suffix(&question)
                .and_then(|base| Endpoint::parse(base).ok())
                .ok_or_else(|| self.odd(format!("a redirect to {here}")))?;
            let web = self;
            return Ok(Begun {
                advert,
                rest: Rest::Web(Base { web, at, service }),
            });
        }
        Err(self.odd(format!("more than {REDIRECTS} redirects")))
    }

    fn joined(&self, base: &Endpoint, rest: &str) -> Result<Endpoint, GitError> {
        let url = base.url();
        Endpoint::parse(&format!("{}{rest}", url.trim_end_matches('/')))
            .map_err(|wanted| self.odd(format!("expected {wanted}")))
    }

    /// One request. What comes with a 200 goes to `sink`.
    fn send(
        &self,
        endpoint: &Endpoint,
        method: Method,
        body: Option<&[u8]>,
        headers: &[(&str, String)],
        limit: u64,
        sink: &mut dyn Write,
    ) -> Result<Response, GitError> {
        let mut all = vec![("user-agent".to_owned(), Secret::new(USER_AGENT))];
        for (name, value) in headers {
            all.push(((*name).to_owned(), Secret::new(value)));
        }
        if let Some((user, password)) = &self.login
            && is_trusted(&self.at, endpoint)
        {
            let login = base64(format!("{user}:{}", password.reveal()).as_bytes());
            let value = Secret::new(format!("Basic {login}"));
            all.push(("authorization".to_owned(), value));
        }
        let request = Request {
            method,
            endpoint,
            headers: &all,
            body,
            timeout: self.limits.whole,
            body_limit: limit,
            follow: 0,
        };
        let response = self
            .http
            .receive(&request, self.limits.idle, sink)
            .map_err(|failure| self.failed(*failure))?;
        if response.cut && response.status == 200 {
            return Err(GitError::TooLarge {
                remote: self.shown(),
                limit,
            });
        }
        Ok(response)
    }

    fn failed(&self, failure: Failure) -> GitError {
        let remote = self.shown();
        match failure.reason {
            Reason::Timeout { limit, .. } => GitError::TimedOut { remote, limit },
            Reason::Certificate { detail } => GitError::Unreachable {
                remote,
                detail: format!(
                    "TLS refused: {detail}; a private authority goes to ca_certificate"
                ),
            },
            reason => GitError::Unreachable {
                remote,
                detail: reason.to_string(),
            },
        }
    }

    fn check(&self, response: &Response, here: &Endpoint) -> Result<(), GitError> {
        let remote = self.shown();
        Err(match response.status {
            200 => return Ok(()),
            401 => GitError::Login {
                remote: if is_trusted(&self.at, here) {
                    remote
                } else {
                    format!(
                        "{remote} redirects to {}://{}, which",
                        word(here),
                        here.host
                    )
                },
                shown: self.login.is_some() && is_trusted(&self.at, here),
            },
            403 => GitError::Forbidden {
                remote,
                said: said(response),
            },
            404 | 410 => GitError::Absent { remote },
            status @ (408 | 429 | 500..=599) => GitError::Unreachable {
                remote,
                detail: format!("status {status} {}", said(response))
                    .trim()
                    .to_owned(),
            },
            status => GitError::NotGit {
                remote,
                detail: format!("status {status} {}", said(response))
                    .trim()
                    .to_owned(),
            },
        })
    }

    fn shown(&self) -> String {
        self.at.to_string()
    }

    fn odd(&self, detail: String) -> GitError {
        GitError::NotGit {
            remote: self.shown(),
            detail,
        }
    }
}

impl Base<'_> {
    pub(super) fn ask(
        &self,
        body: &[u8],
        limit: u64,
        sink: &mut dyn Write,
    ) -> Result<(), GitError> {
        let word = self.service.word();
        let endpoint = self.web.joined(&self.at, &format!("/{word}"))?;
        let headers = [
            ("content-type", format!("application/x-{word}-request")),
            ("accept", format!("application/x-{word}-result")),
        ];
        let response = self
            .web
            .send(&endpoint, Method::Post, Some(body), &headers, limit, sink)?;
        self.web.check(&response, &endpoint)
    }
}

fn leads_on(response: &Response) -> Option<&str> {
    let redirect = matches!(response.status, 301 | 302 | 303 | 307 | 308);
    response.header("location").filter(|_| redirect)
}

fn onward(here: &Endpoint, location: &str) -> Result<Endpoint, String> {
    let next = here
        .join(location)
        .ok_or("a redirect to something that is no http address")?;
    if here.scheme == Scheme::Https && next.scheme != Scheme::Https {
        return Err(format!("a redirect from https to {next}"));
    }
    Ok(next)
}

/// Whether a login for one address may be shown at another: at the same host and port, or where the same host goes
/// over to TLS.
fn is_trusted(first: &Endpoint, other: &Endpoint) -> bool {
    let same_host = first.host.eq_ignore_ascii_case(&other.host);
    let upgrade = (first.scheme, first.port, other.scheme, other.port)
        == (Scheme::Http, 80, Scheme::Https, 443);
    first.same_origin(other) || (same_host && upgrade)
}

fn word(endpoint: &Endpoint) -> &'static str {
    match endpoint.scheme {
        Scheme::Https => "https",
        Scheme::Http | Scheme::Tcp => "http",
    }
}

/// What an answer says in plain text; a page for people is left out.
fn said(response: &Response) -> String {
    let kind = response.header("content-type").unwrap_or_default();
    if kind.starts_with("text/plain") {
        text::said(&String::from_utf8_lossy(&response.body))
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_goes_to_its_own_host_only() {
        let at = |text| Endpoint::parse(text).unwrap();
        for (first, other, trusted) in [
            ("https://git.example/a", "https://git.example/b", true),
            ("http://git.example/a", "https://git.example/a", true),
            ("https://git.example/a", "https://evil.example/a", false),
            ("https://git.example/a", "https://git.example:8443/a", false),
            ("http://git.example:8080/a", "https://git.example/a", false),
            ("https://git.example/a", "http://git.example/a", false),
        ] {
            assert_eq!(
                is_trusted(&at(first), &at(other)),
                trusted,
                "{first} {other}"
            );
        }
        assert!(onward(&at("https://a/x"), "http://a/x").is_err());
        assert!(onward(&at("http://a/x"), "https://a/x").is_ok());
    }
}
