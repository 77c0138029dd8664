//! Whoever has an old token writes nothing more.

use std::fs;
use std::time::Duration;

use shared::deployment::Status;
use shared::record::{Deployment, LAST_STABLE, Mark, Marker, Record, Stage, StageStatus};
use shared::store::{Landed, Records, StoreConfig};

use super::leasing::{config, take};
use super::{Place, at, clock, subject, warnings};

pub(crate) fn stage(number: i32, status: StageStatus) -> Stage {
    Stage {
        stage: number,
        traffic_percentage: 10 * number,
        status,
        error_rate: Some(0.5),
        availability: Some(99.5),
        response_time_ms: Some(120),
        started_at: at(10),
        completed_at: None,
        rollback_reason: None,
        stable: None,
        canary: None,
        dry_run: false,
    }
}

fn marker() -> Record {
    Record::Marker(Marker {
        name: LAST_STABLE.into(),
    })
}

/// What a run that lost its lease still wants to write.
fn writes() -> Vec<Record> {
    vec![
        Record::Stage(stage(1, StageStatus::Passed)),
        Record::Deployment(Deployment::standard(Status::Success)),
        marker(),
    ]
}

const COUNTS: &str = "SELECT (SELECT count(*) FROM deployment_rollouts), \
     (SELECT count(*) FROM progressive_deployments), (SELECT count(*) FROM deployments), \
     (SELECT count(*) FROM version_markers)";

#[test]
fn a_run_whose_lease_was_taken_over_writes_nothing_more() {
    let (place, clock) = (Place::new(), clock());
    let lease = config(&place.url());
    let old = take(&lease, "1").token();
    let new = take(&lease, "1").token();
    let mut records = Records::open(place.config(), &clock);
    for body in writes() {
        let fenced = records
            .record_fenced(&subject("1"), Some(old), body)
            .unwrap_err();
        assert_eq!((fenced.token, fenced.by.unwrap().token), (new, new));
    }
    let state = serde_json::json!({"share": 10});
    let fenced = records
        .intend(&subject("1"), Some(old), state.clone(), None)
        .unwrap_err();
    assert!(fenced.to_string().contains("deployment 1"), "{fenced}");
    let outcome = records.finish_rollout(
        &subject("1"),
        Some(old),
        state.clone(),
        None,
        Mark::Finished,
    );
    assert!(outcome.is_err());
    assert_eq!(place.sql(COUNTS), "0|0|0|0");
    // Nor anywhere else, from where it would arrive later.
    assert!(!place.journal().exists());

    for body in writes() {
        let landed = records.record_fenced(&subject("1"), Some(new), body);
        assert_eq!(landed, Ok(Landed::Database));
    }
    assert_eq!(
        records.intend(&subject("1"), Some(new), state, None),
        Ok(Landed::Database)
    );
    assert_eq!(place.sql(COUNTS), "1|1|1|1");
}

#[test]
fn a_rollout_is_finished_with_what_follows_from_it_or_not_at_all() {
    let (place, clock) = (Place::new(), clock());
    let lease = config(&place.url());
    let old = take(&lease, "1").token();
    let new = take(&lease, "1").token();
    let mut records = Records::open(place.config(), &clock);
    let mut finish = |token| {
        let state = serde_json::json!({"share": 100});
        let (id, mark) = (subject("1"), Mark::Finished);
        records.finish_rollout_with(&id, Some(token), state, None, mark, writes())
    };
    assert!(finish(old).is_err());
    assert_eq!(place.sql(COUNTS), "0|0|0|0");
    assert_eq!(finish(new), Ok(Landed::Database));
    assert_eq!(place.sql(COUNTS), "1|1|1|1");
    // What one row makes impossible is not written in part.
    let mut nameless = subject("2");
    nameless.commit = None;
    let state = serde_json::json!({"share": 100});
    let finished =
        records.finish_rollout_with(&nameless, Some(new), state, None, Mark::Finished, writes());
    assert_eq!(finished, Ok(Landed::Aside));
    assert_eq!(place.sql(COUNTS), "1|1|1|1");
}

#[test]
fn a_token_that_was_let_go_of_still_writes_until_there_is_a_newer_one() {
    let (place, clock) = (Place::new(), clock());
    let lease = take(&config(&place.url()), "1");
    let token = lease.token();
    lease.release().unwrap();
    let mut records = Records::open(place.config(), &clock);
    let landed = records.record_fenced(&subject("1"), Some(token), marker());
    assert_eq!(landed, Ok(Landed::Database));
    let next = take(&config(&place.url()), "2");
    next.release().unwrap();
    let fenced = records
        .record_fenced(&subject("1"), Some(token), marker())
        .unwrap_err();
    assert_eq!((fenced.token, fenced.by), (token + 1, None));
}

#[test]
fn a_write_that_meets_a_take_over_in_the_middle_waits_for_it_and_is_refused() {
    let place = Place::new();
    let old = take(&config(&place.url()), "1").token();
    let mut other = postgres::Client::connect(&place.url(), postgres::NoTls).unwrap();
    let mut taking = other.transaction().unwrap();
    taking
        .execute("UPDATE deployment_leases SET token = token + 1", &[])
        .unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let clock = clock();
            let mut records = Records::open(place.config(), &clock);
            records.record_fenced(&subject("1"), Some(old), marker())
        });
        let waiting = "SELECT count(*) FROM pg_stat_activity \
             WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let waits = (0..500).any(|_| {
            std::thread::park_timeout(Duration::from_millis(10));
            place.sql(waiting) == "1"
        });
        taking.commit().unwrap();
        assert!(waits, "the write does not wait");
        assert_eq!(writer.join().unwrap().unwrap_err().token, old + 1);
    });
    assert_eq!(place.sql("SELECT count(*) FROM version_markers"), "0");
}

#[test]
fn what_was_journalled_under_an_old_token_arrives_as_history_only() {
    let (place, clock) = (Place::new(), clock());
    let old = take(&config(&place.url()), "1").token();
    let mut records = Records::open(place.config_without_database(), &clock);
    for body in writes() {
        let landed = records.record_fenced(&subject("1"), Some(old), body);
        assert_eq!(landed, Ok(Landed::Journal));
    }
    let state = serde_json::json!({"share": 10});
    assert_eq!(
        records.intend(&subject("1"), Some(old), state, None),
        Ok(Landed::Journal)
    );
    take(&config(&place.url()), "1");
    let mut records = Records::open(place.config(), &clock);
    let said = warnings(&mut records);
    assert!(
        said.contains("the lease (token 2) is now held by"),
        "{said}"
    );
    assert_eq!(records.finish().rejected, 1);
    // The marker, which others go by, is turned back; what was done stays true.
    assert_eq!(place.sql(COUNTS), "1|1|1|0");
    let aside = fs::read_to_string(place.folder.join("sub/records.jsonl.rejected")).unwrap();
    assert_eq!(aside.lines().count(), 1);
}

#[test]
fn an_intent_that_arrives_late_never_takes_the_place_of_a_newer_one() {
    let (place, clock) = (Place::new(), clock());
    let old = take(&config(&place.url()), "1").token();
    let mut records = Records::open(place.config_without_database(), &clock);
    let state = serde_json::json!({"share": 100});
    let landed = records.intend(&subject("1"), Some(old), state, None);
    assert_eq!(landed, Ok(Landed::Journal));
    let new = take(&config(&place.url()), "1").token();
    let elsewhere = StoreConfig {
        journal: place.folder.join("elsewhere.jsonl"),
        ..place.config()
    };
    let mut other = Records::open(elsewhere, &clock);
    let state = serde_json::json!({"share": 0});
    let landed = other.intend(&subject("1"), Some(new), state.clone(), None);
    assert_eq!(landed, Ok(Landed::Database));
    let mut records = Records::open(place.config(), &clock);
    let subject = subject("1");
    let last = records.last_rollout(&subject.repo, &subject.environment);
    assert_eq!(last.unwrap().value.unwrap().state, state);
}
