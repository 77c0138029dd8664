//! *preflight*: a table of checks, exit code 2 if any fails.

use std::os::unix::fs::PermissionsExt;

use crate::step::Pipeline;
use testbed::postgres::Postgres;

#[test]
fn everything_in_place_passes_and_is_recorded() {
    let postgres = Postgres::shared();
    let name = postgres.fresh_database();
    let pipeline = Pipeline::new();
    pipeline.write("deploy.sh", "#!/bin/sh\n");
    std::fs::set_permissions(
        pipeline.workspace.join("deploy.sh"),
        std::fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    pipeline.write(
        "deployment-policy.yaml",
        "rollback_thresholds: {error_rate: 4%}\n",
    );
    let address = postgres.url(&name);
    let settings = [
        ("preflight", "true"),
        ("endpoint", "http://localhost:1/"),
        ("database_url", &address),
        ("deployment_script", "deploy.sh"),
    ];
    let ended = pipeline.run(&settings).with(0);
    for check in [
        "settings",
        "policy",
        "deployment_script",
        "endpoint http://localhost:1/",
        "database",
        "journal",
    ] {
        assert!(
            ended
                .log
                .lines()
                .any(|line| line.starts_with(&format!("ok  {check}"))),
            "{check}:\n{}",
            ended.log
        );
    }
    assert_eq!(
        postgres.sql(&name, "SELECT status FROM deployments").trim(),
        "started"
    );
}

#[test]
fn everything_missing_is_named_at_once_and_nothing_is_recorded() {
    let pipeline = Pipeline::new();
    pipeline.write("deploy.sh", "#!/bin/sh\n");
    let settings = [
        ("preflight", "true"),
        ("endpoint", "http://no-such-host.invalid/"),
        ("database_url", "postgres://bob:hunter2222@127.0.0.1:1/x"),
        ("deployment_script", "deploy.sh"),
        ("ca_certificate", "no.pem"),
    ];
    let ended = pipeline.run(&settings).with(2).not_saying("hunter2222");
    for failed in [
        "deploy.sh is not executable",
        "no.pem",
        "could not be resolved",
        "refused",
    ] {
        assert!(ended.verdict().contains(failed), "{failed}:\n{}", ended.log);
    }
    assert_eq!(pipeline.journal(), [""; 0]);
    pipeline
        .run(&[
            ("preflight", "true"),
            ("endpoint", "http://localhost/"),
            ("deployment_script", "gone.sh"),
        ])
        .with(2)
        .saying("gone.sh cannot be read");
}

#[test]
fn a_pull_request_and_a_dry_run_record_nothing() {
    let settings = [("preflight", "true"), ("endpoint", "http://localhost:1/")];
    let request = Pipeline::new().var("CI_PIPELINE_EVENT", "pull_request");
    request
        .run(&settings)
        .with(0)
        .saying("nothing is recorded for a pull request");
    assert_eq!(request.journal(), [""; 0]);
    let postgres = Postgres::shared();
    let name = postgres.fresh_database();
    let dry = Pipeline::new();
    let address = postgres.url(&name);
    dry.run(
        &[
            &settings[..],
            &[("dry_run", "true"), ("database_url", &address)],
        ]
        .concat(),
    )
    .with(0);
    assert_eq!(
        postgres
            .sql(&name, "SELECT to_regclass('health_checks') IS NULL")
            .trim(),
        "t"
    );
}

#[test]
fn a_preflight_is_a_step_of_its_own() {
    let settings = [
        ("preflight", "true"),
        ("wait", "true"),
        ("final", "true"),
        ("endpoint", "http://localhost/"),
    ];
    let ended = Pipeline::new().run(&settings).with(2);
    ended
        .saying("PLUGIN_PREFLIGHT: found \"true\", expected a step of its own, but wait is set too")
        .saying("PLUGIN_FINAL");
}

#[test]
fn a_dry_run_makes_no_file_and_a_summary_of_it_says_so() {
    let pipeline = Pipeline::new();
    pipeline
        .run(&[
            ("preflight", "true"),
            ("endpoint", "http://localhost:1/"),
            ("dry_run", "true"),
        ])
        .with(0);
    assert!(!pipeline.workspace.join(".deployment").exists());
    pipeline
        .run(&[("summary", "true"), ("dry_run", "true")])
        .with(0)
        .saying("is unknown: a dry run opens no records");
}

#[test]
fn a_refused_preflight_is_told_and_written_to_the_report() {
    let people = testbed::sink::Sink::start([]);
    let hook = people.url("/hook");
    let pipeline = Pipeline::new();
    pipeline
        .run(&[
            ("preflight", "true"),
            ("endpoint", "http://localhost:1/"),
            ("deployment_script", "gone.sh"),
            ("webhook_url", &hook),
            ("report_file", "report.md"),
        ])
        .with(2)
        .saying("told webhook");
    let report = std::fs::read_to_string(pipeline.workspace.join("report.md")).unwrap();
    assert!(report.contains("gone.sh cannot be read"), "{report}");
    let told = String::from_utf8(people.requests()[0].body.clone()).unwrap();
    assert!(told.contains("preflight refused"), "{told}");
}
