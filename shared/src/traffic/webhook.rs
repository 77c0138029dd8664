//! A webhook in the place of a deployment script.
//!
//! It is sent `POST` with this JSON, in UTF-8:
//!
//! ```json
//! {
//!   "version": 1,
//!   "action": "deploy | promote | rollback | update-traffic | get-traffic",
//!   "percent": 25, "stage": 2, "attempt": 1,
//!   "deployment": {"id": "…", "commit": "…", "environment": "…", "pool": "… or null", "previous_commit": "…"}
//! }
//! ```
//!
//! `percent` is null but for `update-traffic`; `stage` is 0 outside the stages; `previous_commit` is there where a
//! rollback knows what it goes back to. With a secret it carries
//! `X-Signature-256` ([`crate::signature`]). Any 2xx means applied; `get-traffic` answers `{"share": 25}`. Every action
//! is absolute, so a receiver may be told one twice.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use crate::endpoint::{Endpoint, Scheme};
use crate::hook::{Action, Call, Facts};
use crate::http::{Http, Method, Progress, Request, Response};
use crate::reason::Reason;
use crate::secret::Secret;
use crate::signature;
use crate::split::{Share, Snapshot};
use crate::tally::Tally;

use super::{Fault, Preflight, Reading, TrafficError, TrafficManager, pause};

const NAME: &str = "webhook";
/// How much of an answer is read.
const ANSWER_BYTES: u64 = 64 << 10;
/// Between two looks at what was set.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// A webhook and what it is told. A call is not ended by a cancelled run, only by its limit: keep that short.
#[derive(Debug)]
pub struct Webhook {
    /// The address; it may hold a token, so none of it is shown.
    url: Secret,
    endpoint: Endpoint,
    secret: Option<Secret>,
    facts: Facts,
    http: Arc<Http>,
    limit: Duration,
    verify: Duration,
}

/// The answer to `get-traffic`.
#[derive(Deserialize)]
struct Said {
    share: u8,
}

impl Webhook {
    /// A webhook at `url`, signed with `secret` if there is one. One call may take `limit`; what was set may take
    /// `verify` to show in `get-traffic`.
    ///
    /// # Errors
    /// When the address is none of `http` or `https`; nothing of it is shown.
    pub fn new(
        url: Secret,
        secret: Option<Secret>,
        facts: Facts,
        http: Arc<Http>,
        limit: Duration,
        verify: Duration,
    ) -> Result<Self, String> {
        let endpoint = Endpoint::parse(url.reveal())
            .ok()
            .filter(|endpoint| endpoint.scheme != Scheme::Tcp)
            .ok_or("the address cannot be read, expected one that starts with https://")?;
        Ok(Self {
            url,
            endpoint,
            secret,
            facts,
            http,
            limit,
            verify,
        })
    }

    /// Asks for an action and waits until it is applied.
    ///
    /// # Errors
    /// When it is not answered with a 2xx within the limit.
    pub fn act(&self, action: Action, call: Call) -> Result<(), TrafficError> {
        self.post(action, call)
            .map(|_| ())
            .map_err(|fault| TrafficError::at(NAME, fault))
    }

    fn post(&self, action: Action, call: Call) -> Result<Response, Fault> {
        let body = json!({
            "version": 1,
            "action": action.word(),
            "percent": action.percent(),
            "stage": call.stage,
            "attempt": call.attempt,
            "deployment": self.facts,
        })
        .to_string();
        let mut headers = vec![("Content-Type".to_owned(), Secret::new("application/json"))];
        headers.extend(self.secret.as_ref().map(|secret| {
            let signature = signature::sha256(secret, body.as_bytes());
            (signature::HEADER.to_owned(), Secret::new(signature))
        }));
        let request = Request {
            method: Method::Post,
            headers: &headers,
            body: Some(body.as_bytes()),
            body_limit: ANSWER_BYTES,
            // A signed body goes where it was meant to go.
            follow: 0,
            ..Request::get(&self.endpoint, self.limit)
        };
        let response = self.http.send(&request);
        let response = response.map_err(|failure| self.fault(&failure.reason))?;
        match response.status {
            200..300 => Ok(response),
            401 | 403 => Err(Fault::Refused {
                detail: format!(
                    "{} answered with status {}: does it check the signature with the same secret",
                    action.word(),
                    response.status
                ),
            }),
            status => Err(Fault::Failed {
                detail: format!(
                    "{} answered with status {status}, expected 200 to 299",
                    action.word()
                ),
            }),
        }
    }

    fn fault(&self, reason: &Reason) -> Fault {
        match reason {
            Reason::Timeout { .. } => Fault::Timeout {
                doing: "waiting for the webhook",
                limit: self.limit,
            },
            Reason::Malformed { detail } => Fault::Garbage {
                detail: detail.clone(),
            },
            other => Fault::Unreachable {
                detail: other.to_string().replace(self.url.reveal(), "***"),
            },
        }
    }

    fn share(&self) -> Result<Share, Fault> {
        let response = self.post(Action::GetTraffic, Call::FIRST)?;
        serde_json::from_slice::<Said>(&response.body)
            .ok()
            .and_then(|said| Share::new(said.share))
            .ok_or_else(|| Fault::Garbage {
                detail: "get-traffic was answered with something else, expected json such as {\"share\": 25}".into(),
            })
    }

    fn update(&self, share: Share, call: Call) -> Result<(), Fault> {
        self.post(Action::UpdateTraffic(share), call)?;
        let progress = Progress::start(self.verify);
        loop {
            let found = self.share()?;
            if found == share {
                return Ok(());
            }
            if progress.left().is_zero() {
                return Err(Fault::NotTaken {
                    wanted: share.to_string(),
                    found: found.to_string(),
                });
            }
            pause(LOOK_AGAIN.min(progress.left()));
        }
    }
}

impl TrafficManager for Webhook {
    fn name(&self) -> &'static str {
        NAME
    }

    fn preflight(&self) -> Result<Preflight, TrafficError> {
        let share = self
            .share()
            .map_err(|fault| TrafficError::at(NAME, fault))?;
        Ok(Preflight {
            notes: vec![format!("webhook: get-traffic says {share}")],
            reload: None,
        })
    }

    fn read(&self) -> Result<Reading, TrafficError> {
        let share = self
            .share()
            .map_err(|fault| TrafficError::at(NAME, fault))?;
        Ok(super::simple(NAME, NAME.to_owned(), share))
    }

    fn set(&self, share: Share, call: Call) -> Result<(), TrafficError> {
        self.update(share, call)
            .map_err(|fault| TrafficError::at(NAME, fault))
    }

    fn restore(&self, snapshot: &Snapshot, call: Call) -> Result<(), TrafficError> {
        self.set(snapshot.share, call)
    }

    fn observe(&self) -> Result<Option<Tally>, TrafficError> {
        Ok(None)
    }
}
