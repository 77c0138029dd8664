//! A company as the examples speak of one: a shop behind a proxy, its repository, its forge, its database, its people.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, lchown};
use std::path::Path;

use crate::example::{World, example, scripted};
use crate::forge::{self, Flavour, Forge};
use crate::git_repository::Repository;
use crate::git_server::{GitServer, PASSWORD};
use crate::postgres::Postgres;
use crate::scratch::Scratch;
use crate::sink::{Reply, Sink};
use crate::woodpecker::{self, Secret};
use crate::workflow::{Agent, Engine, Step};

/// A company whose version `good` is live, and whose `main` has a `bad` one since.
pub struct Company {
    /// The shop: a proxy between two versions.
    pub world: World,
    /// Where incidents are opened.
    pub forge: Forge,
    /// What people are told.
    pub slack: Sink,
    /// The repository's secrets.
    pub secrets: BTreeMap<String, Secret>,
    /// The remote repository.
    pub repository: Repository,
    /// The version that is live on both sides.
    pub good: String,
    /// The version that is at the head of `main`.
    pub bad: String,
    /// By what its agent runs steps.
    pub engine: Engine,
    postgres: &'static Postgres,
    database: String,
    clone_url: String,
}

impl Company {
    /// One behind the example's proxy, with a repository of this name.
    pub fn new(name: &str) -> Self {
        Self::behind(&example("haproxy/haproxy.cfg"), name)
    }

    /// One behind a proxy of this configuration, with a repository of this name.
    pub fn behind(configuration: &str, name: &str) -> Self {
        let server = GitServer::shared();
        let repository = server.repository(name);
        let good = repository.commit("main", "sell shoes", &[("shop.txt", "shoes\n")]);
        let bad = repository.commit("main", "sell more shoes", &[("shop.txt", "more\n")]);
        let world = World::behind(configuration, &good);
        world.release(&good);
        let postgres = Postgres::shared();
        let database = postgres.fresh_database();
        let slack = Sink::answering(|_| Reply::new(200, "ok"));
        let secrets = [
            ("database_url", postgres.url(&database)),
            ("slack_webhook_url", slack.url("/services/x")),
            ("git_token", PASSWORD.to_owned()),
            ("forge_token", forge::TOKEN.to_owned()),
        ];
        let kept = |(name, value): (&str, String)| (name.to_owned(), Secret::from(value));
        Self {
            secrets: secrets.map(kept).into(),
            clone_url: server.url("git", name),
            forge: Forge::start(Flavour::GitHub),
            engine: Engine::Machine,
            world,
            slack,
            postgres,
            database,
            repository,
            good,
            bad,
        }
    }

    /// A pipeline on a commit, in a workspace of its own. One that is started by hand says that it is to roll back.
    pub fn agent(&self, workspace: &Scratch, number: &str, commit: &str, event: &str) -> Agent {
        scripted(workspace.path(), commit);
        // As the clone step leaves it.
        let everyone = fs::Permissions::from_mode(0o777);
        fs::set_permissions(workspace.path(), everyone).unwrap();
        let authority = GitServer::shared().ca_file.to_str().unwrap();
        let forge = self.forge.url();
        let mut variables = vec![
            ("CI_REPO", forge::REPO),
            ("CI_REPO_CLONE_URL", &self.clone_url),
            ("CI_COMMIT_SHA", commit),
            ("CI_COMMIT_BRANCH", "main"),
            ("CI_PIPELINE_NUMBER", number),
            ("CI_PIPELINE_EVENT", event),
            ("CI_FORGE_TYPE", "github"),
            ("CI_FORGE_URL", &forge),
            // What a company with an authority of its own has on its agents.
            ("PLUGIN_CA_CERTIFICATE", authority),
        ];
        match event {
            "manual" => variables.push(("ROLLBACK", "yes")),
            "deployment" => variables.push(("CI_PIPELINE_DEPLOY_TARGET", "production")),
            _ => {}
        }
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let mut agent = Agent::new(workspace.path(), variables.into_iter().map(owned).collect());
        agent.secrets.clone_from(&self.secrets);
        agent.engine = self.engine;
        agent.is_trusted = true;
        agent.volumes.push(format!("{authority}:{authority}"));
        agent
    }

    /// The secrets that the head of a workflow explains, limited as it says.
    ///
    /// # Panics
    /// When the company does not know one of them.
    #[must_use]
    pub fn limited(&self, workflow: &str) -> BTreeMap<String, Secret> {
        let limited = |(name, limits): (String, woodpecker::Limits)| {
            let secret = self.secrets.get(&name);
            let mut secret = secret
                .unwrap_or_else(|| panic!("nobody has {name}"))
                .clone();
            secret.images = limits.images.into_iter().collect();
            secret.events = limits.events.into_iter().collect();
            (name, secret)
        };
        let explained = woodpecker::explained(workflow).into_iter();
        explained.map(limited).collect()
    }

    /// Gives the folder of the releases to this user and group, as is done once on the agent's machine.
    ///
    /// # Panics
    /// When the tests do not run as root.
    pub fn hand_over(&self, user: u32) {
        give_all(&self.world.scratch.join("shop"), user);
    }

    /// Makes `deploy.sh` of a workspace one that knows the shop by itself. At once: what it deploys gets all traffic at
    /// once, for a team that has no second side yet.
    ///
    /// # Panics
    /// When the workspace has none.
    pub fn teach(&self, workspace: &Scratch, at_once: bool) {
        let (script, shop) = (workspace.join("deploy.sh"), workspace.join("shop.sh"));
        fs::copy(&script, shop).unwrap();
        let root = self.world.scratch.join("shop").display().to_string();
        let promote = if at_once { "./shop.sh promote" } else { "" };
        let text = format!(
            "#!/bin/sh\nset -e\nexport DEPLOY_ROOT={root}\n\
             case ${{1:-deploy}} in\ndeploy) ./shop.sh deploy; {promote} ;;\n*) ./shop.sh \"$@\" ;;\nesac\n"
        );
        fs::write(&script, text).unwrap();
    }

    /// A workflow as it stands, with this company in its places, and with short waits.
    pub fn workflow(&self, text: &str) -> String {
        let waits = [
            ("interval: 10s", "interval: 50ms"),
            ("wait_time: 5m", "wait_time: 400ms"),
            ("watch: 5m", "watch: 900ms"),
            ("max_wait: 5m", "max_wait: 10s"),
        ];
        let short = |text: String, (long, short): (&str, &str)| text.replace(long, short);
        waits.into_iter().fold(self.world.placed(text), short)
    }

    /// Deploys a commit by a workflow of the examples; `before` hears of each step before it begins.
    pub fn deploy(
        &self,
        file: &str,
        number: &str,
        commit: &str,
        before: impl Fn(&str, &Scratch),
    ) -> Vec<Step> {
        self.deploy_until(file, number, commit, before, |_, _| false)
    }

    /// The same, cancelled as [`Agent::run_until`] says.
    pub fn deploy_until(
        &self,
        file: &str,
        number: &str,
        commit: &str,
        before: impl Fn(&str, &Scratch),
        is_cancel: impl Fn(&str, &str) -> bool + Sync,
    ) -> Vec<Step> {
        let workspace = Scratch::new("workspace");
        let mut agent = self.agent(&workspace, number, commit, "deployment");
        agent.secrets = self.limited(&example(file));
        let before = |step: &str| before(step, &workspace);
        agent.run_until(&self.workflow(&example(file)), before, is_cancel)
    }

    /// Where `main` is.
    ///
    /// # Panics
    /// When it is gone.
    pub fn head(&self) -> String {
        self.repository.at("main").unwrap()
    }

    /// The answer of the company's database, fields parted by `|`.
    pub fn sql(&self, statement: &str) -> String {
        self.postgres.sql(&self.database, statement)
    }

    /// A deployment's status and commit.
    pub fn row(&self, id: &str) -> String {
        self.sql(&format!(
            "SELECT status || ' ' || commit_sha FROM deployments WHERE deployment_id = '{id}'"
        ))
    }

    /// A deployment's stages in their order: share and status, parted by blanks.
    pub fn stages(&self, id: &str) -> String {
        let statement = format!(
            "SELECT traffic_percentage || ' ' || status FROM progressive_deployments \
             WHERE deployment_id = '{id}' ORDER BY id"
        );
        self.sql(&statement)
    }

    /// The commit that is known to be good.
    pub fn marker(&self) -> String {
        self.sql("SELECT commit_sha FROM version_markers")
    }

    /// Incidents at the forge, and whether each is closed.
    pub fn incidents(&self) -> Vec<bool> {
        let items = self.forge.data(|data| data.items.clone());
        items.iter().map(|item| item.closed).collect()
    }
}

/// Gives a folder with all that is in it, and what it points to stays whose it is.
fn give_all(path: &Path, user: u32) {
    lchown(path, Some(user), Some(user)).unwrap();
    if path.is_dir() && !path.is_symlink() {
        for entry in fs::read_dir(path).unwrap() {
            give_all(&entry.unwrap().path(), user);
        }
    }
}

/// The names of the steps that ran.
#[must_use]
pub fn names(ran: &[Step]) -> Vec<&str> {
    ran.iter().map(|step| step.name.as_str()).collect()
}

/// What the step of this name said, having ended so.
///
/// # Panics
/// When it did not run or ended otherwise.
#[track_caller]
pub fn ended<'a>(ran: &'a [Step], name: &str, code: i32) -> &'a str {
    let step = ran.iter().find(|step| step.name == name);
    let step = step.unwrap_or_else(|| panic!("{name} did not run: {ran:#?}"));
    assert_eq!(step.code, Some(code), "{}", step.log);
    &step.log
}
