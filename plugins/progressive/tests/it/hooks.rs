//! What a rollout calls beside the traffic manager: the deployment webhook and the feature flags.

use std::path::PathBuf;

use serde_json::{Value, json};
use shared::secret::Secret;
use shared::signature;
use testbed::backend::Manner;
use testbed::sink::{Reply, Request, Sink};

use crate::step::{COMMIT, Pipeline, World, ask_at};

const SECOND: &str = "→ stage 2 of 3 (50 %)";
const KEY: &str = "k3y-k3y-k3y-k3y";

pub(crate) fn said(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

/// A deployment webhook that moves the traffic of a real proxy, as a team's own would.
fn deployer(socket: PathBuf) -> Sink {
    Sink::answering(move |request| {
        let weight = |server: &str| -> u64 {
            let answer = ask_at(&socket, &format!("get weight shop/{server}\n"));
            answer.split(' ').next().unwrap().trim().parse().unwrap()
        };
        let body = said(request);
        match body["action"].as_str().unwrap() {
            "get-traffic" => Reply::new(200, &json!({"share": weight("green")}).to_string()),
            "update-traffic" => {
                let percent = body["percent"].as_u64().unwrap();
                let mut moves = [("green", percent), ("blue", 100 - percent)];
                // What is to carry more is raised first.
                moves.sort_by_key(|(server, to)| *to < weight(server));
                for (server, to) in moves {
                    ask_at(&socket, &format!("set server shop/{server} weight {to}\n"));
                }
                Reply::new(204, "")
            }
            _ => Reply::new(204, ""),
        }
    })
}

/// What the webhook was told to change, in order.
fn changes(hook: &Sink) -> Vec<String> {
    let told = hook.requests();
    let told = told
        .iter()
        .map(said)
        .filter(|body| body["action"] != "get-traffic");
    let word = |body: Value| match body["percent"].as_u64() {
        Some(percent) => format!("{percent} % in stage {}", body["stage"]),
        None => body["action"].as_str().unwrap().to_owned(),
    };
    told.map(word).collect()
}

fn through_webhook(world: &World, hook: &Sink) -> Pipeline {
    let mut settings = world.settings();
    settings.retain(|(name, _)| !name.starts_with("haproxy") && !name.ends_with("_server"));
    Pipeline::new("8", settings)
        .with("traffic", "webhook")
        .with("deployment_webhook", &hook.url("/deploy?token=t0k3n"))
        .with("webhook_secret", KEY)
        .with("run_deploy", "true")
}

#[test]
fn a_webhook_deploys_moves_and_promotes_and_every_call_is_signed() {
    let world = World::start();
    let hook = deployer(world.proxy.socket.clone());
    let pipeline = through_webhook(&world, &hook)
        .with("finish", "promote")
        .with("expect_version", "");
    let ended = pipeline.run(&[]).with(0, "PASSED");
    assert!(
        !ended.log.contains("t0k3n") && !ended.log.contains(KEY),
        "{}",
        ended.log
    );
    assert_eq!(world.weights(), (100, 0));
    let expected = [
        "deploy",
        "10 % in stage 1",
        "50 % in stage 2",
        "100 % in stage 3",
        "promote",
        "0 % in stage 3",
    ];
    assert_eq!(changes(&hook), expected);
    let deployment = json!({
        "id": "acme-shop-production-8", "commit": COMMIT, "environment": "production", "pool": null,
    });
    for request in hook.requests() {
        let right = signature::sha256(&Secret::new(KEY), &request.body);
        assert_eq!(request.header("x-signature-256"), Some(right.as_str()));
        assert_eq!(said(&request)["deployment"], deployment);
    }
}

#[test]
fn a_webhook_puts_traffic_back_and_then_takes_the_version_back() {
    let world = World::start();
    let hook = deployer(world.proxy.socket.clone());
    let pipeline = through_webhook(&world, &hook);
    let running = pipeline.spawn(&[("finish", "promote")]).until(SECOND);
    world.green.behave(Manner::Failing(500));
    running.wait().with(1, "ROLLED BACK");
    assert_eq!(world.weights(), (100, 0));
    let expected = [
        "deploy",
        "10 % in stage 1",
        "50 % in stage 2",
        "0 % in stage 0",
        "rollback",
    ];
    assert_eq!(changes(&hook), expected);
}

#[test]
fn a_webhook_that_does_not_know_the_secret_is_refused_before_anything_is_touched() {
    let world = World::start();
    let hook = Sink::answering(|request| {
        let right = signature::sha256(&Secret::new("another"), &request.body);
        let same = request.header("x-signature-256") == Some(&right);
        Reply::new(if same { 200 } else { 401 }, "{\"share\": 0}")
    });
    through_webhook(&world, &hook)
        .run(&[("finish", "promote")])
        .with(2, "REFUSED")
        .saying("does it check the signature with the same secret");
    assert!(changes(&hook).is_empty());
}

/// A policy that tells these flags.
pub(crate) fn policy(pipeline: &Pipeline, text: &str) {
    let path = pipeline.workspace.join("deployment-policy.yaml");
    std::fs::write(path, text).unwrap();
}

fn flags(pipeline: &Pipeline, flags: &Sink) {
    let url = flags.url("/flags?token=f14g");
    policy(
        pipeline,
        &format!("advanced:\n  feature_flags:\n    webhook: {url}\n"),
    );
}

fn shares(flags: &Sink) -> Vec<u64> {
    let told = flags.requests();
    told.iter()
        .map(|one| said(one)["percent"].as_u64().unwrap())
        .collect()
}

#[test]
fn the_feature_flags_are_told_of_every_share_and_of_the_restore() {
    let world = World::start();
    let told = Sink::start([]);
    let pipeline = Pipeline::new("8", world.settings());
    flags(&pipeline, &told);
    let ended = pipeline.run(&[]).with(0, "PASSED");
    assert!(!ended.log.contains("f14g"), "{}", ended.log);
    assert_eq!(shares(&told), [10, 50, 100]);
    let first = &said(&told.requests()[0]);
    assert_eq!(
        (&first["action"], &first["deployment"]["id"]),
        (&"update-traffic".into(), &"acme-shop-production-8".into())
    );
    // Another world, in which the version turns bad.
    let (world, told) = (World::start(), Sink::start([]));
    let pipeline = Pipeline::new("8", world.settings());
    flags(&pipeline, &told);
    let running = pipeline.spawn(&[]).until(SECOND);
    world.green.behave(Manner::Failing(500));
    running.wait().with(1, "ROLLED BACK");
    assert_eq!(shares(&told), [10, 50, 0]);
}

#[test]
fn flags_that_cannot_be_told_stop_no_stage_and_no_restore() {
    let world = World::start();
    let broken = Sink::answering(|_| Reply::new(500, "no"));
    let pipeline = Pipeline::new("8", world.settings());
    flags(&pipeline, &broken);
    let running = pipeline.spawn(&[]).until(SECOND);
    world.green.behave(Manner::Failing(500));
    running
        .wait()
        .with(1, "ROLLED BACK")
        .saying("Not done: the feature flags");
    assert_eq!(world.weights(), (100, 0));
}

#[test]
fn flags_alone_can_be_signed() {
    let (world, told) = (World::start(), Sink::start([]));
    let pipeline = Pipeline::new("8", world.settings()).with("webhook_secret", KEY);
    flags(&pipeline, &told);
    pipeline.run(&[]).with(0, "PASSED");
    for request in told.requests() {
        let right = signature::sha256(&Secret::new(KEY), &request.body);
        assert_eq!(request.header("x-signature-256"), Some(right.as_str()));
    }
}
