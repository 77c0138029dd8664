//! Everything that could be told is down: what brings things back is done all the same.

use shared::deployment::Status;
use testbed::postgres::Postgres;
use testbed::program::free_port;
use testbed::sink::Sink;

use crate::step::{BAD, GOOD, ID, Pipeline, deployment, subject};

#[test]
fn with_database_slack_and_mail_down_the_script_is_called_and_the_rest_is_listed() {
    let port = free_port();
    let pipeline = Pipeline::new()
        .set(
            "database_url",
            &format!("postgres://u:hunter2222@127.0.0.1:{port}/x"),
        )
        .set(
            "slack_webhook_url",
            &format!("http://127.0.0.1:{port}/services/T0/B0/s3cr3t-s3cr3t"),
        )
        .set("smtp_server", "127.0.0.1")
        .set("smtp_port", &port.to_string())
        .set("smtp_tls", "none")
        .set("email_from", "ci@shop.example")
        .set("email_to", "ops@shop.example")
        .set("previous_commit", GOOD);
    pipeline
        .run()
        .with(0, "ROLLED BACK")
        .saying("Done: script, record")
        .saying("Not told: slack")
        .saying("e-mail")
        .saying("records not delivered, waiting in")
        .not_saying("hunter2222")
        .not_saying("s3cr3t");
    assert_eq!(pipeline.calls(), format!("rollback {ID} {GOOD}\n"));
}

#[test]
fn what_the_journal_kept_is_delivered_by_the_next_step_that_reaches_the_database() {
    let mut postgres = Postgres::start_new();
    let name = postgres.fresh_database();
    let url = postgres.url(&name);
    let pipeline = Pipeline::new()
        .set("database_url", &url)
        .set("previous_commit", GOOD);
    pipeline.history(Some(&url), Status::Failed);
    postgres.stop();
    pipeline
        .run()
        .with(0, "ROLLED BACK")
        .saying("going on without the lease");
    postgres.start();
    pipeline
        .run()
        .with(0, "NOTHING TO DO")
        .saying("already rolled back");
    let rows = "SELECT deployment_id, status FROM deployments ORDER BY id";
    assert_eq!(
        postgres.sql(&name, rows),
        format!("d0|success\n{ID}|rolled_back\n{ID}-rollback|success")
    );
    let held = postgres.sql(&name, "SELECT commit_sha FROM deployment_holds");
    assert_eq!(held, BAD);
    assert_eq!(pipeline.calls().lines().count(), 1);
}

#[test]
fn a_database_that_is_down_hides_what_to_go_back_to_and_that_is_a_refusal() {
    let url = format!("postgres://u:p@127.0.0.1:{}/x", free_port());
    let pipeline = Pipeline::new().set("database_url", &url);
    pipeline
        .run()
        .with(2, "REFUSED")
        .saying("set previous_commit");
    assert_eq!(pipeline.calls(), "");
    // What this pipeline's own steps wrote is in the journal.
    let journalled = Pipeline::new().set("database_url", &url);
    journalled.records(None, |records| {
        records.record(&subject("d0", GOOD), deployment(Status::Success));
        records.record(&subject(ID, BAD), deployment(Status::Failed));
    });
    journalled
        .run()
        .with(0, "ROLLED BACK")
        .saying("deployment d0, which was proved good");
}

#[test]
fn a_webhook_takes_the_scripts_place() {
    let hook = Sink::start([]);
    let pipeline = Pipeline::new()
        .set("deployment_script", "")
        .set("deployment_webhook", &hook.url("/deploy"));
    pipeline.history(None, Status::Failed);
    pipeline.run().with(0, "ROLLED BACK").saying("Done: script");
    let requests = hook.requests();
    assert_eq!(requests.len(), 1);
    let body: serde_json::Value = serde_json::from_slice(&requests[0].body).unwrap();
    assert_eq!(body["action"], "rollback");
    assert_eq!(body["deployment"]["commit"], BAD);
    assert_eq!(body["deployment"]["previous_commit"], GOOD);
}
