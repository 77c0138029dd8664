//! Looks, and what is usual: in rows and in lines, alike.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use shared::clock::{Clock, ReplayClock, SystemClock};
use shared::record::{Entry, Look, Record};
use shared::signal::Cancel;
use shared::split::Served;
use shared::store::{Landed, Records, Source, Undelivered, Usual, key};

use super::{COMMIT, Place, at, check, clock, marker_entry, subject, warnings};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn served(requests: u64, failed: u64, slow: Option<u64>) -> Served {
    Served {
        requests,
        failed,
        slow,
    }
}

fn look(number: i32) -> Look {
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
        let mut records = Records::open(config, &clock);
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
        let found = records.looks("acme/shop", "production", "1", 10).unwrap();
        let found: Vec<_> = found.value.into_iter().map(|l| (l.at, l.look)).collect();
        assert_eq!(found, [(at(1), look(1)), (at(2), bare), (at(0), dry)]);
        let limited = records.looks("acme/shop", "production", "1", 1).unwrap();
        assert_eq!(limited.value.len(), 1);
        let others = records.looks("acme/shop", "staging", "1", 10).unwrap();
        assert_eq!(others.value, []);
        assert_eq!(warnings(&mut records), "");
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
        let windows = vec![served(900, 4, None), served(50, 0, Some(2))];
        assert_eq!(usual.unwrap().value, Usual::Requests(windows));
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
        let windows = vec![served(1, 0, None), served(2, 1, None)];
        assert_eq!(
            (usual.value, usual.source),
            (Usual::Checks(windows), source)
        );
    }
}
