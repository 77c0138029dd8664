//! Many requests on one connection, for bursts of which the rate counts.

use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;

use super::hop::Hop;
use super::progress::Progress;
use super::{Failure, Http, Request, Response, leads_on};
use crate::endpoint::{Endpoint, Scheme};
use crate::reason::Reason;
use crate::sample::Phases;

/// Requests to one origin, one after the other, on a connection that is kept between them.
///
/// Through a proxy and after a redirect each request has a connection of its own as usual. What fails on a connection
/// that was used before is asked once more on a new one: a server may close it at any time, and that is no failure.
pub(crate) struct Kept<'a> {
    http: &'a Http,
    progress: Arc<Progress>,
    agent: Option<Agent>,
}

impl Http {
    /// Requests on a kept connection, all of them within this time.
    pub(crate) fn keep(&self, within: Duration) -> Kept<'_> {
        Kept {
            http: self,
            progress: Arc::new(Progress::start(within)),
            agent: None,
        }
    }
}

impl Kept<'_> {
    /// Sends a request and reads the answer. Of its phases only the total is measured.
    ///
    /// # Errors
    /// As [`Http::send`].
    pub(crate) fn send(&mut self, request: &Request) -> Result<Response, Box<Failure>> {
        let (http, endpoint) = (self.http, request.endpoint);
        if http.proxies.choose(endpoint).is_some() {
            return http.send(request);
        }
        let before = self.progress.phases().total;
        let was_open = self.agent.is_some();
        let answer = self.ask(request, endpoint);
        let phases = Phases {
            total: self.progress.phases().total.saturating_sub(before),
            ..Phases::default()
        };
        match answer {
            Ok(response) if leads_on(request, &response).is_some() => http.send(request),
            Ok(response) => Ok(Response { phases, ..response }),
            Err(reason) => {
                self.agent = None;
                let may_be_old = was_open && !matches!(reason, Reason::Timeout { .. });
                if may_be_old {
                    return http.send(request);
                }
                Err(Box::new(Failure { reason, phases }))
            }
        }
    }

    fn ask(&mut self, request: &Request, endpoint: &Endpoint) -> Result<Response, Reason> {
        let tls = (endpoint.scheme == Scheme::Https).then(|| self.http.roots.client_config());
        let tls = tls
            .transpose()
            .map_err(|detail| Reason::Certificate { detail })?;
        let hop = Hop {
            request,
            endpoint,
            proxy: None,
            tls,
            user_agent: &self.http.user_agent,
            progress: &self.progress,
            keeps: true,
        };
        let agent = match self.agent.take() {
            Some(agent) => agent,
            None => hop.agent()?,
        };
        let answer = hop.run_by(&agent);
        self.agent = Some(agent);
        answer
    }
}
