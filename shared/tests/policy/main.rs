//! The policy file, from its text to its meaning and its errors.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod files;
mod promised;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::time::Duration;

use proptest::prelude::*;
use shared::policy::{
    BYTES_MAX, Day, Finish, Freeze, GateSource, Loaded, Method, Policy, Severity, Stage, load,
};

use files::{corpus, examples, yaml_files};

const FILE_NAME: &str = "deployment-policy.yaml";

fn loaded(text: &str, environment: &str) -> Loaded {
    match load(text, FILE_NAME, environment) {
        Ok(loaded) => loaded,
        Err(problems) => panic!("{}", shown(&problems)),
    }
}

fn refused(text: &str) -> String {
    match load(text, FILE_NAME, "production") {
        Ok(loaded) => panic!("accepted: {loaded:?}"),
        Err(problems) => shown(&problems),
    }
}

fn shown(problems: &[shared::problem::Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n") + "\n"
}

#[test]
fn every_valid_policy_is_loaded_without_problems_or_notes() {
    for (path, text) in yaml_files(&corpus("valid")) {
        match load(&text, FILE_NAME, "production") {
            Ok(loaded) => assert!(loaded.notes.is_empty(), "{}: {loaded:?}", path.display()),
            Err(problems) => panic!("{}: {}", path.display(), shown(&problems)),
        }
    }
}

#[test]
fn every_invalid_policy_is_refused_with_exactly_the_messages_beside_it() {
    for (path, text) in yaml_files(&corpus("invalid")) {
        let beside = path.with_extension("txt");
        let expected = fs::read_to_string(&beside)
            .unwrap_or_else(|error| panic!("{}: {error}", beside.display()));
        assert!(!expected.is_empty(), "{} says nothing", beside.display());
        assert_eq!(refused(&text), expected, "{}", path.display());
    }
}

#[test]
fn no_messages_lie_in_the_corpus_without_their_policy() {
    let names = |ending: &str| -> BTreeSet<_> {
        fs::read_dir(corpus("invalid"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension() == Some(OsStr::new(ending)))
            .map(|path| path.with_extension(""))
            .collect()
    };
    assert_eq!(names("txt"), names("yaml"));
}

#[test]
fn every_example_is_loaded_without_problems_or_notes() {
    for (path, text) in yaml_files(&examples()) {
        assert!(
            text.starts_with("# yaml-language-server: $schema=deployment-policy.schema.json\n"),
            "{}",
            path.display()
        );
        let loaded = loaded(&text, "production");
        assert_eq!(loaded.notes, Vec::<String>::new(), "{}", path.display());
        assert_ne!(loaded.policy, Policy::default(), "{}", path.display());
    }
}

#[test]
fn the_full_example_means_what_its_comments_say() {
    let text = fs::read_to_string(examples().join("full.yaml")).unwrap();
    let policy = loaded(&text, "production").policy;
    let seconds = |s| Some(Duration::from_secs(s));
    assert_eq!(policy.failing_limits().error_rate, Some(5.0));
    assert_eq!(policy.failing_limits().response_time, Some(2000.0));
    assert_eq!(policy.warning_limits().availability, Some(99.5));
    assert_eq!(policy.rollback_thresholds.failure_window, seconds(60));
    assert_eq!(policy.health_checks.max_retries, Some(3));
    assert_eq!(policy.health_checks.required_fields, ["status"]);
    let shares: Vec<u8> = policy
        .progressive_deployment
        .stages
        .iter()
        .map(|stage| stage.percentage)
        .collect();
    assert_eq!(shares, [10, 25, 50, 100]);
    assert_eq!(policy.monitoring_windows.long_term, seconds(24 * 3600));
    assert_eq!(policy.incident_management.severity, Some(Severity::High));
    assert_eq!(policy.analysis.alpha, Some(0.01));
    let gates = &policy.advanced.quality_gates;
    assert!(
        matches!(&gates[0].source, GateSource::File { pointer, .. } if pointer == "/total/lines/pct")
    );
    assert!(matches!(&gates[1].source, GateSource::Query(_)));
    let splitting = &policy.advanced.traffic_splitting;
    assert_eq!(splitting.method, Some(Method::Haproxy));
    assert_eq!(splitting.finish, Some(Finish::Promote));
    let Freeze::Weekly {
        days, from, until, ..
    } = &policy.freeze[1]
    else {
        panic!("{:?}", policy.freeze);
    };
    assert_eq!(
        (days.as_slice(), *from, *until),
        (&[Day::Friday][..], 960, 1440)
    );
}

#[test]
fn what_is_not_written_is_absent() {
    for text in [
        "",
        "# nothing\n",
        "---\n",
        "health_checks:\nfreeze: []\nenvironments:\n",
    ] {
        assert_eq!(loaded(text, "production"), Loaded::default(), "{text:?}");
    }
}

#[test]
fn bare_numbers_are_seconds_but_milliseconds_for_response_times() {
    let text = "rollback_thresholds: {response_time: 1500, failure_window: 90}\n\
                health_checks: {interval: 1h30m, timeout: 0.5}\n\
                analysis: {latency_limit: '2s'}\n";
    let policy = loaded(text, "production").policy;
    let millis = |ms| Some(Duration::from_millis(ms));
    assert_eq!(policy.rollback_thresholds.response_time, millis(1500));
    assert_eq!(policy.rollback_thresholds.failure_window, millis(90_000));
    assert_eq!(policy.health_checks.interval, millis(5_400_000));
    assert_eq!(policy.health_checks.timeout, millis(500));
    assert_eq!(policy.analysis.latency_limit, millis(2000));
}

const TWO: &str = "
rollback_thresholds: {error_rate: 5, availability: 99}
progressive_deployment: {stages: [{percentage: 50}, {percentage: 100}], min_wait_time: 60}
environments:
  staging:
    rollback_thresholds: {error_rate: 10, availability: ~}
    progressive_deployment: {stages: [{percentage: 100}]}
  production:
";

#[test]
fn an_environment_overrides_the_base_key_by_key() {
    let base = loaded(TWO, "production").policy;
    assert_eq!(base.rollback_thresholds.error_rate, Some(5.0));
    assert_eq!(base.progressive_deployment.stages.len(), 2);
    let staging = loaded(TWO, "staging").policy;
    assert_eq!(staging.rollback_thresholds.error_rate, Some(10.0));
    let all_at_once = Stage {
        percentage: 100,
        wait_time: None,
    };
    assert_eq!(staging.progressive_deployment.stages, [all_at_once]);
    let kept = Some(Duration::from_secs(60));
    assert_eq!(staging.progressive_deployment.min_wait_time, kept);
}

#[test]
fn null_in_an_environment_removes_what_the_base_says() {
    let staging = loaded(TWO, "staging").policy;
    assert_eq!(staging.rollback_thresholds.availability, None);
}

#[test]
fn a_misspelt_environment_gets_the_base_and_a_note() {
    let loaded = loaded(TWO, "stagign");
    assert_eq!(loaded.policy.rollback_thresholds.error_rate, Some(5.0));
    assert_eq!(
        loaded.notes,
        [
            "deployment-policy.yaml has no section for the environment \"stagign\", only for production, staging: \
             the values outside environments apply; did you mean staging?"
        ]
    );
}

#[test]
fn a_webhooks_address_is_shown_neither_in_errors_nor_in_debug_output() {
    let bad = refused("advanced: {feature_flags: {webhook: 'ftp://flags.example/t0ken'}}");
    assert!(
        bad.contains("advanced.feature_flags.webhook") && !bad.contains("t0ken"),
        "{bad}"
    );
    let text = "advanced: {feature_flags: {webhook: 'https://flags.example/t0ken'}}";
    let policy = loaded(text, "production").policy;
    assert!(!format!("{policy:?}").contains("t0ken"));
    let webhook = policy.advanced.feature_flags.webhook.unwrap();
    assert_eq!(webhook.reveal(), "https://flags.example/t0ken");
}

#[test]
fn a_file_over_one_mebibyte_is_refused_and_one_below_is_read() {
    let below = "#".repeat(BYTES_MAX);
    assert_eq!(loaded(&below, "production"), Loaded::default());
    let over = format!("{below}#");
    let message =
        "deployment-policy.yaml: found \"1048577 bytes\", expected at most 1048576 bytes\n";
    assert_eq!(refused(&over), message);
}

#[test]
fn a_byte_order_mark_does_no_harm() {
    let marked = format!("\u{feff}{TWO}");
    assert_eq!(loaded(&marked, "staging"), loaded(TWO, "staging"));
}

#[test]
fn a_file_that_is_no_policy_at_all_gives_a_bounded_number_of_problems() {
    let keys: Vec<String> = (0..1000).map(|n| format!("key{n}: 1")).collect();
    let shown = refused(&keys.join("\n"));
    assert_eq!(shown.lines().count(), 51);
    assert!(shown.contains("950 more problems"), "{shown}");
}

#[test]
fn too_many_environments_are_refused() {
    let names: Vec<String> = (0..101).map(|n| format!("e{n}: {{}}")).collect();
    assert!(
        refused(&format!("environments: {{{}}}", names.join(", ")))
            .contains("at most 100 environments")
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_is_too_strange_to_be_answered(text in r"[\[\]{}:,&*<>!|~'#%@?\- \n\ta-c0-9é]{0,60}") {
        let _: Result<_, _> = load(&text, FILE_NAME, "production");
    }

    #[test]
    fn a_policy_with_any_value_anywhere_is_answered(
        section in 0..9_usize,
        key in "error_rate|interval|stages|labels|warning|quality_gates|environments|<<|x",
        value in r"-?[0-9]{1,12}|\.nan|-\.inf|~|true|\[\]|\{\}|\[[a-c, ]{0,5}\]|[0-9]{1,3}(s|m|h|%)|'[^'\n]{0,9}'",
    ) {
        let sections = [
            "rollback_thresholds", "alert_thresholds", "health_checks", "progressive_deployment", "monitoring_windows",
            "incident_management", "freeze", "analysis", "environments",
        ];
        for text in [format!("{}: {{{key}: {value}}}", sections[section]), format!("{}: {value}", sections[section])] {
            if let Err(problems) = load(&text, FILE_NAME, "production") {
                prop_assert!(!problems.is_empty());
            }
        }
    }
}
