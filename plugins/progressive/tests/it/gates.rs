//! What is asked before the first stage and after the last one: quality gates, the soak, and a dry run of it all.

use testbed::backend::Manner;
use testbed::hostile::Server;
use testbed::prometheus::Prometheus;

use crate::hooks::policy;
use crate::rollouts::database;
use crate::step::{Pipeline, World};

#[test]
fn a_number_in_a_file_lets_a_rollout_begin_or_not() {
    let world = World::start();
    let pipeline = Pipeline::new("8", world.settings());
    policy(
        &pipeline,
        "advanced:\n  quality_gates:\n    - {name: coverage, file: out/cov.json, pointer: /total/pct, min: 80, max: 100}\n",
    );
    pipeline
        .run(&[])
        .with(2, "REFUSED")
        .saying("quality gate coverage: out/cov.json cannot be read");
    std::fs::create_dir(pipeline.workspace.join("out")).unwrap();
    let write = |text: &str| std::fs::write(pipeline.workspace.join("out/cov.json"), text).unwrap();
    for (text, why) in [
        ("{\"total\": {\"pct\": 79.9}}", "79.9 < 80"),
        ("{\"total\": {\"pct\": 101}}", "101 > 100"),
        (
            "{\"total\": {\"pct\": \"high\"}}",
            "has no number at /total/pct",
        ),
        ("{\"total\": {}}", "has nothing at /total/pct"),
        ("pct=80", "is no JSON"),
    ] {
        write(text);
        pipeline
            .run(&[])
            .with(2, "REFUSED")
            .saying("quality gate coverage: ")
            .saying(why);
    }
    assert_eq!((world.weights(), world.green.requests()), ((100, 0), 0));
    write("{\"total\": {\"pct\": 80}}");
    pipeline
        .run(&[])
        .with(0, "PASSED")
        .saying("quality gate coverage: 80, as it must be");
}

#[test]
fn a_query_of_a_real_prometheus_lets_a_rollout_begin_or_not() {
    let world = World::start();
    let target = Server::says(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n\r\nshop_p95_seconds 0.75\n",
    );
    let prometheus = Prometheus::start(target.address, "/");
    let pipeline = Pipeline::new("8", world.settings())
        .with(
            "metrics_endpoint",
            &format!("http://{}/", prometheus.address),
        )
        .with("query_response_time", "max(shop_p95_seconds) * 1000");
    let gate = |max: &str, query: &str| {
        let gate = format!("name: p95, query: {query}, min: 0, max: {max}");
        policy(
            &pipeline,
            &format!("advanced:\n  quality_gates:\n    - {{{gate}}}\n"),
        );
    };
    for (max, query, why) in [
        ("0.7", "max(shop_p95_seconds)", "0.75 > 0.7"),
        ("0.8", "max(no_such_metric)", "quality gate p95: "),
        ("0.8", "max(", "quality gate p95: "),
    ] {
        gate(max, query);
        pipeline.run(&[]).with(2, "REFUSED").saying(why);
    }
    assert_eq!((world.weights(), world.green.requests()), ((100, 0), 0));
    gate("0.8", "max(shop_p95_seconds)");
    pipeline
        .run(&[])
        .with(0, "PASSED")
        .saying("quality gate p95: 0.75, as it must be");
}

#[test]
fn a_version_that_turns_bad_in_the_soak_is_put_back() {
    let world = World::start();
    let (postgres, name, url) = database();
    let pipeline = Pipeline::new("8", world.settings())
        .with("database_url", &url)
        .with("soak", "10m");
    let running = pipeline.spawn(&[]).until("→ soak");
    assert_eq!(world.weights(), (0, 100));
    let marker = "SELECT count(*) FROM version_markers";
    assert_eq!(postgres.sql(&name, marker), "0");
    world.green.behave(Manner::Failing(500));
    running
        .wait()
        .with(1, "ROLLED BACK")
        .saying("soak: too many failures in a row")
        .saying("Traffic: put back, the canary has 0 %");
    assert_eq!(world.weights(), (100, 0));
    let rows = "SELECT status FROM deployments";
    assert_eq!(postgres.sql(&name, rows), "rolled_back\nunverified");
    assert_eq!(postgres.sql(&name, marker), "0");
}

#[test]
fn a_soak_that_stays_well_ends_in_success() {
    let world = World::start();
    let pipeline = Pipeline::new("8", world.settings()).with("soak", "400ms");
    pipeline.run(&[]).with(0, "PASSED").saying("→ soak");
    assert_eq!(world.weights(), (0, 100));
}

#[test]
fn a_recorded_dry_run_leaves_a_row_that_nothing_returns_to_and_no_other_trace() {
    let world = World::start();
    let (postgres, name, url) = database();
    let pipeline = Pipeline::new("8", world.settings())
        .with("database_url", &url)
        .with("dry_run", "record");
    pipeline.run(&[]).with(0, "DRY RUN");
    assert_eq!(world.weights(), (100, 0));
    let rows = "SELECT status, deployment_type FROM deployments";
    assert_eq!(postgres.sql(&name, rows), "success|dry-run");
    let others = "SELECT (SELECT count(*) FROM version_markers) + (SELECT count(*) FROM progressive_deployments) \
                  + (SELECT count(*) FROM deployment_holds)";
    assert_eq!(postgres.sql(&name, others), "0");
    // The real one, after it, is the first one that moves anything.
    let real = Pipeline::new("9", world.settings()).with("database_url", &url);
    real.run(&[]).with(0, "PASSED");
    assert_eq!(world.weights(), (0, 100));
}
