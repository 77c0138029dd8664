//! `plugin-progressive` from its image: it moves a real HAProxy over TCP, and puts traffic back when it is stopped.

use std::os::unix::fs::PermissionsExt;

use testbed::backend::{Backend, Manner};
use testbed::haproxy::{Config, Haproxy};
use testbed::postgres::Postgres;
use testbed::scratch::Scratch;

use crate::container::{Step, workspace};

/// Two versions, and the proxy that splits traffic between them.
pub(crate) struct World {
    blue: Backend,
    green: Backend,
    proxy: Haproxy,
}

impl World {
    pub(crate) fn start() -> Self {
        let (blue, green) = (Backend::start("blue"), Backend::start("green"));
        let proxy = Haproxy::start(&Config::new(&blue, &green));
        Self { blue, green, proxy }
    }

    /// The weights of blue and green, as HAProxy has them.
    pub(crate) fn weights(&self) -> (u32, u32) {
        use std::io::{Read, Write};
        let weight = |server: &str| {
            let mut stream = std::os::unix::net::UnixStream::connect(&self.proxy.socket).unwrap();
            writeln!(stream, "get weight shop/{server}").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer.split(' ').next().unwrap().trim().parse().unwrap()
        };
        (weight("blue"), weight("green"))
    }

    /// A rollout of green from an image.
    pub(crate) fn rollout(&self, image: &str, workspace: &Scratch) -> Step {
        let health = |backend: &Backend| format!("http://{}/health", backend.address);
        Step::new(image, workspace)
            .with(&[("traffic", "haproxy"), ("haproxy_backend", "shop")])
            .with(&[("stable_server", "blue"), ("canary_server", "green")])
            .set("haproxy_address", &self.proxy.tcp)
            .set("canary_endpoint", &health(&self.green))
            .set("baseline_endpoint", &health(&self.blue))
            .with(&[("expect_version", "green"), ("finish", "stay")])
            .with(&[("stages", "10,50,100"), ("wait_time", "600ms")])
            .with(&[("interval", "100ms"), ("initial_delay", "0")])
    }
}

const FIRST: &str = "→ stage 1 of 3 (10 %)";
const SECOND: &str = "→ stage 2 of 3 (50 %)";

#[test]
#[ignore = "needs the built images: .ci/images"]
fn a_good_version_gets_all_traffic_stage_by_stage() {
    let world = World::start();
    let (postgres, workspace) = (Postgres::shared(), workspace(0o755));
    let name = postgres.fresh_database();
    world
        .rollout("plugin-progressive", &workspace)
        .set("database_url", &postgres.url(&name))
        .run()
        .with(0)
        .signed("plugin-progressive")
        .saying(FIRST)
        .saying(SECOND);
    assert_eq!(world.weights(), (0, 100));
    let stages = "SELECT traffic_percentage, status FROM progressive_deployments ORDER BY stage";
    let passed = "10|passed\n50|passed\n100|passed";
    assert_eq!(postgres.sql(&name, stages), passed);
}

#[test]
#[ignore = "needs the built images: .ci/images"]
fn a_version_that_breaks_in_a_stage_loses_its_traffic() {
    let world = World::start();
    let workspace = workspace(0o777);
    let running = world
        .rollout("plugin-progressive", &workspace)
        .set("wait_time", "10m")
        .start()
        .until(FIRST);
    world.green.behave(Manner::Failing(500));
    running.wait().with(1).saying("ROLLED BACK (exit 1)");
    assert_eq!(world.weights(), (100, 0));
}

#[test]
#[ignore = "needs the built images: .ci/images"]
fn sigterm_to_the_first_process_puts_traffic_back_within_the_grace_period() {
    let world = World::start();
    let workspace = workspace(0o777);
    let rollout = world
        .rollout("plugin-progressive", &workspace)
        .set("wait_time", "10m");
    let killed = rollout.clone().start().until(FIRST).signal("TERM").wait();
    killed.with(143).saying("put back, the canary has 0 %");
    assert_eq!(world.weights(), (100, 0));
    // Were the grace period not enough, SIGKILL would end it with 137.
    let stopped = rollout.start().until(FIRST).stop(20).wait();
    stopped.with(143).saying("put back, the canary has 0 %");
    assert_eq!(world.weights(), (100, 0));
}

#[test]
#[ignore = "needs the built images: .ci/images"]
fn what_sigkill_left_is_settled_by_the_next_container() {
    let world = World::start();
    let workspace = workspace(0o777);
    let rollout = world.rollout("plugin-progressive", &workspace);
    let long = rollout.clone().set("wait_time", "10m");
    let killed = long.start().until(FIRST).signal("KILL").wait().with(137);
    assert_eq!(world.weights().1, 10, "{}", killed.log);
    rollout.set("settle", "true").run().with(0);
    assert_eq!(world.weights(), (100, 0));
}

#[test]
#[ignore = "needs the built images: .ci/images"]
fn a_deployment_script_runs_by_the_shell_of_the_image_as_its_user_without_a_home() {
    let world = World::start();
    let workspace = workspace(0o777);
    let script = workspace.join("deploy.sh");
    let text = "#!/bin/sh\necho \"$1 $(id -u) ${HOME-homeless}\" >>calls\n";
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    world
        .rollout("plugin-progressive", &workspace)
        .with(&[("run_deploy", "true"), ("deployment_script", "deploy.sh")])
        .without_home("plugin-progressive")
        .run()
        .with(0);
    let calls = std::fs::read_to_string(workspace.join("calls")).unwrap();
    assert_eq!(calls, "deploy 65534 homeless\n");
}

#[test]
#[ignore = "needs the built images: .ci/images"]
fn without_a_place_for_records_nothing_is_touched() {
    let world = World::start();
    let closed = workspace(0o755);
    for preflight in ["true", "false"] {
        let rollout = world.rollout("plugin-progressive", &closed);
        let refused = rollout.with(&[("preflight", preflight)]).run();
        refused
            .with(2)
            .saying("REFUSED (exit 2): journal: ")
            .saying("set database_url, or a journal in a folder that the step's user can write to");
    }
    assert_eq!(world.weights(), (100, 0));
}
