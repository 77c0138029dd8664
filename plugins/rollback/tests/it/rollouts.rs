//! What an unfinished rollout left is settled first: a real HAProxy, real versions.

use std::io::{Read, Write};

use shared::deployment::Status;
use shared::hook::Call;
use shared::intent::{At, Intent, Part};
use shared::split::Share;
use shared::store::Records;
use shared::traffic::haproxy::{self, Address, Release, Servers};
use shared::traffic::{Haproxy as Manager, TrafficManager};
use testbed::backend::Backend;
use testbed::haproxy::{Config, Haproxy};
use testbed::tls::Ca;

use crate::step::{BAD, GOOD, ID, Pipeline, database, deployment, part, subject};

/// Two versions behind a proxy, which a rollout has split.
struct World {
    _backends: [Backend; 2],
    proxy: Haproxy,
    manager: Manager,
}

impl World {
    fn start() -> Self {
        Self::start_as(|config| config)
    }

    fn start_as(change: impl FnOnce(Config) -> Config) -> Self {
        let backends = [Backend::start("blue"), Backend::start("green")];
        let proxy = Haproxy::start(&change(Config::new(&backends[0], &backends[1])));
        let settings = haproxy::Settings {
            addresses: vec![Address::parse(&proxy.unix()).unwrap()],
            servers: Servers {
                backend: "shop".into(),
                stable: "blue".into(),
                canary: "green".into(),
            },
            release: Release::default(),
            identity: None,
            limit: haproxy::LIMIT,
            verify: haproxy::VERIFY,
        };
        let manager = Manager::new(settings).unwrap();
        Self {
            _backends: backends,
            proxy,
            manager,
        }
    }

    fn weights(&self) -> (u32, u32) {
        let weight = |server: &str| {
            let mut stream = std::os::unix::net::UnixStream::connect(&self.proxy.socket).unwrap();
            stream
                .write_all(format!("get weight shop/{server}\n").as_bytes())
                .unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer.split(' ').next().unwrap().trim().parse().unwrap()
        };
        (weight("blue"), weight("green"))
    }

    /// Moves traffic as a rollout does, and writes its intent as a rollout does.
    fn roll(&self, records: &mut Records<'_>, id: &str, at: At, share: u8) {
        let snapshot = self.manager.read().unwrap().snapshot;
        self.manager
            .set(Share::new(share).unwrap(), Call::FIRST)
            .unwrap();
        let before = records.parts("acme/shop", "production", id).unwrap();
        let before = before.value.iter().filter_map(|done| Part::of(&done.part));
        let intent = Intent {
            at,
            snapshot: Some(snapshot.clone()),
            before: before.collect(),
            ..Intent::begun(id, Some(BAD))
        };
        let state = serde_json::to_value(&intent).unwrap();
        let landed = records.intend(&subject(id, BAD), None, state, Some(snapshot));
        assert!(landed.unwrap().is_safe());
    }
}

fn moving(percent: u8) -> At {
    At::Moving {
        to: Share::new(percent).unwrap(),
    }
}

#[test]
fn an_unfinished_rollout_is_put_back_closed_and_not_touched_again() {
    let world = World::start();
    let (postgres, name, url) = database();
    let pipeline = Pipeline::new()
        .set("database_url", &url)
        .set("haproxy_address", &world.proxy.unix());
    pipeline.history(Some(&url), Status::InProgress);
    pipeline.records(Some(&url), |records| {
        world.roll(records, ID, moving(50), 50);
    });
    assert_eq!(world.weights(), (50, 50));
    pipeline
        .run()
        .with(0, "ROLLED BACK")
        .saying("plan: traffic goes back to a share of 0 %")
        .saying("Done: traffic, script, record, notify");
    assert_eq!(world.weights(), (100, 0));
    assert_eq!(
        postgres.sql(&name, "SELECT mark FROM deployment_rollouts"),
        "settled"
    );
    let parts = postgres.sql(
        &name,
        "SELECT string_agg(part, ',' ORDER BY part) FROM deployment_parts",
    );
    assert_eq!(parts, "notify,script,traffic");
    // Somebody's later work is none of a finished rollback's business.
    world
        .manager
        .set(Share::new(20).unwrap(), Call::FIRST)
        .unwrap();
    pipeline.run().with(0, "NOTHING TO DO");
    assert_eq!(world.weights(), (80, 20));
}

#[test]
fn what_an_earlier_run_of_the_deployment_did_is_done_anew() {
    let world = World::start();
    let (postgres, name, url) = database();
    let pipeline = Pipeline::new()
        .set("database_url", &url)
        .set("haproxy_address", &world.proxy.unix());
    pipeline.history(Some(&url), Status::Cancelled);
    // A run that was cancelled put everything back, and the deployment was run again.
    pipeline.records(Some(&url), |records| {
        for done in ["traffic", "script", "record", "notify"] {
            records.record(&subject(ID, BAD), part(done));
        }
    });
    pipeline.records(Some(&url), |records| {
        records.record(&subject(ID, BAD), deployment(Status::InProgress));
        world.roll(records, ID, moving(50), 50);
    });
    pipeline.script("echo $1 >> calls");
    // Its own parts are noted all the same: what is done is not done twice.
    pipeline
        .run()
        .with(0, "ROLLED BACK")
        .saying("Done: traffic, script, record, notify");
    assert_eq!(
        (world.weights(), pipeline.calls()),
        ((100, 0), "rollback\n".to_owned())
    );
    let done = "SELECT state->>'done', mark FROM deployment_rollouts";
    assert_eq!(
        postgres.sql(&name, done),
        "[\"traffic\",\"script\",\"notify\"]|settled"
    );
}

#[test]
fn a_runtime_api_behind_tls_is_shown_a_certificate() {
    let ca = Ca::new("proxy");
    let issued = ca.issue(&["localhost"]);
    let world = World::start_as(|config| config.tls(&issued, &ca.pem));
    let client = ca.issue_client("deployer");
    let pipeline = Pipeline::new()
        .set("haproxy_address", &world.proxy.tls)
        .set("haproxy_certificate", &client.cert_pem)
        .set("haproxy_key", "key.pem")
        .set("ca_certificate", "ca.pem");
    std::fs::write(pipeline.workspace.join("ca.pem"), &ca.pem).unwrap();
    std::fs::write(pipeline.workspace.join("key.pem"), &client.key_pem).unwrap();
    pipeline.history(None, Status::InProgress);
    pipeline.records(None, |records| world.roll(records, ID, moving(50), 50));
    let key = client.key_pem.lines().nth(1).unwrap();
    pipeline.run().with(0, "ROLLED BACK").not_saying(key);
    assert_eq!(world.weights(), (100, 0));
}

#[test]
fn it_is_put_back_from_the_journal_alone() {
    let world = World::start();
    let pipeline = Pipeline::new().set("haproxy_address", &world.proxy.unix());
    pipeline.history(None, Status::InProgress);
    pipeline.records(None, |records| world.roll(records, ID, moving(25), 25));
    pipeline
        .run()
        .with(0, "ROLLED BACK")
        .saying("Done: traffic, script");
    assert_eq!(world.weights(), (100, 0));
}

#[test]
fn traffic_that_the_bad_version_won_goes_back_to_the_old_side() {
    let world = World::start();
    let pipeline = Pipeline::new().set("haproxy_address", &world.proxy.unix());
    pipeline.history(None, Status::Failed);
    pipeline.records(None, |records| {
        world.roll(records, ID, At::Succeeded { share: Share::ALL }, 100);
    });
    pipeline
        .run()
        .with(0, "ROLLED BACK")
        .saying("Done: traffic, script");
    assert_eq!(world.weights(), (100, 0));
}

#[test]
fn what_another_deployment_left_is_put_back_too_and_stays_open_for_its_own_parts() {
    let world = World::start();
    let (postgres, name, url) = database();
    let pipeline = Pipeline::new()
        .set("database_url", &url)
        .set("haproxy_address", &world.proxy.unix());
    pipeline.history(Some(&url), Status::Failed);
    pipeline.records(Some(&url), |records| {
        world.roll(records, "d7", moving(50), 50);
    });
    pipeline
        .run()
        .with(0, "ROLLED BACK")
        .saying("what d7 had left is put back");
    assert_eq!(world.weights(), (100, 0));
    let left = "SELECT deployment_id, state->'at'->>'word', coalesce(mark, 'open') FROM deployment_rollouts";
    assert_eq!(postgres.sql(&name, left), "d7|rolling_back|open");
}

#[test]
fn what_is_held_goes_back_only_when_somebody_says_so() {
    let world = World::start();
    let pipeline = Pipeline::new().set("haproxy_address", &world.proxy.unix());
    pipeline.history(None, Status::Held);
    pipeline.records(None, |records| world.roll(records, ID, At::Held, 50));
    pipeline
        .run()
        .with(0, "NOTHING TO DO")
        .saying("is held for a person");
    assert_eq!(world.weights(), (50, 50));
    pipeline
        .set("override", "hold")
        .run()
        .with(0, "ROLLED BACK");
    assert_eq!(world.weights(), (100, 0));
}

#[test]
fn a_stable_side_that_may_have_the_bad_version_is_a_persons_work() {
    let world = World::start();
    let pipeline = Pipeline::new().set("haproxy_address", &world.proxy.unix());
    pipeline.history(None, Status::InProgress);
    pipeline.records(None, |records| world.roll(records, ID, At::Promoting, 100));
    pipeline
        .run()
        .with(4, "STUCK")
        .saying("the stable side may run the version")
        .saying("Done: script");
    assert_eq!(world.weights(), (0, 100));
}

#[test]
fn a_proxy_that_is_gone_or_not_named_stops_nothing_else() {
    let mut world = World::start();
    let pipeline = Pipeline::new();
    pipeline.history(None, Status::InProgress);
    pipeline.records(None, |records| world.roll(records, ID, moving(50), 50));
    pipeline
        .run()
        .with(4, "STUCK")
        .saying("set haproxy_address")
        .saying("Done: script");
    let pipeline = pipeline.set("haproxy_address", &world.proxy.unix());
    world.proxy.kill();
    pipeline
        .run()
        .with(4, "STUCK")
        .saying("traffic is not done");
    world.proxy.restart();
    // A restarted proxy has its configured weights: only the rollout is to be closed.
    pipeline
        .run()
        .with(0, "ROLLED BACK")
        .saying("Done: traffic, record");
    assert_eq!(pipeline.calls().lines().count(), 1);
}

#[test]
fn a_rollout_of_a_newer_version_is_a_persons_work() {
    let pipeline = Pipeline::new();
    pipeline.records(None, |records| {
        records.record(&subject("d0", GOOD), deployment(Status::Success));
        records.record(&subject(ID, BAD), deployment(Status::InProgress));
        let state = serde_json::json!({"deployment_id": ID, "at": {"word": "teleporting"}});
        let landed = records.intend(&subject(ID, BAD), None, state, None);
        assert!(landed.unwrap().is_safe());
    });
    let ended = pipeline
        .run()
        .with(4, "STUCK")
        .saying("was written by another version");
    assert!(ended.log.contains("Done: script"), "{}", ended.log);
}
