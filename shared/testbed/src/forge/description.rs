//! The forges' own descriptions of their interface: what a request and an answer may be.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::{Value, json};

use super::Flavour;
use super::state::Asked;
use crate::sink::Reply;

static GITHUB: &str = include_str!("../../../tests/forge/openapi/github.json");
static FORGEJO: &str = include_str!("../../../tests/forge/openapi/forgejo.json");

/// One operation of the interface.
pub struct Operation {
    method: String,
    path: String,
    query: BTreeMap<String, Validator>,
    body: Option<Validator>,
    /// The names that a body may hold, where the description lists them.
    fields: Option<Vec<String>>,
    answers: BTreeMap<u16, Validator>,
    example: Value,
}

/// A forge's description, ready to check with.
#[derive(Clone, Copy)]
pub struct Description(&'static [Operation]);

impl Description {
    /// That of a forge, if it has one.
    pub fn of(flavour: Flavour) -> Option<Self> {
        static OF_GITHUB: OnceLock<Vec<Operation>> = OnceLock::new();
        static OF_FORGEJO: OnceLock<Vec<Operation>> = OnceLock::new();
        match flavour {
            Flavour::GitHub => Some(Self(OF_GITHUB.get_or_init(|| read(GITHUB)))),
            Flavour::Forgejo => Some(Self(OF_FORGEJO.get_or_init(|| read(FORGEJO)))),
            Flavour::GitLab => None,
        }
    }

    /// The operation that is asked for.
    ///
    /// # Errors
    /// Why the description refuses the request. Names that it does not list are refused as well: the real forge would
    /// ignore them silently.
    pub fn request(&self, asked: &Asked, raw_path: &str) -> Result<&'static Operation, String> {
        let operation = self
            .0
            .iter()
            .find(|one| one.method == asked.method && is_path(&one.path, raw_path))
            .ok_or("the description has no such operation")?;
        for (name, value) in &asked.query {
            let schema = operation.query.get(name);
            let schema = schema.ok_or_else(|| format!("there is no parameter {name}"))?;
            let number = value.parse::<i64>().map(Value::from);
            let is = schema.is_valid(&json!(value)) || number.is_ok_and(|n| schema.is_valid(&n));
            if !is {
                return Err(format!("the parameter {name} must not be {value}"));
            }
        }
        let Some(schema) = &operation.body else {
            return Ok(operation);
        };
        let unknown = asked
            .body
            .as_object()
            .into_iter()
            .flatten()
            .find(|(name, _)| {
                let fields = operation.fields.as_ref();
                fields.is_some_and(|fields| !fields.contains(name))
            });
        match (unknown, schema.iter_errors(&asked.body).next()) {
            (Some((name, _)), _) => Err(format!("there is no field {name}")),
            (None, Some(error)) => Err(format!("{error} at {}", error.instance_path())),
            (None, None) => Ok(operation),
        }
    }

    /// # Errors
    /// Why the real forge would not answer so.
    pub fn answer(&self, operation: &Operation, reply: &Reply) -> Result<(), String> {
        if reply.status >= 400 {
            return Ok(());
        }
        let schema = operation.answers.get(&reply.status);
        let schema = schema.ok_or_else(|| format!("status {} is not described", reply.status))?;
        let body: Value = serde_json::from_str(&reply.body).map_err(|error| error.to_string())?;
        match schema.iter_errors(&body).next() {
            Some(error) => Err(format!("{error} at {}", error.instance_path())),
            None => Ok(()),
        }
    }

    /// The description's own example of an answer, an entry of it if it is a list; empty where it gives none.
    pub(super) fn example(&self, method: &str, path: &str) -> Value {
        let mut all = self.0.iter();
        let found = all
            .find(|one| one.method == method && one.path == path)
            .unwrap();
        match &found.example {
            Value::Array(entries) => entries[0].clone(),
            Value::Null => json!({}),
            other => other.clone(),
        }
    }
}

fn is_path(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<_>, Vec<_>) =
        (pattern.split('/').collect(), path.split('/').collect());
    let same = |(wanted, found): (&&str, &&str)| {
        wanted.starts_with('{') && !found.is_empty() || wanted == found
    };
    pattern.len() == path.len() && pattern.iter().zip(&path).all(same)
}

fn read(text: &str) -> Vec<Operation> {
    let document: Value = serde_json::from_str(text).unwrap();
    let schemas = &document["schemas"];
    let validator = |schema: &Value| {
        let whole = json!({ "schemas": schemas, "allOf": [schema] });
        jsonschema::draft202012::new(&whole).unwrap()
    };
    let operation = |one: &Value| {
        let body = Some(&one["body"]).filter(|body| !body.is_null());
        let query = one["query"].as_object().unwrap().iter();
        let answers = one["answers"].as_object().unwrap();
        let status = |status: &String| status.parse::<u16>().unwrap();
        Operation {
            method: one["method"].as_str().unwrap().to_owned(),
            path: one["path"].as_str().unwrap().to_owned(),
            query: query
                .map(|(name, schema)| (name.clone(), validator(schema)))
                .collect(),
            body: body.map(validator),
            fields: body.and_then(|body| fields(body, schemas)),
            answers: answers
                .iter()
                .map(|(name, answer)| (status(name), validator(&answer["schema"])))
                .collect(),
            example: answers
                .values()
                .next()
                .map_or(Value::Null, |a| a["example"].clone()),
        }
    };
    document["operations"]
        .as_array()
        .unwrap()
        .iter()
        .map(operation)
        .collect()
}

fn fields(body: &Value, schemas: &Value) -> Option<Vec<String>> {
    let body = match body["$ref"].as_str() {
        Some(name) => &schemas[name.rsplit('/').next().unwrap()],
        None => body,
    };
    Some(body["properties"].as_object()?.keys().cloned().collect())
}
