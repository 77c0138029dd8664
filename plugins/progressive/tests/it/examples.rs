//! The examples, executed: the proxy's configuration in a real HAProxy, the pipelines' steps by the real binary, the
//! script as it stands.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use shared::signal::Cancel;
use testbed::backend::{Backend, Manner};
use testbed::load::send;
use testbed::program::{as_server_user, find, free_port, give};
use testbed::scratch::Scratch;
use testbed::sink::{Reply, Sink};
use testbed::woodpecker;

use crate::documents::top;
use crate::rollouts::database;
use crate::step::{COMMIT, Pipeline};

/// Whether HAProxy takes this configuration.
pub(crate) fn check(path: &Path, place: &str) {
    let checked = Command::new(haproxy())
        .arg("-c")
        .arg("-f")
        .arg(path)
        .output();
    let checked = checked.unwrap();
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{place}: {said}");
}

fn haproxy() -> PathBuf {
    find("haproxy", "/usr/lib/haproxy", "install the package haproxy")
}

fn example(path: &str) -> String {
    fs::read_to_string(top().join("examples").join(path)).unwrap()
}

/// What stands in the examples, and what stands for it here.
type Places = Vec<(&'static str, String)>;

fn placed(text: &str, places: &Places) -> String {
    let replace = |text: String, (from, to): &(&str, String)| text.replace(from, to);
    places.iter().fold(text.to_owned(), replace)
}

/// The example's proxy between two versions. It ends when it is dropped.
struct World {
    stable: Backend,
    canary: Backend,
    /// Where clients are served.
    port: u16,
    places: Places,
    scratch: Scratch,
    proxy: Option<Child>,
}

impl World {
    fn start() -> Self {
        // Another test can take a free port before HAProxy does.
        (0..5)
            .find_map(|_| Self::try_start())
            .unwrap_or_else(|| panic!("the example's proxy does not start"))
    }

    fn try_start() -> Option<Self> {
        // Both sides answer with the commit that the pipelines expect.
        let (stable, canary) = (Backend::start(COMMIT), Backend::start(COMMIT));
        let scratch = Scratch::new("examples");
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
        give(scratch.path());
        let (port, api) = (free_port(), free_port());
        let inside = |name: &str| scratch.join(name).display().to_string();
        fs::create_dir(scratch.join("shop")).unwrap();
        let places = vec![
            ("/run/haproxy/admin.sock", inside("admin.sock")),
            ("/var/lib/haproxy/server-state", inside("server-state")),
            ("ipv4@127.0.0.1:9999", format!("ipv4@127.0.0.1:{api}")),
            ("tcp://10.0.0.10:9999", format!("tcp://127.0.0.1:{api}")),
            ("bind :80", format!("bind 127.0.0.1:{port}")),
            ("10.0.0.11:8080", stable.address.to_string()),
            ("10.0.0.12:8080", canary.address.to_string()),
            ("/srv/shop", inside("shop")),
        ];
        let mut world = Self {
            stable,
            canary,
            port,
            places,
            scratch,
            proxy: None,
        };
        world.run_proxy().then_some(world)
    }

    /// Starts HAProxy with the example's configuration; false when it does not serve.
    fn run_proxy(&mut self) -> bool {
        self.stop_proxy();
        let _ = fs::remove_file(self.scratch.join("admin.sock"));
        let text = example("haproxy/haproxy.cfg");
        let path = self.scratch.join("haproxy.cfg");
        fs::write(&path, placed(&text, &self.places)).unwrap();
        let mut command = as_server_user(&haproxy());
        command.arg("-db").arg("-f").arg(&path);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::null());
        self.proxy = Some(command.spawn().unwrap());
        let waiting = Cancel::default();
        for _ in 0..500 {
            let ended = self.proxy.as_mut().unwrap().try_wait().unwrap().is_some();
            let serves = TcpStream::connect(("127.0.0.1", self.port)).is_ok();
            if ended || (serves && self.scratch.join("admin.sock").exists()) {
                return !ended;
            }
            waiting.wait(Duration::from_millis(20));
        }
        false
    }

    fn stop_proxy(&mut self) {
        if let Some(mut proxy) = self.proxy.take() {
            let _ = proxy.kill();
            let _ = proxy.wait();
        }
    }

    /// One command of the runtime API.
    fn ask(&self, command: &str) -> String {
        use std::io::{Read, Write};
        let socket = self.scratch.join("admin.sock");
        let mut stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
        stream.write_all(format!("{command}\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The weights of stable and canary.
    fn weights(&self) -> (u32, u32) {
        let weight = |server: &str| {
            let answer = self.ask(&format!("get weight shop/{server}"));
            answer.split(' ').next().unwrap().trim().parse().unwrap()
        };
        (weight("stable"), weight("canary"))
    }

    /// The settings of a step of an example, as Woodpecker hands them over, with this world in their places.
    fn settings(&self, file: &str, step: &str, secrets: &[(&str, &str)]) -> Vec<(String, String)> {
        let text = placed(&example(file), &self.places).replace("${CI_COMMIT_SHA}", COMMIT);
        let mut yaml: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
        yaml.apply_merge().unwrap();
        let steps = yaml["steps"].as_sequence().unwrap();
        let named = |one: &&serde_yaml::Value| one["name"].as_str() == Some(step);
        let settings = &steps.iter().find(named).unwrap()["settings"];
        let secrets: BTreeMap<String, String> = secrets
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let variables = woodpecker::variables(settings, &secrets).unwrap();
        let plain = |name: String| name.trim_start_matches("PLUGIN_").to_lowercase();
        variables
            .into_iter()
            .map(|(name, value)| (plain(name), value))
            .collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop_proxy();
    }
}

/// The example's script in a workspace with something to deploy.
fn scripted(workspace: &Path) -> PathBuf {
    let path = workspace.join("deploy.sh");
    fs::write(&path, example("scripts/deploy.sh")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir_all(workspace.join("build")).unwrap();
    fs::write(workspace.join("build/version"), COMMIT).unwrap();
    path
}

#[test]
fn the_example_pipelines_roll_out_and_settle() {
    let world = World::start();
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

    let settle = Pipeline::new("8", world.settings(rollout, "settle", &secrets));
    settle.run(&[]).with(0, "SETTLED");

    let pipeline = Pipeline::new("8", world.settings(rollout, "rollout", &secrets));
    let deploy = scripted(pipeline.workspace.path());
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

    let next = Pipeline::new("9", world.settings(rollout, "rollout", &secrets));
    scripted(next.workspace.path());
    let killed = next
        .spawn(&[("interval", "100ms")])
        .until("→ stage 1 of 4 (10 %)")
        .signal("-KILL")
        .wait();
    assert_eq!((killed.code, world.weights()), (None, (90, 10)));
    // Of the same number, so that the lease is its own: another one would have to wait until it has run out.
    let cron = "pipelines/settle-cron.yaml";
    let cron = Pipeline::new("9", world.settings(cron, "settle", &secrets));
    scripted(cron.workspace.path());
    cron.run(&[]).with(0, "SETTLED");
    assert_eq!(world.weights(), (100, 0));
}

#[test]
fn the_example_configuration_keeps_its_weights_over_a_restart_when_the_state_is_saved() {
    let mut world = World::start();
    let settings = world.settings(
        "pipelines/progressive.yaml",
        "rollout",
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
    scripted(workspace);
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
    scripted(scratch.path());
    let output = Command::new(scratch.join("deploy.sh"))
        .arg("get-traffic")
        .current_dir(scratch.path())
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("set it in script_env"), "{said}");
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
