//! From the journal to the database, whatever happens between.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use shared::clock::SystemClock;
use shared::deployment::Status;
use shared::record::Record;
use shared::signal::Cancel;
use shared::store::{Records, Source, StoreConfig, Undelivered};
use testbed::postgres::Postgres;
use testbed::scratch::Scratch;

use super::{
    APPLICATION, Place, check_entry, clock, database, limits, marker_entry, status_entry, warnings,
};

#[test]
fn what_was_written_without_a_database_arrives_with_the_next_step_that_has_one() {
    let (place, clock) = (Place::new(), clock());
    let mut records = Records::open(place.config_without_database(), &clock);
    for second in 0..70 {
        records.write(&check_entry(second, "d"));
    }
    records.write(&status_entry(71, "d", Status::Success));
    records.write(&marker_entry(72, super::COMMIT));
    // Without a database the journal is where records belong.
    assert_eq!(records.finish(), Undelivered::default());

    let mut records = Records::open(place.config(), &clock);
    let notices = records.notices();
    assert!(
        notices
            .iter()
            .any(|n| n.text.contains("72 records delivered")),
        "{notices:?}"
    );
    assert_eq!(records.finish(), Undelivered::default());
    assert_eq!(fs::read(place.journal()).unwrap(), b"");
    assert_eq!(place.sql("SELECT count(*) FROM health_checks"), "70");
    assert_eq!(place.sql("SELECT status FROM deployments"), "success");
    assert_eq!(
        place.sql("SELECT commit_sha FROM version_markers"),
        super::COMMIT
    );
}

#[test]
fn lines_that_come_again_leave_each_row_once() {
    let (place, clock) = (Place::new(), clock());
    let mut records = Records::open(place.config_without_database(), &clock);
    records.write(&check_entry(1, "d"));
    records.write(&status_entry(2, "d", Status::Started));
    records.write(&status_entry(3, "d", Status::Success));
    let lines = fs::read(place.journal()).unwrap();
    for _ in 0..2 {
        // As after a kill between the commit and the shortening.
        fs::write(place.journal(), &lines).unwrap();
        let mut records = Records::open(place.config(), &clock);
        assert_eq!(warnings(&mut records), "");
    }
    assert_eq!(place.sql("SELECT count(*) FROM health_checks"), "1");
    assert_eq!(place.sql("SELECT status FROM deployments"), "success");
}

#[test]
fn two_that_deliver_at_once_leave_each_row_once() {
    let place = Place::new();
    let first = clock();
    drop(Records::open(place.config(), &first));
    let mut records = Records::open(place.config_without_database(), &first);
    for second in 0..100 {
        records.write(&check_entry(second, "d"));
    }
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let clock = clock();
                let mut records = Records::open(place.config(), &clock);
                records.write(&check_entry(200, "d"));
                assert_eq!(records.finish(), Undelivered::default());
            });
        }
    });
    assert_eq!(place.sql("SELECT count(*) FROM health_checks"), "103");
    assert_eq!(fs::read(place.journal()).unwrap(), b"");
}

#[test]
fn what_is_journalled_while_somebody_delivers_is_not_lost() {
    let place = Place::new();
    let first = clock();
    drop(Records::open(place.config(), &first));
    // A line that stays makes every delivery put another file in the journal's place.
    let newer = r#"{"key":"n","at":"2026-01-02T03:04:05Z","body":{"record":"lease"}}"#;
    fs::create_dir_all(place.folder.join("sub")).unwrap();
    fs::write(place.journal(), newer).unwrap();
    let (over, written) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let clock = clock();
                let mut records = Records::open(place.config_without_database(), &clock);
                for _ in 0..20_000 {
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    records.write(&check_entry(1, "d"));
                    written.fetch_add(1, Ordering::Relaxed);
                }
                assert_eq!(warnings(&mut records), "");
            });
        }
        scope.spawn(|| {
            let clock = clock();
            let mut records = Records::open(place.config(), &clock);
            for _ in 0..60 {
                assert_eq!(records.finish().newer, 1);
            }
            over.store(true, Ordering::Relaxed);
            assert_eq!(warnings(&mut records), "");
        });
    });
    let undelivered = Records::open(place.config(), &first).finish();
    assert_eq!((undelivered.waiting, undelivered.rejected), (0, 0));
    assert_eq!(
        place.sql("SELECT count(*) FROM health_checks"),
        written.into_inner().to_string()
    );
    assert_eq!(
        fs::read_to_string(place.journal()).unwrap(),
        format!("{newer}\n")
    );
}

#[test]
fn torn_and_foreign_lines_are_moved_aside_and_stop_nothing() {
    let (place, clock) = (Place::new(), clock());
    let mut records = Records::open(place.config_without_database(), &clock);
    records.write(&check_entry(1, "d"));
    let whole = fs::read(place.journal()).unwrap();
    let newer = r#"{"key":"n","at":"2026-01-02T03:04:05Z","body":{"record":"lease"}}"#;
    // A writer was killed in mid-line, and the next one wrote on.
    let torn = [
        b"\xff stray\n",
        newer.as_bytes(),
        b"\n",
        &whole,
        &whole[..40],
    ]
    .concat();
    fs::write(place.journal(), torn).unwrap();
    records.write(&check_entry(2, "d"));
    drop(records);

    let mut records = Records::open(place.config(), &clock);
    let undelivered = records.finish();
    assert_eq!(
        (undelivered.rejected, undelivered.newer, undelivered.waiting),
        (2, 1, 0)
    );
    assert_eq!(place.sql("SELECT count(*) FROM health_checks"), "2");
    let rejected = place.folder.join("sub/records.jsonl.rejected");
    let aside = fs::read(&rejected).unwrap();
    assert_eq!(aside, [b"\xff stray\n", &whole[..40], b"\n"].concat());
    // The newer version finds its line.
    assert_eq!(
        fs::read_to_string(place.journal()).unwrap(),
        format!("{newer}\n")
    );
    assert!(warnings(&mut records).contains(&*rejected.to_string_lossy()));
}

#[test]
fn what_the_database_refuses_for_ever_is_moved_aside_and_said() {
    let (place, clock) = (Place::new(), clock());
    let mut journal = Records::open(place.config_without_database(), &clock);
    let mut records = Records::open(place.config(), &clock);
    let mut impossible = check_entry(1, "d");
    if let Record::Check(check) = &mut impossible.body {
        check.error_rate = Some(1e6);
    }
    let mut homeless = marker_entry(2, "");
    homeless.subject.commit = None;
    for refused in [&impossible, &homeless] {
        journal.write(refused);
        records.write(refused);
    }
    journal.write(&check_entry(3, "d"));
    assert!(records.is_connected());
    let undelivered = records.finish();
    assert_eq!((undelivered.rejected, undelivered.waiting), (4, 0));
    let said = warnings(&mut records);
    assert!(said.contains("numeric field overflow"), "{said}");
    assert!(said.contains("a marker needs a commit"), "{said}");
    let aside = fs::read_to_string(place.folder.join("sub/records.jsonl.rejected")).unwrap();
    assert_eq!(aside.lines().count(), 4);
    assert_eq!(place.sql("SELECT count(*) FROM health_checks"), "1");
}

#[test]
fn a_nul_in_what_a_service_answered_does_not_cost_the_record() {
    let (place, clock) = (Place::new(), clock());
    let mut records = Records::open(place.config(), &clock);
    let mut entry = check_entry(1, "d");
    if let Record::Check(check) = &mut entry.body {
        check.checks_failed = vec!["body \0".into()];
        check.endpoint = "https://\0".into();
    }
    records.write(&entry);
    assert_eq!(records.finish(), Undelivered::default());
    assert_eq!(place.sql("SELECT count(*) FROM health_checks"), "1");
}

/// A server of its own, for tests that stop it.
fn own(server: &Postgres, folder: &Scratch) -> StoreConfig {
    StoreConfig {
        database: Some(database(&server.admin_url())),
        journal: folder.join("records.jsonl"),
        application: APPLICATION.into(),
        limits: limits(),
    }
}

#[test]
fn a_database_that_goes_down_in_mid_run_gets_every_record_once() {
    let (mut server, folder, clock) = (Postgres::start_new(), Scratch::new("store"), clock());
    let mut records = Records::open(own(&server, &folder), &clock);
    records.write(&check_entry(1, "d"));
    server.stop();
    records.write(&check_entry(2, "d"));
    records.write(&status_entry(3, "d", Status::Failed));
    assert!(!records.is_connected());
    let said = warnings(&mut records);
    assert!(said.contains("records go to the journal"), "{said}");
    // The journal answers in the meantime, as far as it goes.
    let seen = records
        .deployment("acme/shop", "production", "d", 9)
        .unwrap();
    assert_eq!((seen.source, seen.value.checks.len()), (Source::Journal, 1));
    let undelivered = records.finish();
    assert_eq!((undelivered.waiting, undelivered.lost), (2, 0));
    assert!(undelivered.why.unwrap().contains("Connection refused"));

    server.start();
    assert_eq!(records.finish(), Undelivered::default());
    let rows = server.sql("postgres", "SELECT count(*) FROM health_checks");
    let status = server.sql("postgres", "SELECT status FROM deployments");
    assert_eq!((&*rows, &*status), ("2", "failed"));
}

#[test]
fn a_database_that_hangs_costs_no_more_than_the_deadline() {
    let (mut server, folder) = (Postgres::start_new(), Scratch::new("store"));
    let clock = SystemClock::start(Cancel::default());
    let mut config = own(&server, &folder);
    drop(Records::open(config.clone(), &clock));
    config.limits.reply = Duration::from_millis(1500);
    let mut records = Records::open(config.clone(), &clock);
    assert!(records.is_connected());
    server.pause();
    // Without a deadline of ours these would wait for as long as the server is frozen.
    records.write(&check_entry(1, "d"));
    let said = warnings(&mut records);
    assert!(said.contains("gave no answer within 1.5s"), "{said}");
    let undelivered = records.finish();
    assert_eq!(undelivered.waiting, 1);
    let why = undelivered.why.unwrap();
    assert!(why.contains("no connection within 1.5s"), "{why}");

    server.resume();
    config.limits = limits();
    let mut records = Records::open(config, &clock);
    assert_eq!(records.finish(), Undelivered::default());
    // The frozen server may have taken the first try as well, after all.
    let rows = server.sql("postgres", "SELECT count(*) FROM health_checks");
    assert_eq!(rows, "1");
}
