//! Texts that a database can keep.

use serde_json::Value;

/// PostgreSQL has no place for a NUL, and what a service answers can hold one.
pub(super) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// The same anywhere in a JSON value.
pub(super) fn storable_json(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(storable(text)),
        Value::Array(items) => items.iter().map(storable_json).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (storable(name), storable_json(value)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}
