//! The example policies, executed: each in a workspace, where the real plugins read it.

use std::fs;

use serde_json::Value;
use testbed::company::{Company, ended};
use testbed::example::{example, top};
use testbed::scratch::Scratch;

use crate::asked::asked;

/// How a gate ends with a policy, for an environment and an answer of the service.
fn judged(policy: &str, environment: &str, figures: &str) -> (Option<i32>, String) {
    let answer = format!(r#"{{"status": "healthy", {figures}}}"#);
    let ran = asked(
        &answer,
        &example(policy),
        &format!("environment: {environment}"),
    );
    let [gate] = ran.as_slice() else {
        panic!("one step is there: {ran:#?}")
    };
    (gate.code, gate.log.clone())
}

#[test]
fn the_smallest_policy_sets_its_two_limits() {
    for (figures, wanted) in [
        (r#""error_rate": 1.5, "response_time": 700"#, 0),
        (r#""error_rate": 2.5, "response_time": 700"#, 1),
        (r#""error_rate": 1.5, "response_time": 900"#, 1),
    ] {
        let (code, log) = judged("policies/minimal.yaml", "production", figures);
        assert_eq!(code, Some(wanted), "{figures}: {log}");
    }
}

#[test]
fn an_environment_has_limits_of_its_own() {
    let policy = "policies/two-environments.yaml";
    for (environment, figures, wanted) in [
        ("production", r#""error_rate": 5, "availability": 99.9"#, 1),
        ("staging", r#""error_rate": 5, "availability": 99.9"#, 0),
        ("production", r#""error_rate": 1, "availability": 99.2"#, 1),
        ("staging", r#""error_rate": 1, "availability": 92"#, 0),
        ("staging", r#""error_rate": 1, "availability": 89"#, 1),
        // What an environment takes away is at its default again.
        ("production", r#""error_rate": 1, "response_time": 900"#, 1),
        ("staging", r#""error_rate": 1, "response_time": 1900"#, 0),
        ("staging", r#""error_rate": 1, "response_time": 2100"#, 1),
        // A field that is required in one of them only.
        ("production", r#""availability": 99.9"#, 1),
        ("staging", r#""availability": 99.9"#, 0),
    ] {
        let (code, log) = judged(policy, environment, figures);
        assert_eq!(code, Some(wanted), "{environment}, {figures}: {log}");
    }
}

#[test]
fn the_policy_with_every_key_warns_before_it_fails() {
    let policy = "policies/full.yaml";
    let (code, log) = judged(policy, "production", r#""error_rate": 4"#);
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("error rate 4 % > limit 3 %"), "{log}");
    let (code, log) = judged(policy, "production", r#""error_rate": 6"#);
    assert_eq!(code, Some(1), "{log}");
}

/// Holds a policy against the schema that its first line names, with both in a folder as README says.
pub(crate) fn against_its_schema(policy: &str, place: &str) {
    let folder = Scratch::new("policy");
    let name = "deployment-policy.schema.json";
    let schema = top().join("examples/policies").join(name);
    fs::copy(schema, folder.join(name)).unwrap();
    let first = policy.lines().next().unwrap();
    let named = first.strip_prefix("# yaml-language-server: $schema=");
    let named = named.unwrap_or_else(|| panic!("{place} does not begin with its schema"));
    let schema = fs::read_to_string(folder.join(named));
    let schema = schema.unwrap_or_else(|error| panic!("{place}: {named}: {error}"));
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let policy: Value = serde_yaml::from_str(policy).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    if let Err(error) = validator.validate(&policy) {
        panic!("{place}: {error}");
    }
}

#[test]
fn every_policy_is_what_the_schema_beside_it_says() {
    let mut found = 0;
    for entry in fs::read_dir(top().join("examples/policies")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "yaml") {
            let text = fs::read_to_string(&path).unwrap();
            against_its_schema(&text, &path.display().to_string());
            found += 1;
        }
    }
    assert!(found >= 4, "{found}");
}

/// A rollout that is told nothing but its endpoints, its script and how long to wait.
const ROLLOUT: &str = "
when: {event: deployment}
steps:
  - name: rollout
    image: plugin-progressive:0.1.0
    settings:
      canary_endpoint: http://10.0.0.12:8080/health
      baseline_endpoint: http://10.0.0.11:8080/health
      deployment_script: deploy.sh
      run_deploy: true
      environment: ENVIRONMENT
      interval: 50ms
      wait_time: 400ms
      override: [freeze]
";

#[test]
fn with_the_policy_for_rollouts_a_step_needs_its_endpoints_only() {
    let company = Company::new("policy-rollout.git");
    let rollout = |environment: &str| {
        let workspace = Scratch::new("workspace");
        let agent = company.agent(&workspace, "8", &company.bad, "deployment");
        company.teach(&workspace, false);
        // HAProxy's address is the policy's.
        let policy = company.world.placed(&example("policies/progressive.yaml"));
        fs::write(workspace.join("deployment-policy.yaml"), policy).unwrap();
        fs::create_dir(workspace.join("coverage")).unwrap();
        let coverage = r#"{"total": {"lines": {"pct": 81.5}}}"#;
        fs::write(workspace.join("coverage/summary.json"), coverage).unwrap();
        let text = company
            .workflow(ROLLOUT)
            .replace("ENVIRONMENT", environment);
        agent.run(&text, |_| ())
    };
    // Nobody shortens a stage there.
    let ran = rollout("production");
    let log = ended(&ran, "rollout", 2);
    assert!(log.contains("min_wait_time"), "{log}");
    assert_eq!(company.world.released("canary"), company.good);
    // One stage at 100 %.
    let ran = rollout("staging");
    let log = ended(&ran, "rollout", 0);
    assert!(log.contains("stage 1 of 1 (100 %)"), "{log}");
    assert_eq!(company.world.weights(), (100, 0));
    assert_eq!(company.world.released("stable"), company.bad);
}
