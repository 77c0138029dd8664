//! Probing: one look at one endpoint, or at several at once.

mod burst;
mod several;
mod tcp;

use std::time::Duration;

use jiff::Timestamp;

use crate::answer::{self, Expect, Parts};
use crate::clock::Clock;
use crate::endpoint::{Endpoint, Scheme};
use crate::http::{BODY_LIMIT, Http, Method, REDIRECTS, Request, Response};
use crate::reason::Reason;
use crate::sample::{Answer, Phases, Role, Sample};
use crate::secret::Secret;

pub use burst::{AT_ONCE, Burst, Heard, burst};
pub use several::{Probe, probe_all};

/// What is probed, and what it must answer.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where it is; `tcp://` asks for a connection and nothing else.
    pub endpoint: Endpoint,
    /// What it is probed for.
    pub role: Role,
    /// How it is asked.
    pub method: Method,
    /// Headers beside the usual ones, such as `Authorization`.
    pub headers: Vec<(String, Secret)>,
    /// What it must answer.
    pub expect: Expect,
    /// How long it may take, from the name's resolution to the last byte.
    pub timeout: Duration,
    /// Whether reasons carry the endpoint's name: so where several are probed.
    pub show_name: bool,
}

impl Target {
    /// A GET that is content with any 2xx, within 10 seconds.
    pub fn new(endpoint: Endpoint, role: Role) -> Self {
        let expect = Expect {
            metrics: role == Role::Metrics,
            ..Expect::default()
        };
        Self {
            endpoint,
            role,
            method: Method::Get,
            headers: Vec::new(),
            expect,
            timeout: Duration::from_secs(10),
            show_name: false,
        }
    }
}

/// Probes a target once. Whatever happens is in the sample.
pub fn probe(target: &Target, http: &Http, clock: &dyn Clock) -> Sample {
    look(target, http, clock.now())
}

/// Probes a target at the time `at`.
fn look(target: &Target, http: &Http, at: Timestamp) -> Sample {
    let (phases, outcome) = match target.endpoint.scheme {
        Scheme::Tcp => tcp::connect(&target.endpoint, target.timeout),
        Scheme::Http | Scheme::Https => ask(target, http, at),
    };
    Sample {
        endpoint: target.endpoint.to_string(),
        role: target.role,
        at,
        phases,
        outcome: outcome.map_err(|reasons| named(reasons, target)),
    }
}

fn ask(target: &Target, http: &Http, at: Timestamp) -> (Phases, Result<Answer, Vec<Reason>>) {
    let follow = if target.expect.status.hold_a_redirect() {
        0
    } else {
        REDIRECTS
    };
    let request = Request {
        method: target.method,
        headers: &target.headers,
        follow,
        ..Request::get(&target.endpoint, target.timeout)
    };
    match http.send(&request) {
        Ok(response) => {
            let now = at + response.phases.total;
            let parts = parts(&response, target.method);
            (response.phases, answer::read(&parts, &target.expect, now))
        }
        Err(failure) => (failure.phases, Err(vec![failure.reason])),
    }
}

fn parts(response: &Response, method: Method) -> Parts<'_> {
    let bodyless = method == Method::Head || matches!(response.status, 204 | 304);
    Parts {
        status: response.status,
        content_type: response.header("content-type"),
        body: Some(response.body.as_slice()).filter(|_| !bodyless),
        cut_at: response.cut.then_some(BODY_LIMIT),
    }
}

fn named(reasons: Vec<Reason>, target: &Target) -> Vec<Reason> {
    if !target.show_name {
        return reasons;
    }
    let name = target.endpoint.to_string();
    reasons.into_iter().map(|reason| reason.at(&name)).collect()
}
