//! Every row of the table of limits: fails, warns and passes at the right value.

use std::time::Duration;

use crate::step::{Ended, Pipeline, json, service};
use testbed::sink::{Reply, Sink};

/// A check without retries of a service that answers this.
fn check(body: &str, settings: &[(&str, &str)]) -> Ended {
    let service = service(&[body]);
    let url = service.url("/health");
    let all = [&[("endpoint", url.as_str()), ("retries", "0")], settings].concat();
    Pipeline::new().run(&all)
}

#[test]
fn the_error_rate_fails_above_five_and_warns_above_three() {
    check(r#"{"error_rate": 3}"#, &[])
        .with(0)
        .saying("PASSED (exit 0)");
    check(r#"{"error_rate": 3.01}"#, &[])
        .with(0)
        .saying("PASSED WITH WARNINGS (exit 0): error rate 3.01 % > limit 3 % (reported)");
    check(r#"{"error_rate": 5}"#, &[])
        .with(0)
        .saying("PASSED WITH WARNINGS");
    check(r#"{"error_rate": 5.01}"#, &[])
        .with(1)
        .saying("FAILED (exit 1): error rate 5.01 % > limit 5 % (reported)");
}

#[test]
fn the_availability_fails_below_ninety_nine_and_warns_below_ninety_nine_and_a_half() {
    check(r#"{"availability": 99.5}"#, &[])
        .with(0)
        .saying("PASSED (exit 0)");
    check(r#"{"availability": 99.49}"#, &[])
        .with(0)
        .saying("PASSED WITH WARNINGS (exit 0): availability 99.49 % < limit 99.5 %");
    check(r#"{"availability": 99}"#, &[])
        .with(0)
        .saying("PASSED WITH WARNINGS");
    check(r#"{"availability": 98.99}"#, &[])
        .with(1)
        .saying("FAILED (exit 1): availability 98.99 % < limit 99 % (reported)");
}

#[test]
fn the_reported_response_time_fails_above_two_seconds_and_warns_above_one_and_a_half() {
    check(r#"{"response_time": 1500}"#, &[])
        .with(0)
        .saying("PASSED (exit 0)");
    check(r#"{"response_time": 1501}"#, &[])
        .with(0)
        .saying("PASSED WITH WARNINGS (exit 0): response time 1501 ms > limit 1500 ms");
    check(r#"{"response_time": 2000}"#, &[])
        .with(0)
        .saying("PASSED WITH WARNINGS");
    check(r#"{"response_time": 2001}"#, &[])
        .with(1)
        .saying("FAILED (exit 1): response time 2001 ms > limit 2000 ms (reported)");
}

#[test]
fn the_measured_response_time_is_held_against_the_same_limits() {
    let run = |fail: &str, warn: &str| {
        let service = Sink::start([json("{}").after(Duration::from_millis(400))]);
        let url = service.url("/");
        let limits = [
            ("threshold_response_time", fail),
            ("warning_response_time", warn),
        ];
        Pipeline::new()
            .run(&[&[("endpoint", url.as_str()), ("retries", "0")], &limits[..]].concat())
    };
    run("300", "200").with(1).saying("limit 300 ms (measured)");
    run("5000", "200")
        .with(0)
        .saying("PASSED WITH WARNINGS")
        .saying("limit 200 ms (measured)");
    run("5s", "4s").with(0).saying("PASSED (exit 0)");
}

#[test]
fn settings_and_policy_move_the_limits_and_settings_win() {
    let body = r#"{"error_rate": 8}"#;
    check(
        body,
        &[
            ("threshold_error_rate", "10%"),
            ("warning_error_rate", "9%"),
        ],
    )
    .with(0)
    .saying("PASSED (exit 0)");
    let service = service(&[body, body, body]);
    let url = service.url("/");
    let pipeline = Pipeline::new();
    pipeline.write("deployment-policy.yaml", "rollback_thresholds: {error_rate: 7%}\nenvironments: {staging: {rollback_thresholds: {error_rate: 20%}}}\n");
    let base = [("endpoint", url.as_str()), ("retries", "0")];
    pipeline
        .run(&base)
        .with(1)
        .saying("error rate 8 % > limit 7 %");
    pipeline
        .run(&[&base[..], &[("environment", "staging")]].concat())
        .with(0);
    pipeline
        .run(&[&base[..], &[("threshold_error_rate", "8")]].concat())
        .with(0);
}

#[test]
fn three_failures_in_a_row_fail_and_a_good_answer_between_them_does_not() {
    let bad = r#"{"status": "unhealthy"}"#;
    let down = service(&[bad, bad, bad, "{}"]);
    let url = down.url("/");
    let settings = [
        ("endpoint", url.as_str()),
        ("interval", "100ms"),
        ("retries", "9"),
    ];
    Pipeline::new()
        .run(&settings)
        .with(1)
        .saying("3 failed attempts in a row within");
    assert_eq!(down.requests().len(), 3);

    let flaky = service(&[bad, bad, "{}"]);
    let url = flaky.url("/");
    let settings = [
        ("endpoint", url.as_str()),
        ("interval", "100ms"),
        ("retries", "9"),
    ];
    Pipeline::new().run(&settings).with(0);
    assert_eq!(flaky.requests().len(), 3);
}

#[test]
fn failures_outside_the_window_are_not_in_a_row() {
    let bad = r#"{"status": "unhealthy"}"#;
    let down = service(&[bad, bad, bad, bad]);
    let url = down.url("/");
    let settings = [
        ("endpoint", url.as_str()),
        ("interval", "300ms"),
        ("retries", "3"),
        ("failure_window", "100ms"),
    ];
    Pipeline::new()
        .run(&settings)
        .with(1)
        .saying("all 4 attempts failed")
        .not_saying("failed attempts in a row");
}

#[test]
fn degraded_warns_and_unhealthy_fails() {
    check(r#"{"status": "degraded"}"#, &[])
        .with(0)
        .saying("PASSED WITH WARNINGS (exit 0): the service calls itself degraded");
    check(r#"{"status": "unhealthy"}"#, &[])
        .with(1)
        .saying("the service calls itself unhealthy");
    check(r#"{"status": "splendid"}"#, &[])
        .with(1)
        .saying("splendid");
}

#[test]
fn a_plain_answer_is_healthy_by_its_status() {
    let plain = Sink::start([Reply::new(200, "fine"), Reply::new(500, "broken")]);
    let url = plain.url("/");
    let pipeline = Pipeline::new();
    pipeline
        .run(&[("endpoint", &url), ("retries", "0")])
        .with(0);
    pipeline
        .run(&[("endpoint", &url), ("retries", "0")])
        .with(1)
        .saying("status 500, expected 200-299");
}

#[test]
fn the_wrong_version_fails_however_well_it_is() {
    let body = r#"{"status": "healthy", "version": "0123456789abcdef"}"#;
    check(body, &[("expect_version", "5f3c2a9d1e")])
        .with(1)
        .saying("version 0123456789abcdef answered, expected 5f3c2a9d1e");
    check(body, &[("expect_version", "0123456789abcdef0000")]).with(0);
    check("{}", &[("expect_version", "5f3c2a9d1e")])
        .with(1)
        .saying("the answer names no version");
    let nested = r#"{"build": {"commit": "abc1234"}}"#;
    check(
        nested,
        &[
            ("expect_version", "abc1234"),
            ("version_field", "/build/commit"),
        ],
    )
    .with(0);
}

#[test]
fn required_fields_and_expected_bodies_are_asked_for() {
    check("{}", &[("required_fields", "error_rate,/db/ok")])
        .with(1)
        .saying("field error_rate is missing")
        .saying("field /db/ok is missing");
    check(
        r#"{"db": {"ok": true}}"#,
        &[("expected_body", r#"{"/db/ok": true}"#)],
    )
    .with(0);
    check(
        r#"{"db": {"ok": false}}"#,
        &[("expected_body", r#"{"/db/ok": true}"#)],
    )
    .with(1)
    .saying("/db/ok");
    check("201 {}", &[("expected_status", "200")])
        .with(1)
        .saying("status 201, expected 200");
    check("201 {}", &[("expected_status", "200-202")]).with(0);
}
