//! Every recorded case of a setting, through the runner itself.

use testbed::woodpecker::Secret;

use crate::Pipeline;

const CASES: &str = include_str!("../house/woodpecker-settings-cases.json");

const SECRETS: [(&str, &str); 6] = [
    ("secret_token", "FooBar"),
    ("cb_password", "geheim"),
    ("api_secret", "api_key_12345"),
    ("db_password", "super_secret_db_pass"),
    ("s1", "<s1>"),
    ("s2", "<s2>"),
];

fn cases(section: &str) -> Vec<serde_json::Value> {
    let all: serde_json::Value = serde_json::from_str(CASES).unwrap();
    all[section].as_array().unwrap().clone()
}

/// The settings that a step is handed.
fn handed(settings: &str) -> Result<Vec<(String, String)>, String> {
    let mut pipeline = Pipeline::new();
    let secrets = SECRETS.map(|(name, value)| (name.to_owned(), Secret::from(value)));
    pipeline.agent.secrets = secrets.into();
    let text = format!(
        "when: {{event: push}}\nsteps: [{{name: a, image: plugin-health, settings: {{{settings}}}}}]"
    );
    pipeline.agent.handed(&text, "a")
}

#[test]
fn every_recorded_value_becomes_the_recorded_variable() {
    let sections = [
        "value_cases_from_tests",
        "value_cases_derived_from_code_not_tested_upstream",
    ];
    let all: Vec<_> = sections.iter().flat_map(|name| cases(name)).collect();
    assert!(all.len() >= 20);
    for case in all {
        let yaml = case["yaml"].as_str().unwrap();
        if case.get("error").is_some() {
            assert!(handed(yaml).is_err(), "{yaml}");
            continue;
        }
        let wanted = case["env"].as_array().map(|pair| {
            let part = |place: usize| pair[place].as_str().unwrap().to_owned();
            (part(0), part(1))
        });
        assert_eq!(handed(yaml).unwrap(), Vec::from_iter(wanted), "{yaml}");
    }
}

#[test]
fn every_recorded_name_becomes_the_recorded_variable() {
    for case in cases("key_cases") {
        let (key, wanted) = (case[0].as_str().unwrap(), case[1].as_str().unwrap());
        let handed = handed(&format!("{key}: x")).unwrap();
        assert_eq!(handed, [(wanted.to_owned(), "x".to_owned())]);
    }
}
