//! The same deployment, or what it left, once more.

use testbed::backend::Manner;
use testbed::postgres::Postgres;

use crate::rollouts::{database, script};
use crate::step::{Pipeline, World};

const FIRST: &str = "→ stage 1 of 3 (10 %)";
const SECOND: &str = "→ stage 2 of 3 (50 %)";
/// Stages that last until something ends them.
const LONG: (&str, &str) = ("wait_time", "10m");

#[test]
fn a_deployment_that_was_rolled_back_is_not_run_again_under_its_name() {
    let world = World::start();
    let (_, _, url) = database();
    for database_url in ["", url.as_str()] {
        let pipeline = Pipeline::new("8", world.settings()).with("database_url", database_url);
        let running = pipeline.spawn(&[LONG]).until(FIRST);
        world.green.behave(Manner::Failing(500));
        running.wait().with(1, "ROLLED BACK");
        world.green.behave(Manner::Healthy);
        pipeline.run(&[]).with(5, "BUSY");
        pipeline
            .run(&[("override", "hold")])
            .with(2, "REFUSED")
            .saying("the deployment acme-shop-production-8 is over, its record says rolled_back")
            .saying("start a new pipeline");
        assert_eq!(world.weights(), (100, 0));
        let other = [("override", "hold"), ("deployment_id", "other"), LONG];
        let running = pipeline.spawn(&other).until(FIRST);
        running.signal("-TERM").wait().with(143, "CANCELLED");
    }
}

#[test]
fn a_cancelled_deployment_begins_anew_and_what_it_leaves_is_put_back_anew() {
    let world = World::start();
    let (postgres, name, url) = database();
    for database_url in ["", url.as_str()] {
        let pipeline = Pipeline::new("8", world.settings())
            .with("database_url", database_url)
            .with("deployment_script", "deploy.sh");
        script(&pipeline, "echo $1 >> calls");
        let calls = || std::fs::read_to_string(pipeline.workspace.join("calls")).unwrap();
        let running = pipeline.spawn(&[LONG]).until(FIRST);
        running.signal("-TERM").wait().with(143, "CANCELLED");
        assert_eq!(calls(), "rollback\n");
        let killed = pipeline.spawn(&[]).until(SECOND).signal("-KILL").wait();
        assert_eq!((killed.code, world.weights()), (None, (50, 50)));
        pipeline.run(&[("settle", "true")]).with(0, "SETTLED");
        assert_eq!(
            (calls().as_str(), world.weights()),
            ("rollback\nrollback\n", (100, 0))
        );
        pipeline.run(&[("settle", "true")]).with(0, "SETTLED");
        assert_eq!(calls(), "rollback\nrollback\n");
    }
    let status = "SELECT status FROM deployments";
    assert_eq!(postgres.sql(&name, status), "cancelled");
}

#[test]
fn nothing_is_settled_from_the_journal_while_the_database_is_down() {
    let world = World::start();
    let mut postgres = Postgres::start_new();
    let name = postgres.fresh_database();
    let url = postgres.url(&name);
    let pipeline = Pipeline::new("8", world.settings()).with("database_url", &url);
    let killed = pipeline.spawn(&[]).until(SECOND).signal("-KILL").wait();
    assert_eq!((killed.code, world.weights()), (None, (50, 50)));
    postgres.stop();
    for settings in [&[("settle", "true")][..], &[("deployment_id", "next")]] {
        pipeline
            .run(settings)
            .with(2, "REFUSED")
            .saying("bring the database back first");
        assert_eq!(world.weights(), (50, 50));
    }
    // Without a lease to ask for it is the answer of the journal that is not taken.
    pipeline
        .run(&[("dry_run", "record")])
        .with(2, "REFUSED")
        .saying("the journal alone does not know what another run has done since");
    pipeline.run(&[("dry_run", "true")]).with(0, "DRY RUN");
    postgres.start();
    pipeline.run(&[("settle", "true")]).with(0, "SETTLED");
    assert_eq!(world.weights(), (100, 0));
}
