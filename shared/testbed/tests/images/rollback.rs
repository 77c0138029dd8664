//! `plugin-rollback` from its image: back on a real git server, by HTTPS and by SSH, with a script, after what the other
//! image recorded.

use std::os::unix::fs::PermissionsExt;

use testbed::git_repository::Repository;
use testbed::git_server::{GitServer, PASSWORD, USER};
use testbed::git_shell::Sshd;
use testbed::postgres::Postgres;
use testbed::scratch::Scratch;
use testbed::sink::{Reply, Sink};

use crate::container::{Step, workspace};

/// A repository whose `main` went from good to bad, and the pipelines that deployed both.
struct Shop {
    repository: Repository,
    good: String,
    bad: String,
    workspace: Scratch,
}

impl Shop {
    fn new(repository: Repository) -> Self {
        let good = repository.commit("main", "sell shoes", &[("shop.txt", "shoes\n")]);
        let bad = repository.commit("main", "sell nothing", &[("shop.txt", "\n")]);
        let workspace = workspace(0o777);
        let script = workspace.join("deploy.sh");
        let text = "#!/bin/sh\necho \"$1 $DEPLOYMENT_PREVIOUS_COMMIT $(id -u)\" >>calls\n";
        std::fs::write(&script, text).unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self {
            repository,
            good,
            bad,
            workspace,
        }
    }

    fn step(&self, image: &str, number: &str, commit: &str) -> Step {
        Step::new(image, &self.workspace)
            .var("CI_PIPELINE_NUMBER", number)
            .var("CI_COMMIT_SHA", commit)
            .var("CI_COMMIT_BRANCH", "main")
            .set("deployment_script", "deploy.sh")
    }

    /// The good one was proved, the bad one was begun. Then it is gone back.
    fn go_back(&self, remote: &str, with: impl Fn(Step) -> Step) {
        let body = format!(r#"{{"status":"healthy","version":"{}"}}"#, self.good);
        let service = Sink::answering(move |_| {
            Reply::new(200, &body).header("Content-Type", "application/json")
        });
        let endpoint = service.url("/health");
        let proved = self
            .step("plugin-health", "7", &self.good)
            .with(&[("final", "true"), ("expect_version", &self.good)])
            .set("endpoint", &endpoint);
        with(proved).run().with(0);
        let begun = self
            .step("plugin-health", "8", &self.bad)
            .with(&[("preflight", "true"), ("endpoint", &endpoint)]);
        with(begun).run().with(0).saying("recorded as started");
        let back = self
            .step("plugin-rollback", "8", &self.bad)
            .var("CI_PIPELINE_STATUS", "failure")
            .var("CI_REPO_CLONE_URL", remote)
            .with(&[("force", "true"), ("strategy", "auto")]);
        let ended = with(back).run().with(0).signed("plugin-rollback");
        let ended = ended.saying("ROLLED BACK (exit 0)");
        assert!(!ended.log.contains(PASSWORD), "{}", ended.log);
        assert_eq!(self.repository.at("main").as_ref(), Some(&self.good));
        let calls = std::fs::read_to_string(self.workspace.join("calls")).unwrap();
        assert_eq!(calls, format!("rollback {} 65534\n", self.good));
    }
}

#[test]
#[ignore = "needs the built images: .ci/images"]
fn the_script_and_the_branch_of_an_https_remote_go_back() {
    let server = GitServer::shared();
    let shop = Shop::new(server.repository("image.git"));
    let postgres = Postgres::shared();
    let name = postgres.fresh_database();
    std::fs::copy(&server.ca_file, shop.workspace.join("ca.pem")).unwrap();
    shop.go_back(&server.url("git", "image.git"), |step| {
        step.set("ca_certificate", "ca.pem")
            .with(&[("git_username", USER), ("git_password", PASSWORD)])
            .set("database_url", &postgres.url(&name))
    });
    let rows = "SELECT status, deployment_type FROM deployments ORDER BY id";
    let expected = "success|standard\nrolled_back|standard\nsuccess|rollback";
    assert_eq!(postgres.sql(&name, rows), expected);
}

#[test]
#[ignore = "needs the built images: .ci/images"]
fn the_script_and_the_branch_of_an_ssh_remote_go_back_without_a_database() {
    let sshd = Sshd::start();
    let shop = Shop::new(sshd.repository("image.git"));
    shop.go_back(&sshd.url(&shop.repository), |step| {
        step.set("ssh_key", &sshd.key)
            .set("ssh_known_hosts", &sshd.known_hosts)
    });
}

#[test]
#[ignore = "needs the built images: .ci/images"]
fn without_a_target_it_refuses() {
    let workspace = workspace(0o777);
    Step::new("plugin-rollback", &workspace)
        .var("CI_PIPELINE_STATUS", "failure")
        .with(&[("force", "true"), ("strategy", "none")])
        .run()
        .with(2)
        .saying("REFUSED (exit 2)");
}
