//! The examples, executed: the proxy's configuration in a real HAProxy, the pipelines' steps by the real binary, the
//! script as it stands.

use std::fs;
use std::path::Path;
use std::process::Command;

use testbed::backend::Manner;
use testbed::example::{World, scripted, top};
use testbed::load::send;
use testbed::program::find;
use testbed::scratch::Scratch;
use testbed::sink::{Reply, Sink};

use crate::rollouts::database;
use crate::step::{COMMIT, Pipeline};

#[test]
fn the_example_pipelines_roll_out_and_settle() {
    let world = World::start(COMMIT);
    let (_, _, url) = database();
    let slack = Sink::start((0..20).map(|_| Reply::new(200, "ok")));
    let slack_url = slack.url("/services/x");
    let secrets = [
        ("database_url", url.as_str()),
        ("slack_webhook_url", slack_url.as_str()),
    ];
    let rollout = "pipelines/progressive.yaml";
    let root = world.scratch.join("shop");
    let first = root.join("releases/first");
    fs::create_dir_all(&first).unwrap();
    for side in ["stable", "canary"] {
        std::os::unix::fs::symlink(&first, root.join(side)).unwrap();
    }
    let of = |side: &str| fs::read_link(root.join(side)).unwrap();

    let settle = Pipeline::new("8", world.settings(rollout, "settle", COMMIT, &secrets));
    settle.run(&[]).with(0, "SETTLED");

    let pipeline = Pipeline::new("8", world.settings(rollout, "rollout", COMMIT, &secrets));
    let deploy = scripted(pipeline.workspace.path(), COMMIT);
    let deployed = Command::new(deploy)
        .arg("deploy")
        .current_dir(pipeline.workspace.path())
        .envs([("CI_COMMIT_SHA", COMMIT)])
        .env("DEPLOY_ROOT", &root)
        .status();
    assert!(deployed.unwrap().success());
    let release = root.join("releases").join(COMMIT);
    assert_eq!((of("stable"), of("canary")), (first, release.clone()));

    // The waits are the only thing that is not as it stands there.
    let short = [("wait_time", "300ms"), ("interval", "100ms")];
    pipeline.run(&short).with(0, "PASSED");
    assert_eq!(world.weights(), (100, 0));
    assert_eq!((of("stable"), of("canary")), (release.clone(), release));

    let next = Pipeline::new("9", world.settings(rollout, "rollout", COMMIT, &secrets));
    scripted(next.workspace.path(), COMMIT);
    let killed = next
        .spawn(&[("interval", "100ms")])
        .until("→ stage 1 of 4 (10 %)")
        .signal("-KILL")
        .wait();
    assert_eq!((killed.code, world.weights()), (None, (90, 10)));
    // Of the same number, so that the lease is its own: another one would have to wait until it has run out.
    let cron = "pipelines/settle-cron.yaml";
    let cron = Pipeline::new("9", world.settings(cron, "settle", COMMIT, &secrets));
    scripted(cron.workspace.path(), COMMIT);
    cron.run(&[]).with(0, "SETTLED");
    assert_eq!(world.weights(), (100, 0));
}

#[test]
fn the_example_configuration_keeps_its_weights_over_a_restart_when_the_state_is_saved() {
    let mut world = World::start(COMMIT);
    let settings = world.settings(
        "pipelines/progressive.yaml",
        "rollout",
        COMMIT,
        &[("database_url", ""), ("slack_webhook_url", "")],
    );
    let pipeline = Pipeline::new("8", settings)
        .with("deployment_script", "")
        .with("finish", "stay");
    let short = [("wait_time", "300ms"), ("interval", "100ms")];
    pipeline.run(&short).with(0, "PASSED");
    assert_eq!(world.weights(), (0, 100));

    let state = world.ask("show servers state");
    fs::write(world.scratch.join("server-state"), state).unwrap();
    assert!(world.run_proxy());
    assert_eq!(world.weights(), (0, 100));
    world.stable.behave(Manner::Mute);
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], world.port));
    assert_eq!(send(address, 50).of(COMMIT), 50);

    fs::remove_file(world.scratch.join("server-state")).unwrap();
    assert!(world.run_proxy());
    assert_eq!(world.weights(), (100, 0));
    world.stable.behave(Manner::Healthy);
    assert_eq!(send(address, 50).of(COMMIT), 50);
    assert!(world.canary.requests() > 50);
}

/// Calls the script as a rollout does, and gives its exit code and its last line.
fn call(workspace: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(workspace.join("deploy.sh"))
        .args(arguments)
        .current_dir(workspace)
        .envs([("DEPLOYMENT_COMMIT", COMMIT), ("DEPLOY_ROOT", "srv")])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let last = said.lines().last().unwrap_or_default().to_owned();
    (output.status.code(), last)
}

#[test]
fn the_example_script_keeps_the_contract() {
    let scratch = Scratch::new("script");
    let workspace = scratch.path();
    scripted(workspace, COMMIT);
    let root = workspace.join("srv");
    fs::create_dir_all(root.join("releases/first")).unwrap();
    for side in ["stable", "canary"] {
        std::os::unix::fs::symlink(root.join("releases/first"), root.join(side)).unwrap();
    }
    let of = |side: &str| fs::read_link(root.join(side)).unwrap();
    let (first, release) = (
        root.join("releases/first"),
        root.join("releases").join(COMMIT),
    );
    let none = String::new();
    // Each is absolute: done twice, it comes to the same.
    for _ in 0..2 {
        assert_eq!(call(workspace, &["deploy"]), (Some(0), none.clone()));
        assert_eq!(
            (of("stable"), of("canary")),
            (first.clone(), release.clone())
        );
    }
    for _ in 0..2 {
        let update = ["update-traffic", "25", "2"];
        assert_eq!(call(workspace, &update), (Some(0), none.clone()));
        assert_eq!(call(workspace, &["get-traffic"]), (Some(0), "25".into()));
    }
    for _ in 0..2 {
        assert_eq!(call(workspace, &["rollback"]), (Some(0), none.clone()));
        assert_eq!((of("stable"), of("canary")), (first.clone(), first.clone()));
    }
    for _ in 0..2 {
        assert_eq!(call(workspace, &["promote"]), (Some(0), none.clone()));
        assert_eq!(of("stable"), release);
    }
    assert_eq!(call(workspace, &["dance"]).0, Some(64));
    assert_eq!(call(workspace, &[]).0, Some(64));
}

#[test]
fn the_example_script_says_what_is_missing() {
    let scratch = Scratch::new("script");
    scripted(scratch.path(), COMMIT);
    let output = Command::new(scratch.join("deploy.sh"))
        .arg("get-traffic")
        .current_dir(scratch.path())
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("set it in script_env"), "{said}");
    let output = Command::new(scratch.join("deploy.sh"))
        .arg("get-traffic")
        .env("DEPLOY_ROOT", scratch.join("srv"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("mount it by `volumes:`"), "{said}");
}

#[test]
fn the_example_script_is_clean() {
    let shellcheck = find(
        "shellcheck",
        "/usr/lib/shellcheck",
        "install the package shellcheck",
    );
    let checked = Command::new(shellcheck)
        .arg(top().join("examples/scripts/deploy.sh"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success(), "{said}");
}
