//! What ends a rollout from outside: signals, other runs, what cannot be reached.

use testbed::backend::Manner;
use testbed::postgres::Postgres;

use crate::rollouts::database;
use crate::step::{Pipeline, World};

const FIRST: &str = "→ stage 1 of 3 (10 %)";
const SECOND: &str = "→ stage 2 of 3 (50 %)";

/// Stages that last until something ends them.
const LONG: (&str, &str) = ("wait_time", "10m");

#[test]
fn sigterm_in_a_stage_restores_and_holds_nothing() {
    let world = World::start();
    let (postgres, name, url) = database();
    let pipeline = Pipeline::new("8", world.settings()).with("database_url", &url);
    for signal in ["-TERM", "-INT"] {
        pipeline
            .spawn(&[LONG])
            .until(FIRST)
            .signal(signal)
            .wait()
            .with(143, "CANCELLED")
            .saying("put back, the canary has 0 %");
        assert_eq!(world.weights(), (100, 0));
    }
    let held = "SELECT count(*) FROM deployment_holds";
    assert_eq!(postgres.sql(&name, held), "0");
    let status = "SELECT status FROM deployments";
    assert_eq!(postgres.sql(&name, status), "cancelled");
    let stage = "SELECT status FROM progressive_deployments";
    assert_eq!(postgres.sql(&name, stage), "cancelled");
}

#[test]
fn sigterm_while_a_version_does_not_answer_restores_at_once() {
    let world = World::start();
    let pipeline = Pipeline::new("8", world.settings()).with("timeout", "5m");
    let running = pipeline.spawn(&[LONG]).until(FIRST);
    world.green.behave(Manner::Stuck);
    let asked = world.green.requests();
    while world.green.requests() == asked {}
    // It would wait for the answer for minutes, and this test with it.
    running.signal("-TERM").wait().with(143, "CANCELLED");
    assert_eq!(world.weights(), (100, 0));
}

#[test]
fn what_sigkill_leaves_is_settled_by_the_next_run() {
    let world = World::start();
    let (postgres, name, url) = database();
    let pipeline = Pipeline::new("8", world.settings()).with("database_url", &url);
    let killed = pipeline.spawn(&[]).until(SECOND).signal("-KILL").wait();
    assert_eq!((killed.code, world.weights()), (None, (50, 50)));
    pipeline
        .run(&[("settle", "true")])
        .with(0, "SETTLED")
        .saying("what acme-shop-production-8 left is settled");
    assert_eq!(world.weights(), (100, 0));
    let status = "SELECT status FROM deployments";
    assert_eq!(postgres.sql(&name, status), "cancelled");
    let again = pipeline.run(&[("settle", "true")]).with(0, "SETTLED");
    assert!(
        again.verdict().contains("nothing was left"),
        "{}",
        again.log
    );
}

#[test]
fn what_sigkill_leaves_is_settled_from_the_journal_alone() {
    let world = World::start();
    let pipeline = Pipeline::new("8", world.settings());
    let killed = pipeline.spawn(&[]).until(SECOND).signal("-KILL").wait();
    assert_eq!((killed.code, world.weights()), (None, (50, 50)));
    // The next rollout settles first, and then goes its own way.
    pipeline
        .run(&[("deployment_id", "next")])
        .with(0, "PASSED")
        .saying("What acme-shop-production-8 left was settled first");
    assert_eq!(world.weights(), (0, 100));
    // All traffic is on the canary side now: nothing may be rolled out there.
    pipeline
        .run(&[("deployment_id", "third")])
        .with(2, "REFUSED");
    assert_eq!(world.weights(), (0, 100));
}

#[test]
fn a_share_that_nothing_explains_is_refused_until_somebody_says_where_it_belongs() {
    let world = World::start();
    crate::step::ask(&world.proxy, "set server shop/green weight 30\n");
    crate::step::ask(&world.proxy, "set server shop/blue weight 70\n");
    let pipeline = Pipeline::new("8", world.settings());
    pipeline
        .run(&[])
        .with(2, "REFUSED")
        .saying("no record explains");
    assert_eq!(world.weights(), (70, 30));
    let to = [("settle", "true"), ("settle_to", "stable")];
    pipeline.run(&to).with(0, "SETTLED");
    assert_eq!(world.weights(), (100, 0));
}

#[test]
fn a_second_pipeline_is_told_who_is_in_the_way() {
    let world = World::start();
    let (_, _, url) = database();
    let first = Pipeline::new("8", world.settings()).with("database_url", &url);
    let second = Pipeline::new("9", world.settings()).with("database_url", &url);
    let running = first.spawn(&[LONG]).until(FIRST);
    second
        .run(&[])
        .with(5, "BUSY")
        .saying("acme-shop-production-8")
        .saying("https://ci.example/repos/7/pipeline/8");
    assert_eq!(world.weights(), (90, 10));
    running.signal("-TERM").wait().with(143, "CANCELLED");
    second.run(&[]).with(0, "PASSED");
}

#[test]
fn an_abort_that_is_requested_in_the_records_puts_traffic_back() {
    let world = World::start();
    let (postgres, name, url) = database();
    let pipeline = Pipeline::new("8", world.settings()).with("database_url", &url);
    let running = pipeline.spawn(&[LONG]).until(FIRST);
    let asked = "INSERT INTO deployment_aborts (repo, environment, deployment_id, requested_by, reason, recorded_at, record_key) \
                 VALUES ('acme/shop', 'production', 'acme-shop-production-8', 'ops', 'too many calls', now(), 'k1')";
    postgres.sql(&name, asked);
    running
        .wait()
        .with(1, "ROLLED BACK")
        .saying("ops (too many calls) asked for an end");
    assert_eq!(world.weights(), (100, 0));
}

#[test]
fn a_database_that_is_down_from_the_start_refuses_and_touches_nothing() {
    let world = World::start();
    let port = testbed::program::free_port();
    let url = format!("postgres://u:hunter2222@127.0.0.1:{port}/x");
    let pipeline = Pipeline::new("8", world.settings()).with("database_url", &url);
    let ended = pipeline.run(&[]).with(2, "REFUSED");
    assert!(!ended.log.contains("hunter2222"), "{}", ended.log);
    assert_eq!(world.weights(), (100, 0));
}

#[test]
fn a_database_that_goes_down_in_a_stage_neither_stops_a_rollback_nor_loses_a_row() {
    let world = World::start();
    let mut postgres = Postgres::start_new();
    let name = postgres.fresh_database();
    let url = postgres.url(&name);
    let pipeline = Pipeline::new("8", world.settings()).with("database_url", &url);
    let running = pipeline.spawn(&[LONG]).until(FIRST);
    postgres.stop();
    world.green.behave(Manner::Failing(500));
    running
        .wait()
        .with(1, "ROLLED BACK")
        .saying("records go to the journal");
    assert_eq!(world.weights(), (100, 0));
    postgres.start();
    pipeline.run(&[("settle", "true")]).with(0, "SETTLED");
    let rows =
        "SELECT status FROM deployments UNION ALL SELECT status FROM progressive_deployments";
    assert_eq!(postgres.sql(&name, rows), "rolled_back\nunverified\nfailed");
}

#[test]
fn a_proxy_that_is_gone_is_a_refusal_before_and_a_persons_work_after_the_first_write() {
    let mut world = World::start();
    let pipeline = Pipeline::new("8", world.settings());
    let running = pipeline.spawn(&[LONG]).until(FIRST);
    world.proxy.kill();
    running
        .wait()
        .with(4, "STUCK")
        .saying("the traffic manager could not be read 3 times in a row")
        .saying("the canary was last known to have 10 %")
        .saying("Next: bring the traffic where it belongs by hand");
    let other = Pipeline::new("9", world.settings());
    other.run(&[]).with(2, "REFUSED").saying("traffic: ");
    // A restarted proxy has its configured weights: there is nothing to put back but what was not closed.
    world.proxy.restart();
    pipeline.run(&[("settle", "true")]).with(0, "SETTLED");
    assert_eq!(world.weights(), (100, 0));
}

#[test]
fn skip_rollback_leaves_traffic_for_a_person_and_settling_does_not_touch_it() {
    let world = World::start();
    let pipeline = Pipeline::new("8", world.settings()).with("skip_rollback", "true");
    let running = pipeline.spawn(&[]).until(SECOND);
    world.green.behave(Manner::Failing(500));
    running.wait().with(4, "HELD");
    assert_eq!(world.weights(), (50, 50));
    pipeline.run(&[("settle", "true")]).with(4, "HELD");
    assert_eq!(world.weights(), (50, 50));
}

#[test]
fn somebody_who_moves_traffic_to_the_stable_side_is_not_overruled() {
    let world = World::start();
    let pipeline = Pipeline::new("8", world.settings());
    let running = pipeline.spawn(&[LONG]).until(FIRST);
    crate::step::ask(&world.proxy, "set server shop/blue weight 100\n");
    crate::step::ask(&world.proxy, "set server shop/green weight 0\n");
    running
        .wait()
        .with(1, "FAILED")
        .saying("somebody moved traffic towards the stable side");
    assert_eq!(world.weights(), (100, 0));
}

#[test]
fn without_a_database_a_second_run_with_the_same_journal_is_told_who_is_in_the_way() {
    let world = World::start();
    let pipeline = Pipeline::new("8", world.settings());
    let running = pipeline.spawn(&[LONG]).until(FIRST);
    for more in [&[("settle", "true")][..], &[("deployment_id", "other")]] {
        pipeline
            .run(more)
            .with(5, "BUSY")
            .saying("acme-shop-production-8")
            .saying("https://ci.example/repos/7/pipeline/8");
        assert_eq!(world.weights(), (90, 10));
    }
    running.signal("-KILL").wait();
    // The lock ends with whoever had it.
    pipeline.run(&[("settle", "true")]).with(0, "SETTLED");
    assert_eq!(world.weights(), (100, 0));
}
