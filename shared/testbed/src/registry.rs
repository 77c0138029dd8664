//! A real registry of container images on loopback, which asks for a login, and images to put into it.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::program::free_port;
use crate::scratch::Scratch;
use crate::stop::Stop;

/// Who may push and pull.
pub const USER: &str = "ci";
/// The password.
pub const PASSWORD: &str = "registry-secret";
/// The two as `htpasswd` writes them.
const LOGIN: &str = "ci:$2b$05$abcdefghijklmnopqrstuubNCCgMNqYiQA5BMGxm7McAPft53drSm\n";

/// Makes an OCI layout with one image for two platforms, which holds the text of its first argument.
const IMAGE: &str = r#"
put() { sum=$(sha256sum <"$1" | cut -d ' ' -f 1); mv "$1" "blobs/sha256/$sum"; size=$(wc -c <"blobs/sha256/$sum"); }
rm -rf layout; mkdir -p layout/blobs/sha256; cd layout
printf '{"imageLayoutVersion":"1.0.0"}' >oci-layout
manifests=
for arch in amd64 arm64; do
    mkdir content; printf %s "$1 $arch" >content/version; tar -C content -czf layer version; rm -r content
    diff=$(gzip -dc layer | sha256sum | cut -d ' ' -f 1)
    put layer; layer="sha256:$sum"; layer_size=$size
    printf '{"architecture":"%s","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
        "$arch" "$diff" >config
    put config
    printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%s},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"%s","size":%s}]}' \
        "$sum" "$size" "$layer" "$layer_size" >manifest
    put manifest
    manifests="$manifests,{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:$sum\",\"size\":$size,\"platform\":{\"architecture\":\"$arch\",\"os\":\"linux\"}}"
done
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[%s]}' "${manifests#,}" >image
put image
printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"sha256:%s","size":%s,"annotations":{"org.opencontainers.image.ref.name":"image"}}]}' \
    "$sum" "$size" >index.json
"#;

/// A registry. It ends with the value.
#[derive(Debug)]
pub struct Registry {
    port: u16,
    child: Child,
    home: Scratch,
}

impl Registry {
    /// A registry without images, running.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start() -> Self {
        // Another process can take the port between the look and the start.
        (0..5)
            .find_map(|_| Self::try_start())
            .unwrap_or_else(|| panic!("docker-registry does not start"))
    }

    fn try_start() -> Option<Self> {
        let (home, port) = (Scratch::new("registry"), free_port());
        fs::write(home.join("htpasswd"), LOGIN).unwrap();
        let inside = |name: &str| home.join(name).display().to_string();
        let config = format!(
            "version: 0.1\n\
             log: {{level: error}}\n\
             storage: {{filesystem: {{rootdirectory: {}}}}}\n\
             auth: {{htpasswd: {{realm: tests, path: {}}}}}\n\
             http: {{addr: '127.0.0.1:{port}'}}\n",
            inside("images"),
            inside("htpasswd"),
        );
        fs::write(home.join("config.yml"), config).unwrap();
        // Whoever is asked for loopback speaks plain HTTP.
        let plain = format!("[[registry]]\nlocation = \"127.0.0.1:{port}\"\ninsecure = true\n");
        fs::create_dir_all(home.join(".config/containers")).unwrap();
        fs::write(home.join(".config/containers/registries.conf"), plain).unwrap();
        let policy = r#"{"default": [{"type": "insecureAcceptAnything"}]}"#;
        fs::write(home.join("policy.json"), policy).unwrap();
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(home.join("config.yml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("docker-registry must be installed: {error}"));
        let mut registry = Self { port, child, home };
        let waiting = Stop::default();
        for _ in 0..500 {
            if registry.child.try_wait().unwrap().is_some() {
                return None;
            }
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(registry);
            }
            waiting.wait(Duration::from_millis(20));
        }
        None
    }

    /// What stands before the images' names.
    pub fn images(&self) -> String {
        format!("127.0.0.1:{}/acme", self.port)
    }

    /// A folder to be `HOME` of containers' tools: it tells them that this registry speaks plain HTTP.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Puts an image for two platforms there, which is another one for every content.
    ///
    /// # Panics
    /// When it is refused.
    pub fn push(&self, name: &str, tag: &str, content: &str) {
        let made = Command::new("bash")
            .args(["-euc", IMAGE, "image", content])
            .current_dir(self.home.path())
            .status();
        assert!(made.unwrap().success(), "no image was made");
        let source = format!("oci:{}:image", self.home.join("layout").display());
        let target = format!("docker://{}/{name}:{tag}", self.images());
        self.skopeo(
            &["copy", "--all", "--quiet", "--dest-creds"],
            &[&source, &target],
        );
    }

    /// The manifest that a tag names; none when there is no such tag.
    ///
    /// # Panics
    /// When the registry cannot be asked.
    pub fn manifest(&self, name: &str, tag: &str) -> Option<String> {
        let image = format!("docker://{}/{name}:{tag}", self.images());
        let output = self
            .command(&["inspect", "--raw", "--creds"], &[&image])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() || said.contains("manifest unknown"),
            "{said}"
        );
        output.status.success().then_some(text)
    }

    fn skopeo(&self, what: &[&str], whereto: &[&str]) {
        let output = self.command(what, whereto).output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// A command of skopeo with the login at the end of its flags.
    fn command(&self, what: &[&str], whereto: &[&str]) -> Command {
        let mut command = Command::new("skopeo");
        command
            .arg("--policy")
            .arg(self.home.join("policy.json"))
            .args(what)
            .arg(format!("{USER}:{PASSWORD}"))
            .args(whereto)
            .env("HOME", self.home());
        command
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
