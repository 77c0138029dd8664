//! Reading an HTTP answer as health. Pure: bytes in, an answer or every reason against it out.
//!
//! | answer | read as |
//! |---|---|
//! | another status than expected | a failure, with the service's own word beside it when the body holds one |
//! | declared as JSON, or anything in the body is asked for | a JSON object, whose fields are checked |
//! | anything else | healthy by its status |

mod expect;
mod fields;

use jiff::Timestamp;
use serde_json::Value;

pub use expect::{Expect, ExpectedBody, StatusRanges};
pub use fields::same_version;

use crate::reason::Reason;
use crate::sample::{Answer, Health};
use fields::{Fields, describe};

/// What came over the wire.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type` header.
    pub content_type: Option<&'a str>,
    /// The body or its beginning; absent where there cannot be one (`HEAD`, status 204).
    pub body: Option<&'a [u8]>,
    /// The limit in bytes at which the body was cut off; absent when it is whole.
    pub cut_at: Option<u64>,
}

impl Parts<'_> {
    fn declares_json(&self) -> bool {
        let kind = self.content_type.unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let kind = kind.to_ascii_lowercase();
        self.body.is_some() && (kind == "application/json" || kind.ends_with("+json"))
    }

    fn json(&self) -> Result<Value, Reason> {
        if let Some(limit) = self.cut_at {
            return Err(Reason::BodyTooLarge { limit });
        }
        let body = self.body.unwrap_or_default();
        let wrong = |detail: String| Reason::Body { detail };
        let declared = match self.content_type {
            Some(kind) => format!("declared as {:.60}", kind.escape_debug().to_string()),
            None => "without a content type".into(),
        };
        let text = std::str::from_utf8(body).map_err(|error| {
            let at = error.valid_up_to();
            wrong(format!("the body is not UTF-8 at byte {at}"))
        })?;
        // Some servers start with a byte order mark, which is no JSON.
        let text = text.trim_start_matches('\u{feff}');
        if text.trim().is_empty() {
            return Err(wrong(format!(
                "the body ({declared}) is empty, expected a JSON object"
            )));
        }
        let value: Value = serde_json::from_str(text)
            .map_err(|error| wrong(format!("the body ({declared}) is not JSON: {error}")))?;
        if value.is_object() {
            Ok(value)
        } else {
            let found = describe(&value);
            Err(wrong(format!(
                "the body is {found}, expected a JSON object"
            )))
        }
    }
}

/// Reads an answer that came at `now`.
///
/// # Errors
/// With every reason why the answer cannot be used, not only the first. A service that calls itself unhealthy gave an
/// answer: that is `Ok`.
pub fn read(parts: &Parts, expect: &Expect, now: Timestamp) -> Result<Answer, Vec<Reason>> {
    if !expect.status.hold(parts.status) {
        return Err(unexpected_status(parts, expect));
    }
    let mut reasons = Vec::new();
    let mut answer = Answer {
        status: Some(parts.status),
        ..Answer::default()
    };
    if let Some(ExpectedBody::Contains(text)) = &expect.body {
        reasons.extend(missing_text(parts, text));
    }
    if parts.declares_json() || expect.asks_for_fields() {
        match parts.json() {
            Ok(document) => {
                let mut fields = Fields::of(&document, &mut reasons);
                fields.fill(&mut answer);
                fields.check(expect, now);
                answer.version = fields.version(expect);
            }
            Err(reason) => reasons.push(reason),
        }
    }
    if reasons.is_empty() {
        Ok(answer)
    } else {
        Err(reasons)
    }
}

/// The version that an answer names, whatever else is wrong with it; absent where it names none.
pub fn named_version(parts: &Parts, field: &str) -> Option<String> {
    fields::version(&parts.json().ok()?, field)
}

fn unexpected_status(parts: &Parts, expect: &Expect) -> Vec<Reason> {
    let mut reasons = vec![Reason::Status {
        found: parts.status,
        expected: expect.status.to_string(),
    }];
    let document = Some(parts).filter(|parts| parts.declares_json());
    let word = document.and_then(|parts| parts.json().ok());
    match word.as_ref().and_then(fields::health) {
        Some(Ok(Health::Degraded)) => reasons.push(Reason::Degraded),
        Some(Ok(Health::Unhealthy)) => reasons.push(Reason::Unhealthy),
        Some(Ok(Health::Healthy) | Err(_)) | None => {}
    }
    reasons
}

fn missing_text(parts: &Parts, text: &str) -> Option<Reason> {
    let body = String::from_utf8_lossy(parts.body.unwrap_or_default());
    if body.contains(text) {
        None
    } else if let Some(limit) = parts.cut_at {
        Some(Reason::BodyTooLarge { limit })
    } else {
        Some(Reason::Body {
            detail: format!("the body does not contain {text:?}"),
        })
    }
}

#[cfg(test)]
mod tests;
