//! The fields of a JSON answer.

use jiff::Timestamp;
use serde_json::Value;

use crate::metric::Metric;
use crate::reason::Reason;
use crate::sample::{Answer, Health};
use crate::tally::Totals;
use crate::value::show_duration;

use super::{Expect, ExpectedBody};

/// A JSON object and the reasons against it that were found so far.
pub(super) struct Fields<'a> {
    document: &'a Value,
    reasons: &'a mut Vec<Reason>,
}

impl<'a> Fields<'a> {
    pub(super) fn of(document: &'a Value, reasons: &'a mut Vec<Reason>) -> Self {
        Self { document, reasons }
    }

    /// Takes health and metrics over into the answer.
    pub(super) fn fill(&mut self, answer: &mut Answer) {
        match health(self.document) {
            Some(Ok(health)) => answer.health = Some(health),
            Some(Err(detail)) => self.refuse("status", detail),
            None => {}
        }
        answer.error_rate = self.metric(Metric::ErrorRate);
        answer.availability = self.metric(Metric::Availability);
        answer.response_time = self.metric(Metric::ResponseTime);
        answer.totals = totals(self.document);
    }

    /// Checks what was asked for beside the version.
    pub(super) fn check(&mut self, expect: &Expect, now: Timestamp) {
        for field in &expect.required_fields {
            match find(self.document, field) {
                None => self.refuse(field, "is missing"),
                Some(Value::Null) => self.refuse(field, "is null, expected a value"),
                Some(_) => {}
            }
        }
        let present = |metric: Metric| {
            self.document
                .get(metric.name())
                .is_some_and(|v| !v.is_null())
        };
        if expect.metrics && !Metric::ALL.into_iter().any(present) {
            let detail = "the answer names none of error_rate, availability and response_time";
            self.reasons.push(Reason::Body {
                detail: detail.into(),
            });
        }
        if let Some(ExpectedBody::Fields(wanted)) = &expect.body {
            for (field, value) in wanted {
                self.compare(field, value);
            }
        }
        if let Some(limit) = expect.max_age {
            self.age(limit, now);
        }
    }

    /// The version that answered, when one is expected.
    pub(super) fn version(&mut self, expect: &Expect) -> Option<String> {
        let expected = expect.version.as_ref()?;
        let found = version(self.document, &expect.version_field);
        let same = found
            .as_ref()
            .is_some_and(|found| same_version(found, expected));
        if !same {
            self.reasons.push(Reason::Version {
                expected: expected.clone(),
                found: found.as_deref().map(one_line),
            });
        }
        found
    }

    fn metric(&mut self, metric: Metric) -> Option<f64> {
        let value = self
            .document
            .get(metric.name())
            .filter(|value| !value.is_null())?;
        let Some(number) = value.as_f64() else {
            let found = describe(value);
            self.refuse(metric.name(), format!("is {found}, expected a number"));
            return None;
        };
        let (most, range) = match metric {
            Metric::ErrorRate | Metric::Availability => (100.0, "per cent from 0 to 100"),
            Metric::ResponseTime => (f64::MAX, "milliseconds from 0 on"),
        };
        if (0.0..=most).contains(&number) {
            return Some(number);
        }
        self.refuse(metric.name(), format!("is {value}, expected {range}"));
        None
    }

    fn compare(&mut self, field: &str, wanted: &Value) {
        let Some(found) = find(self.document, field) else {
            self.refuse(field, format!("is missing, expected {wanted}"));
            return;
        };
        // 1 and 1.0 are the same number to a person.
        let same = match (found.as_f64(), wanted.as_f64()) {
            (Some(found), Some(wanted)) => found.total_cmp(&wanted).is_eq(),
            _ => found == wanted,
        };
        if !same {
            let found = describe(found);
            self.refuse(field, format!("is {found}, expected {wanted}"));
        }
    }

    fn age(&mut self, limit: std::time::Duration, now: Timestamp) {
        let Some(value) = self
            .document
            .get("timestamp")
            .filter(|value| !value.is_null())
        else {
            return self.refuse("timestamp", "is missing, max_age needs it");
        };
        let Some(time) = value.as_str().and_then(|text| text.trim().parse().ok()) else {
            let found = describe(value);
            return self.refuse(
                "timestamp",
                format!("is {found}, expected a time as in RFC 3339"),
            );
        };
        let age = now.duration_since(time);
        let span = age.unsigned_abs();
        if span <= limit {
            return;
        }
        if age.is_negative() {
            let ahead = show_duration(span);
            self.refuse(
                "timestamp",
                format!("is {ahead} ahead of this machine's clock"),
            );
        } else {
            self.reasons.push(Reason::Stale { age: span, limit });
        }
    }

    fn refuse(&mut self, field: &str, detail: impl Into<String>) {
        self.reasons.push(Reason::Field {
            field: field.to_owned(),
            detail: detail.into(),
        });
    }
}

/// What the service says of itself; absent when it says nothing.
///
/// Beside our own three words those of Spring (`UP`, `DOWN`, `OUT_OF_SERVICE`) and of the health+json draft (`pass`,
/// `warn`, `fail`, `ok`) are understood, in any case. Every other word is refused: a gate does not guess.
pub(super) fn health(document: &Value) -> Option<Result<Health, String>> {
    let value = document.get("status").filter(|value| !value.is_null())?;
    let word = value
        .as_str()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    Some(match word.as_str() {
        "healthy" | "ok" | "up" | "pass" => Ok(Health::Healthy),
        "degraded" | "warn" => Ok(Health::Degraded),
        "unhealthy" | "fail" | "down" | "out_of_service" => Ok(Health::Unhealthy),
        _ => Err(format!(
            "is {}, expected healthy, degraded or unhealthy",
            describe(value)
        )),
    })
}

/// What the service has counted since it began to count. What is no whole number is no counter of ours, and no failure
/// either: nobody was asked for it.
fn totals(document: &Value) -> Option<Totals> {
    let count = |field: &str| document.get(field).and_then(Value::as_u64);
    let instance = document.get("instance").and_then(Value::as_str);
    Some(Totals {
        requests: count("requests_total")?,
        errors: count("errors_total")?,
        slow: count("slow_total"),
        instance: instance.map(str::to_owned),
    })
}

/// The version that a document names in this field.
pub(super) fn version(document: &Value, field: &str) -> Option<String> {
    match find(document, field)? {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A field by its name, or by a JSON pointer when it starts with `/`.
fn find<'a>(document: &'a Value, field: &str) -> Option<&'a Value> {
    if field.starts_with('/') {
        document.pointer(field)
    } else {
        document.get(field)
    }
}

/// A value in words, cut to a length that fits a line.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(flag) => format!("{flag}"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the text {:?}", shortened(text)),
        Value::Array(_) => "an array".into(),
        Value::Object(_) => "an object".into(),
    }
}

/// A text of the service's own as a part of a line: it cannot begin a new one.
fn one_line(text: &str) -> String {
    shortened(text).replace(char::is_control, "\u{fffd}")
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Whether two versions are the same: letter for letter, or both are commits of which one is the other's short form of at
/// least seven digits.
pub fn same_version(found: &str, expected: &str) -> bool {
    let commit = |text: &str| text.len() >= 7 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let short = found.len().min(expected.len());
    found == expected
        || (commit(found)
            && commit(expected)
            && found.as_bytes()[..short].eq_ignore_ascii_case(&expected.as_bytes()[..short]))
}
