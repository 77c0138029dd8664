//! Stages, parts, aborts, holds and what to go back to: in rows and in lines, alike.

use proptest::prelude::*;
use serde_json::json;
use shared::deployment::Status;
use shared::record::{
    Abort, DRY_RUN, Deployment, Entry, Hold, LAST_STABLE, Lift, Mark, Marker, Part, ROLLBACK,
    Record, Rollout, Stage, StageStatus, part,
};
use shared::split::Counts;
use shared::store::{Good, Records, Undelivered, key};

use super::fencing::stage;
use super::{COMMIT, Place, at, clock, status_entry, subject, warnings};

fn part_of(name: &str, note: &str) -> Record {
    Record::Part(Part {
        part: name.into(),
        note: Some(note.into()),
    })
}

fn abort(reason: &str, of_token: Option<i64>) -> Record {
    Record::Abort(Abort {
        by: "plugin-rollback".into(),
        pipeline_url: Some("https://ci.example/8".into()),
        reason: reason.into(),
        of_token,
    })
}

fn entry(second: i64, id: &str, commit: &str, token: Option<i64>, body: Record) -> Entry {
    let mut subject = subject(id);
    subject.commit = Some(commit.into());
    let mut entry = key::entry(at(second), subject, body);
    entry.token = token;
    entry
}

/// With a database, and without one.
fn both(test: impl Fn(&mut Records<'_>)) {
    let (place, clock) = (Place::new(), clock());
    for config in [place.config(), place.config_without_database()] {
        let mut records = Records::open(config, &clock);
        test(&mut records);
        assert_eq!(warnings(&mut records), "");
    }
}

#[test]
fn a_stage_is_one_row_that_follows_it_to_its_end() {
    let (place, clock) = (Place::new(), clock());
    let mut records = Records::open(place.config(), &clock);
    let began = stage(2, StageStatus::InProgress);
    let ended = Stage {
        status: StageStatus::Failed,
        error_rate: Some(7.126),
        completed_at: Some(at(40)),
        rollback_reason: Some("error rate 7.13 % > 5 %".into()),
        stable: Some(Counts {
            requests: 900,
            failed: 4,
        }),
        canary: Some(Counts {
            requests: 100,
            failed: 7,
        }),
        ..began.clone()
    };
    // The clock goes back in between, and the beginning arrives once more at the end.
    records.write(&entry(
        30,
        "1",
        COMMIT,
        Some(1),
        Record::Stage(began.clone()),
    ));
    records.write(&entry(20, "1", COMMIT, Some(1), Record::Stage(ended)));
    records.write(&entry(50, "1", COMMIT, Some(1), Record::Stage(began)));
    assert_eq!(
        place.sql(
            "SELECT repo, environment, deployment_id, commit_sha, build_id, stage, \
             traffic_percentage, status, error_rate, availability, response_time_ms, started_at, \
             completed_at, rollback_triggered, rollback_reason, deployment_type, stable_requests, \
             stable_failed, canary_requests, canary_failed, lease_token \
             FROM progressive_deployments"
        ),
        format!(
            "acme/shop|production|1|{COMMIT}|7|2|20|failed|7.13|99.50|120|2023-11-14 22:13:30|\
             2023-11-14 22:14:00|t|error rate 7.13 % > 5 %|standard|900|4|100|7|1"
        )
    );
}

#[test]
fn a_part_is_done_once_with_its_first_note() {
    both(|records| {
        records.record(
            &subject("1"),
            part_of(part::INCIDENT, "https://forge.example/1"),
        );
        records.record(&subject("1"), part_of(part::INCIDENT, "another"));
        records.record(&subject("1"), part_of(part::TRAFFIC, ""));
        records.record(&subject("2"), part_of(part::NOTIFY, ""));
        let parts = records.parts("acme/shop", "production", "1").unwrap().value;
        let told: Vec<_> = parts
            .iter()
            .map(|p| (&*p.part, p.note.as_deref()))
            .collect();
        assert_eq!(
            told,
            [
                ("incident", Some("https://forge.example/1")),
                ("traffic", Some(""))
            ]
        );
    });
}

#[test]
fn an_incident_is_open_until_it_is_written_down_as_closed() {
    both(|records| {
        let open = |records: &mut Records<'_>, environment: &str| {
            records.incidents("acme/shop", environment).unwrap().value
        };
        assert_eq!(open(records, "production"), [""; 0]);
        for (second, id) in [(1, "1"), (2, "2"), (3, "3")] {
            let body = part_of(part::INCIDENT, "https://forge.example/1");
            records.write(&entry(second, id, COMMIT, Some(1), body));
        }
        records.write(&entry(4, "4", COMMIT, Some(1), part_of(part::TRAFFIC, "")));
        assert_eq!(open(records, "production"), ["3", "2", "1"]);
        assert_eq!(open(records, "staging"), [""; 0]);
        records.write(&entry(
            5,
            "2",
            COMMIT,
            Some(1),
            part_of(part::RECOVERED, ""),
        ));
        assert_eq!(open(records, "production"), ["3", "1"]);
    });
}

#[test]
fn only_the_newest_incidents_are_told_of() {
    both(|records| {
        for second in 10..22 {
            let (id, body) = (second.to_string(), part_of(part::INCIDENT, ""));
            records.write(&entry(second, &id, COMMIT, None, body));
        }
        let open = records.incidents("acme/shop", "production").unwrap().value;
        assert_eq!(
            (open.len(), open[0].as_str(), open[9].as_str()),
            (10, "21", "12")
        );
    });
}

#[test]
fn an_abort_is_seen_by_the_run_that_is_meant_and_by_no_later_one() {
    both(|records| {
        let asked = |records: &mut Records<'_>, id: &str, token| {
            let seen = records.abort_requested("acme/shop", "production", id, token);
            seen.unwrap().value.map(|abort| abort.reason)
        };
        assert_eq!(asked(records, "1", Some(5)), None);
        records.record(&subject("1"), abort("a bad feeling", Some(5)));
        assert_eq!(
            asked(records, "1", Some(5)).as_deref(),
            Some("a bad feeling")
        );
        assert_eq!(asked(records, "1", None).as_deref(), Some("a bad feeling"));
        assert_eq!(asked(records, "1", Some(6)), None);
        assert_eq!(asked(records, "2", Some(5)), None);
        records.record(&subject("1"), abort("whoever it is", None));
        assert_eq!(
            asked(records, "1", Some(6)).as_deref(),
            Some("whoever it is")
        );
    });
}

#[test]
fn a_commit_is_held_until_it_is_lifted_and_again_after_another_rollback() {
    both(|records| {
        let hold = |reason: &str| {
            Record::Hold(Hold {
                reason: reason.into(),
            })
        };
        let lift = Record::Lift(Lift {
            by: "override: hold".into(),
        });
        let why = |records: &mut Records<'_>, commit| {
            let seen = records.held("acme/shop", "production", commit).unwrap();
            seen.value.map(|held| (held.deployment_id, held.reason))
        };
        let told = |id: &str, reason: &str| Some((id.to_owned(), reason.to_owned()));
        assert_eq!(why(records, "aaaa"), None);
        records.write(&entry(1, "1", "aaaa", None, hold("too slow")));
        assert_eq!(why(records, "aaaa"), told("1", "too slow"));
        assert_eq!(why(records, "bbbb"), None);
        records.write(&entry(2, "2", "aaaa", None, lift));
        assert_eq!(why(records, "aaaa"), None);
        records.write(&entry(3, "2", "aaaa", None, hold("still too slow")));
        assert_eq!(why(records, "aaaa"), told("2", "still too slow"));
    });
}

#[test]
fn a_deployment_that_was_put_back_says_from_what_and_why() {
    both(|records| {
        let body = Record::Deployment(Deployment {
            rollback_from_commit: Some(COMMIT.into()),
            rollback_reason: Some("error rate 7 % > 5 %".into()),
            ..Deployment::standard(Status::RolledBack)
        });
        records.write(&status_entry(1, "1", Status::InProgress));
        records.write(&entry(2, "1", COMMIT, Some(1), body));
        // What a health check says of it afterwards speaks of another version.
        records.write(&status_entry(3, "1", Status::Success));
        let seen = records
            .deployment("acme/shop", "production", "1", 0)
            .unwrap();
        let deployed = seen.value.deployment.unwrap();
        assert_eq!(deployed.status, "rolled_back");
        assert_eq!(deployed.rollback_from_commit.as_deref(), Some(COMMIT));
        assert_eq!(
            deployed.rollback_reason.as_deref(),
            Some("error rate 7 % > 5 %")
        );
    });
}

fn dry(status: Status) -> Record {
    Record::Deployment(Deployment {
        deployment_type: DRY_RUN.into(),
        ..Deployment::standard(status)
    })
}

fn of(status: Status) -> Record {
    Record::Deployment(Deployment::standard(status))
}

#[test]
fn a_dry_run_takes_the_place_of_nothing_real() {
    both(|records| {
        records.write(&entry(1, "1", COMMIT, None, of(Status::InProgress)));
        records.write(&entry(2, "1", COMMIT, None, dry(Status::RolledBack)));
        let told = |records: &mut Records<'_>| {
            let seen = records
                .deployment("acme/shop", "production", "1", 0)
                .unwrap();
            let deployed = seen.value.deployment.unwrap();
            (deployed.status, deployed.deployment_type)
        };
        let real = |status: &str| (status.to_owned(), "standard".to_owned());
        assert_eq!(told(records), real("in_progress"));
        records.write(&entry(3, "1", COMMIT, None, of(Status::Success)));
        assert_eq!(told(records), real("success"));
        let stages = |records: &mut Records<'_>| {
            let seen = records.stages("acme/shop", "production", "1").unwrap();
            let stages = seen.value.into_iter();
            stages.map(|s| (s.dry_run, s.status)).collect::<Vec<_>>()
        };
        let walked = Stage {
            dry_run: true,
            ..stage(1, StageStatus::Failed)
        };
        let body = Record::Stage(stage(1, StageStatus::Passed));
        records.write(&entry(4, "1", COMMIT, None, body));
        records.write(&entry(5, "1", COMMIT, None, Record::Stage(walked)));
        assert_eq!(
            stages(records),
            [(false, StageStatus::Passed), (true, StageStatus::Failed)]
        );
    });
}

#[test]
fn what_was_only_walked_through_is_replaced_by_what_is_done_in_earnest() {
    both(|records| {
        records.write(&entry(2, "1", COMMIT, None, dry(Status::RolledBack)));
        records.write(&entry(1, "1", COMMIT, None, of(Status::Started)));
        let seen = records
            .deployment("acme/shop", "production", "1", 0)
            .unwrap();
        let deployed = seen.value.deployment.unwrap();
        assert_eq!(
            (&*deployed.status, &*deployed.deployment_type),
            ("started", "standard")
        );
    });
}

#[test]
fn what_to_go_back_to_is_the_newest_proved_version_that_nobody_put_back() {
    both(|records| {
        let target = |records: &mut Records<'_>, bad: &str| {
            let seen = records.last_good("acme/shop", "production", bad).unwrap();
            seen.value.map(|good| good.commit)
        };
        assert_eq!(target(records, "ffff"), None);
        for (id, commit, body) in [
            ("1", "aaaa", of(Status::Success)),
            ("2", "bbbb", of(Status::Success)),
            ("3", "cccc", of(Status::Success)),
            ("4", "dddd", of(Status::Unverified)),
            ("5", "eeee", dry(Status::Success)),
            ("6", "cccc", of(Status::RolledBack)),
            ("7", "ffff", of(Status::Failed)),
        ] {
            records.write(&entry(10, id, commit, None, body));
        }
        assert_eq!(target(records, "ffff").as_deref(), Some("bbbb"));
        assert_eq!(target(records, "bbbb").as_deref(), Some("aaaa"));
        let held = Record::Hold(Hold { reason: "x".into() });
        records.write(&entry(11, "2", "bbbb", None, held));
        assert_eq!(target(records, "ffff").as_deref(), Some("aaaa"));
        // What was put back once and then succeeded is good again.
        records.write(&entry(12, "8", "cccc", None, of(Status::Success)));
        assert_eq!(target(records, "ffff").as_deref(), Some("cccc"));
        let other = records.last_good("acme/shop", "staging", "ffff").unwrap();
        assert_eq!(other.value, None);
    });
}

#[test]
fn a_marker_that_moves_under_leases_goes_by_the_token_and_not_by_the_clock() {
    both(|records| {
        let marker = || {
            Record::Marker(Marker {
                name: LAST_STABLE.into(),
            })
        };
        records.write(&entry(50, "1", "aaaa", Some(1), marker()));
        records.write(&entry(1, "2", "bbbb", Some(2), marker()));
        records.write(&entry(60, "1", "cccc", Some(1), marker()));
        let named = records.marker("acme/shop", "production", LAST_STABLE);
        assert_eq!(named.unwrap().value.as_deref(), Some("bbbb"));
    });
}

#[test]
fn a_hold_without_a_commit_is_refused_and_said() {
    let (place, clock) = (Place::new(), clock());
    let mut records = Records::open(place.config(), &clock);
    let mut nameless = subject("1");
    nameless.commit = None;
    records.record(&nameless, Record::Hold(Hold { reason: "x".into() }));
    assert!(warnings(&mut records).contains("a hold needs a commit"));
}

fn some_stage() -> impl Strategy<Value = Stage> {
    let status = proptest::sample::select(StageStatus::ALL.to_vec());
    let completed = proptest::option::of((0..100_i64).prop_map(at));
    let counts = proptest::option::of((0..1000_u64, 0..10_u64));
    (1..3_i32, status, completed, any::<bool>(), counts).prop_map(
        |(number, status, completed_at, dry_run, counts)| Stage {
            completed_at,
            dry_run,
            canary: counts.map(|(requests, failed)| Counts { requests, failed }),
            ..stage(number, status)
        },
    )
}

fn some_body() -> impl Strategy<Value = Record> {
    let status = || proptest::sample::select(Status::ALL.to_vec());
    let kind = proptest::sample::select(vec!["standard", DRY_RUN, ROLLBACK]);
    let mark = proptest::sample::select(vec![None, Some(Mark::Finished), Some(Mark::Held)]);
    let name = proptest::sample::select(vec![part::TRAFFIC, part::INCIDENT, part::RECOVERED]);
    prop_oneof![
        3 => some_stage().prop_map(Record::Stage),
        4 => (status(), kind, any::<bool>()).prop_map(|(status, kind, why)| {
            Record::Deployment(Deployment {
                deployment_type: kind.into(),
                rollback_reason: why.then(|| "slow".into()),
                ..Deployment::standard(status)
            })
        }),
        3 => (1..6_i64, mark).prop_map(|(sequence, mark)| {
            Record::Rollout(Rollout { sequence, state: json!([sequence]), snapshot: None, mark })
        }),
        2 => Just(Record::Marker(Marker { name: LAST_STABLE.into() })),
        2 => (name, 0..9_i32).prop_map(|(name, note)| part_of(name, &note.to_string())),
        1 => proptest::option::of(1..4_i64).prop_map(|of| abort("x", of)),
        1 => Just(Record::Hold(Hold { reason: "x".into() })),
        1 => Just(Record::Lift(Lift { by: "x".into() })),
    ]
}

fn some_entry() -> impl Strategy<Value = Entry> {
    let id = proptest::sample::select(vec!["1", "2", "3"]);
    let commit = proptest::sample::select(vec!["aaaa", "bbbb"]);
    let token = proptest::option::of(1..4_i64);
    (0..20_i64, id, commit, token, some_body())
        .prop_map(|(second, id, commit, token, body)| entry(second, id, commit, token, body))
}

/// Everything that can be asked.
fn answers(records: &mut Records<'_>) -> String {
    let (repo, environment) = ("acme/shop", "production");
    let mut text = String::new();
    let mut add = |answer: String| text.push_str(&(answer + "\n"));
    add(format!(
        "{:?}",
        records.unfinished(repo, environment).unwrap().value
    ));
    add(format!(
        "{:?}",
        records
            .marker(repo, environment, LAST_STABLE)
            .unwrap()
            .value
    ));
    let incidents = records.incidents(repo, environment);
    add(format!("{:?}", incidents.unwrap().value));
    for commit in ["aaaa", "bbbb"] {
        let good: Option<Good> = records.last_good(repo, environment, commit).unwrap().value;
        add(format!("{good:?}"));
        add(format!(
            "{:?}",
            records.held(repo, environment, commit).unwrap().value
        ));
    }
    for id in ["1", "2", "3"] {
        add(format!(
            "{:?}",
            records.deployment(repo, environment, id, 0).unwrap().value
        ));
        add(format!(
            "{:?}",
            records.rollout(repo, environment, id).unwrap().value
        ));
        add(format!(
            "{:?}",
            records.stages(repo, environment, id).unwrap().value
        ));
        add(format!(
            "{:?}",
            records.parts(repo, environment, id).unwrap().value
        ));
        for token in [None, Some(1), Some(3)] {
            let seen = records
                .abort_requested(repo, environment, id, token)
                .unwrap();
            add(format!("{:?}", seen.value));
        }
    }
    text
}

fn compare(place: &Place, entries: &[Entry]) -> Result<(), TestCaseError> {
    let clock = clock();
    place.sql(
        "TRUNCATE deployments, version_markers, progressive_deployments, deployment_rollouts, \
         deployment_parts, deployment_aborts, deployment_holds",
    );
    let _ = std::fs::remove_file(place.journal());
    let mut files = Records::open(place.config_without_database(), &clock);
    for entry in entries {
        files.write(entry);
    }
    let by_lines = answers(&mut files);
    let lines = std::fs::read(place.journal()).unwrap_or_default();
    let mut rows = Records::open(place.config(), &clock);
    prop_assert_eq!(rows.finish(), Undelivered::default());
    prop_assert_eq!(&answers(&mut rows), &by_lines);
    // Delivered again, as after a kill between the commit and the shortening.
    std::fs::write(place.journal(), &lines).unwrap();
    let mut rows = Records::open(place.config(), &clock);
    prop_assert_eq!(warnings(&mut rows), "");
    let counts = "SELECT (SELECT count(*) FROM deployment_aborts)";
    let aborts = entries
        .iter()
        .filter(|entry| matches!(entry.body, Record::Abort(_)))
        .count();
    prop_assert_eq!(place.sql(counts), aborts.to_string());
    Ok(())
}

#[test]
fn what_the_journal_says_of_rollouts_is_what_the_database_says_after_its_delivery() {
    let place = Place::new();
    drop(Records::open(place.config(), &clock()));
    let config = ProptestConfig {
        cases: 30,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let entries = proptest::collection::vec(some_entry(), 0..30);
    proptest!(config, |(entries in entries)| compare(&place, &entries)?);
}

#[test]
fn the_latest_deployments_come_newest_first_as_they_stand_now() {
    both(|records| {
        for (second, id, status) in [
            (1, "d0", Status::Success),
            (2, "d1", Status::Started),
            (3, "d2", Status::Failed),
            (4, "d1", Status::RolledBack),
        ] {
            let body = Record::Deployment(Deployment::standard(status));
            records.write(&entry(second, id, COMMIT, None, body));
        }
        let elsewhere = "staging".to_owned();
        let mut other = entry(5, "d9", COMMIT, None, part_of("x", "y"));
        other.body = Record::Deployment(Deployment::standard(Status::Success));
        other.subject.environment = elsewhere;
        records.write(&other);
        let place = subject("d0");
        let recent = records.recent(&place.repo, &place.environment, 2).unwrap();
        let told: Vec<(String, String)> = recent
            .value
            .into_iter()
            .map(|(id, deployed)| (id, deployed.status))
            .collect();
        let wanted = [("d2", "failed"), ("d1", "rolled_back")];
        assert_eq!(
            told,
            wanted.map(|(id, status)| (id.to_owned(), status.to_owned()))
        );
    });
}
