//! One request on one connection.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rustls::ClientConfig;
use ureq::http::{self, HeaderName, HeaderValue};
use ureq::{Agent, Body, Error};

use crate::endpoint::{Endpoint, Scheme};
use crate::reason::{Phase, Reason};
use crate::sample::Phases;

use super::dial::{Dial, Lookup};
use super::failure::{cannot_send, explain};
use super::progress::{Progress, Seen};
use super::proxies::Proxy;
use super::{Method, Request, Response};

/// The longest head of an answer: 64 KiB.
pub(super) const HEAD_LIMIT: usize = 64 << 10;

/// What one request on one connection needs.
pub(super) struct Hop<'a> {
    pub(super) request: &'a Request<'a>,
    /// Where this one goes: the request's endpoint, or where a redirect led.
    pub(super) endpoint: &'a Endpoint,
    pub(super) proxy: Option<&'a Proxy>,
    pub(super) tls: Option<Arc<ClientConfig>>,
    pub(super) user_agent: &'a str,
    pub(super) progress: &'a Arc<Progress>,
    /// Whether the connection is kept for a next request by the same agent.
    pub(super) keeps: bool,
}

impl Hop<'_> {
    /// Sends the request and reads the answer.
    pub(super) fn run(&self) -> Result<Response, Reason> {
        self.run_by(&self.agent()?)
    }

    /// The same by an agent that may have a connection already.
    pub(super) fn run_by(&self, agent: &Agent) -> Result<Response, Reason> {
        let mut answer = self.ask(agent)?;
        let (body, cut) = self.read(&mut answer)?;
        Ok(self.response(&answer, body, cut))
    }

    /// Sends the request and hands the body of a 200 on as it comes; any other answer is read as usual.
    pub(super) fn run_into(&self, sink: &mut dyn Write) -> Result<Response, Reason> {
        let mut answer = self.ask(&self.agent()?)?;
        if answer.status().as_u16() != 200 {
            let (body, cut) = self.read(&mut answer)?;
            return Ok(self.response(&answer, body, cut));
        }
        let cut = self.pass_on(&mut answer, sink)?;
        Ok(self.response(&answer, Vec::new(), cut))
    }

    fn ask(&self, agent: &Agent) -> Result<http::Response<Body>, Reason> {
        self.progress.see(|seen| *seen = Seen::default());
        let message = self.message()?;
        let bodyless = matches!(
            self.request.method,
            Method::Get | Method::Head | Method::Options | Method::Delete
        );
        let answer = match self.request.body {
            None if bodyless => agent.run(message),
            body => agent.run(message.map(|()| body.unwrap_or_default())),
        };
        let answer = answer.map_err(|error| self.explain(error))?;
        self.progress.enter(Phase::Transfer);
        Ok(answer)
    }

    fn response(&self, answer: &http::Response<Body>, body: Vec<u8>, cut: bool) -> Response {
        self.progress.enter(Phase::Total);
        Response {
            status: answer.status().as_u16(),
            headers: answer.headers().iter().map(readable).collect(),
            body,
            cut,
            endpoint: self.endpoint.clone(),
            phases: Phases::default(),
        }
    }

    fn message(&self) -> Result<http::Request<()>, Reason> {
        let mut message = http::Request::builder()
            .method(self.request.method.word())
            .uri(self.endpoint.url())
            .body(())
            .map_err(|_| cannot_send("the address has a character that must be percent-encoded"))?;
        let headers = message.headers_mut();
        if !self.keeps {
            // Each probe has a connection of its own, so the server need not keep it.
            headers.insert("connection", HeaderValue::from_static("close"));
        }
        if let Some(login) = self.endpoint.authorization() {
            headers.insert("authorization", sendable("authorization", login.reveal())?);
        }
        // What was meant for one origin is not told to another that it redirects to.
        if self.endpoint.same_origin(self.request.endpoint) {
            for (name, value) in self.request.headers {
                let known = HeaderName::try_from(name.as_str());
                let known =
                    known.map_err(|_| cannot_send(&format!("{name:?} is no header's name")))?;
                headers.insert(known, sendable(name, value.reveal())?);
            }
        }
        if let Some(login) = self
            .forwarder()
            .and_then(|proxy| proxy.endpoint.authorization())
        {
            let value = sendable("proxy-authorization", login.reveal())?;
            headers.insert("proxy-authorization", value);
        }
        Ok(message)
    }

    /// The proxy that is handed the whole request; one that only tunnels never sees it.
    fn forwarder(&self) -> Option<&Proxy> {
        self.proxy
            .filter(|proxy| self.endpoint.scheme == Scheme::Http && !proxy.is_secure())
    }

    /// What makes the connection: one for this request alone, or for those after it, too.
    pub(super) fn agent(&self) -> Result<Agent, Reason> {
        let limit = if self.keeps {
            self.request.timeout
        } else {
            self.progress.left()
        };
        let tunnel = self.proxy.filter(|_| self.forwarder().is_none());
        let tunnel = tunnel
            .map(|proxy| ureq::Proxy::new(proxy.written.reveal()))
            .transpose()
            .map_err(|_| cannot_send("the proxy's address is not one to connect to"))?;
        let config = Agent::config_builder()
            .timeout_global(Some(limit))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(HEAD_LIMIT)
            .max_idle_connections(usize::from(self.keeps))
            .max_idle_connections_per_host(usize::from(self.keeps))
            .accept_encoding("")
            .user_agent(self.user_agent)
            .proxy(tunnel)
            .build();
        let origin = self.forwarder().map(|_| {
            let url = self.endpoint.url();
            let authority = url.split('/').nth(2).unwrap_or_default();
            format!("http://{authority}")
        });
        let dial = Dial {
            progress: Arc::clone(self.progress),
            tls: self.tls.clone(),
            origin,
            to_proxy: AtomicBool::new(false),
        };
        let peer = self.proxy.map_or(self.endpoint, |proxy| &proxy.endpoint);
        let lookup = Lookup {
            progress: Arc::clone(self.progress),
            peer: peer.clone(),
        };
        Ok(Agent::with_parts(config, dial, lookup))
    }

    fn read(&self, answer: &mut http::Response<Body>) -> Result<(Vec<u8>, bool), Reason> {
        let mut body = Vec::new();
        let limit = self.request.body_limit;
        answer
            .body_mut()
            .as_reader()
            .take(limit.saturating_add(1))
            .read_to_end(&mut body)
            .map_err(|error| self.explain(error.into()))?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let cut = body.len() > limit;
        body.truncate(limit);
        self.check_end(answer, cut)?;
        Ok((body, cut))
    }

    /// Hands the body on; tells whether there is more of it than the limit.
    fn pass_on(
        &self,
        answer: &mut http::Response<Body>,
        sink: &mut dyn Write,
    ) -> Result<bool, Reason> {
        let mut left = self.request.body_limit;
        let mut buffer = vec![0; 64 << 10];
        let mut body = answer.body_mut().as_reader();
        let cut = loop {
            let read = body.read(&mut buffer);
            let amount = read.map_err(|error| self.explain(error.into()))?;
            if amount == 0 {
                break false;
            }
            let Some(rest) = left.checked_sub(amount as u64) else {
                break true;
            };
            left = rest;
            sink.write_all(&buffer[..amount])
                .map_err(|error| Reason::Body {
                    detail: format!("what comes cannot be kept: {error}"),
                })?;
        };
        drop(body);
        self.check_end(answer, cut)?;
        Ok(cut)
    }

    fn check_end(&self, answer: &http::Response<Body>, cut: bool) -> Result<(), Reason> {
        let seen = self.progress.seen();
        let detail = if seen.reset {
            "the connection was reset within the body"
        } else if seen.excess && !cut && !self.is_bodyless(answer) {
            "more bytes come after the body than its content-length says"
        } else {
            return Ok(());
        };
        Err(Reason::Malformed {
            detail: detail.into(),
        })
    }

    /// Whether there is no body by definition: what some servers send all the same is not looked at.
    fn is_bodyless(&self, answer: &http::Response<Body>) -> bool {
        self.request.method == Method::Head || matches!(answer.status().as_u16(), 204 | 304)
    }

    fn explain(&self, error: Error) -> Reason {
        let proxy = self.proxy.map(|proxy| &proxy.endpoint);
        let at_proxy = self.progress.seen().at_proxy || self.forwarder().is_some();
        explain(error, self.progress, proxy.filter(|_| at_proxy))
    }
}

fn sendable(name: &str, value: &str) -> Result<HeaderValue, Reason> {
    let mut value = HeaderValue::try_from(value).map_err(|_| {
        cannot_send(&format!(
            "the value of the header {name} has a character that no header can carry"
        ))
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn readable((name, value): (&HeaderName, &HeaderValue)) -> (String, String) {
    let value = String::from_utf8_lossy(value.as_bytes());
    (name.as_str().to_owned(), value.into_owned())
}
