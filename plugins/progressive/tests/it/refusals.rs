//! What is refused before anything is touched, and how it is said.

use shared::clock::ReplayClock;
use shared::deployment::Status;
use shared::record::{Deployment, Record, Subject};
use shared::store::{Limits, Records, StoreConfig};

use crate::rollouts::script;
use crate::step::{Pipeline, World};

fn wrong(settings: &[(&str, &str)]) -> String {
    let pipeline = Pipeline::new("8", Vec::new());
    pipeline.run(settings).with(2, "REFUSED").log
}

#[test]
fn everything_that_is_wrong_is_said_at_once_by_its_name() {
    let log = wrong(&[
        ("traffic", "haproxy"),
        ("stages", "10,50"),
        ("wait_time", "soon"),
        ("on_inconclusive", "shrug"),
        ("canary_endpoint", "ftp://x"),
        ("override", "gravity"),
        ("stages_", "x"),
    ]);
    for name in [
        "PLUGIN_STAGES: ",
        "PLUGIN_WAIT_TIME: ",
        "PLUGIN_ON_INCONCLUSIVE: ",
        "PLUGIN_CANARY_ENDPOINT: ",
        "PLUGIN_OVERRIDE: ",
        "PLUGIN_STAGES_",
        "haproxy_address: ",
        "haproxy_backend: ",
        "stable_server: ",
        "canary_server: ",
    ] {
        assert!(log.contains(name), "{name} is not in:\n{log}");
    }
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let canary = ("canary_endpoint", "http://127.0.0.1:1/");
    for (settings, name) in [
        (&[("traffic", "script"), canary][..], "deployment_script"),
        (&[("traffic", "none"), canary, ("finish", "swap")], "pools"),
        (&[("traffic", "none"), canary, ("pools", "a,b")], "haproxy"),
        (
            &[("traffic", "none"), canary, ("run_deploy", "true")],
            "RUN_DEPLOY",
        ),
        (
            &[("traffic", "none"), ("endpoint", "http://127.0.0.1:1/")],
            "canary_endpoint: ",
        ),
        (
            &[
                ("traffic", "none"),
                canary,
                ("settle", "true"),
                ("dry_run", "true"),
            ],
            "SETTLE",
        ),
        (
            &[("traffic", "none"), canary, ("deployment_script", "x")],
            "baseline_endpoint: ",
        ),
        (&[canary], "traffic: "),
    ] {
        let log = wrong(settings);
        assert!(log.contains(name), "{name} is not in:\n{log}");
    }
}

#[test]
fn a_policy_gives_stages_and_bounds_and_gates() {
    let world = World::start();
    let mut settings = world.settings();
    settings.retain(|(name, _)| !["stages", "wait_time"].contains(&name.as_str()));
    let pipeline = Pipeline::new("8", settings).with("dry_run", "true");
    let policy = "progressive_deployment:\n  stages:\n    - {percentage: 30, wait_time: 7s}\n    - {percentage: 100}\n  \
                  max_wait_time: 6m\nadvanced:\n  quality_gates:\n    - {name: coverage, file: cov.json, pointer: /pct, min: 80}\n";
    std::fs::write(pipeline.workspace.join("deployment-policy.yaml"), policy).unwrap();
    std::fs::write(pipeline.workspace.join("cov.json"), "{\"pct\": 81.5}").unwrap();
    pipeline
        .run(&[])
        .with(0, "DRY RUN")
        .saying("quality gate coverage: 81.5")
        .saying("would move the canary from 0 % to 30 % and watch it for 7s")
        .saying("would move the canary from 30 % to 100 % and watch it for 5m");
    std::fs::write(pipeline.workspace.join("cov.json"), "{\"pct\": 79}").unwrap();
    pipeline
        .run(&[])
        .with(2, "REFUSED")
        .saying("quality gate coverage: 79 < 80");
    pipeline
        .run(&[("wait_time", "7m")])
        .with(2, "REFUSED")
        .saying("the policy's max_wait_time");
}

#[test]
fn a_freeze_is_on_until_somebody_lifts_it() {
    let world = World::start();
    let pipeline = Pipeline::new("8", world.settings()).with("dry_run", "true");
    let policy = "freeze:\n  - from: 2020-01-01T00:00:00Z\n    until: 2120-01-01T00:00:00Z\n    reason: holidays\n";
    std::fs::write(pipeline.workspace.join("deployment-policy.yaml"), policy).unwrap();
    pipeline.run(&[]).with(5, "BUSY").saying("holidays");
    pipeline.run(&[("override", "freeze")]).with(0, "DRY RUN");
}

#[test]
fn a_preflight_looks_at_everything_and_records_the_deployment_as_started() {
    let world = World::start();
    let pipeline = Pipeline::new("8", world.settings()).with("preflight", "true");
    pipeline
        .run(&[])
        .with(0, "PASSED")
        .saying("the deployment is recorded as started");
    assert_eq!(world.weights(), (100, 0));
    pipeline
        .run(&[("haproxy_backend", "elsewhere")])
        .with(2, "REFUSED")
        .saying("traffic: ");
}

#[test]
fn stages_that_do_not_fit_are_refused() {
    let world = World::start();
    Pipeline::new("8", world.settings())
        .run(&[("wait_time", "10m"), ("deadline", "20m")])
        .with(2, "REFUSED")
        .saying("the stages take 30m");
    assert_eq!(world.weights(), (100, 0));
}

#[test]
fn without_a_traffic_manager_stages_are_watched_and_nothing_is_moved() {
    let world = World::start();
    let mut settings = world.settings();
    settings.retain(|(name, _)| !name.starts_with("haproxy") && !name.ends_with("_server"));
    let pipeline = Pipeline::new("8", settings).with("traffic", "none");
    pipeline.run(&[]).with(0, "PASSED");
    assert_eq!(world.weights(), (100, 0));
    world.green.behave(testbed::backend::Manner::Failing(500));
    let again = [("deployment_id", "next")];
    pipeline.run(&again).with(1, "FAILED");
}

#[test]
fn a_script_can_move_the_traffic_and_never_sees_our_secrets() {
    let world = World::start();
    let mut settings = world.settings();
    settings.retain(|(name, _)| !name.starts_with("haproxy") && !name.ends_with("_server"));
    let pipeline = Pipeline::new("8", settings)
        .with("traffic", "script")
        .with("deployment_script", "deploy.sh")
        .with("script_env", "{\"TOKEN\": \"for-the-script\"}")
        .with("forge_token", "hunter2222")
        .with("forge_type", "github");
    script(
        &pipeline,
        "env > seen; [ $1 = get-traffic ] && { cat share 2>/dev/null || echo 0; exit 0; }\n\
         [ $1 = update-traffic ] && { echo $2 > share; exit 0; }\nexit 64",
    );
    pipeline.run(&[]).with(0, "PASSED");
    let share = std::fs::read_to_string(pipeline.workspace.join("share")).unwrap();
    assert_eq!(share.trim(), "100");
    let seen = std::fs::read_to_string(pipeline.workspace.join("seen")).unwrap();
    assert!(
        seen.contains("TOKEN=for-the-script") && !seen.contains("hunter2222"),
        "{seen}"
    );
}

#[test]
fn a_deployment_that_was_begun_and_is_then_refused_or_blocked_is_called_off_in_the_records() {
    let world = World::start();
    let pipeline = Pipeline::new("8", world.settings());
    let journal = pipeline.workspace.join(".deployment/journal.jsonl");
    let records = |note: &mut dyn FnMut(&mut Records<'_>)| {
        let clock = ReplayClock::at(jiff::Timestamp::from_second(1_700_000_000).unwrap());
        let limit = std::time::Duration::from_secs(10);
        let config = StoreConfig {
            database: None,
            journal: journal.clone(),
            application: "plugin-health/0.1.0".into(),
            limits: Limits {
                connect: limit,
                statement: limit,
                reply: limit,
                migrate: limit,
                journal_lock: limit,
                deliver: limit,
            },
        };
        note(&mut Records::open(config, &clock));
    };
    let (repo, environment, id) = ("acme/shop", "production", "acme-shop-production-8");
    let status = || {
        let mut status = None;
        records(&mut |records| {
            let history = records.deployment(repo, environment, id, 0).unwrap();
            status = history.value.deployment;
        });
        status.map(|row| (row.status, row.rollback_reason.unwrap_or_default()))
    };
    let gone = ("haproxy_address", "/nowhere/admin.sock");
    pipeline.run(&[gone]).with(2, "REFUSED");
    assert_eq!(status(), None, "nobody said that it deploys");
    let started = || {
        records(&mut |records| {
            let subject = Subject {
                repo: repo.into(),
                environment: environment.into(),
                deployment_id: id.into(),
                commit: None,
                build_id: None,
            };
            let row = Deployment::standard(Status::Started);
            records.record(&subject, Record::Deployment(row));
        });
    };
    started();
    pipeline.run(&[gone]).with(2, "REFUSED");
    let (called, reason) = status().unwrap();
    assert_eq!(called, "cancelled");
    assert!(reason.contains("/nowhere/admin.sock"), "{reason}");
}

#[test]
fn a_place_for_records_that_takes_none_is_found_before_anything_is_touched() {
    let world = World::start();
    for preflight in ["true", "false"] {
        let pipeline = Pipeline::new("8", world.settings())
            .with("journal", "/proc/version/journal")
            .with("preflight", preflight);
        let ended = pipeline.run(&[]).with(2, "REFUSED");
        ended
            .saying("journal: /proc/version/journal cannot be written: ")
            .saying("set database_url, or a journal in a folder that the step's user can write to");
    }
    assert_eq!(world.weights(), (100, 0));
}
