//! A request to a forge and its answer as data: pure.

use serde_json::Value;

use crate::http::Method;
use crate::secret::url_encoded;

/// A request, without the address of the forge and without the token.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// Path and query, from the interface's own root.
    pub path: String,
    /// What is sent as JSON.
    pub body: Option<Value>,
    /// Whether it may be sent again when nobody knows if it arrived: the second one changes nothing.
    pub repeatable: bool,
}

impl Call {
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::Get,
            path: path.into(),
            body: None,
            repeatable: true,
        }
    }

    pub(super) fn post(path: impl Into<String>, body: Value) -> Self {
        Self {
            method: Method::Post,
            path: path.into(),
            body: Some(body),
            repeatable: false,
        }
    }

    pub(super) fn patch(path: impl Into<String>, body: Value) -> Self {
        Self {
            method: Method::Patch,
            repeatable: true,
            ..Self::post(path, body)
        }
    }

    pub(super) fn put(path: impl Into<String>, body: Value) -> Self {
        Self {
            method: Method::Put,
            repeatable: true,
            ..Self::post(path, body)
        }
    }

    /// The same request, which may be sent twice.
    pub(super) fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }
}

/// A page that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// From 1.
    pub number: u32,
    /// The most entries.
    pub size: u32,
}

/// `?a=b&c=d`, percent-encoded.
pub(super) fn query(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", url_encoded(value)))
        .collect();
    format!("?{}", pairs.join("&"))
}

/// The text of a field; empty when it is not there.
pub(super) fn text(value: &Value, pointer: &str) -> String {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_default().to_owned()
}

/// The number of a field; absent when it is none above zero.
pub(super) fn number(value: &Value, pointer: &str) -> Option<u64> {
    let found = value.pointer(pointer).and_then(Value::as_u64);
    found.filter(|number| *number > 0)
}

/// The texts of a list, each at `pointer` of its entry.
pub(super) fn texts(value: &Value, list: &str, pointer: &str) -> Vec<String> {
    let entries = value.pointer(list).and_then(Value::as_array);
    let entries = entries.into_iter().flatten();
    entries.map(|entry| text(entry, pointer)).collect()
}

/// At most `most` characters, on one line, with `…` where something was cut off.
pub(super) fn short(text: &str, most: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line: String = words
        .join(" ")
        .chars()
        .filter(|c| !c.is_control())
        .collect();
    if line.chars().count() <= most {
        return line;
    }
    let kept: String = line.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// An address that a forge takes as a link.
pub(super) fn web(address: Option<&str>) -> Option<&str> {
    address.filter(|address| {
        (address.starts_with("https://") || address.starts_with("http://")) && address.len() < 1000
    })
}
