//! Posting JSON over HTTP.

use std::time::Duration;

use crate::endpoint::{Endpoint, Scheme};
use crate::http::{Method, Request, Response};
use crate::reason::Reason;
use crate::secret::{Mask, Secret};

use super::Reach;
use super::retry::{Again, Failure, retry_after};

/// How much of an answer is read: it only goes into the log.
const ANSWER_BYTES: u64 = 2048;
/// How much of an answer is shown.
const SHOWN_CHARS: usize = 200;

/// An answer, of whatever status.
pub(super) struct Answer {
    pub(super) status: u16,
    /// The start of the body on one line, secrets masked; `: ` before it when there is any.
    pub(super) said: String,
    /// What a failure of this status says about another attempt.
    pub(super) again: Again,
}

impl Answer {
    pub(super) fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Posts a body and reads the answer. Redirects are not followed: a signed body goes where it was meant to go.
pub(super) fn post_json(
    url: &Secret,
    headers: &[(&str, String)],
    body: &str,
    reach: &Reach,
    limit: Duration,
) -> Result<Answer, Failure> {
    let endpoint = Endpoint::parse(url.reveal())
        .ok()
        .filter(|endpoint| endpoint.scheme != Scheme::Tcp)
        .ok_or_else(|| {
            Failure::never("the address cannot be read, expected one that starts with https://")
        })?;
    let own = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Secret::new(value)));
    let json = ("Content-Type".to_owned(), Secret::new("application/json"));
    let headers: Vec<_> = std::iter::once(json).chain(own).collect();
    let request = Request {
        method: Method::Post,
        headers: &headers,
        body: Some(body.as_bytes()),
        body_limit: ANSWER_BYTES,
        follow: 0,
        ..Request::get(&endpoint, limit)
    };
    let response = reach.http.send(&request);
    response
        .map(|response| read(&response, url))
        .map_err(|failure| failed(&failure.reason))
}

/// A request without an answer. After a time-out all the time there was is used up.
fn failed(reason: &Reason) -> Failure {
    let text = reason.to_string();
    match reason {
        Reason::Timeout { .. } | Reason::Certificate { .. } => Failure::never(text),
        _ => Failure::soon(text),
    }
}

fn read(response: &Response, url: &Secret) -> Answer {
    let status = response.status;
    let asked = response
        .header("retry-after")
        .and_then(|value| retry_after(value, response.header("date")));
    let again = match (status, asked) {
        (429 | 503, Some(wait)) => Again::After(wait),
        (408 | 429 | 500.., _) => Again::Soon,
        _ => Again::Never,
    };
    Answer {
        status,
        said: said(&String::from_utf8_lossy(&response.body), url),
        again,
    }
}

/// The start of a body for the log. A receiver may repeat the address it was called by, whole or its path.
fn said(body: &str, url: &Secret) -> String {
    let mut mask = Mask::default();
    mask.hide(url.reveal());
    let after_scheme = url.reveal().split_once("://").map_or("", |(_, rest)| rest);
    if let Some(start) = after_scheme.find('/') {
        mask.hide(&after_scheme[start..]);
        mask.hide(after_scheme[start..].rsplit('/').next().unwrap_or_default());
    }
    let masked = mask.apply(body);
    let line: Vec<&str> = masked.split_whitespace().collect();
    let shown: String = line
        .join(" ")
        .chars()
        .filter(|c| !c.is_control())
        .take(SHOWN_CHARS)
        .collect();
    if shown.is_empty() {
        shown
    } else {
        format!(": {shown}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_shown_short_on_one_line_and_without_the_address() {
        let url = Secret::new("https://hooks.example/services/T0/B0/s3cr3tpart");
        assert_eq!(
            said("no\n hook  at /services/T0/B0/s3cr3tpart\u{1b}[1m", &url),
            ": no hook at ***[1m"
        );
        assert_eq!(said("token s3cr3tpart", &url), ": token ***");
        assert_eq!(said(" \n", &url), "");
        assert_eq!(said(&"x".repeat(500), &url).len(), SHOWN_CHARS + 2);
    }
}
