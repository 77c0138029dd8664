//! Which of several sources a setting comes from: flag, `PLUGIN_*`, plain variable, `CI_*`, policy, default.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use plugin_health::course::{Leg, check, wait};
use plugin_health::settings::{Mode, PLUGIN, Settings};
use shared::settings::catalog;
use shared::settings::environment::Environment;
use shared::settings::raw::Raw;
use testbed::scratch::Scratch;

const POLICY: &str = "
rollback_thresholds: {error_rate: 7, availability: 97, response_time: 700, consecutive_failures: 7, failure_window: 70s}
alert_thresholds: {warning: {error_rate: 6, availability: 98, response_time: 600}}
health_checks: {interval: 17s, timeout: 7s, max_retries: 17, initial_delay: 27s, required_fields: [status]}
monitoring_windows: {short_term: 7m, medium_term: 17m, long_term: 7h}
";

/// Every setting that a policy can give, with what a step says instead.
const OVERRIDES: &[(&str, &str)] = &[
    ("threshold_error_rate", "8"),
    ("threshold_availability", "96"),
    ("threshold_response_time", "800"),
    ("consecutive_failures", "8"),
    ("failure_window", "80s"),
    ("warning_error_rate", "7"),
    ("warning_availability", "97"),
    ("warning_response_time", "700"),
    ("interval", "18s"),
    ("timeout", "8s"),
    ("retries", "18"),
    ("initial_delay", "28s"),
    ("required_fields", "version"),
];

fn gather(flags: &[(String, String)], variables: &[(String, String)]) -> Settings {
    let pairs = variables
        .iter()
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let environment = Environment::of(pairs);
    let flags: BTreeMap<String, String> = flags.iter().cloned().collect();
    let (raw, found) = Raw::gather(PLUGIN, &flags, &environment);
    Settings::understand(&raw, found, &environment).unwrap()
}

/// The settings of a step that waits (or checks) in a workspace with or without the policy.
fn understood(policy: bool, wait: bool, settings: &[(&str, &str)]) -> Settings {
    let workspace = Scratch::new("precedence");
    if policy {
        std::fs::write(workspace.join("deployment-policy.yaml"), POLICY).unwrap();
    }
    let mut variables = vec![
        (
            "CI_WORKSPACE".to_owned(),
            workspace.path().display().to_string(),
        ),
        ("PLUGIN_ENDPOINT".to_owned(), "http://127.0.0.1/".to_owned()),
        ("PLUGIN_WAIT".to_owned(), wait.to_string()),
    ];
    variables.extend(settings.iter().map(|(name, value)| {
        (
            format!("PLUGIN_{}", name.to_uppercase()),
            (*value).to_owned(),
        )
    }));
    gather(&[], &variables)
}

/// What each of the settings that a policy can give came to, in their order.
fn meant(policy: bool, settings: &[(&str, &str)]) -> Vec<String> {
    let checking = understood(policy, false, settings);
    let waiting = understood(policy, true, settings);
    let (Mode::Judge(checks), Mode::Judge(waits)) = (&checking.mode, &waiting.mode) else {
        panic!("no probing mode")
    };
    let [Leg::Check(check::Check { retries, .. })] = checks.as_slice() else {
        panic!("{checks:?}")
    };
    let [Leg::Wait(wait::Wait { pace, .. })] = waits.as_slice() else {
        panic!("{waits:?}")
    };
    let limits = &checking.thresholds;
    vec![
        limits.fail.error_rate.to_string(),
        limits.fail.availability.to_string(),
        limits.fail.response_time.to_string(),
        limits.consecutive_failures.to_string(),
        seconds(limits.failure_window),
        limits.warn.error_rate.to_string(),
        limits.warn.availability.to_string(),
        limits.warn.response_time.to_string(),
        seconds(pace.interval),
        seconds(checking.probing.timeout),
        retries.to_string(),
        seconds(pace.initial_delay),
        checking.probing.expect.required_fields.join(","),
    ]
}

fn seconds(value: Duration) -> String {
    format!("{}s", value.as_secs())
}

#[test]
fn what_the_policy_says_beats_the_defaults_and_the_steps_settings_beat_the_policy() {
    let named: Vec<&str> = OVERRIDES.iter().map(|(name, _)| *name).collect();
    let given: Vec<&str> = catalog::of(PLUGIN)
        .filter(|setting| !setting.policy.is_empty())
        .map(|setting| setting.name)
        .collect();
    for name in &given {
        assert!(named.contains(name), "{name} can come from a policy");
    }
    assert_eq!(
        meant(false, &[]),
        [
            "5", "99", "2000", "3", "60s", "3", "99.5", "1500", "30s", "10s", "3", "30s", ""
        ]
    );
    assert_eq!(
        meant(true, &[]),
        [
            "7", "97", "700", "7", "70s", "6", "98", "600", "17s", "7s", "17", "27s", "status"
        ]
    );
    let said: Vec<&str> = OVERRIDES.iter().map(|(_, value)| *value).collect();
    assert_eq!(meant(true, OVERRIDES), said);
}

#[test]
fn the_monitoring_windows_come_from_the_policy() {
    let labels = |settings: Settings| -> Vec<String> {
        settings
            .windows
            .into_iter()
            .map(|(label, _)| label)
            .collect()
    };
    assert_eq!(labels(understood(false, false, &[])), ["5m", "30m", "1d"]);
    assert_eq!(labels(understood(true, false, &[])), ["7m", "17m", "7h"]);
}

#[test]
fn every_setting_is_looked_for_in_the_same_order() {
    for setting in catalog::of(PLUGIN) {
        let mut names = vec![setting.variable()];
        names.extend(
            setting
                .plain
                .iter()
                .chain(setting.ci)
                .map(|n| (*n).to_owned()),
        );
        for (place, name) in names.iter().enumerate() {
            let variables = names[place..]
                .iter()
                .map(|name| (OsString::from(name), OsString::from(name)));
            let environment = Environment::of(variables);
            let (raw, _) = Raw::gather(PLUGIN, &BTreeMap::new(), &environment);
            assert_eq!(&raw.get(setting.name).unwrap().text, name);
            let flag = BTreeMap::from([(setting.flag(), "said".to_owned())]);
            let (raw, _) = Raw::gather(PLUGIN, &flag, &environment);
            assert_eq!(raw.get(setting.name).unwrap().text, "said");
        }
    }
}

#[test]
fn a_pipelines_steps_agree_on_the_deployments_name_and_an_explicit_one_wins() {
    let ci = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let pipeline = [
        ci("PLUGIN_ENDPOINT", "http://127.0.0.1/"),
        ci("CI_REPO", &format!("acme/{}", "x".repeat(90))),
        ci("CI_PIPELINE_NUMBER", "8"),
        ci("CI_PIPELINE_DEPLOY_TARGET", &"e".repeat(50)),
    ];
    let id = |flags: &[(String, String)], more: &[(String, String)]| {
        gather(flags, &[&pipeline[..], more].concat())
            .subject
            .deployment_id
    };
    let made = id(&[], &[]);
    assert!(made.len() <= 100 && made.ends_with("-8"), "{made}");
    for step in [
        ci("CI_STEP_NAME", "another step"),
        ci("PLUGIN_WAIT", "true"),
        ci("COMMIT_SHA", "0123456789abcdef"),
        ci("BUILD_ID", "77"),
    ] {
        assert_eq!(id(&[], &[step]), made);
    }
    let plain = ci("DEPLOYMENT_ID", "plain");
    let setting = ci("PLUGIN_DEPLOYMENT_ID", "setting");
    assert_eq!(id(&[], std::slice::from_ref(&plain)), "plain");
    assert_eq!(id(&[], &[plain.clone(), setting.clone()]), "setting");
    let flag = ci("deployment-id", "flag");
    assert_eq!(id(&[flag], &[plain, setting]), "flag");
}
