//! The records against a real PostgreSQL and real files.
#![expect(clippy::unwrap_used, reason = "what fails must fail the test")]

mod beating;
mod delivering;
mod deploying;
mod fencing;
mod intending;
mod journalling;
mod killing;
mod leasing;
mod looking;
mod migrating;
mod older;
mod promised;
mod protecting;
mod rolling;
mod seeing;

use std::path::PathBuf;

use jiff::Timestamp;
use shared::clock::ReplayClock;
use shared::deployment::Status;
use shared::record::{Check, Deployment, Entry, LAST_STABLE, Marker, Record, Subject};
use shared::store::url::DatabaseUrl;
use shared::store::{DatabaseConfig, Limits, Records, StoreConfig, key};
use testbed::postgres::Postgres;
use testbed::scratch::Scratch;

const APPLICATION: &str = "plugin-health/0.1.0";
const COMMIT: &str = "2222222222222222222222222222222222222222";

/// A time of day that does not move, far from now.
fn clock() -> ReplayClock {
    ReplayClock::at(at(0))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn subject(deployment: &str) -> Subject {
    Subject {
        repo: "acme/shop".into(),
        environment: "production".into(),
        deployment_id: deployment.into(),
        commit: Some(COMMIT.into()),
        build_id: Some(7),
    }
}

fn check(health: &str) -> Check {
    Check {
        health_status: health.into(),
        mode: "check".into(),
        response_time_ms: Some(150),
        error_rate: Some(1.5),
        availability: Some(99.5),
        endpoint: "https://shop.example/health".into(),
        threshold_error_rate: 5.0,
        threshold_response_time: 2000,
        threshold_availability: 99.0,
        checks_passed: vec!["error rate 1.5 %".into()],
        checks_failed: vec![],
    }
}

fn check_entry(second: i64, deployment: &str) -> Entry {
    let body = Record::Check(check("healthy"));
    key::entry(at(second), subject(deployment), body)
}

fn status_entry(second: i64, deployment: &str, status: Status) -> Entry {
    let body = Record::Deployment(Deployment::standard(status));
    key::entry(at(second), subject(deployment), body)
}

fn marker_entry(second: i64, commit: &str) -> Entry {
    let body = Record::Marker(Marker {
        name: LAST_STABLE.into(),
    });
    let mut subject = subject("d");
    subject.commit = Some(commit.into());
    key::entry(at(second), subject, body)
}

fn limits() -> Limits {
    Limits::default()
}

fn database(url: &str) -> DatabaseConfig {
    DatabaseConfig {
        url: DatabaseUrl::parse(url).unwrap(),
        ca_certificate: None,
    }
}

/// Records in a database, if there is one, and in this journal.
fn config_of(url: Option<&str>, journal: PathBuf) -> StoreConfig {
    StoreConfig {
        database: url.map(database),
        journal,
        application: APPLICATION.into(),
        limits: limits(),
    }
}

/// Where the records of a test go: a database and a journal of its own.
struct Place {
    server: &'static Postgres,
    name: String,
    folder: Scratch,
}

impl Place {
    fn new() -> Self {
        let server = Postgres::shared();
        Self {
            server,
            name: server.fresh_database(),
            folder: Scratch::new("store"),
        }
    }

    fn journal(&self) -> PathBuf {
        self.folder.join("sub/records.jsonl")
    }

    fn url(&self) -> String {
        self.server.url(&self.name)
    }

    fn config(&self) -> StoreConfig {
        StoreConfig {
            database: Some(database(&self.url())),
            ..self.config_without_database()
        }
    }

    fn config_without_database(&self) -> StoreConfig {
        config_of(None, self.journal())
    }

    fn sql(&self, statements: &str) -> String {
        self.server.sql(&self.name, statements)
    }
}

/// The warnings among the notices, in one text.
fn warnings(records: &mut Records<'_>) -> String {
    let notices = records.notices().into_iter().filter(|n| n.warning);
    notices.map(|n| n.text).collect::<Vec<_>>().join("\n")
}
