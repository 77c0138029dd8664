//! The database and the journal answer alike.

use std::time::Duration;

use proptest::prelude::*;
use shared::deployment::Status;
use shared::record::{Check, Entry, LAST_STABLE, Marker, Record, Window};
use shared::store::{Records, Source, key};

use super::{Place, at, check, clock, status_entry, subject};

const SPANS: [(&str, Duration); 3] = [
    ("5m", Duration::from_secs(300)),
    ("30m", Duration::from_secs(1800)),
    ("24h", Duration::from_secs(86400)),
];

fn some_check() -> impl Strategy<Value = Record> {
    let health = prop_oneof![Just("healthy"), Just("degraded"), Just("unhealthy")];
    let mode = prop_oneof![Just("check"), Just("wait"), Just("watch")];
    let percent = || proptest::option::of(0.0..=100.0_f64);
    let time = proptest::option::of(0..=i32::MAX);
    (health, mode, percent(), percent(), time).prop_map(|(health, mode, errors, up, time)| {
        Record::Check(Check {
            mode: mode.into(),
            error_rate: errors,
            availability: up,
            response_time_ms: time,
            ..check(health)
        })
    })
}

fn some_entry() -> impl Strategy<Value = Entry> {
    let status = proptest::sample::select(Status::ALL.to_vec())
        .prop_map(|status| status_entry(0, "", status).body);
    let marker = Just(Record::Marker(Marker {
        name: LAST_STABLE.into(),
    }));
    let body = prop_oneof![4 => some_check(), 2 => status, 1 => marker];
    let repo = prop_oneof![4 => Just("acme/shop"), 1 => Just("acme/blog"), 1 => Just("")];
    // Few values of each, so that spans are hit on their edge, times collide and deployments repeat.
    let second = prop_oneof![
        -60..=0_i64,
        Just(-300),
        Just(-301),
        Just(-1800),
        -90_000..=100_i64
    ];
    let commit = prop_oneof![Just(None), Just(Some("aaaa")), Just(Some("bbbb"))];
    let id = prop_oneof![Just("d"), Just("e")];
    (body, repo, second, commit, id).prop_filter_map(
        "a marker needs a commit",
        |(body, repo, second, commit, id)| {
            let mut subject = subject(id);
            subject.repo = repo.into();
            subject.commit = commit.map(str::to_owned);
            let homeless = matches!(body, Record::Marker(_)) && subject.commit.is_none();
            (!homeless).then(|| key::entry(at(second), subject, body))
        },
    )
}

fn nearly(a: &[Window], b: &[Window]) -> bool {
    let near = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(1.0),
        (a, b) => a == b,
    };
    a.len() == b.len()
        && a.iter().zip(b).all(|(a, b)| {
            (&a.label, a.checks, a.good) == (&b.label, b.checks, b.good)
                && near(a.error_rate, b.error_rate)
                && near(a.availability, b.availability)
                && near(a.response_time, b.response_time)
        })
}

/// As the database keeps it: percentages in hundredths.
fn kept(mut check: Check) -> Check {
    for value in [&mut check.error_rate, &mut check.availability] {
        *value = value.map(|v| (v * 100.0).round() / 100.0);
    }
    check
}

fn compare(place: &Place, entries: &[Entry]) -> Result<(), TestCaseError> {
    let clock = clock();
    place.sql("TRUNCATE health_checks, deployments, version_markers");
    let _ = std::fs::remove_file(place.journal());
    let mut files = Records::open(place.config_without_database(), &clock);
    let mut rows = Records::open(place.config(), &clock);
    for entry in entries {
        files.write(entry);
        rows.write(entry);
    }
    for repo in ["acme/shop", "acme/blog", ""] {
        let by_rows = rows.windows(repo, "production", &SPANS, at(0)).unwrap();
        let by_files = files.windows(repo, "production", &SPANS, at(0)).unwrap();
        prop_assert_eq!(by_rows.source, Source::Database);
        prop_assert_eq!(by_files.source, Source::Journal);
        prop_assert!(
            nearly(&by_rows.value, &by_files.value),
            "{by_rows:?} {by_files:?}"
        );
        let by_rows = rows.marker(repo, "production", LAST_STABLE).unwrap();
        let by_files = files.marker(repo, "production", LAST_STABLE).unwrap();
        prop_assert_eq!(by_rows.value, by_files.value);
        for id in ["d", "e", "none"] {
            let by_rows = rows.deployment(repo, "production", id, 4).unwrap().value;
            let mut by_files = files.deployment(repo, "production", id, 4).unwrap().value;
            for (_, check) in &mut by_files.checks {
                *check = kept(check.clone());
            }
            prop_assert_eq!(by_rows, by_files);
        }
    }
    Ok(())
}

#[test]
fn the_journal_answers_as_the_database_does() {
    let place = Place::new();
    let clock = clock();
    drop(Records::open(place.config(), &clock));
    let config = ProptestConfig {
        cases: 40,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let entries = proptest::collection::vec(some_entry(), 0..25);
    proptest!(config, |(entries in entries)| compare(&place, &entries)?);
}

#[test]
fn rows_of_the_original_system_are_counted_nowhere() {
    let (place, clock) = (Place::new(), clock());
    let mut records = Records::open(place.config(), &clock);
    place.sql("INSERT INTO health_checks (health_status, error_rate) VALUES ('unhealthy', 100)");
    let now = "2100-01-01T00:00:00Z".parse().unwrap();
    let all = [("all", Duration::from_secs(200 * 366 * 86400))];
    let seen = records.windows("", "production", &all, now).unwrap();
    assert_eq!(seen.value[0].checks, 0);
}
