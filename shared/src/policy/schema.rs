//! The JSON Schema of the policy file, for editors.
//!
//! It is drawn from the same declarations that read the file, and allows what they allow. What it cannot say (stages
//! rise, min is at most max, …) is left to [`super::load`].

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::Policy;
use super::freeze::{FreezeKind, WrittenFreeze};
use super::gate::{GateKind, WrittenGate};
use super::kind;
use super::reader::{ENVIRONMENTS, List};
use super::stage::{StageKind, WrittenStage};

/// The schema of the whole file, draft-07: the newest that the YAML language server knows well.
pub fn schema() -> Value {
    let mut generator = SchemaSettings::draft07().into_generator();
    let mut sections = generator.subschema_for::<Policy>().to_value();
    nullable(&mut sections);
    let about = sections["description"].take();
    sections["description"] = json!("What an environment does otherwise; null removes a value.");
    let mut properties: Map<String, Value> = Map::new();
    for key in keys(&sections) {
        let place = format!("#/definitions/environment/properties/{key}");
        properties.insert(key, json!({ "$ref": place }));
    }
    properties.insert(
        ENVIRONMENTS.to_owned(),
        json!({
            "type": ["object", "null"],
            "description": "What single environments do otherwise, by name: sections merge, lists and values replace \
                            those of the base, null removes them.",
            "maxProperties": super::ENVIRONMENTS_MAX,
            "additionalProperties": { "$ref": "#/definitions/environment" },
        }),
    );
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "deployment-policy.yaml",
        "description": about,
        "type": ["object", "null"],
        "properties": properties,
        "additionalProperties": false,
        "definitions": { "environment": sections },
    })
}

fn keys(section: &Value) -> Vec<String> {
    let properties = section["properties"].as_object();
    properties.map_or_else(Vec::new, |properties| properties.keys().cloned().collect())
}

/// The schema of a section; the second of each key is its description.
pub(super) fn section<const N: usize>(
    about: &str,
    keys: [(&'static str, &'static str, Schema); N],
) -> Schema {
    let mut properties = Map::new();
    for (key, about, schema) in keys {
        let mut schema = schema.to_value();
        nullable(&mut schema);
        schema["description"] = json!(about.trim());
        properties.insert(key.to_owned(), schema);
    }
    json_schema!({
        "type": "object",
        "description": about.trim(),
        "properties": properties,
        "additionalProperties": false,
    })
}

/// Null is the same as absent, and in an environment it removes.
fn nullable(schema: &mut Value) {
    let types = match schema["type"].take() {
        Value::Array(types) => types,
        one => vec![one],
    };
    schema["type"] = types.into_iter().chain([json!("null")]).collect();
    if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        words.push(Value::Null);
    }
}

/// Takes null away again from keys that must be there.
fn require(schema: &mut Schema, keys: &[&str]) {
    for key in keys {
        let place = format!("/properties/{key}/type");
        if let Some(Value::Array(types)) = schema.pointer_mut(&place) {
            types.retain(|name| name != "null");
        }
    }
    schema.insert("required".to_owned(), json!(keys));
}

const SIMPLE: &str = r"(\d+\.?\d*|\.\d+)";
const EXPONENT: &str = r"([eE][+-]?\d+)?";

/// Numbers as they are or as texts.
fn number(minimum: f64, pattern: &str) -> Schema {
    json_schema!({
        "type": ["number", "string"],
        "minimum": minimum,
        "pattern": format!(r"^\s*{pattern}\s*$"),
    })
}

fn plain(minimum: f64) -> Schema {
    number(minimum, &format!("{SIMPLE}{EXPONENT}"))
}

fn percentage(minimum: f64) -> Schema {
    let mut schema = number(minimum, &format!(r"{SIMPLE}{EXPONENT}\s*%?"));
    schema.insert("maximum".to_owned(), json!(100));
    schema
}

fn duration(zero: bool) -> Schema {
    let pattern = format!("({SIMPLE}{EXPONENT}|({SIMPLE}(ms|s|m|h|d))+)");
    let mut schema = number(0.0, &pattern);
    if !zero {
        schema.remove("minimum");
        schema.insert("exclusiveMinimum".to_owned(), json!(0));
    }
    schema
}

fn bounded(mut schema: Schema, key: &str, bound: f64) -> Schema {
    schema.insert(key.to_owned(), json!(bound));
    schema
}

fn whole(minimum: u32, maximum: u32, unit: &str) -> Schema {
    let pattern = format!("{SIMPLE}{EXPONENT}{unit}");
    let schema = number(f64::from(minimum), &pattern);
    bounded(
        bounded(schema, "maximum", f64::from(maximum)),
        "multipleOf",
        1.0,
    )
}

fn text(pattern: &str) -> Schema {
    json_schema!({ "type": "string", "pattern": pattern })
}

fn flag() -> Schema {
    let words = ["true", "yes", "on", "1", "false", "no", "off", "0"].map(in_any_case);
    json_schema!({
        "type": ["boolean", "integer", "string"],
        "minimum": 0,
        "maximum": 1,
        "pattern": format!(r"^\s*({})\s*$", words.join("|")),
    })
}

/// JSON Schema's patterns have no flag for it.
fn in_any_case(word: &str) -> String {
    let either = |c: char| format!("[{}{c}]", c.to_ascii_uppercase());
    word.chars().map(either).collect()
}

const TIME: &str = r"([01]\d|2[0-3]):[0-5]\d|24:00";
const INSTANT: &str = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([.,]\d+)?([zZ]|[+-]\d\d(:?\d\d(:?\d\d)?)?)";

fn stage(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = WrittenStage::json_schema(generator);
    require(&mut schema, &["percentage"]);
    schema
}

fn gate(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = WrittenGate::json_schema(generator);
    require(&mut schema, &["name"]);
    let written = |key: &str, kind: &str| json!({ "required": [key], "properties": { key: { "type": kind } } });
    let absent = |key: &str| json!({ "properties": { key: { "type": "null" } } });
    let (file, pointer, query) = ("file", "pointer", "query");
    schema.insert(
        "oneOf".to_owned(),
        json!([
            { "allOf": [written(file, "string"), written(pointer, "string"), absent(query)] },
            { "allOf": [written(query, "string"), absent(file), absent(pointer)] },
        ]),
    );
    let bound = |key: &str| json!({ "required": [key], "properties": { key: { "type": ["number", "string"] } } });
    schema.insert("anyOf".to_owned(), json!([bound("min"), bound("max")]));
    schema
}

fn freeze(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = WrittenFreeze::json_schema(generator);
    let weekly = json!({ "required": ["days"], "properties": { "days": { "type": "array", "minItems": 1 } } });
    let of = |pattern: &str, kinds: &[&str]| {
        let time = json!({ "type": kinds, "pattern": format!(r"^\s*({pattern})\s*$") });
        json!({ "from": time, "until": time })
    };
    schema.insert("if".to_owned(), weekly);
    schema.insert(
        "then".to_owned(),
        json!({ "properties": of(TIME, &["string", "null"]) }),
    );
    schema.insert(
        "else".to_owned(),
        json!({ "required": ["from", "until"], "properties": of(INSTANT, &["string"]) }),
    );
    schema
}

fn runtime_api() -> Schema {
    text(r"^\s*(/.+|[tT][cC][pP]://\S+:\d+\S*)\s*$")
}

fn runtime_apis() -> Schema {
    let mut schema = runtime_api();
    schema.insert("type".to_owned(), json!(["string", "array"]));
    schema.insert("items".to_owned(), runtime_api().to_value());
    schema
}

impl<K: JsonSchema> JsonSchema for List<K> {
    fn schema_name() -> Cow<'static, str> {
        format!("List_of_{}", K::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "items": generator.subschema_for::<K>() })
    }
}

/// Gives each kind its schema.
macro_rules! schemas {
    ($($kind:ty => $schema:expr;)+) => {$(
        impl JsonSchema for $kind {
            fn schema_name() -> Cow<'static, str> {
                stringify!($kind).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                let schema: fn(&mut SchemaGenerator) -> Schema = $schema;
                schema(generator)
            }
        }
    )+};
}

schemas! {
    kind::Percentage => |_| percentage(0.0);
    kind::PercentageWithin => |_| {
        let mut schema = percentage(0.0);
        schema.remove("minimum");
        schema.remove("maximum");
        bounded(
            bounded(schema, "exclusiveMinimum", 0.0),
            "exclusiveMaximum",
            100.0,
        )
    };
    kind::Share => |_| whole(1, 100, r"\s*%?");
    kind::Seconds => |_| duration(true);
    kind::SecondsAboveZero => |_| duration(false);
    kind::ResponseTime => |_| duration(false);
    kind::Count => |_| whole(0, 1_000_000, "");
    kind::CountAboveZero => |_| whole(1, 1_000_000, "");
    kind::Chance => |_| {
        let either = number(0.0, &format!(r"{SIMPLE}{EXPONENT}\s*%?"));
        let mut schema = bounded(either, "maximum", 0.5);
        schema.remove("minimum");
        bounded(schema, "exclusiveMinimum", 0.0)
    };
    kind::Factor => |_| bounded(plain(1.0), "maximum", 100.0);
    kind::Correlation => |_| bounded(plain(0.0), "maximum", 0.5);
    kind::Number => |_| {
        let mut schema = number(0.0, &format!("-?{SIMPLE}{EXPONENT}"));
        schema.remove("minimum");
        schema
    };
    kind::Flag => |_| flag();
    kind::Text => |_| text(r"\S");
    kind::WorkspaceFile => |_| text(r"^(?!\s*/)(?!(\s*|.*/)\.\.(/|\s*$)).*\S");
    kind::Pointer => |_| text("^/([^~]|~[01])*$");
    kind::RuntimeApis => |_| runtime_apis();
    kind::Webhook => |_| text("^\\s*[hH][tT][tT][pP][sS]?://\\S+\\s*$");
    StageKind => stage;
    GateKind => gate;
    FreezeKind => freeze;
}
