//! Settings as Woodpecker hands them over, and as ours are read.

use std::collections::BTreeMap;

use shared::value;
use testbed::woodpecker::variables;

use crate::files::read;

fn cases(section: &str) -> Vec<serde_json::Value> {
    let text = read("shared/testbed/tests/house/woodpecker-settings-cases.json");
    let all: serde_json::Value = serde_json::from_str(&text).unwrap();
    all[section].as_array().unwrap().clone()
}

fn secrets() -> BTreeMap<String, String> {
    let known = [
        ("secret_token", "FooBar"),
        ("cb_password", "geheim"),
        ("api_secret", "api_key_12345"),
        ("db_password", "super_secret_db_pass"),
        ("s1", "<s1>"),
        ("s2", "<s2>"),
    ];
    known
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

#[test]
fn every_recorded_case_becomes_the_recorded_variable() {
    let all: Vec<_> = [
        "value_cases_from_tests",
        "value_cases_derived_from_code_not_tested_upstream",
    ]
    .iter()
    .flat_map(|name| cases(name))
    .collect();
    assert!(all.len() >= 20);
    for case in all {
        let yaml = case["yaml"].as_str().unwrap();
        let settings: serde_yaml::Value = serde_yaml::from_str(yaml).unwrap();
        let made = variables(&settings, &secrets());
        if case.get("error").is_some() {
            assert!(made.is_err(), "{yaml}");
            continue;
        }
        let wanted = case["env"]
            .as_array()
            .map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap()));
        let made = made.unwrap();
        assert_eq!(
            made.iter().next().map(|(n, v)| (n.as_str(), v.as_str())),
            wanted,
            "{yaml}"
        );
    }
}

#[test]
fn every_recorded_name_becomes_the_recorded_variable() {
    for case in cases("key_cases") {
        let (key, wanted) = (case[0].as_str().unwrap(), case[1].as_str().unwrap());
        let settings: serde_yaml::Value = serde_yaml::from_str(&format!("{key}: x")).unwrap();
        assert_eq!(
            variables(&settings, &secrets())
                .unwrap()
                .keys()
                .next()
                .unwrap(),
            wanted
        );
    }
}

#[test]
fn what_woodpecker_hands_over_is_read_as_it_was_meant() {
    let handed = |yaml: &str| {
        let settings: serde_yaml::Value = serde_yaml::from_str(yaml).unwrap();
        variables(&settings, &secrets())
            .unwrap()
            .into_values()
            .next()
    };
    assert_eq!(handed("skip: ~"), None);
    assert_eq!(
        value::list(&handed("slice: [1, 2, 3]").unwrap()).unwrap(),
        ["1", "2", "3"]
    );
    assert_eq!(
        value::list(&handed("a: [a, null]").unwrap()).unwrap(),
        ["a"]
    );
    assert_eq!(
        value::list(&handed("tag: [next]").unwrap()).unwrap(),
        ["next"]
    );
    assert_eq!(
        value::list(&handed("e: [{from_secret: s1}, {from_secret: s2}]").unwrap()).unwrap(),
        ["<s1>", "<s2>"]
    );
    assert_eq!(value::boolean(&handed("bool: true").unwrap()), Ok(true));
    assert_eq!(
        value::count(&handed("e: 1000000.0").unwrap()),
        Ok(1_000_000)
    );
    assert_eq!(value::percentage(&handed("e: 1.20").unwrap()), Ok(1.2));
    let map = value::map(
        &handed("map: {hello: world, n: 3, secret: {from_secret: secret_token}}").unwrap(),
    )
    .unwrap();
    assert_eq!(map["hello"], "world");
    assert_eq!((map["n"].as_str(), map["secret"].as_str()), ("3", "FooBar"));
    assert!(value::map(&handed("config: [copy a b, {foo: null}]").unwrap()).is_err());
}
