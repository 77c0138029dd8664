//! What Woodpecker does to a step before it runs: settings become `PLUGIN_*` variables.

mod explained;
mod lint;
mod secret;

use std::collections::BTreeMap;

use serde_yaml::Value;

pub use explained::{Limits, explained, used};
pub use lint::lint;
pub(crate) use lint::{steps, words};
pub use secret::Secret;
pub(crate) use secret::name_of;

/// The variables that Woodpecker makes of a step's `settings:`.
///
/// # Errors
/// When a secret is missing (Woodpecker refuses the whole pipeline then) or the settings are not a map.
pub fn variables(
    settings: &Value,
    secrets: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, String> {
    let named = |name: &str| format!("PLUGIN_{}", name.replace(['.', '-'], "_").to_uppercase());
    pairs(settings, secrets, named)
}

/// The variables of a step's `environment:`: values as those of settings, names as they stand.
///
/// # Errors
/// When a secret is missing or the environment is not a map.
pub fn environment(
    environment: &Value,
    secrets: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, String> {
    pairs(environment, secrets, str::to_owned)
}

fn pairs(
    map: &Value,
    secrets: &BTreeMap<String, String>,
    named: impl Fn(&str) -> String,
) -> Result<BTreeMap<String, String>, String> {
    let map = map.as_mapping().ok_or("settings is not a map")?;
    let mut variables = BTreeMap::new();
    for (name, value) in map {
        let name = name.as_str().ok_or("a setting's name is not text")?;
        if let Some(text) = text(value, secrets)? {
            variables.insert(named(name), text);
        }
    }
    Ok(variables)
}

fn text(value: &Value, secrets: &BTreeMap<String, String>) -> Result<Option<String>, String> {
    if let Some(name) = secret_name(value) {
        return secret(name, secrets).map(Some);
    }
    Ok(match value {
        Value::Null => None,
        Value::Sequence(items) if items.iter().all(|item| !is_nested(item)) => {
            Some(items.iter().map(scalar).collect::<Vec<_>>().join(","))
        }
        Value::Sequence(_) | Value::Mapping(_) => Some(json(value, secrets)?.to_string()),
        _ => Some(scalar(value)),
    })
}

fn is_nested(value: &Value) -> bool {
    matches!(value, Value::Mapping(_) | Value::Sequence(_))
}

/// A scalar as Go prints it: no needless zeros, and an exponent from 21 digits or for whole floats from a million on.
fn scalar(value: &Value) -> String {
    match value {
        Value::Bool(flag) => flag.to_string(),
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => float(number.as_f64().unwrap_or_default()),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

fn float(value: f64) -> String {
    if value.abs() < 1e6 {
        return value.to_string();
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    format!("{digits}e+{exponent:0>2}")
}

fn json(value: &Value, secrets: &BTreeMap<String, String>) -> Result<serde_json::Value, String> {
    if let Some(name) = secret_name(value) {
        return Ok(secret(name, secrets)?.into());
    }
    Ok(match value {
        Value::Sequence(items) => items
            .iter()
            .map(|item| json(item, secrets))
            .collect::<Result<Vec<_>, _>>()?
            .into(),
        Value::Mapping(map) => {
            let mut object = serde_json::Map::new();
            for (name, value) in map {
                object.insert(scalar(name), json(value, secrets)?);
            }
            object.into()
        }
        other => serde_json::to_value(other).map_err(|error| error.to_string())?,
    })
}

fn secret_name(value: &Value) -> Option<&str> {
    value.as_mapping()?.get("from_secret")?.as_str()
}

fn secret(name: &str, secrets: &BTreeMap<String, String>) -> Result<String, String> {
    // However it is written, a secret is kept in lower case.
    secrets
        .get(&name.to_lowercase())
        .cloned()
        .ok_or_else(|| format!("secret {name:?} not found"))
}
