//! A webhook of the team's own.
//!
//! It is sent `POST` with this JSON, in UTF-8:
//!
//! ```json
//! {
//!   "version": 1,
//!   "id": "32 hexadecimal digits, the same in every attempt to deliver this message",
//!   "sent_at": "RFC 3339, UTC",
//!   "message": {
//!     "outcome": "success | warning | failure",
//!     "plugin": "plugin-health", "title": "…", "reasons": ["…"],
//!     "facts": [["name", "value"]], "links": [["name", "address"]], "next": "… or null"
//!   }
//! }
//! ```
//!
//! With a secret it carries `X-Signature-256` ([`crate::signature`]): a receiver computes the HMAC-SHA256 of the raw
//! body and compares. `sent_at` is signed with the rest, so an old message sent again can be refused by its age.
//! Any 2xx is taken as received; 408, 429 and 5xx are tried again, nothing else is.

use std::time::Duration;

use serde_json::json;

use crate::message::Message;
use crate::secret::Secret;
use crate::signature;

use super::post::post_json;
use super::retry::Failure;
use super::{Reach, Stamp};

/// Where to post and what to sign with.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// The address; it may hold a token, so none of it is shown.
    pub url: Secret,
    /// The key of the signature; absent for none.
    pub secret: Option<Secret>,
}

/// A message ready to be posted.
pub(super) struct Letter {
    url: Secret,
    signature: Option<String>,
    body: String,
}

impl Letter {
    pub(super) fn new(webhook: &Webhook, message: &Message, stamp: &Stamp) -> Self {
        let body = json!({
            "version": 1,
            "id": stamp.id,
            "sent_at": stamp.at.to_string(),
            "message": message,
        })
        .to_string();
        let secret = webhook.secret.as_ref();
        Self {
            url: webhook.url.clone(),
            signature: secret.map(|secret| signature::sha256(secret, body.as_bytes())),
            body,
        }
    }

    pub(super) fn send(&self, reach: &Reach, limit: Duration) -> Result<(), Failure> {
        let signature = self.signature.iter();
        let headers: Vec<_> = signature
            .map(|signature| (signature::HEADER, signature.clone()))
            .collect();
        let answer = post_json(&self.url, &headers, &self.body, reach, limit)?;
        if answer.is_good() {
            return Ok(());
        }
        Err(Failure {
            text: format!(
                "status {}, expected 200 to 299{}",
                answer.status, answer.said
            ),
            again: answer.again,
        })
    }
}
