//! A database that hangs in the middle of a stage: it closes no connection and answers nothing.

use testbed::backend::{Backend, Manner};
use testbed::postgres::Postgres;

use crate::step::{Pipeline, World, wait_until};

const FIRST: &str = "→ stage 1 of 3 (10 %)";

#[test]
fn a_bad_canary_is_put_back_although_the_database_hangs() {
    let world = World::start();
    let mut postgres = Postgres::start_new();
    let name = postgres.fresh_database();
    let pipeline = Pipeline::new("8", world.settings()).with("database_url", &postgres.url(&name));
    let running = pipeline.spawn(&[("wait_time", "10m")]).until(FIRST);
    postgres.pause();
    world.green.behave(Manner::Failing(500));
    running
        .wait()
        .with(1, "ROLLED BACK")
        .saying("records go to the journal");
    assert_eq!(world.weights(), (100, 0));
    postgres.resume();
    pipeline.run(&[("settle", "true")]).with(0, "SETTLED");
    let rows =
        "SELECT status FROM deployments UNION ALL SELECT status FROM progressive_deployments";
    assert_eq!(postgres.sql(&name, rows), "rolled_back\nunverified\nfailed");
}

#[test]
fn nothing_moves_forward_while_the_lease_cannot_be_renewed() {
    let world = World::start();
    // What is probed is beside what serves, so that probes can fail and clients do not notice.
    let health = [Backend::start("blue"), Backend::start("green")];
    let [stable, canary] = [0, 1].map(|side: usize| format!("http://{}/", health[side].address));
    let mut postgres = Postgres::start_new();
    let name = postgres.fresh_database();
    let pipeline = Pipeline::new("8", world.settings())
        .with("database_url", &postgres.url(&name))
        .with("baseline_endpoint", &stable)
        .with("canary_endpoint", &canary);
    let running = pipeline.spawn(&[("wait_time", "1s")]).until(FIRST);
    // An outage that both sides share freezes the stage until the lease is in doubt: renewals are ten seconds apart.
    health[0].behave(Manner::Failing(503));
    health[1].behave(Manner::Failing(503));
    postgres.pause();
    let running = running.until("the database cannot hold the lease");
    health[1].behave(Manner::Healthy);
    health[0].behave(Manner::Healthy);
    // Long enough for the stage to have passed: it is over after ten looks.
    let looks = health[1].requests() + 20;
    wait_until(|| health[1].requests() >= looks);
    assert_eq!(world.weights(), (90, 10));
    postgres.resume();
    let running = running.until("the database is back: the rollout may move");
    running.wait().with(0, "PASSED");
    assert_eq!(world.weights(), (0, 100));
    let stages = "SELECT string_agg(status, ',') FROM progressive_deployments";
    assert_eq!(postgres.sql(&name, stages), "passed,passed,passed");
}
