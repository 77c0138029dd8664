//! What is written down: rows in a real PostgreSQL, lines in the journal, each exactly once.

use std::time::Duration;

use crate::step::{COMMIT, Pipeline, json, service, wait};
use testbed::postgres::Postgres;
use testbed::sink::Sink;
use testbed::tls::Ca;

const DOWN: &str = r#"503 {"status": "unhealthy"}"#;
const VERSIONED: &str = r#"{"error_rate": 1.5, "availability": 99.9, "version": "5f3c2a9d1e8b"}"#;

fn database() -> (&'static Postgres, String) {
    let postgres = Postgres::shared();
    let name = postgres.fresh_database();
    (postgres, name)
}

#[test]
fn a_gate_leaves_a_row_that_says_what_was_measured() {
    let (postgres, name) = database();
    let service = service(&[VERSIONED]);
    let (url, address) = (service.url("/health"), postgres.url(&name));
    Pipeline::new()
        .run(&[("endpoint", &url), ("database_url", &address)])
        .with(0);
    let columns = "deployment_id, commit_sha, build_id, health_status, error_rate, availability, endpoint, repo, environment, mode, checks_failed";
    let row = postgres.sql(&name, &format!("SELECT {columns} FROM health_checks"));
    let wanted = format!(
        "acme-shop-production-8|{COMMIT}|8|healthy|1.50|99.90|{url}|acme/shop|production|check|[]"
    );
    assert_eq!(row.trim(), wanted);
    assert_eq!(
        postgres
            .sql(&name, "SELECT count(*) FROM deployments")
            .trim(),
        "0"
    );
}

#[test]
fn a_deployment_goes_from_started_to_success_and_moves_the_marker() {
    let (postgres, name) = database();
    let service = service(&[VERSIONED]);
    let (url, address) = (service.url("/health"), postgres.url(&name));
    let pipeline = Pipeline::new();
    let base = [("endpoint", url.as_str()), ("database_url", &address)];
    pipeline
        .run(&[&base[..], &[("preflight", "true")]].concat())
        .with(0)
        .saying("recorded as started");
    let status = || postgres.sql(&name, "SELECT status, commit_sha FROM deployments");
    assert_eq!(status().trim(), format!("started|{COMMIT}"));
    pipeline
        .run(
            &[
                &base[..],
                &[("final", "true"), ("expect_version", "5f3c2a9")],
            ]
            .concat(),
        )
        .with(0);
    assert_eq!(status().trim(), format!("success|{COMMIT}"));
    let marker = postgres.sql(
        &name,
        "SELECT marker_name, commit_sha, repo, environment FROM version_markers",
    );
    assert_eq!(
        marker.trim(),
        format!("last-stable|{COMMIT}|acme/shop|production")
    );
}

#[test]
fn a_success_without_proof_is_unverified_and_moves_no_marker() {
    let (postgres, name) = database();
    let service = service(&["{}"]);
    let (url, address) = (service.url("/"), postgres.url(&name));
    let settings = [
        ("endpoint", url.as_str()),
        ("database_url", &address),
        ("final", "true"),
    ];
    Pipeline::new()
        .run(&settings)
        .with(0)
        .saying("recorded as unverified");
    assert_eq!(
        postgres.sql(&name, "SELECT status FROM deployments").trim(),
        "unverified"
    );
    assert_eq!(
        postgres
            .sql(&name, "SELECT count(*) FROM version_markers")
            .trim(),
        "0"
    );
}

#[test]
fn an_old_instance_among_the_answers_of_a_window_leaves_it_unverified() {
    let (postgres, name) = database();
    let old = r#"{"version": "0123456789ab"}"#;
    let service = service(&[VERSIONED, old, VERSIONED, VERSIONED, VERSIONED, VERSIONED]);
    let (url, address) = (service.url("/"), postgres.url(&name));
    let settings = [
        ("endpoint", url.as_str()),
        ("database_url", &address),
        ("expect_version", "5f3c2a9"),
        ("watch", "1s"),
        ("interval", "300ms"),
        ("initial_delay", "0"),
        ("final", "true"),
    ];
    Pipeline::new()
        .run(&settings)
        .with(0)
        .saying("recorded as unverified");
    let markers = postgres.sql(&name, "SELECT count(*) FROM version_markers");
    assert_eq!(markers.trim(), "0");
}

#[test]
fn a_failed_check_marks_the_deployment_and_a_pull_request_marks_nothing() {
    let (postgres, name) = database();
    let service = service(&[DOWN; 2]);
    let (url, address) = (service.url("/"), postgres.url(&name));
    let settings = [
        ("endpoint", url.as_str()),
        ("database_url", &address),
        ("retries", "0"),
    ];
    Pipeline::new()
        .var("CI_PIPELINE_EVENT", "pull_request")
        .run(&settings)
        .with(1);
    assert_eq!(
        postgres
            .sql(&name, "SELECT count(*) FROM deployments")
            .trim(),
        "0"
    );
    Pipeline::new().run(&settings).with(1);
    assert_eq!(
        postgres.sql(&name, "SELECT status FROM deployments").trim(),
        "failed"
    );
    assert_eq!(
        postgres
            .sql(
                &name,
                "SELECT count(*) FROM health_checks WHERE health_status = 'unhealthy'"
            )
            .trim(),
        "2"
    );
}

#[test]
fn without_a_database_the_journal_keeps_the_rows_and_a_later_step_delivers_them_once() {
    let (postgres, name) = database();
    let service = service(&["{}"; 4]);
    let (url, address) = (service.url("/"), postgres.url(&name));
    let pipeline = Pipeline::new();
    pipeline.run(&[("endpoint", &url)]).with(0);
    pipeline.run(&[("endpoint", &url)]).with(0);
    assert_eq!(pipeline.journal().len(), 2);
    pipeline
        .run(&[("endpoint", &url), ("database_url", &address)])
        .with(0);
    assert_eq!(pipeline.journal().len(), 0);
    pipeline
        .run(&[("endpoint", &url), ("database_url", &address)])
        .with(0);
    assert_eq!(
        postgres
            .sql(
                &name,
                "SELECT count(*), count(DISTINCT record_key) FROM health_checks"
            )
            .trim(),
        "4|4"
    );
}

#[test]
fn a_database_that_stops_in_mid_run_changes_no_verdict_and_gets_its_rows_later() {
    let mut postgres = Postgres::start_new();
    let name = postgres.fresh_database();
    let address = postgres.url(&name);
    let slow = Sink::start((0..20).map(|_| json("{}").after(Duration::from_millis(300))));
    let url = slow.url("/");
    let pipeline = Pipeline::new();
    let settings = [
        ("endpoint", url.as_str()),
        ("database_url", &address),
        ("watch", "3s"),
        ("initial_delay", "0"),
        ("interval", "600ms"),
    ];
    let step = pipeline.step(&settings).spawn();
    while postgres
        .sql(&name, "SELECT to_regclass('health_checks') IS NOT NULL")
        .trim()
        != "t"
        || postgres
            .sql(&name, "SELECT count(*) FROM health_checks")
            .trim()
            == "0"
    {}
    postgres.stop();
    let ended = wait(step).with(0).saying("PASSED (exit 0)");
    let kept = pipeline.journal().len();
    assert!(kept >= 2, "{}", ended.log);
    ended.saying("not delivered");

    postgres.start();
    let delivered = postgres
        .sql(&name, "SELECT count(*) FROM health_checks")
        .trim()
        .parse::<usize>()
        .unwrap();
    pipeline
        .run(&[("endpoint", &url), ("database_url", &address)])
        .with(0);
    let rows = postgres.sql(
        &name,
        "SELECT count(*), count(DISTINCT record_key) FROM health_checks",
    );
    let all = delivered + kept + 1;
    assert_eq!(rows.trim(), format!("{all}|{all}"));
    assert_eq!(pipeline.journal().len(), 0);
}

#[test]
fn two_steps_that_deliver_at_once_leave_each_row_once() {
    let (postgres, name) = database();
    let service = service(&["{}"; 40]);
    let (url, address) = (service.url("/"), postgres.url(&name));
    let pipeline = Pipeline::new();
    for _ in 0..5 {
        pipeline.run(&[("endpoint", &url)]).with(0);
    }
    let journal = pipeline.workspace.join(".deployment/journal.jsonl");
    let copy = std::fs::read_to_string(&journal).unwrap();
    let settings = [("endpoint", url.as_str()), ("database_url", &address)];
    let both: Vec<_> = (0..2).map(|_| pipeline.step(&settings).spawn()).collect();
    for child in both {
        let _ = wait(child).with(0);
    }
    // A step that was killed after its delivery, before it emptied the journal, leaves what is delivered again.
    std::fs::write(&journal, copy).unwrap();
    pipeline.run(&settings).with(0);
    assert_eq!(
        postgres
            .sql(
                &name,
                "SELECT count(*), count(DISTINCT record_key) FROM health_checks"
            )
            .trim(),
        "8|8"
    );
}

#[test]
fn a_step_killed_in_the_middle_of_a_delivery_leaves_each_row_once() {
    let (postgres, name) = database();
    let service = service(&["{}"; 20]);
    let (url, address) = (service.url("/"), postgres.url(&name));
    let pipeline = Pipeline::new();
    let settings = [("endpoint", url.as_str()), ("database_url", &address)];
    pipeline.run(&settings).with(0);
    for _ in 0..5 {
        pipeline.run(&[("endpoint", &url)]).with(0);
    }
    std::thread::scope(|scope| {
        let held = "BEGIN; LOCK TABLE health_checks IN EXCLUSIVE MODE; SELECT pg_sleep(3); COMMIT";
        let holder = scope.spawn(|| postgres.sql(&name, held));
        let locks = |granted: bool| {
            let query = format!(
                "SELECT count(*) FROM pg_locks WHERE relation = 'health_checks'::regclass AND granted = {granted}"
            );
            postgres.sql(&name, &query).trim() != "0"
        };
        while !locks(true) {}
        let mut step = pipeline.step(&settings).spawn();
        while !locks(false) && !holder.is_finished() {}
        assert!(!holder.is_finished(), "the delivery did not wait");
        step.kill().unwrap();
        step.wait().unwrap();
        holder.join().unwrap();
    });
    assert!(pipeline.journal().len() >= 5);
    pipeline.run(&settings).with(0);
    assert_eq!(pipeline.journal().len(), 0);
    // One before, five kept, one after: the killed step came to no check of its own.
    let rows = "SELECT count(*), count(DISTINCT record_key) FROM health_checks";
    assert_eq!(postgres.sql(&name, rows).trim(), "7|7");
}

#[test]
fn an_unreachable_database_is_said_and_fails_nothing() {
    let service = service(&["{}"]);
    let url = service.url("/");
    let pipeline = Pipeline::new();
    let settings = [
        ("endpoint", url.as_str()),
        ("database_url", "postgres://bob:hunter2222@127.0.0.1:1/x"),
    ];
    pipeline
        .run(&settings)
        .with(0)
        .saying("refused")
        .not_saying("hunter2222");
    assert_eq!(pipeline.journal().len(), 1);
}

#[test]
fn the_windows_before_now_are_read_back_beside_the_verdict() {
    let (postgres, name) = database();
    let service = service(&[r#"{"error_rate": 1}"#, r#"{"error_rate": 3}"#]);
    let (url, address) = (service.url("/"), postgres.url(&name));
    let settings = [("endpoint", url.as_str()), ("database_url", &address)];
    let pipeline = Pipeline::new();
    pipeline.run(&settings).with(0);
    let ended = pipeline.run(&settings).with(0);
    let row = |label: &str| {
        ended
            .log
            .lines()
            .find(|line| line.starts_with(label))
            .unwrap_or_default()
            .to_owned()
    };
    for label in ["5m ", "30m ", "1d "] {
        let cells: Vec<String> = row(label)
            .split("  ")
            .filter(|cell| !cell.is_empty())
            .map(|cell| cell.trim().to_owned())
            .collect();
        assert_eq!(cells[1..4], ["2", "100 %", "2 %"], "{}", ended.log);
    }
}

#[test]
fn the_database_is_reached_with_verified_tls_and_a_private_authority() {
    let ca = Ca::new("the team's own");
    let postgres = Postgres::start_with_tls(&ca.issue(&["localhost"]));
    let name = postgres.fresh_database();
    let service = service(&["{}"; 2]);
    let pipeline = Pipeline::new();
    pipeline.write("ca.pem", &ca.pem);
    let url = service.url("/");
    let by_name = postgres.url(&name).replace("127.0.0.1", "localhost");
    let verified = format!("{by_name}?sslmode=verify-full");
    let settings = [
        ("endpoint", url.as_str()),
        ("database_url", &verified),
        ("ca_certificate", "ca.pem"),
    ];
    pipeline.run(&settings).with(0);
    assert_eq!(
        postgres
            .sql(&name, "SELECT count(*) FROM health_checks")
            .trim(),
        "1"
    );
    pipeline.run(&settings[..2]).with(0).saying("ertificate");
    assert_eq!(pipeline.journal().len(), 1);
    // An image without any authorities of its own still checks, against the list that is built in.
    pipeline.write("none.pem", "");
    let none = pipeline.workspace.join("none.pem");
    let bare = Pipeline::new().var("SSL_CERT_FILE", none.to_str().unwrap());
    bare.run(&settings[..2]).with(0).saying("UnknownIssuer");
}

#[test]
fn the_originals_own_database_is_upgraded_in_place() {
    let (postgres, name) = database();
    let ddl = include_str!("../../../../shared/tests/store/original.sql");
    postgres.sql(&name, ddl);
    postgres.sql(
        &name,
        "INSERT INTO version_markers (marker_name, commit_sha) VALUES ('last-stable', 'abc')",
    );
    postgres.sql(
        &name,
        "INSERT INTO health_checks (deployment_id, health_status) VALUES ('old-1', 'healthy')",
    );
    let service = service(&[VERSIONED]);
    let (url, address) = (service.url("/"), postgres.url(&name));
    let settings = [
        ("endpoint", url.as_str()),
        ("database_url", &address),
        ("final", "true"),
        ("expect_version", "5f3c2a9"),
    ];
    Pipeline::new().run(&settings).with(0);
    postgres.sql(
        &name,
        "INSERT INTO health_checks (deployment_id, health_status) VALUES ('old-2', 'healthy')",
    );
    postgres.sql(&name, "INSERT INTO deployments (deployment_id, commit_sha, status) VALUES ('old-2', 'abc', 'success')");
    assert_eq!(
        postgres
            .sql(&name, "SELECT count(*) FROM health_checks")
            .trim(),
        "3"
    );
    let markers = postgres.sql(
        &name,
        "SELECT repo, commit_sha FROM version_markers ORDER BY repo",
    );
    assert_eq!(markers.trim(), format!("|abc\nacme/shop|{COMMIT}"));
}

#[test]
fn the_summary_tells_how_it_went_from_the_records_and_probes_nothing() {
    let (postgres, name) = database();
    let service = service(&[VERSIONED]);
    let (url, address) = (service.url("/"), postgres.url(&name));
    let pipeline = Pipeline::new();
    let base = [("endpoint", url.as_str()), ("database_url", &address)];
    pipeline
        .run(
            &[
                &base[..],
                &[("final", "true"), ("expect_version", "5f3c2a9")],
            ]
            .concat(),
        )
        .with(0);
    let summary = pipeline
        .run(&[("summary", "true"), ("database_url", &address)])
        .with(0);
    assert_eq!(
        summary.verdict(),
        "SUMMARY (exit 0): deployment acme-shop-production-8 succeeded"
    );
    assert_eq!(service.requests().len(), 1);
    // The same from the journal alone.
    let alone = Pipeline::new();
    let down = crate::step::service(&[DOWN]);
    alone
        .run(&[("endpoint", &down.url("/")), ("retries", "0")])
        .with(1);
    alone
        .run(&[("summary", "true")])
        .with(0)
        .saying("deployment acme-shop-production-8 failed: status 503");
}
