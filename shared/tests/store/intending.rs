//! Intents: what a rollout is about to do, so that whoever comes after it knows.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use shared::clock::SystemClock;
use shared::record::{Entry, Mark};
use shared::signal::Cancel;
use shared::split::{Share, Snapshot};
use shared::store::{Landed, LastRollout, Records, Source, StoreConfig, Undelivered, line};
use testbed::postgres::Postgres;
use testbed::scratch::Scratch;

use super::leasing::{config as lease, take};
use super::{Place, clock, config_of, limits, subject, warnings};

fn state(share: u8) -> Value {
    json!({"share": share, "precise": 0.1, "text": "ä"})
}

fn snapshot() -> Snapshot {
    Snapshot {
        manager: "haproxy".into(),
        share: Share::NONE,
        detail: json!({"weights": [100, 0], "order": {"z": 1, "a": 2}}),
    }
}

fn landed(records: &mut Records<'_>, id: &str, token: Option<i64>, share: u8) -> Landed {
    records
        .intend(&subject(id), token, state(share), Some(snapshot()))
        .unwrap()
}

fn intend(records: &mut Records<'_>, id: &str, token: Option<i64>, share: u8) {
    assert!(landed(records, id, token, share).is_safe());
}

fn closed(records: &mut Records<'_>, id: &str, token: Option<i64>, mark: Mark) -> Landed {
    records
        .finish_rollout(&subject(id), token, state(100), Some(snapshot()), mark)
        .unwrap()
}

fn finish(records: &mut Records<'_>, id: &str, token: Option<i64>, mark: Mark) {
    assert!(closed(records, id, token, mark).is_safe());
}

fn unfinished(records: &mut Records<'_>) -> Option<LastRollout> {
    records.unfinished("acme/shop", "production").unwrap().value
}

fn lines(place: &Place) -> Vec<Entry> {
    line::entries(&fs::read(place.journal()).unwrap_or_default())
}

/// With a database, and without one.
fn both(test: impl Fn(&mut Records<'_>, &dyn Fn(), Source)) {
    let (place, clock) = (Place::new(), clock());
    let mut records = Records::open(place.config(), &clock);
    // The clock goes back: nothing may go by it.
    let back = || drop(place.sql("UPDATE deployment_rollouts SET recorded_at = 'epoch'"));
    test(&mut records, &back, Source::Database);
    assert_eq!(warnings(&mut records), "");
    let place = Place::new();
    let mut records = Records::open(place.config_without_database(), &clock);
    test(&mut records, &|| {}, Source::Journal);
    assert_eq!(warnings(&mut records), "");
}

#[test]
fn the_newest_intent_comes_back_as_it_was_written() {
    both(|records, back, source| {
        assert_eq!(unfinished(records), None);
        intend(records, "1", Some(3), 10);
        intend(records, "1", Some(3), 25);
        back();
        let seen = records.unfinished("acme/shop", "production").unwrap();
        assert_eq!(seen.source, source);
        let left = seen.value.unwrap();
        assert_eq!((left.subject, left.token), (subject("1"), Some(3)));
        assert_eq!((left.state, left.snapshot), (state(25), Some(snapshot())));
        assert_eq!(left.mark, None);
        let other = records.unfinished("acme/blog", "production").unwrap();
        assert_eq!(other.value, None);
    });
}

#[test]
fn what_was_finished_or_settled_is_over_and_what_is_held_says_so() {
    both(|records, back, _| {
        for (mark, open) in [
            (Mark::Finished, None),
            (Mark::Settled, None),
            (Mark::Held, Some(Mark::Held)),
        ] {
            intend(records, "1", Some(3), 10);
            assert!(unfinished(records).is_some());
            finish(records, "1", Some(3), mark);
            back();
            assert_eq!(unfinished(records).map(|left| left.mark), open.map(Some));
            let all = records.rollout("acme/shop", "production", "1").unwrap();
            assert_eq!(all.value.unwrap().mark, Some(mark));
            let last = records.last_rollout("acme/shop", "production").unwrap();
            assert_eq!(last.value.unwrap().mark, Some(mark));
        }
    });
}

#[test]
fn a_newer_rollout_that_is_over_makes_an_older_one_void() {
    both(|records, back, _| {
        intend(records, "1", Some(3), 10);
        intend(records, "2", Some(4), 10);
        finish(records, "2", Some(4), Mark::Finished);
        back();
        assert_eq!(unfinished(records), None);
        // Its snapshot is still there to be looked at.
        let old = records.rollout("acme/shop", "production", "1").unwrap();
        assert_eq!(old.value.unwrap().snapshot, Some(snapshot()));
    });
}

#[test]
fn a_later_run_settles_what_it_finds_once() {
    both(|records, back, _| {
        intend(records, "1", Some(3), 10);
        let left = unfinished(records).unwrap();
        assert!(records.settle(&left, Some(4)).unwrap().is_safe());
        back();
        assert_eq!(unfinished(records), None);
        intend(records, "2", Some(4), 10);
        assert_eq!(unfinished(records).unwrap().subject, subject("2"));
    });
}

#[test]
fn runs_without_a_lease_are_ordered_by_their_sequence() {
    both(|records, back, _| {
        intend(records, "1", None, 10);
        intend(records, "2", None, 20);
        back();
        assert_eq!(unfinished(records).unwrap().subject, subject("2"));
        let left = unfinished(records).unwrap();
        let _ = records.settle(&left, None).unwrap();
        assert_eq!(unfinished(records), None);
    });
}

#[test]
fn a_run_without_a_lease_comes_after_one_that_had_one() {
    let (place, clock) = (Place::new(), clock());
    let mut records = Records::open(place.config_without_database(), &clock);
    intend(&mut records, "1", Some(7), 10);
    finish(&mut records, "1", Some(7), Mark::Finished);
    let mut records = Records::open(place.config_without_database(), &clock);
    intend(&mut records, "2", None, 25);
    assert_eq!(unfinished(&mut records).unwrap().subject, subject("2"));
    let left = unfinished(&mut records).unwrap();
    let mut records = Records::open(place.config_without_database(), &clock);
    let _ = records.settle(&left, None).unwrap();
    assert_eq!(unfinished(&mut records), None);
}

#[test]
fn an_intent_is_in_the_database_and_in_the_journal_until_the_run_ends() {
    let (place, clock) = (Place::new(), clock());
    let token = take(&lease(&place.url()), "1").token();
    let mut records = Records::open(place.config(), &clock);
    assert_eq!(landed(&mut records, "1", Some(token), 10), Landed::Database);
    assert_eq!(lines(&place).len(), 1);
    // Whoever has only the journal knows it too.
    let mut blind = Records::open(place.config_without_database(), &clock);
    assert_eq!(unfinished(&mut blind).unwrap().state, state(10));
    finish(&mut records, "1", Some(token), Mark::Finished);
    assert_eq!(lines(&place).len(), 2);
    assert_eq!(records.finish(), Undelivered::default());
    assert_eq!(lines(&place), []);
    assert!(
        records
            .notices()
            .iter()
            .all(|n| !n.text.contains("delivered"))
    );
}

#[test]
fn lines_that_a_killed_run_left_beside_the_database_change_nothing_when_they_are_delivered() {
    let (place, clock) = (Place::new(), clock());
    let mut records = Records::open(place.config(), &clock);
    intend(&mut records, "1", Some(1), 10);
    intend(&mut records, "1", Some(1), 25);
    drop(records);
    let kept = fs::read(place.journal()).unwrap();
    for _ in 0..2 {
        fs::write(place.journal(), &kept).unwrap();
        let mut records = Records::open(place.config(), &clock);
        assert_eq!(warnings(&mut records), "");
        assert_eq!(unfinished(&mut records).unwrap().state, state(25));
        assert_eq!(lines(&place), []);
    }
    assert_eq!(place.sql("SELECT count(*) FROM deployment_rollouts"), "1");
}

#[test]
fn an_intent_that_nothing_could_take_is_told_and_one_that_the_database_took_is_good() {
    let (place, clock) = (Place::new(), clock());
    fs::write(place.folder.join("sub"), "a file where a folder should be").unwrap();
    let mut records = Records::open(place.config_without_database(), &clock);
    assert_eq!(landed(&mut records, "1", None, 10), Landed::Nowhere);
    assert!(!Landed::Nowhere.is_safe());
    let mut records = Records::open(place.config(), &clock);
    assert_eq!(landed(&mut records, "1", None, 10), Landed::Database);
    let said = warnings(&mut records);
    assert!(said.contains("could not be written"), "{said}");
}

#[test]
fn a_nul_in_a_state_costs_neither_the_intent_nor_later_questions() {
    let (place, clock) = (Place::new(), clock());
    let mut records = Records::open(place.config(), &clock);
    let state = json!({"share": 10, "why": ["a\u{0}b"], "\u{0}": {"\u{0}": 1}});
    let landed = records.intend(&subject("1"), None, state, None);
    assert_eq!(landed, Ok(Landed::Database));
    let asked = "SELECT state->>'share', state->'why'->>0 FROM deployment_rollouts";
    assert_eq!(place.sql(asked), "10|a\u{fffd}b");
}

/// A server of its own, for tests that stop it.
fn own(server: &Postgres, folder: &Scratch) -> StoreConfig {
    config_of(Some(&server.admin_url()), folder.join("records.jsonl"))
}

#[test]
fn a_database_that_is_away_in_the_middle_has_the_last_intent_afterwards() {
    let (mut server, folder, clock) = (Postgres::start_new(), Scratch::new("store"), clock());
    let config = own(&server, &folder);
    let mut records = Records::open(config.clone(), &clock);
    assert_eq!(landed(&mut records, "1", Some(1), 10), Landed::Database);
    server.stop();
    assert_eq!(landed(&mut records, "1", Some(1), 25), Landed::Journal);
    // The journal knows all of it, also what went to the database.
    let seen = records.unfinished("acme/shop", "production").unwrap();
    assert_eq!(seen.source, Source::Journal);
    assert_eq!(seen.value.unwrap().state, state(25));
    assert_eq!(records.finish().waiting, 1);
    server.start();
    assert!(records.reconnect());
    let row = "SELECT state->>'share', mark FROM deployment_rollouts";
    assert_eq!(server.sql("postgres", row), "25|");
    assert_eq!(
        closed(&mut records, "1", Some(1), Mark::Finished),
        Landed::Database
    );
    assert_eq!(records.finish(), Undelivered::default());
    assert_eq!(server.sql("postgres", row), "100|finished");
    let mut next = Records::open(config, &clock);
    assert_eq!(unfinished(&mut next), None);
}

#[test]
fn a_database_that_hangs_delays_an_intent_no_longer_than_the_deadline() {
    let (mut server, folder) = (Postgres::start_new(), Scratch::new("store"));
    let clock = SystemClock::start(Cancel::default());
    let mut config = own(&server, &folder);
    drop(Records::open(config.clone(), &clock));
    config.limits.reply = Duration::from_millis(800);
    let mut records = Records::open(config.clone(), &clock);
    server.pause();
    assert_eq!(landed(&mut records, "1", Some(1), 10), Landed::Journal);
    assert_eq!(landed(&mut records, "1", Some(1), 25), Landed::Journal);
    assert_eq!(unfinished(&mut records).unwrap().state, state(25));
    server.resume();
    config.limits = limits();
    let mut next = Records::open(config, &clock);
    assert_eq!(unfinished(&mut next).unwrap().state, state(25));
}
