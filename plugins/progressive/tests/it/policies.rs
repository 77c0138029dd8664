//! What the policy promises of a rollout, kept by the real binary.

use testbed::backend::Manner;
use testbed::prometheus::Prometheus;
use testbed::sink::Sink;

use crate::step::{Pipeline, World};

const FIRST: &str = "→ stage 1 of 3 (10 %)";
const SECOND: &str = "→ stage 2 of 3 (50 %)";
/// Stages that last until something ends them.
const LONG: (&str, &str) = ("wait_time", "10m");

/// A pipeline with this policy.
fn with(settings: Vec<(String, String)>, policy: &str) -> Pipeline {
    let pipeline = Pipeline::new("8", settings);
    std::fs::write(pipeline.workspace.join("deployment-policy.yaml"), policy).unwrap();
    pipeline
}

/// The settings of the world without those of these names.
fn without(world: &World, names: &[&str]) -> Vec<(String, String)> {
    let mut settings = world.settings();
    settings.retain(|(name, _)| !names.contains(&name.as_str()));
    settings
}

#[test]
fn feature_flags_are_told_of_every_share_and_of_the_way_back() {
    let world = World::start();
    let flags = Sink::start([]);
    let told = || -> Vec<i64> {
        let bodies = flags.requests().into_iter().map(|request| {
            assert!(request.header("x-signature-256").is_some());
            serde_json::from_slice::<serde_json::Value>(&request.body).unwrap()
        });
        bodies
            .map(|body| body["percent"].as_i64().unwrap())
            .collect()
    };
    let policy = format!(
        "advanced: {{feature_flags: {{webhook: \"{}\"}}}}\n",
        flags.url("/flags")
    );
    let pipeline = with(world.settings(), &policy).with("webhook_secret", "hunter2222");
    let running = pipeline.spawn(&[]).until(SECOND);
    world.green.behave(Manner::Failing(500));
    running.wait().with(1, "ROLLED BACK");
    assert_eq!(told(), [10, 50, 0]);
    world.green.behave(Manner::Healthy);
    let again = [("deployment_id", "next"), ("override", "hold")];
    pipeline.run(&again).with(0, "PASSED");
    assert_eq!(told()[3..], [10, 50, 100]);
}

#[test]
fn a_gate_holds_whatever_a_query_gives_even_below_zero() {
    let world = World::start();
    let server = Prometheus::start(world.blue.address, "/");
    let gate = |bounds: &str| {
        format!("advanced: {{quality_gates: [{{name: change, query: vector(-3), {bounds}}}]}}\n")
    };
    let metrics = format!("http://{}", server.address);
    for (bounds, code, word, said) in [
        (
            "min: -5",
            0,
            "DRY RUN",
            "quality gate change: -3, as it must be",
        ),
        ("min: -2", 2, "REFUSED", "quality gate change: -3 < -2"),
        ("max: -4", 2, "REFUSED", "quality gate change: -3 > -4"),
    ] {
        let pipeline = with(world.settings(), &gate(bounds))
            .with("metrics_endpoint", &metrics)
            .with("metrics_type", "prometheus")
            .with("query_error_rate", "vector(0)")
            .with("dry_run", "true");
        pipeline.run(&[]).with(code, word).saying(said);
    }
}

#[test]
fn what_is_not_progressive_is_one_stage_and_is_judged_all_the_same() {
    let world = World::start();
    let policy = "progressive_deployment: {enabled: false}\n";
    let pipeline = with(without(&world, &["stages"]), policy);
    pipeline
        .run(&[("dry_run", "true")])
        .with(0, "DRY RUN")
        .saying("would move the canary from 0 % to 100 % and watch it");
    let running = pipeline.spawn(&[LONG]).until("→ stage 1 of 1 (100 %)");
    world.green.behave(Manner::Failing(500));
    running.wait().with(1, "ROLLED BACK");
    assert_eq!(world.weights(), (100, 0));
}

#[test]
fn a_stage_is_watched_neither_shorter_nor_longer_than_the_policy_says() {
    let world = World::start();
    let policy = "progressive_deployment: {min_wait_time: 1m, max_wait_time: 2m}\n";
    let pipeline = with(world.settings(), policy).with("dry_run", "true");
    pipeline
        .run(&[("wait_time", "59s")])
        .with(2, "REFUSED")
        .saying("waits of at least 1m, the policy's min_wait_time");
    pipeline
        .run(&[("wait_time", "121s")])
        .with(2, "REFUSED")
        .saying("waits of at most 2m, the policy's max_wait_time");
    pipeline.run(&[("wait_time", "90s")]).with(0, "DRY RUN");
}

#[test]
fn a_stage_without_enough_looks_is_extended_to_the_longest_wait_and_no_further() {
    let world = World::start();
    let policy = "progressive_deployment: {max_wait_time: 2s}\n";
    let pipeline = with(world.settings(), policy)
        .with("stages", "[{\"percentage\": 100, \"wait_time\": \"1s\"}]")
        .with("min_samples", "1000");
    pipeline
        .run(&[])
        .with(3, "INCONCLUSIVE")
        .saying("at least 1000 are needed to judge");
    assert_eq!(world.weights(), (100, 0));
}

#[test]
fn without_automatic_rollback_a_failure_is_held_and_a_cancel_is_not() {
    let world = World::start();
    let policy = "progressive_deployment: {auto_rollback_on_failure: false}\n";
    let pipeline = with(world.settings(), policy);
    let running = pipeline.spawn(&[LONG]).until(FIRST);
    running.signal("-TERM").wait().with(143, "CANCELLED");
    assert_eq!(world.weights(), (100, 0));
    let running = pipeline.spawn(&[LONG]).until(FIRST);
    world.green.behave(Manner::Failing(500));
    running.wait().with(4, "HELD");
    assert_eq!(world.weights(), (90, 10));
}

#[test]
fn blue_and_green_take_turns_and_nothing_else() {
    let world = World::start();
    let policy = "advanced: {blue_green: {enabled: true, soak: 7s}}\n";
    let own = ["stable_server", "canary_server", "finish"];
    for finish in ["stay", "swap", ""] {
        let pipeline = with(world.settings(), policy).with("finish", finish);
        let refused = pipeline.run(&[("dry_run", "true")]).with(2, "REFUSED");
        refused.saying("because the policy's blue_green is enabled");
    }
    let pipeline = with(without(&world, &own), policy).with("pools", "blue,green");
    pipeline
        .run(&[("dry_run", "true")])
        .with(0, "DRY RUN")
        .saying("would leave the pools in exchanged places")
        .saying("would watch the end for 7s");
    let off = "advanced: {blue_green: {enabled: false, soak: 7s}}\n";
    let log = with(world.settings(), off)
        .run(&[("dry_run", "true")])
        .with(0, "DRY RUN")
        .log;
    assert!(!log.contains("would watch the end"), "{log}");
}
