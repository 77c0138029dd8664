//! Whole rollouts through the real binary: a real HAProxy, real versions, a real PostgreSQL.

use testbed::backend::Manner;
use testbed::load::{Load, send};
use testbed::postgres::Postgres;

use crate::step::{COMMIT, Pipeline, World};

/// A database of its own in the shared cluster: its name and its URL.
pub(crate) fn database() -> (&'static Postgres, String, String) {
    let postgres = Postgres::shared();
    let name = postgres.fresh_database();
    let url = postgres.url(&name);
    (postgres, name, url)
}

#[test]
fn a_good_release_goes_through_its_stages_without_a_failed_request() {
    let world = World::start();
    let (postgres, name, url) = database();
    let load = Load::start(world.proxy.address);
    let pipeline = Pipeline::new("8", world.settings()).with("database_url", &url);
    pipeline
        .run(&[])
        .with(0, "PASSED")
        .saying("stage 1 of 3 (10 %) → moving to stage 2 of 3 (50 %): passed on");
    let answers = load.stop();
    assert_eq!(answers.failed, 0, "{answers:?}");
    assert_eq!(world.weights(), (0, 100));
    assert_eq!(send(world.proxy.address, 200).of("green"), 200);
    let stages =
        "SELECT stage, traffic_percentage, status FROM progressive_deployments ORDER BY stage";
    assert_eq!(
        postgres.sql(&name, stages),
        "1|10|passed\n2|50|passed\n3|100|passed"
    );
    let deployment = "SELECT status, commit_sha FROM deployments";
    assert_eq!(postgres.sql(&name, deployment), format!("success|{COMMIT}"));
    let marker = "SELECT marker_name, commit_sha FROM version_markers";
    assert_eq!(postgres.sql(&name, marker), format!("last-stable|{COMMIT}"));
    let checks = "SELECT count(*) > 3, bool_and(health_status = 'healthy') FROM health_checks";
    assert_eq!(postgres.sql(&name, checks), "t|t");
}

#[test]
fn a_canary_that_fails_from_its_second_stage_on_is_rolled_back_and_held() {
    let world = World::start();
    let (postgres, name, url) = database();
    let pipeline = Pipeline::new("8", world.settings()).with("database_url", &url);
    let running = pipeline
        .spawn(&[])
        .until("moving to stage 2 of 3 (50 %) → stage 2 of 3 (50 %)");
    world.green.behave(Manner::Failing(500));
    running
        .wait()
        .with(1, "ROLLED BACK")
        .saying("stage 2 (50 %): too many failures in a row")
        .saying("Traffic: put back, the canary has 0 %");
    assert_eq!(world.weights(), (100, 0));
    assert_eq!(send(world.proxy.address, 200).of("blue"), 200);
    let stages =
        "SELECT stage, status, rollback_triggered FROM progressive_deployments ORDER BY stage";
    assert_eq!(postgres.sql(&name, stages), "1|passed|f\n2|failed|t");
    let deployments = "SELECT deployment_id, deployment_type, status, rollback_from_commit \
                       FROM deployments ORDER BY id";
    assert_eq!(
        postgres.sql(&name, deployments),
        format!(
            "acme-shop-production-8|standard|rolled_back|{COMMIT}\n\
             acme-shop-production-8-rollback|rollback|unverified|{COMMIT}"
        )
    );
    assert_eq!(
        postgres.sql(&name, "SELECT count(*) FROM version_markers"),
        "0"
    );
    // The same commit again, in another pipeline, with the version well.
    world.green.behave(Manner::Healthy);
    let again = Pipeline::new("9", world.settings()).with("database_url", &url);
    again
        .run(&[])
        .with(5, "BUSY")
        .saying("this commit is held: judged bad in acme-shop-production-8");
    assert_eq!(world.weights(), (100, 0));
    again.run(&[("override", "hold")]).with(0, "PASSED");
}

#[test]
fn a_canary_that_is_bad_before_its_first_share_gets_none() {
    let world = World::start();
    world.green.behave(Manner::Failing(503));
    let pipeline = Pipeline::new("8", world.settings());
    pipeline
        .run(&[])
        .with(1, "FAILED")
        .saying("before its first share");
    assert_eq!(world.weights(), (100, 0));
}

#[test]
fn a_rollout_with_promote_ends_on_the_stable_side() {
    let world = World::start();
    let pipeline = Pipeline::new("8", world.settings())
        .with("finish", "promote")
        .with("expect_version", "")
        .with("run_deploy", "true")
        .with("deployment_script", "deploy.sh");
    script(&pipeline, "echo \"$@\" $DEPLOYMENT_ID >> calls");
    pipeline
        .run(&[])
        .with(0, "PASSED")
        .saying("recorded as unverified");
    assert_eq!(world.weights(), (100, 0));
    let calls = std::fs::read_to_string(pipeline.workspace.join("calls")).unwrap();
    assert_eq!(
        calls,
        "deploy acme-shop-production-8\npromote acme-shop-production-8\n"
    );
}

#[test]
fn pools_take_turns() {
    let world = World::start();
    let mut settings = world.settings();
    let own = ["stable_server", "canary_server", "finish"];
    settings.retain(|(name, _)| !own.contains(&name.as_str()));
    let first = Pipeline::new("8", settings).with("pools", "blue,green");
    first.run(&[]).with(0, "PASSED");
    assert_eq!(world.weights(), (0, 100));
    // The next one, from the same journal and the same settings, brings the traffic to blue.
    let second = [("deployment_id", "second"), ("expect_version", "blue")];
    first.run(&second).with(0, "PASSED");
    assert_eq!(world.weights(), (100, 0));
    // What is bad is the pool that gets the version, wherever it stands in the settings.
    let third = [("deployment_id", "third"), ("expect_version", "blue")];
    first.run(&third).with(1, "FAILED");
    assert_eq!(world.weights(), (100, 0));
}

#[test]
fn a_dry_run_says_what_it_would_do_and_writes_nothing() {
    let world = World::start();
    let pipeline = Pipeline::new("8", world.settings()).with("dry_run", "true");
    pipeline
        .run(&[])
        .with(0, "DRY RUN")
        .saying("would move the canary from 10 % to 50 %")
        .saying("would leave all traffic on the canary side");
    assert_eq!(world.weights(), (100, 0));
    assert_eq!(
        std::fs::read_dir(pipeline.workspace.path())
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn a_dry_run_delivers_nothing_that_waits_in_the_journal() {
    let world = World::start();
    let (postgres, name, url) = database();
    let tables = [
        ("settle", "true"),
        ("traffic", "none"),
        ("finish", "stay"),
        ("database_url", &url),
    ];
    Pipeline::new("1", Vec::new())
        .run(&tables)
        .with(0, "SETTLED");
    let pipeline = Pipeline::new("8", world.settings());
    pipeline.run(&[("finish", "stay")]).with(0, "PASSED");
    let journal = pipeline.workspace.join(".deployment/journal.jsonl");
    let waiting = std::fs::read(&journal).unwrap();
    let dry = [("database_url", url.as_str()), ("dry_run", "true")];
    pipeline
        .run(&dry)
        .with(2, "REFUSED")
        .saying("records that wait in the journal are not looked at");
    assert_eq!(std::fs::read(&journal).unwrap(), waiting);
    assert_eq!(postgres.sql(&name, "SELECT count(*) FROM deployments"), "0");
}

#[test]
fn a_rollout_writes_its_report() {
    let world = World::start();
    let pipeline = Pipeline::new("8", world.settings()).with("report_file", "out/report.md");
    pipeline.run(&[]).with(0, "PASSED");
    let report = std::fs::read_to_string(pipeline.workspace.join("out/report.md")).unwrap();
    assert!(
        report.contains("rollout passed: acme/shop production"),
        "{report}"
    );
    assert!(report.contains("| 3 | 100 % |"), "{report}");
}

/// Writes the deployment script.
pub(crate) fn script(pipeline: &Pipeline, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = pipeline.workspace.join("deploy.sh");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}
