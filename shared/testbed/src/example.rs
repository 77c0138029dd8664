//! The examples' world: the example's proxy between two versions, its folder of releases, its deployment script.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::backend::Backend;
use crate::program::{as_server_user, find, free_port, give};
use crate::scratch::Scratch;
use crate::stop::Stop;
use crate::woodpecker;

/// The top of the repository.
pub fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Whether HAProxy takes this configuration.
///
/// # Panics
/// When it does not, with what it says.
pub fn check(path: &Path, place: &str) {
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

/// The text of an example.
pub fn example(path: &str) -> String {
    fs::read_to_string(top().join("examples").join(path)).unwrap()
}

/// What stands in the examples, and what stands for it here.
type Places = Vec<(&'static str, String)>;

fn placed(text: &str, places: &Places) -> String {
    let replace = |text: String, (from, to): &(&str, String)| text.replace(from, to);
    places.iter().fold(text.to_owned(), replace)
}

/// The example's proxy between two versions. It ends when it is dropped.
pub struct World {
    /// The old version's side.
    pub stable: Backend,
    /// The new version's side.
    pub canary: Backend,
    /// Where clients are served.
    pub port: u16,
    /// Folders and sockets: `shop` has the releases.
    pub scratch: Scratch,
    configuration: String,
    /// The port of the runtime API.
    api: u16,
    places: Places,
    proxy: Option<Child>,
}

impl World {
    /// Starts it with both sides serving this version.
    ///
    /// # Panics
    /// When the proxy does not serve.
    pub fn start(version: &str) -> Self {
        Self::behind(&example("haproxy/haproxy.cfg"), version)
    }

    /// The same behind a proxy of this configuration, whose addresses are those of the examples.
    ///
    /// # Panics
    /// When the proxy does not serve.
    pub fn behind(configuration: &str, version: &str) -> Self {
        // Another test can take a free port before HAProxy does.
        (0..5)
            .find_map(|_| Self::try_start(configuration, version))
            .unwrap_or_else(|| panic!("the example's proxy does not start"))
    }

    fn try_start(configuration: &str, version: &str) -> Option<Self> {
        let (stable, canary) = (Backend::start(version), Backend::start(version));
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
            ("ipv4@10.0.0.10:9999", format!("ipv4@127.0.0.1:{api}")),
            ("tcp://10.0.0.10:9999", format!("tcp://127.0.0.1:{api}")),
            ("bind :80", format!("bind 127.0.0.1:{port}")),
            ("10.0.0.11:8080", stable.address.to_string()),
            ("10.0.0.12:8080", canary.address.to_string()),
            ("https://shop.example/", format!("http://127.0.0.1:{port}/")),
            ("/srv/shop", inside("shop")),
        ];
        let mut world = Self {
            stable,
            canary,
            port,
            configuration: configuration.to_owned(),
            api,
            places,
            scratch,
            proxy: None,
        };
        world.run_proxy().then_some(world)
    }

    /// Starts HAProxy; false when it does not serve.
    #[must_use]
    pub fn run_proxy(&mut self) -> bool {
        self.stop_proxy();
        let path = self.scratch.join("haproxy.cfg");
        fs::write(&path, self.placed(&self.configuration)).unwrap();
        let mut command = as_server_user(&haproxy());
        command.arg("-db").arg("-f").arg(&path);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::null());
        self.proxy = Some(command.spawn().unwrap());
        let waiting = Stop::default();
        for _ in 0..500 {
            let ended = self.proxy.as_mut().unwrap().try_wait().unwrap().is_some();
            let ports = [self.port, self.api];
            let serves = |port: &u16| TcpStream::connect(("127.0.0.1", *port)).is_ok();
            if ended || ports.iter().all(serves) {
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
    pub fn ask(&self, command: &str) -> String {
        use std::io::{Read, Write};
        let mut stream = TcpStream::connect(("127.0.0.1", self.api)).unwrap();
        stream.write_all(format!("{command}\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The weights of stable and canary.
    pub fn weights(&self) -> (u32, u32) {
        let weight = |server: &str| {
            let answer = self.ask(&format!("get weight shop/{server}"));
            answer.split(' ').next().unwrap().trim().parse().unwrap()
        };
        (weight("stable"), weight("canary"))
    }

    /// A text of the examples with this world in its places.
    pub fn placed(&self, text: &str) -> String {
        placed(text, &self.places)
    }

    /// Puts a release on both sides, which serve from their folders from then on.
    pub fn release(&self, version: &str) {
        let root = self.scratch.join("shop");
        let folder = root.join("releases").join(version);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("version"), version).unwrap();
        for (side, backend) in [("stable", &self.stable), ("canary", &self.canary)] {
            symlink(&folder, root.join(side)).unwrap();
            backend.follow(&root.join(side));
        }
    }

    /// The release of a side.
    pub fn released(&self, side: &str) -> String {
        let folder = fs::read_link(self.scratch.join("shop").join(side)).unwrap();
        folder.file_name().unwrap().to_str().unwrap().to_owned()
    }

    /// The settings of a step of an example, as Woodpecker hands them over, with this world in their places.
    ///
    /// # Panics
    /// When there is no such step, or a secret of it is missing.
    pub fn settings(
        &self,
        file: &str,
        step: &str,
        commit: &str,
        secrets: &[(&str, &str)],
    ) -> Vec<(String, String)> {
        let text = self
            .placed(&example(file))
            .replace("${CI_COMMIT_SHA}", commit);
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

/// Puts the example's script into a workspace with something to deploy.
pub fn scripted(workspace: &Path, version: &str) -> PathBuf {
    let path = workspace.join("deploy.sh");
    fs::write(&path, example("scripts/deploy.sh")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir_all(workspace.join("build")).unwrap();
    fs::write(workspace.join("build/version"), version).unwrap();
    path
}
