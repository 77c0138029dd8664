//! What a forge's answer means: read on, wait, go elsewhere, or give up and why. Pure.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use serde_json::Value;

use super::call::short;
use super::place::Kind;

/// An answer, as far as it matters.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    /// The status.
    pub(super) status: u16,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    /// The body as JSON; null when it is none.
    pub(super) body: Value,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(have, _)| have == name);
        found.map(|(_, value)| value.trim())
    }

    pub(super) fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether there is a page after this one, of which `size` entries were asked for.
    pub(super) fn has_more(&self, size: u32) -> bool {
        match self.header("link") {
            Some(link) => link.contains("rel=\"next\""),
            None => self
                .body
                .as_array()
                .is_some_and(|all| all.len() >= size as usize),
        }
    }
}

/// What to do after an answer that is not a good one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// The forge asks for patience: the same again after this time.
    Wait(Duration),
    /// Something is in trouble there: the same again soon, if it may be sent twice.
    Soon,
    /// It is elsewhere.
    Elsewhere(String),
    /// It is refused.
    GiveUp,
}

/// What an answer asks for. `now` stands in where it has no date.
pub(super) fn next(answer: &Answer, now: Timestamp) -> Next {
    let limited = matches!(answer.status, 403 | 429);
    match answer.status {
        301 | 302 | 307 | 308 => match answer.header("location") {
            Some(location) => Next::Elsewhere(location.to_owned()),
            None => Next::GiveUp,
        },
        403 | 429 | 503 if answer.header("retry-after").is_some() => asked(answer, now),
        _ if limited && answer.header("x-ratelimit-remaining") == Some("0") => reset(answer, now),
        403 if message(answer).to_ascii_lowercase().contains("rate limit") => {
            Next::Wait(Duration::from_secs(60))
        }
        // It was not carried out, so it may be sent again whatever it is.
        429 => Next::Wait(Duration::from_secs(2)),
        500 | 502..=504 => Next::Soon,
        _ => Next::GiveUp,
    }
}

fn date(answer: &Answer, now: Timestamp) -> Timestamp {
    let date = answer.header("date");
    date.and_then(|date| DateTimeParser::new().parse_timestamp(date).ok())
        .unwrap_or(now)
}

fn asked(answer: &Answer, now: Timestamp) -> Next {
    let value = answer.header("retry-after").unwrap_or_default();
    if let Ok(seconds) = value.parse::<u32>() {
        return Next::Wait(Duration::from_secs(u64::from(seconds)));
    }
    match DateTimeParser::new().parse_timestamp(value) {
        Ok(at) => Next::Wait(until(at, date(answer, now))),
        Err(_) => Next::Soon,
    }
}

fn reset(answer: &Answer, now: Timestamp) -> Next {
    let reset = answer.header("x-ratelimit-reset");
    let at = reset
        .and_then(|reset| reset.parse().ok())
        .and_then(|seconds| Timestamp::from_second(seconds).ok());
    match at {
        // The second in which it is reset is still the old one.
        Some(at) => Next::Wait(until(at, date(answer, now)) + Duration::from_secs(1)),
        None => Next::Wait(Duration::from_secs(60)),
    }
}

fn until(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or_default()
}

/// The forge's own words.
pub(super) fn message(answer: &Answer) -> String {
    let body = &answer.body;
    let main = [&body["message"], &body["error"], &body["error_description"]]
        .into_iter()
        .find(|value| !value.is_null())
        .map(words)
        .unwrap_or_default();
    let details: Vec<String> = body["errors"].as_array().map_or_else(Vec::new, |errors| {
        errors
            .iter()
            .map(detail)
            .filter(|text| !text.is_empty())
            .collect()
    });
    let all = std::iter::once(main).chain(details);
    let all: Vec<String> = all.filter(|text| !text.is_empty()).collect();
    short(&all.join("; "), 300)
}

/// GitLab's messages are texts, lists, or maps of lists.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(words).collect::<Vec<_>>().join(", "),
        Value::Object(all) => {
            let pairs = all
                .iter()
                .map(|(name, value)| format!("{name}: {}", words(value)));
            pairs.collect::<Vec<_>>().join(", ")
        }
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn detail(error: &Value) -> String {
    let field = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    match error {
        Value::String(text) => text.clone(),
        _ if error["message"].is_string() => field("message"),
        _ => format!("{} {} {}", field("resource"), field("field"), field("code"))
            .trim()
            .to_owned(),
    }
}

/// The refusal in one line: what was asked, what came, what to do.
pub(super) fn refusal(kind: Kind, what: &str, answer: &Answer) -> String {
    let said = message(answer);
    let said = if said.is_empty() {
        said
    } else {
        format!(" ({said})")
    };
    let status = answer.status;
    let hint = match status {
        401 => "; the token is not accepted: is it expired, or another forge's?".to_owned(),
        403 => forbidden(answer),
        404 => "; the token may not see it, or the repository's name is wrong, or issues are switched off".to_owned(),
        410 => "; issues are switched off for this repository".to_owned(),
        _ => String::new(),
    };
    format!(
        "{} refused to {what}: status {status}{said}{hint}",
        kind.name()
    )
}

fn forbidden(answer: &Answer) -> String {
    if let Some(needed) = answer.header("x-accepted-github-permissions") {
        let needed = short(needed, 200);
        return format!("; the token lacks a permission: one of {needed} is needed");
    }
    if let Some(needed) = answer
        .header("x-accepted-oauth-scopes")
        .filter(|s| !s.is_empty())
    {
        let needed = short(needed, 200);
        return format!("; the token lacks a scope: one of {needed} is needed");
    }
    if answer.header("x-github-sso").is_some() {
        return "; the token must be authorized for the organization's single sign-on".to_owned();
    }
    "; the token has too few rights".to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: Value) -> Answer {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Answer {
            status,
            headers: headers.iter().map(pair).collect(),
            body,
        }
    }

    fn wait(seconds: u64) -> Next {
        Next::Wait(Duration::from_secs(seconds))
    }

    #[test]
    fn a_limit_is_waited_for_as_long_as_the_forge_says() {
        let date = ("date", "Thu, 01 Jan 1970 00:16:40 GMT");
        let now = Timestamp::UNIX_EPOCH;
        for (status, headers, body, expected) in [
            (429, vec![("retry-after", "7")], json!({}), wait(7)),
            (403, vec![("retry-after", "7")], json!({}), wait(7)),
            (503, vec![("retry-after", "2")], json!({}), wait(2)),
            (
                403,
                vec![
                    ("x-ratelimit-remaining", "0"),
                    ("x-ratelimit-reset", "1010"),
                    date,
                ],
                json!({}),
                wait(11),
            ),
            (
                429,
                vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "3")],
                json!({}),
                wait(4),
            ),
            (
                403,
                vec![],
                json!({"message": "You have exceeded a secondary rate limit"}),
                wait(60),
            ),
            (429, vec![], json!({}), wait(2)),
            (502, vec![], Value::Null, Next::Soon),
            (
                403,
                vec![("x-ratelimit-remaining", "40")],
                json!({}),
                Next::GiveUp,
            ),
            (404, vec![("retry-after", "7")], json!({}), Next::GiveUp),
            (
                307,
                vec![("location", "/x")],
                json!({}),
                Next::Elsewhere("/x".into()),
            ),
        ] {
            let answer = answer(status, &headers, body);
            assert_eq!(next(&answer, now), expected, "{answer:?}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let text = |status, headers: &[(&str, &str)], body| {
            refusal(
                Kind::GitHub,
                "open the incident",
                &answer(status, headers, body),
            )
        };
        assert_eq!(
            text(
                403,
                &[("x-accepted-github-permissions", "issues=write")],
                json!({"message": "Resource not accessible by integration"})
            ),
            "GitHub refused to open the incident: status 403 (Resource not accessible by integration); the token lacks \
             a permission: one of issues=write is needed"
        );
        assert!(text(410, &[], json!({})).contains("switched off"));
        assert!(text(401, &[], Value::Null).contains("expired"));
        assert!(text(403, &[("x-github-sso", "required")], json!({})).contains("sign-on"));
    }

    #[test]
    fn every_forges_way_to_say_what_is_wrong_is_read() {
        for (body, said) in [
            (
                json!({"message": "Validation Failed", "errors": [{"resource": "Issue", "field": "title", "code": "missing_field"}]}),
                "Validation Failed; Issue title missing_field",
            ),
            (
                json!({"message": {"base": ["is taken", "x"]}}),
                "base: is taken, x",
            ),
            (json!({"error": "title is missing"}), "title is missing"),
            (
                json!({"message": "no", "errors": ["a", {"message": "b"}]}),
                "no; a; b",
            ),
            (json!([1]), ""),
            (Value::Null, ""),
        ] {
            assert_eq!(message(&answer(422, &[], body)), said);
        }
    }

    #[test]
    fn the_next_page_is_named_by_the_link_or_by_a_full_page() {
        let link = [(
            "link",
            "<https://x/?page=2>; rel=\"next\", <https://x/?page=9>; rel=\"last\"",
        )];
        assert!(answer(200, &link, json!([])).has_more(100));
        let last = [("link", "<https://x/?page=1>; rel=\"prev\"")];
        assert!(!answer(200, &last, json!([1])).has_more(1));
        assert!(answer(200, &[], json!([1])).has_more(1));
        assert!(!answer(200, &[], json!([1])).has_more(2));
    }
}
