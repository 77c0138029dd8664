//! Looks, and what is usual: in rows and in lines, alike.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use shared::clock::{Clock, ReplayClock, SystemClock};
use shared::record::{Entry, Look, Record};
use shared::signal::Cancel;
use shared::split::Served;
use shared::store::{
    Archive, Landed, Recorded, Records, Source, StoreConfig, Undelivered, UsualOf, key,
};

use super::{COMMIT, Place, at, check, check_entry, clock, marker_entry, subject, warnings};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn served(requests: u64, failed: u64, slow: Option<u64>) -> Served {
    Served {
        requests,
        failed,
        slow,
    }
}

pub(super) fn look(number: i32) -> Look {
    Look {
        stage: 1,
        what: "stage".into(),
        number,
        traffic_percentage: Some(10),
        source: Some("haproxy".into()),
        stable: Some(served(900, 4, None)),
        canary: Some(served(100, 7, Some(3))),
        seen: json!({ "new": { "started": { "secs": 1, "nanos": 5 } }, "rate": 0.1 }),
        dry_run: false,
    }
}

fn entry(at: Timestamp, id: &str, look: Look) -> Entry {
    key::entry(at, subject(id), Record::Look(look))
}

#[test]
fn a_look_is_one_row_however_often_it_arrives_and_is_read_back_as_it_was() {
    let (place, clock) = (Place::new(), clock());
    for config in [place.config(), place.config_without_database()] {
        let mut records = Records::open(config.clone(), &clock);
        let bare = Look {
            traffic_percentage: None,
            source: None,
            stable: None,
            canary: None,
            ..look(2)
        };
        let dry = Look {
            dry_run: true,
            ..look(1)
        };
        let first = entry(at(1), "1", look(1));
        for entry in [
            &entry(at(0), "1", dry.clone()),
            &entry(at(2), "1", bare.clone()),
            &first,
            &first,
            &entry(at(3), "2", look(9)),
        ] {
            records.write(entry);
        }
        assert_eq!(warnings(&mut records), "");
        let archive = archive(&config);
        let found = archive.rollouts(Some("1"), 10).unwrap();
        let one = Recorded {
            repo: "acme/shop".into(),
            environment: "production".into(),
            deployment_id: "1".into(),
            last: at(2),
            looks: 3,
        };
        assert_eq!(found, std::slice::from_ref(&one));
        let found = archive.looks(&one, 10, Ok).unwrap();
        let found: Vec<_> = found.into_iter().map(|l| (l.at, l.look)).collect();
        assert_eq!(found, [(at(1), look(1)), (at(2), bare), (at(0), dry)]);
        assert_eq!(archive.looks(&one, 1, Ok).unwrap().len(), 1);
        let elsewhere = Recorded {
            environment: "staging".into(),
            ..one
        };
        assert_eq!(archive.looks(&elsewhere, 10, Ok).unwrap(), []);
    }
    assert_eq!(
        place.sql(
            "SELECT repo, environment, deployment_id, commit_sha, build_id, deployment_type, stage, \
             what, number, traffic_percentage, source, stable_requests, stable_failed, stable_slow, \
             canary_requests, canary_failed, canary_slow, recorded_at AT TIME ZONE 'UTC', \
             plugin_version FROM deployment_looks WHERE number = 1 AND deployment_type = 'standard'"
        ),
        format!(
            "acme/shop|production|1|{COMMIT}|7|standard|1|stage|1|10|haproxy|900|4||100|7|3|\
             2023-11-14 22:13:21|plugin-health/0.1.0"
        )
    );
}

fn archive(config: &StoreConfig) -> Archive {
    let (database, limits) = (config.database.as_ref(), config.limits);
    Archive::open(database, &config.journal, &config.application, limits).unwrap()
}

#[test]
fn the_latest_rollouts_are_told_wherever_they_were() {
    let (place, clock) = (Place::new(), clock());
    for config in [place.config(), place.config_without_database()] {
        let mut records = Records::open(config.clone(), &clock);
        let mut staging = subject("1");
        staging.environment = "staging".into();
        for entry in [
            entry(at(1), "1", look(1)),
            entry(at(3), "2", look(1)),
            key::entry(at(2), staging, Record::Look(look(1))),
            check_entry(9, "3"),
        ] {
            records.write(&entry);
        }
        let named = |limit, id| -> Vec<(String, String)> {
            let found = archive(&config).rollouts(id, limit).unwrap();
            let names = found
                .into_iter()
                .map(|one| (one.environment, one.deployment_id));
            names.collect()
        };
        let name = |environment: &str, id: &str| (environment.to_owned(), id.to_owned());
        let all = [
            name("production", "2"),
            name("staging", "1"),
            name("production", "1"),
        ];
        assert_eq!(named(9, None), all);
        assert_eq!(named(2, None), all[..2]);
        assert_eq!(named(9, Some("1")), all[1..]);
        assert_eq!(named(9, Some("none")), []);
    }
}

#[test]
fn reading_looks_makes_no_table_no_file_and_delivers_nothing() {
    let place = Place::new();
    let found = archive(&place.config()).rollouts(None, 9);
    assert_eq!(found, Ok(vec![]));
    assert_eq!(
        archive(&place.config_without_database()).rollouts(None, 9),
        Ok(vec![])
    );
    assert_eq!(place.sql("SELECT to_regclass('deployments') IS NULL"), "t");
    assert!(!place.journal().parent().unwrap().exists());
    let clock = clock();
    let mut records = Records::open(place.config_without_database(), &clock);
    records.write(&entry(at(1), "1", look(1)));
    let _ = records.finish();
    let before = std::fs::read(place.journal()).unwrap();
    assert_eq!(archive(&place.config()).rollouts(None, 9), Ok(vec![]));
    assert_eq!(std::fs::read(place.journal()).unwrap(), before);
}

#[test]
fn what_a_look_cannot_be_used_for_is_said_and_ends_the_reading() {
    let (place, clock) = (Place::new(), clock());
    for config in [place.config(), place.config_without_database()] {
        let mut records = Records::open(config.clone(), &clock);
        records.write(&entry(at(1), "1", look(1)));
        let archive = archive(&config);
        let found = archive.rollouts(None, 1).unwrap();
        let no = archive.looks(&found[0], 9, |_| Err::<(), _>("no".to_owned()));
        assert_eq!(no, Err("no".to_owned()));
    }
}

#[test]
fn looks_that_the_database_could_not_take_are_delivered_once() {
    let (place, clock) = (Place::new(), clock());
    let mut down = Records::open(place.config_without_database(), &clock);
    let landed = down.record_fenced(&subject("1"), Some(3), Record::Look(look(1)));
    assert_eq!(landed, Ok(Landed::Journal));
    let _ = down.finish();
    for _ in 0..2 {
        let mut up = Records::open(place.config(), &clock);
        assert_eq!(up.finish(), Undelivered::default());
    }
    assert_eq!(
        place.sql("SELECT count(*), max(canary_failed) FROM deployment_looks"),
        "1|7"
    );
}

#[test]
fn what_is_usual_is_what_the_same_source_counted_of_the_stable_side_in_the_last_day() {
    let place = Place::new();
    let now = SystemClock::start(Cancel::default()).now();
    let hours = |hours: i64| now - jiff::SignedDuration::from_hours(hours);
    let clock = ReplayClock::at(now);
    for config in [place.config(), place.config_without_database()] {
        let mut records = Records::open(config, &clock);
        let others = Look {
            source: Some("prometheus".into()),
            stable: Some(served(1, 1, None)),
            ..look(1)
        };
        let dry = Look {
            dry_run: true,
            ..look(1)
        };
        let silent = Look {
            stable: Some(served(0, 0, None)),
            ..look(1)
        };
        let slow = Look {
            stable: Some(served(50, 0, Some(2))),
            ..look(2)
        };
        for (back, look) in [
            (1, slow),
            (2, look(1)),
            (3, others),
            (4, dry),
            (5, silent),
            (25, look(3)),
        ] {
            records.write(&entry(hours(back), "1", look));
        }
        let usual = records.usual("acme/shop", "production", "haproxy", DAY);
        let usual = usual.unwrap().value;
        assert_eq!(
            usual.windows,
            [served(900, 4, None), served(50, 0, Some(2))]
        );
        assert_eq!((usual.of, usual.troubles), (UsualOf::Requests, 0));
        assert_eq!(warnings(&mut records), "");
    }
}

#[test]
fn times_at_which_something_was_known_to_be_wrong_are_not_usual() {
    let place = Place::new();
    let now = SystemClock::start(Cancel::default()).now();
    let minutes = |minutes: i64| now - jiff::SignedDuration::from_mins(minutes);
    let clock = ReplayClock::at(now);
    let seen = |outage: bool, judged: &str| {
        json!({ "look": {
            "counts": { "outage": outage },
            "baseline": { "judged": { "judged": judged, "reasons": [] } },
        } })
    };
    for config in [place.config(), place.config_without_database()] {
        let mut records = Records::open(config, &clock);
        // Twice something was wrong, the first time for two looks.
        for (back, requests, seen) in [
            (9, 1, seen(false, "good")),
            (8, 2, seen(true, "good")),
            (7, 3, seen(true, "bad")),
            (
                6,
                4,
                json!({ "look": { "counts": { "outage": false }, "baseline": null } }),
            ),
            (5, 5, seen(false, "critical")),
            (4, 6, json!(null)),
        ] {
            let look = Look {
                stable: Some(served(requests, 0, None)),
                seen,
                ..look(1)
            };
            records.write(&entry(minutes(back), "1", look));
        }
        let usual = records.usual("acme/shop", "production", "haproxy", DAY);
        let usual = usual.unwrap().value;
        assert_eq!(
            usual.windows,
            [1, 4, 6].map(|requests| served(requests, 0, None))
        );
        assert_eq!((usual.of, usual.troubles), (UsualOf::Requests, 2));
        assert_eq!(warnings(&mut records), "");
    }
}

#[test]
fn where_nothing_was_counted_the_checks_of_the_last_good_version_say_what_is_usual() {
    let place = Place::new();
    let now = SystemClock::start(Cancel::default()).now();
    // In the middle of a window, so that what belongs together stays so.
    let middle = Timestamp::from_second(now.as_second().div_euclid(600) * 600 - 300).unwrap();
    let seconds = |back: i64| middle - jiff::SignedDuration::from_secs(back);
    let clock = ReplayClock::at(now);
    for (config, source) in [
        (place.config(), Source::Database),
        (place.config_without_database(), Source::Journal),
    ] {
        let mut records = Records::open(config, &clock);
        let mut marker = marker_entry(0, COMMIT);
        marker.at = seconds(1000);
        records.write(&marker);
        let mut another = subject("2");
        another.commit = Some("another".into());
        let mut waited = check("unhealthy");
        waited.mode = "wait".into();
        for (back, subject, check) in [
            (1, subject("1"), check("healthy")),
            (2, subject("1"), check("unhealthy")),
            (3, subject("1"), waited),
            (4, another, check("unhealthy")),
            (1200, subject("1"), check("degraded")),
            (90_000, subject("1"), check("unhealthy")),
        ] {
            records.write(&key::entry(seconds(back), subject, Record::Check(check)));
        }
        let usual = records.usual("acme/shop", "production", "haproxy", DAY);
        let usual = usual.unwrap();
        assert_eq!((usual.value.of, usual.source), (UsualOf::Checks, source));
        assert_eq!(
            usual.value.windows,
            [served(1, 0, None), served(2, 1, None)]
        );
    }
}
