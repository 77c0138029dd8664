//! `plugin-health` from its image: nothing but the binary, its certificates and its list of parts.

use testbed::postgres::Postgres;
use testbed::program::free_port;
use testbed::scratch::Scratch;
use testbed::sink::{Reply, Sink};
use testbed::tls::Ca;

use crate::container::{COMMIT, Step, workspace};

/// A service that always answers this.
pub(crate) fn service(status: u16, body: &'static str) -> Sink {
    Sink::answering(move |_| Reply::new(status, body).header("Content-Type", "application/json"))
}

fn step(workspace: &Scratch, service: &Sink) -> Step {
    Step::new("plugin-health", workspace).set("endpoint", &service.url("/health"))
}

#[test]
#[ignore = "needs the built images: .ci/images"]
fn a_gate_checks_a_service_and_writes_what_it_saw() {
    let postgres = Postgres::shared();
    let name = postgres.fresh_database();
    let service = service(200, r#"{"status":"healthy","error_rate":1.5}"#);
    // After Woodpecker's clone step, and without one: the database is enough.
    for mode in [0o777, 0o755] {
        let workspace = workspace(mode);
        step(&workspace, &service)
            .set("database_url", &postgres.url(&name))
            .run()
            .with(0)
            .signed("plugin-health")
            .saying("PASSED (exit 0)");
    }
    let rows = "SELECT commit_sha, health_status, error_rate FROM health_checks";
    let row = format!("{COMMIT}|healthy|1.50");
    assert_eq!(postgres.sql(&name, rows), format!("{row}\n{row}"));
}

#[test]
#[ignore = "needs the built images: .ci/images"]
fn without_a_database_the_journal_is_in_the_workspace_that_the_clone_step_opened() {
    let service = service(200, "{}");
    let open = workspace(0o777);
    step(&open, &service).run().with(0);
    let journal = std::fs::read_to_string(open.join(".deployment/journal.jsonl")).unwrap();
    assert_eq!(journal.lines().count(), 1, "{journal}");
    // The next step is another container with the same user: it reads and adds.
    step(&open, &service).run().with(0);
    let journal = std::fs::read_to_string(open.join(".deployment/journal.jsonl")).unwrap();
    assert_eq!(journal.lines().count(), 2, "{journal}");
    // Where nobody opened it, the verdict stands, and what is lost is said.
    let closed = workspace(0o755);
    let ended = step(&closed, &service).run().with(0);
    ended.saying("Permission denied").saying("lost");
}

#[test]
#[ignore = "needs the built images: .ci/images"]
fn exit_codes_come_through() {
    let workspace = workspace(0o777);
    let (good, bad) = (service(200, "{}"), service(503, "{}"));
    step(&workspace, &bad)
        .with(&[("retries", "0"), ("initial_delay", "0")])
        .run()
        .with(1)
        .saying("FAILED (exit 1)");
    step(&workspace, &good)
        .set("interval", "sometimes")
        .run()
        .with(2)
        .saying("REFUSED (exit 2)");
    step(&workspace, &bad)
        .with(&[("wait", "true"), ("max_wait", "300ms")])
        .with(&[("initial_delay", "0"), ("interval", "100ms")])
        .run()
        .with(124)
        .saying("(exit 124)");
    step(&workspace, &good)
        .with(&[("watch", "1h"), ("initial_delay", "0")])
        .start()
        .until("watching")
        .signal("TERM")
        .wait()
        .with(143)
        .saying("CANCELLED (exit 143)");
}

#[test]
#[ignore = "needs the built images: .ci/images"]
fn tls_is_checked_with_an_authority_of_the_workspace() {
    let workspace = workspace(0o777);
    let ca = Ca::new("shop");
    let issued = ca.issue(&["localhost"]);
    let service = Sink::start_tls((0..3).map(|_| Reply::new(200, "{}")), &issued);
    std::fs::write(workspace.join("ca.pem"), &ca.pem).unwrap();
    let port = service.address().port();
    let step = Step::new("plugin-health", &workspace)
        .set("endpoint", &format!("https://localhost:{port}/"))
        .set("retries", "0");
    step.clone().set("ca_certificate", "ca.pem").run().with(0);
    step.run().with(1).saying("certificate");
}

#[test]
#[ignore = "needs the built images: .ci/images"]
fn a_host_that_nobody_listens_on_is_a_bad_verdict() {
    let workspace = workspace(0o777);
    Step::new("plugin-health", &workspace)
        .set("endpoint", &format!("http://127.0.0.1:{}/", free_port()))
        .set("retries", "0")
        .run()
        .with(1)
        .saying("refused");
}
