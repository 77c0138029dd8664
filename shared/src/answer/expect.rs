//! What an answer must be.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::value::Expected;

/// What an answer must be to be used.
#[derive(Debug, Clone, PartialEq)]
pub struct Expect {
    /// The statuses that are taken; 200 to 299 unless said otherwise.
    pub status: StatusRanges,
    /// What the body must hold.
    pub body: Option<ExpectedBody>,
    /// Fields that must be there and not null: names, or JSON pointers (`/checks/db`).
    pub required_fields: Vec<String>,
    /// The version that must answer.
    pub version: Option<String>,
    /// The field that names the version: a name or a JSON pointer.
    pub version_field: String,
    /// How old the `timestamp` may be.
    pub max_age: Option<Duration>,
    /// Whether one of the three metrics at least must be there: so for an endpoint that is asked for nothing else.
    pub metrics: bool,
}

impl Default for Expect {
    fn default() -> Self {
        Self {
            status: StatusRanges::default(),
            body: None,
            required_fields: Vec::new(),
            version: None,
            version_field: "version".into(),
            max_age: None,
            metrics: false,
        }
    }
}

impl Expect {
    /// Whether anything is asked for that only a body can answer.
    pub fn needs_body(&self) -> bool {
        self.body.is_some() || self.asks_for_fields()
    }

    /// Whether anything is asked for that only a JSON body can answer.
    pub(super) fn asks_for_fields(&self) -> bool {
        self.metrics
            || !self.required_fields.is_empty()
            || self.version.is_some()
            || self.max_age.is_some()
            || matches!(self.body, Some(ExpectedBody::Fields(_)))
    }
}

/// A set of HTTP statuses, such as `200-299` or `200,204,301`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusRanges {
    ranges: Vec<(u16, u16)>,
}

impl Default for StatusRanges {
    fn default() -> Self {
        Self {
            ranges: vec![(200, 299)],
        }
    }
}

impl StatusRanges {
    /// Reads statuses and ranges of them between commas; `2xx` is `200-299`.
    ///
    /// # Errors
    /// When one is not a status from 100 to 599, or a range runs backwards.
    pub fn parse(text: &str) -> Result<Self, Expected> {
        let wanted = "statuses from 100 to 599 such as 200, 200-299, 2xx or 200,204";
        let ranges: Option<Vec<(u16, u16)>> = text.split(',').map(range).collect();
        Ok(Self {
            ranges: ranges.ok_or(wanted)?,
        })
    }

    /// Whether a status is among them.
    pub fn hold(&self, status: u16) -> bool {
        self.ranges
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&status))
    }

    /// Whether a redirect is among them: then it is the answer, and not followed.
    pub fn hold_a_redirect(&self) -> bool {
        self.ranges
            .iter()
            .any(|(first, last)| *first <= 399 && *last >= 300)
    }
}

impl fmt::Display for StatusRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (first, last)) in self.ranges.iter().enumerate() {
            if place > 0 {
                f.write_str(",")?;
            }
            write!(f, "{first}")?;
            if last > first {
                write!(f, "-{last}")?;
            }
        }
        Ok(())
    }
}

fn range(text: &str) -> Option<(u16, u16)> {
    let text = text.trim();
    let hundreds = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX"));
    let (first, last) = if let Some(digit) = hundreds {
        let first = status(&format!("{digit}00"))?;
        (first, first + 99)
    } else {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        (status(first.trim())?, status(last.trim())?)
    };
    (first <= last).then_some((first, last))
}

fn status(text: &str) -> Option<u16> {
    let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    let status = text.parse().ok().filter(|_| digits)?;
    (100..=599).contains(&status).then_some(status)
}

/// What a body must hold.
#[derive(Debug, Clone, PartialEq)]
pub enum ExpectedBody {
    /// This text, anywhere.
    Contains(String),
    /// These values at these fields (names, or JSON pointers).
    Fields(Vec<(String, Value)>),
}

impl ExpectedBody {
    /// Reads a text, or a map of fields to values: Woodpecker hands a YAML map over as JSON.
    ///
    /// # Errors
    /// When it is empty, or is a map whose names are empty or whose values are maps or lists.
    pub fn parse(text: &str) -> Result<Self, Expected> {
        let wanted =
            "a text that the body contains, or a map of fields to texts, numbers or booleans";
        if text.trim().is_empty() {
            return Err(wanted);
        }
        let Ok(Value::Object(map)) = serde_json::from_str(text) else {
            return Ok(Self::Contains(text.to_owned()));
        };
        let fits = map
            .iter()
            .all(|(field, value)| !field.is_empty() && !value.is_object() && !value.is_array());
        if map.is_empty() || !fits {
            return Err(wanted);
        }
        Ok(Self::Fields(map.into_iter().collect()))
    }
}
