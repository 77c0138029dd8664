//! A world whose every exchange passes a relay, and the runs in it.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::Value;
use testbed::backend::{Backend, Manner};
use testbed::forge::{Flavour, Forge, TOKEN};
use testbed::haproxy::{Config, Haproxy};
use testbed::load::send;
use testbed::postgres::{PASSWORD, Postgres, USER};
use testbed::relay::{Desk, Exchange, Passage, Relay};
use testbed::sink::Sink;

use super::effects::Effects;
use crate::step::{Ended, Pipeline, Running, ask};

/// What the rollouts of a world are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Pools take turns; a database, Slack, and a forge.
    Swap,
    /// The new version is deployed and promoted by a webhook; feature flags, a database, and the team's own webhook.
    Promote,
    /// Traffic stays on the canary side; nothing but a journal.
    Journal,
}

/// A deployment: its id and commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deployment {
    pub(crate) id: &'static str,
    pub(crate) commit: &'static str,
}

/// The one whose run is killed.
pub(crate) const FIRST: Deployment = Deployment {
    id: "first",
    commit: "1111111111111111111111111111111111111111",
};
/// The one after it.
pub(crate) const SECOND: Deployment = Deployment {
    id: "second",
    commit: "2222222222222222222222222222222222222222",
};

pub(crate) struct Scene {
    pub(crate) kind: Kind,
    pub(crate) desk: Desk,
    pub(crate) blue: Arc<Backend>,
    pub(crate) green: Arc<Backend>,
    /// Whether green fails from half of the traffic on.
    pub(crate) fails: bool,
    proxy: Haproxy,
    api: Relay,
    database: Option<(String, Relay)>,
    hook: (Sink, Relay),
    flags: (Sink, Relay),
    people: (Sink, Relay),
    forge: (Forge, Relay),
    /// What the deployment webhook deploys.
    commit: Arc<Mutex<&'static str>>,
    pipeline: Pipeline,
}

impl Scene {
    pub(crate) fn start(kind: Kind) -> Self {
        let [blue, green] = ["blue", "green"].map(|name| Arc::new(Backend::start(name)));
        blue.deploy("live before");
        green.deploy("long ago");
        let proxy = Haproxy::start(&Config::new(&blue, &green));
        let desk = Desk::default();
        let api = Relay::haproxy(&desk, "proxy", &proxy.socket);
        let database = (kind != Kind::Journal).then(|| {
            let relay = Relay::postgres(&desk, "database", Postgres::shared().port());
            (database(), relay)
        });
        let http = |name| {
            let sink = Sink::start([]);
            let relay = Relay::http(&desk, name, sink.address());
            (sink, relay)
        };
        let forge = Forge::start(Flavour::GitHub);
        let behind = Relay::http(&desk, "forge", forge.address());
        let scene = Self {
            kind,
            forge: (forge, behind),
            hook: http("hook"),
            flags: http("flags"),
            people: http("people"),
            commit: Arc::new(Mutex::new(FIRST.commit)),
            pipeline: Pipeline::new("8", Vec::new()),
            desk,
            blue,
            green,
            fails: false,
            proxy,
            api,
            database,
        };
        if kind == Kind::Promote {
            let policy = format!(
                "advanced:\n  feature_flags:\n    webhook: {}\n",
                scene.flags.1.url("/flags")
            );
            let path = scene.pipeline.workspace.join("deployment-policy.yaml");
            fs::write(path, policy).unwrap();
        }
        scene.rule(|_| Passage::Forward);
        scene
    }

    /// The same with a new version that fails from half of the traffic on.
    pub(crate) fn failing(mut self) -> Self {
        self.fails = true;
        self.rule(|_| Passage::Forward);
        self
    }

    /// Decides about exchanges; what the deployment webhook is asked to do is done besides.
    pub(crate) fn rule(&self, mut rule: impl FnMut(&Exchange) -> Passage + Send + 'static) {
        let (blue, green) = (Arc::clone(&self.blue), Arc::clone(&self.green));
        let (commit, fails) = (Arc::clone(&self.commit), self.fails);
        self.desk.rule(move |exchange| {
            let passage = rule(exchange);
            if fails && exchange.name == "set server shop/green weight 50" {
                green.behave(Manner::Failing(500));
            }
            if exchange.relay == "hook" && passage != Passage::FreezeBefore {
                let asks = |action: &str| exchange.name.contains(&format!("action={action} "));
                let commit = *commit.lock().unwrap();
                if asks("deploy") {
                    green.deploy(commit);
                } else if asks("promote") {
                    blue.deploy(commit);
                } else if asks("rollback") {
                    green.deploy("taken back");
                }
            }
            passage
        });
    }

    /// Does at the effect with this number what `passage` says.
    pub(crate) fn at_effect(&self, number: usize, passage: Passage) {
        let mut effects = Effects::default();
        self.rule(move |exchange| {
            let counted = effects.count(exchange);
            let is_it = counted == Some(number);
            if is_it { passage } else { Passage::Forward }
        });
    }

    /// Starts a run, with its version where it is to be.
    pub(crate) fn spawn(&self, deployment: Deployment, more: &[(&str, &str)]) -> Running {
        *self.commit.lock().unwrap() = deployment.commit;
        let settings = self.settings(deployment);
        let own = settings.iter().map(|(name, value)| (*name, value.as_str()));
        let all: Vec<(&str, &str)> = own.chain(more.iter().copied()).collect();
        self.pipeline.spawn(&all)
    }

    /// Runs a deployment to its end. Where nobody deploys, its version is on the idle side already.
    pub(crate) fn run(&self, deployment: Deployment, more: &[(&str, &str)]) -> Ended {
        self.spawn(deployment, more).wait()
    }

    /// Puts the version of a deployment on the side that is to get traffic.
    pub(crate) fn bring(&self, deployment: Deployment, side: &Backend) {
        if self.kind != Kind::Promote {
            side.deploy(deployment.commit);
        }
    }

    fn settings(&self, deployment: Deployment) -> Vec<(&'static str, String)> {
        let url = |backend: &Backend| format!("http://{}/health", backend.address);
        let mut settings = vec![
            ("deployment_id", deployment.id.to_owned()),
            ("commit", deployment.commit.to_owned()),
            ("expect_version", deployment.commit.to_owned()),
            ("traffic", "haproxy".to_owned()),
            ("haproxy_address", self.api.tcp()),
            ("haproxy_backend", "shop".to_owned()),
            ("canary_endpoint", url(&self.green)),
            ("baseline_endpoint", url(&self.blue)),
            ("stages", "10,50,100".to_owned()),
            ("wait_time", "150ms".to_owned()),
            ("interval", "60ms".to_owned()),
            ("min_samples", "1".to_owned()),
            ("initial_delay", "0".to_owned()),
            ("notify_on", "success,warning,failure".to_owned()),
        ];
        if let Some((name, relay)) = &self.database {
            let url = format!("postgres://{USER}:{PASSWORD}@{}/{name}", relay.address);
            settings.push(("database_url", url));
        }
        let sides = [("stable_server", "blue"), ("canary_server", "green")];
        let sides = sides.map(|(name, value)| (name, value.to_owned()));
        match self.kind {
            Kind::Swap => {
                settings.push(("pools", "blue,green".to_owned()));
                settings.extend([
                    ("slack_webhook_url", self.people.1.url("/slack")),
                    ("forge_type", "github".to_owned()),
                    ("forge_url", self.forge.1.url("")),
                    ("forge_token", TOKEN.to_owned()),
                    ("commit_status", "true".to_owned()),
                ]);
            }
            Kind::Promote => {
                settings.extend(sides);
                settings.extend([
                    ("finish", "promote".to_owned()),
                    ("run_deploy", "true".to_owned()),
                    ("deployment_webhook", self.hook.1.url("/deploy")),
                    ("webhook_url", self.people.1.url("/people")),
                ]);
            }
            Kind::Journal => {
                settings.extend(sides);
                settings.push(("finish", "stay".to_owned()));
            }
        }
        settings
    }

    /// The weights of blue and green, as HAProxy has them.
    pub(crate) fn weights(&self) -> (u32, u32) {
        let weight = |server: &str| {
            let answer = ask(&self.proxy, &format!("get weight shop/{server}\n"));
            answer.split(' ').next().unwrap().trim().parse().unwrap()
        };
        (weight("blue"), weight("green"))
    }

    /// Sets the weights by hand.
    pub(crate) fn weigh(&self, blue: u32, green: u32) {
        ask(
            &self.proxy,
            &format!("set server shop/blue weight {blue}\n"),
        );
        ask(
            &self.proxy,
            &format!("set server shop/green weight {green}\n"),
        );
    }

    /// The one version that all clients are answered by.
    #[track_caller]
    pub(crate) fn live(&self) -> String {
        let answers = send(self.proxy.address, 40);
        let of = |backend: &Backend, name| (answers.of(name) == 40).then(|| backend.version());
        let live = of(&self.blue, "blue").or_else(|| of(&self.green, "green"));
        live.unwrap_or_else(|| panic!("{:?}: {answers:?}", self.weights()))
    }

    /// The answer of the database; nothing where there is none.
    pub(crate) fn sql(&self, statement: &str) -> String {
        let name = self.database.as_ref().map(|(name, _)| name);
        name.map_or_else(String::new, |name| Postgres::shared().sql(name, statement))
    }

    /// Gives the lease of a dead run back. Whoever takes over an expired one watches it for two heartbeats, which are
    /// 20 seconds; the token stays, so that the next one is newer.
    pub(crate) fn free_lease(&self) {
        self.sql("UPDATE deployment_leases SET deployment_id = NULL");
    }

    /// What the deployment webhook was asked to do for a deployment, without the order.
    pub(crate) fn calls(&self, deployment: Deployment) -> Vec<String> {
        let bodies = bodies(&self.hook.0).into_iter();
        let ours = bodies.filter(|body| body["deployment"]["id"] == deployment.id);
        let mut calls: Vec<String> = ours
            .map(|body| body["action"].as_str().unwrap().to_owned())
            .collect();
        calls.sort();
        calls
    }

    /// How the commit of a deployment stands at the forge; empty where nothing was said of it.
    pub(crate) fn stands(&self, deployment: Deployment) -> String {
        self.forge.0.data(|data| {
            let ours = data.statuses.iter();
            let mut ours = ours.rev().filter(|(sha, _)| sha == deployment.commit);
            ours.next()
                .map(|(_, body)| body["state"].as_str().unwrap().to_owned())
                .unwrap_or_default()
        })
    }

    /// The incidents of a deployment, a word each.
    pub(crate) fn incidents(&self, deployment: Deployment) -> Vec<&'static str> {
        let marker = format!("/production/{} -->", deployment.id);
        self.forge.0.data(|data| {
            let ours = data.items.iter();
            let ours = ours.filter(|item| item.body.contains(&marker));
            ours.map(|item| if item.closed { "closed" } else { "open" })
                .collect()
        })
    }

    /// How often people were told of a deployment in this word.
    pub(crate) fn told(&self, deployment: Deployment, word: &str) -> usize {
        let title = format!("rollout {word}");
        let slack = format!("*deployment:* {}\\n", deployment.id);
        let webhook = format!("[\"deployment\",\"{}\"]", deployment.id);
        let texts = bodies(&self.people.0).into_iter();
        let texts = texts.map(|body| body.to_string());
        texts
            .filter(|text| text.contains(&title))
            .filter(|text| text.contains(&slack) || text.contains(&webhook))
            .count()
    }
}

fn bodies(sink: &Sink) -> Vec<Value> {
    let requests = sink.requests().into_iter();
    requests
        .map(|request| serde_json::from_slice(&request.body).unwrap())
        .collect()
}

/// A database that has its tables already: to make them is no effect of a rollout.
fn database() -> String {
    static TEMPLATE: OnceLock<String> = OnceLock::new();
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let postgres = Postgres::shared();
    let template = TEMPLATE.get_or_init(|| {
        let name = postgres.fresh_database();
        let url = postgres.url(&name);
        let nothing = Pipeline::new("1", Vec::new());
        let settings = [
            ("settle", "true"),
            ("traffic", "none"),
            ("finish", "stay"),
            ("database_url", &url),
        ];
        nothing.run(&settings).with(0, "SETTLED");
        name
    });
    let name = format!("kills{}", COUNT.fetch_add(1, Ordering::Relaxed));
    // A template that somebody else is copying cannot be copied.
    let alone = ONE_AT_A_TIME.lock().unwrap();
    postgres.sql(
        "postgres",
        &format!("CREATE DATABASE {name} TEMPLATE {template}"),
    );
    drop(alone);
    name
}
