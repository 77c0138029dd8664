//! `strategy: redeploy`: Woodpecker's API, as its source has it.

use shared::deployment::Status;
use testbed::sink::{Reply, Sink};

use crate::step::{BAD, GOOD, Pipeline};

fn json(body: &str) -> Reply {
    Reply::new(200, body).header("Content-Type", "application/json")
}

fn pipelines() -> String {
    format!(
        "[{{\"number\":7,\"event\":\"deployment\",\"deploy_to\":\"production\",\"status\":\"success\",\"commit\":\"{BAD}\"}},\
          {{\"number\":6,\"event\":\"push\",\"deploy_to\":\"\",\"status\":\"success\",\"commit\":\"{GOOD}\"}},\
          {{\"number\":5,\"event\":\"deployment\",\"deploy_to\":\"production\",\"status\":\"success\",\"commit\":\"{GOOD}\"}}]"
    )
}

fn pipeline(woodpecker: &Sink) -> Pipeline {
    let pipeline = Pipeline::new()
        .set("strategy", "redeploy")
        .set("deployment_script", "")
        .set("woodpecker_url", &woodpecker.url("/"))
        .set("woodpecker_token", "t0k3n-t0k3n");
    pipeline.history(None, Status::Failed);
    pipeline
}

#[test]
fn the_last_good_pipeline_is_deployed_again_and_waited_for() {
    let started = |status: &str| {
        json(&format!(
            "{{\"number\":9,\"status\":\"{status}\",\"commit\":\"{GOOD}\"}}"
        ))
    };
    let woodpecker = Sink::start([
        json("{\"id\":42}"),
        json(&pipelines()),
        started("pending"),
        json("{\"id\":42}"),
        started("success"),
    ]);
    let step = pipeline(&woodpecker).set("wait", "true");
    step.run()
        .with(0, "ROLLED BACK")
        .saying("pipeline 9 deploys what pipeline 5 did");
    let asked: Vec<String> = woodpecker
        .requests()
        .iter()
        .map(|request| format!("{} {}", request.method, request.path))
        .collect();
    assert_eq!(
        asked,
        [
            "GET /api/repos/lookup/acme%2Fshop",
            "GET /api/repos/42/pipelines?status=success&perPage=50&page=1",
            "POST /api/repos/42/pipelines/5?event=deployment&deploy_to=production",
            "GET /api/repos/lookup/acme%2Fshop",
            "GET /api/repos/42/pipelines/9",
        ]
    );
    let token = woodpecker.requests()[2]
        .header("authorization")
        .map(str::to_owned);
    assert_eq!(token.as_deref(), Some("Bearer t0k3n-t0k3n"));
}

#[test]
fn a_redeployment_that_fails_is_a_persons_work() {
    let woodpecker = Sink::start([
        json("{\"id\":42}"),
        json(&pipelines()),
        json("{\"number\":9,\"status\":\"pending\"}"),
        json("{\"id\":42}"),
        json("{\"number\":9,\"status\":\"failure\"}"),
    ]);
    let step = pipeline(&woodpecker).set("wait", "true");
    step.run()
        .with(4, "STUCK")
        .saying("pipeline 9 ended with failure");
}

#[test]
fn a_token_that_may_not_deploy_is_told_apart_and_never_shown() {
    let woodpecker = Sink::start([json("{\"id\":42}"), json(&pipelines()), Reply::new(403, "")]);
    pipeline(&woodpecker)
        .run()
        .with(4, "STUCK")
        .saying("status 403, expected a woodpecker_token that may deploy")
        .saying("Allow deployments")
        .not_saying("t0k3n-t0k3n");
}

#[test]
fn a_commit_that_no_pipeline_built_is_not_deployed_again() {
    let woodpecker = Sink::start([json("{\"id\":42}"), json("[]")]);
    pipeline(&woodpecker)
        .run()
        .with(4, "STUCK")
        .saying("no successful pipeline of");
}
