//! The JSON Schema of the policy file against the file that is checked in, the corpus and the examples.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod files;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::Value;

use files::{corpus, examples, yaml_files};

/// Invalid for reasons that a schema cannot see (one value against another, a number written as a text), or that are
/// gone once the text is a tree (a key written twice, a number that JSON does not know).
const BEYOND_A_SCHEMA: &[&str] = &[
    "availability_over_100",
    "base_contradiction_told_once",
    "canary_server_same_as_stable",
    "environment_contradicts_base",
    "environments_contradict_base_differently",
    "error_rate_infinite",
    "error_rate_nan",
    "failure_window_zero",
    "finish_against_blue_green",
    "freeze_until_before_from",
    "gate_min_above_max",
    "gate_name_twice",
    "initial_delay_over_30_days",
    "interval_infinite",
    "min_wait_time_above_max",
    "p_max_hundred",
    "pools_and_sides",
    "pools_same",
    "pools_three",
    "stages_ending_below_100",
    "stages_not_rising",
    "wait_time_above_max",
    "wait_time_below_min",
    "warning_looser_availability",
    "warning_looser_error_rate",
    "warning_looser_in_an_environment",
    "warning_looser_than_the_stricter",
    "windows_falling",
    "yaml_alias_of_itself",
    "yaml_duplicate_key",
    "yaml_duplicate_section",
    "yaml_key_that_is_a_list",
    "yaml_merge_of_a_text",
    "yaml_syntax",
    "yaml_tab",
    "yaml_two_documents",
    "yaml_unknown_anchor",
];

/// The file as editors see it: a tree with anchors and merge keys resolved; absent when it is not even YAML.
fn tree(text: &str) -> Option<Value> {
    let mut value: serde_yaml::Value = serde_yaml::from_str(text).ok()?;
    value.apply_merge().ok()?;
    serde_json::to_value(value).ok()
}

static VALIDATOR: LazyLock<jsonschema::Validator> =
    LazyLock::new(|| jsonschema::draft7::new(&shared::policy::schema::schema()).unwrap());

#[test]
fn the_schema_that_is_checked_in_is_the_one_the_types_give() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples/policies/deployment-policy.schema.json");
    let checked_in = fs::read_to_string(&path).unwrap();
    let generated = format!("{:#}\n", shared::policy::schema::schema());
    assert!(
        checked_in == generated,
        "{} is out of date: cargo run -p shared --features schema --example policy-schema > it",
        path.display()
    );
}

#[test]
fn the_schema_is_valid_draft_07() {
    assert!(jsonschema::meta::is_valid(&shared::policy::schema::schema()));
}

#[test]
fn the_schema_accepts_every_valid_policy_and_every_example() {
    for folder in [corpus("valid"), examples()] {
        for (path, text) in yaml_files(&folder) {
            let tree = tree(&text).unwrap();
            let errors: Vec<String> = VALIDATOR
                .iter_errors(&tree)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{}: {errors:#?}", path.display());
        }
    }
}

#[test]
fn the_schema_refuses_every_invalid_policy_but_those_that_only_the_parser_can_see() {
    let accepted: BTreeSet<String> = yaml_files(&corpus("invalid"))
        .into_iter()
        .filter(|(_, text)| tree(text).is_none_or(|tree| VALIDATOR.is_valid(&tree)))
        .map(|(path, _)| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    let expected: BTreeSet<String> = BEYOND_A_SCHEMA.iter().map(|&name| name.into()).collect();
    assert_eq!(accepted, expected);
}

/// The key paths of a schema, lists as `[]`.
fn schema_keys(schema: &Value, path: &str, out: &mut BTreeSet<String>) {
    for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{key}");
        schema_keys(inner, &path, out);
        out.insert(path);
    }
    if schema.get("items").is_some() {
        schema_keys(&schema["items"], &format!("{path}[]"), out);
    }
}

/// The key paths of a policy, lists as `[]`.
fn written_keys(tree: &Value, path: &str, out: &mut BTreeSet<String>) {
    match tree {
        Value::Object(section) => {
            for (key, inner) in section {
                let path = format!("{path}.{key}");
                written_keys(inner, &path, out);
                out.insert(path);
            }
        }
        Value::Array(list) => {
            for inner in list {
                written_keys(inner, &format!("{path}[]"), out);
            }
        }
        _ => {}
    }
}

#[test]
fn every_key_of_the_schema_is_written_in_the_full_example() {
    let schema = shared::policy::schema::schema();
    let text = fs::read_to_string(examples().join("full.yaml")).unwrap();
    let (mut known, mut written) = (BTreeSet::new(), BTreeSet::new());
    schema_keys(&schema["definitions"]["environment"], "", &mut known);
    known.insert(".environments".to_owned());
    written_keys(&tree(&text).unwrap(), "", &mut written);
    assert!(known.len() > 60, "{known:?}");
    let missing: Vec<&String> = known.difference(&written).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_key_of_the_schema_has_a_description() {
    fn undescribed(schema: &Value, path: &str, out: &mut Vec<String>) {
        for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{key}");
            if inner["description"].as_str().is_none_or(str::is_empty) {
                out.push(path.clone());
            }
            undescribed(inner, &path, out);
            undescribed(&inner["items"], &path, out);
        }
    }
    let schema = shared::policy::schema::schema();
    let mut missing = Vec::new();
    undescribed(&schema["definitions"]["environment"], "", &mut missing);
    assert_eq!(missing, Vec::<String>::new());
}

const NUMBER: &str = " ?-?[0-9.]{1,3}([eE][+-]?[0-2])? ?%? ?|~";
const DURATION: &str = " ?[0-9.]{1,3}(ms|s|m|h|d|1h30m|e1)? ?";
const WORD: &str =
    " ?([tT]rue|FALSE|[yY]es|no|o[nNfF]{1,2}|[01]|sat|sun|none|script|[a-c0-9]{1,3}) ?";
const TIME: &str = " ?[0-2][0-9]:[0-6]0 ?|24:00|24:30";
const INSTANT: &str = "20[0-9]{2}-0[1-9]-[0-3]1T[0-2][0-9]:00:00([.,]5)?(Z|z|[+-]0[0-9](:?30)?)";
const PATH: &str = "[a-c./~01 ]{1,7}";
const ADDRESS: &str =
    " ?(https?|HTTP|tcp|TCP)://(u:p@)?[a-c]{1,3}(:80)?(/[a-c?=#]{0,4})?|/[a-c./]{0,5}";

/// One key of every kind of single value, with what is tried there.
const KINDS: &[(&str, &str)] = &[
    ("rollback_thresholds: {error_rate: V}", NUMBER),
    ("rollback_thresholds: {response_time: V}", DURATION),
    ("rollback_thresholds: {consecutive_failures: V}", NUMBER),
    ("health_checks: {interval: V}", DURATION),
    ("health_checks: {initial_delay: V}", DURATION),
    ("health_checks: {max_retries: V}", NUMBER),
    ("health_checks: {required_fields: [V]}", WORD),
    ("progressive_deployment: {enabled: V}", WORD),
    (
        "progressive_deployment: {stages: [{percentage: V}, {percentage: 100}]}",
        NUMBER,
    ),
    ("incident_management: {template: V}", PATH),
    ("freeze: [{from: V, until: 2100-01-01T00:00:00Z}]", INSTANT),
    ("freeze: [{days: [sat], from: V}]", TIME),
    ("freeze: [{days: [V]}]", WORD),
    ("analysis: {alpha: V}", NUMBER),
    ("analysis: {allowed_factor: V}", NUMBER),
    ("analysis: {icc: V}", NUMBER),
    ("analysis: {p_max: V}", NUMBER),
    (
        "advanced: {quality_gates: [{name: a, file: b, pointer: V, max: 1}]}",
        PATH,
    ),
    (
        "advanced: {quality_gates: [{name: a, query: b, max: V}]}",
        NUMBER,
    ),
    ("advanced: {feature_flags: {webhook: V}}", ADDRESS),
    (
        "advanced: {traffic_splitting: {haproxy_address: V}}",
        ADDRESS,
    ),
    ("advanced: {traffic_splitting: {method: V}}", WORD),
];

#[test]
fn the_schema_accepts_whatever_the_parser_accepts() {
    for (key, values) in KINDS {
        let mut runner = TestRunner::new(ProptestConfig {
            cases: 300,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        let outcome = runner.run(&(*values, any::<bool>()), |(value, quoted)| {
            let value = if quoted { format!("'{value}'") } else { value };
            let text = key.replace('V', &value);
            if shared::policy::load(&text, "policy", "production").is_ok() {
                let tree = tree(&text).unwrap();
                prop_assert!(VALIDATOR.is_valid(&tree), "{text}");
            }
            Ok(())
        });
        assert_eq!(outcome, Ok(()), "{key}");
    }
}
