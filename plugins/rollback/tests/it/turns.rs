//! One run at a time: parallel rollbacks, a live rollout that is asked to stop, the environment of somebody else.

use std::sync::Arc;
use std::time::Duration;

use shared::clock::{Clock, SystemClock};
use shared::deployment::Status;
use shared::record::{Deployment, Record};
use shared::signal::Cancel;
use shared::store::lease::{self, Acquisition, Claim, LeaseConfig, Terms};
use shared::store::url::DatabaseUrl;
use shared::store::{DatabaseConfig, Limits};

use crate::step::{BAD, GOOD, ID, Pipeline, database, deployment, ended, subject};

/// A run of another plugin, which has the environment.
struct Other {
    lease: lease::Lease,
}

impl Other {
    fn has(url: &str, deployment_id: &str) -> Self {
        let clock: Arc<dyn Clock + Send + Sync> = Arc::new(SystemClock::start(Cancel::default()));
        let limit = Duration::from_secs(10);
        let config = LeaseConfig {
            database: DatabaseConfig {
                url: DatabaseUrl::parse(url).unwrap(),
                ca_certificate: None,
            },
            application: "plugin-progressive/0.1.0".into(),
            limits: Limits {
                connect: limit,
                statement: limit,
                reply: limit,
                migrate: limit,
                journal_lock: limit,
                deliver: limit,
            },
            terms: Terms::default(),
        };
        let claim = Claim {
            repo: "acme/shop".into(),
            environment: "production".into(),
            deployment_id: deployment_id.into(),
            run_id: "other".into(),
            pipeline_url: Some("https://ci.example/repos/7/pipeline/7".into()),
            plugin: "plugin-progressive/0.1.0".into(),
        };
        match lease::acquire(&config, &claim, &clock).unwrap() {
            Acquisition::Acquired(lease) => Self { lease },
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn of_ten_rollbacks_at_once_one_is_carried_out() {
    let (postgres, name, url) = database();
    let pipelines: Vec<Pipeline> = (0..10)
        .map(|_| Pipeline::new().set("database_url", &url))
        .collect();
    pipelines[0].history(Some(&url), Status::Failed);
    let calls = pipelines[0].workspace.join("calls");
    for pipeline in &pipelines {
        pipeline.script(&format!("echo $1 >> {}", calls.display()));
    }
    let running: Vec<_> = pipelines.iter().map(Pipeline::spawn).collect();
    let ends: Vec<_> = running.into_iter().map(ended).collect();
    let done = ends
        .iter()
        .filter(|end| end.verdict().starts_with("ROLLED BACK"));
    assert_eq!(done.count(), 1, "{ends:#?}");
    for end in ends
        .iter()
        .filter(|end| !end.verdict().starts_with("ROLLED BACK"))
    {
        let verdict = end.verdict();
        let right = match end.code {
            Some(0) => verdict.contains(&format!("already rolled back: {ID}-rollback")),
            Some(5) => verdict.contains(&format!("plugin-rollback/0.1.0 for deployment {ID}")),
            _ => false,
        };
        assert!(right, "{}", end.log);
    }
    assert_eq!(std::fs::read_to_string(calls).unwrap(), "rollback\n");
    let rows = "SELECT count(*) FROM deployments WHERE deployment_type = 'rollback'";
    assert_eq!(postgres.sql(&name, rows), "1");
}

#[test]
fn a_live_rollout_is_asked_to_stop_and_waited_for() {
    let (postgres, name, url) = database();
    let pipeline = Pipeline::new()
        .set("database_url", &url)
        .set("reason", "customers call");
    pipeline.history(Some(&url), Status::InProgress);
    let other = Other::has(&url, ID);
    let running = pipeline.spawn();
    let asked = "SELECT requested_by, reason, of_token FROM deployment_aborts";
    let mut looks = 0;
    while postgres.sql(&name, asked).is_empty() {
        looks += 1;
        assert!(looks < 600, "nobody asked");
    }
    let token = other.lease.token();
    assert_eq!(
        postgres.sql(&name, asked),
        format!("plugin-rollback/0.1.0|customers call|{token}")
    );
    // What the rollout does before it lets go.
    pipeline.records(Some(&url), |records| {
        records.record(&subject(ID, BAD), deployment(Status::RolledBack));
        for done in ["traffic", "script", "record"] {
            records.record(&subject(ID, BAD), crate::step::part(done));
        }
    });
    other.lease.release().unwrap();
    ended(running)
        .with(0, "ROLLED BACK")
        .saying("the rollout has stopped")
        .saying("plan: script is done already");
    assert_eq!(pipeline.calls(), "");
}

#[test]
fn another_deployments_run_is_named_and_not_disturbed() {
    let (_, _, url) = database();
    let pipeline = Pipeline::new().set("database_url", &url);
    pipeline.history(Some(&url), Status::Failed);
    let other = Other::has(&url, "d9");
    pipeline
        .run()
        .with(5, "BUSY")
        .saying("plugin-progressive/0.1.0 for deployment d9")
        .saying("https://ci.example/repos/7/pipeline/7");
    let blocked = Pipeline::new()
        .set("database_url", &url)
        .set("deployment_id", "d8");
    blocked.records(Some(&url), |records| {
        records.record(&subject("d0", GOOD), deployment(Status::Success));
        records.record(&subject("d8", BAD), deployment(Status::Started));
    });
    blocked
        .run()
        .with(0, "NOTHING TO DO")
        .saying("d8 never got the environment");
    other.lease.release().unwrap();
    assert_eq!(pipeline.calls() + &blocked.calls(), "");
}

/// The lock beside a pipeline's journal, as another plugin without a database has it.
fn locked(pipeline: &Pipeline, deployment_id: &str) -> lease::Alone {
    let claim = Claim {
        repo: "acme/shop".into(),
        environment: "production".into(),
        deployment_id: deployment_id.into(),
        run_id: "other".into(),
        pipeline_url: Some("https://ci.example/repos/7/pipeline/7".into()),
        plugin: "plugin-progressive/0.1.0".into(),
    };
    lease::lock(
        &pipeline.workspace.join(".deployment/journal.jsonl"),
        &claim,
    )
    .unwrap()
}

#[test]
fn without_a_database_a_lock_beside_the_journal_keeps_another_run_undisturbed() {
    let pipeline = Pipeline::new();
    pipeline.history(None, Status::Failed);
    let other = locked(&pipeline, "d9");
    pipeline
        .run()
        .with(5, "BUSY")
        .saying("plugin-progressive/0.1.0 for deployment d9, https://ci.example/");
    assert_eq!(pipeline.calls(), "");
    drop(other);
    pipeline.run().with(0, "ROLLED BACK");
}

#[test]
fn without_a_database_a_live_rollout_is_asked_to_stop_in_the_journal() {
    let pipeline = Pipeline::new();
    pipeline.history(None, Status::InProgress);
    let other = locked(&pipeline, ID);
    let running = pipeline.spawn();
    let journal = pipeline.workspace.join(".deployment/journal.jsonl");
    let mut looks = 0;
    while !std::fs::read_to_string(&journal)
        .unwrap()
        .contains("\"abort\"")
    {
        looks += 1;
        std::thread::park_timeout(Duration::from_millis(20));
        assert!(looks < 3000, "nobody asked");
    }
    assert_eq!(pipeline.calls(), "");
    drop(other);
    ended(running)
        .with(0, "ROLLED BACK")
        .saying("the rollout has stopped");
}

#[test]
fn a_run_that_was_refused_or_blocked_is_left_alone_once_the_environment_is_free() {
    let pipeline = Pipeline::new();
    pipeline.history(None, Status::Started);
    // As the rollout's own step writes it down.
    let reason = "the environment is locked by deployment d9";
    pipeline.records(None, |records| {
        let row = Deployment {
            rollback_reason: Some(reason.into()),
            ..Deployment::standard(Status::Cancelled)
        };
        records.record(&subject(ID, BAD), Record::Deployment(row));
    });
    pipeline
        .run()
        .with(0, "NOTHING TO DO")
        .saying(&format!("was called off: {reason}"));
    assert_eq!(pipeline.calls(), "");
}

#[test]
fn a_cancelled_rollback_finishes_what_it_began_and_the_next_one_the_rest() {
    let (postgres, name, url) = database();
    let service = testbed::sink::Sink::start([]);
    let pipeline = Pipeline::new()
        .set("database_url", &url)
        .set("endpoint", &service.url("/health"));
    pipeline.history(Some(&url), Status::Failed);
    let running = pipeline.spawn();
    let mut looks = 0;
    while service.requests().is_empty() {
        looks += 1;
        std::thread::park_timeout(Duration::from_millis(20));
        assert!(looks < 3000, "nobody looked");
    }
    let pid = running.id().to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    ended(running)
        .with(143, "CANCELLED")
        .saying("Done: script, record, notify");
    let row = format!("SELECT status FROM deployments WHERE deployment_id = '{ID}-rollback'");
    assert_eq!(postgres.sql(&name, &row), "in_progress");
    pipeline
        .set("watch", "300ms")
        .run()
        .with(0, "ROLLED BACK")
        .saying("Done: record, watch");
    assert_eq!(postgres.sql(&name, &row), "success");
}
