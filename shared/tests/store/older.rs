//! A plugin version that knows only the first migration writes to the same database at the same time.

use shared::deployment::Status;
use shared::record::{LAST_STABLE, Mark, Record, StageStatus};
use shared::store::{Landed, Records};

use super::fencing::stage;
use super::{Place, clock, subject, warnings};

const FIRST: &str = include_str!("../../migrations/0001_original.sql");

/// The tables as an older version made them.
fn older_tables(place: &Place) {
    place.sql(
        "CREATE TABLE deployment_plugin_migrations (version integer PRIMARY KEY, \
         applied_at timestamptz NOT NULL DEFAULT now(), applied_by text)",
    );
    place.sql(FIRST);
    place.sql("INSERT INTO deployment_plugin_migrations (version) VALUES (1)");
}

/// The statements with which an older version writes.
fn older_writes(n: usize) -> String {
    format!(
        "INSERT INTO health_checks (repo, environment, deployment_id, commit_sha, build_id, \
             recorded_at, timestamp, record_key, plugin_version, health_status, mode, checks_passed) \
         VALUES ('acme/shop', 'production', 'old-{n}', 'aaaa', 7, now(), now(), 'c{n}', \
             'plugin-health/0.0.1', 'healthy', 'check', '[]') \
         ON CONFLICT (record_key) WHERE record_key IS NOT NULL DO NOTHING; \
         INSERT INTO deployments AS old (repo, environment, deployment_id, commit_sha, build_id, \
             recorded_at, timestamp, record_key, plugin_version, status, deployment_type, \
             previous_commit) \
         VALUES ('acme/shop', 'production', 'old-{n}', 'aaaa', 7, now(), now(), 'd{n}', \
             'plugin-health/0.0.1', 'success', 'standard', NULL) \
         ON CONFLICT (repo, environment, deployment_id) DO UPDATE SET \
             status = excluded.status, recorded_at = excluded.recorded_at \
         WHERE old.recorded_at IS NULL OR old.recorded_at <= excluded.recorded_at; \
         INSERT INTO version_markers AS old (repo, environment, marker_name, commit_sha, \
             recorded_at, updated_at, record_key, plugin_version) \
         VALUES ('acme/shop', 'production', 'last-stable', 'aaaa', now(), now(), 'm{n}', \
             'plugin-health/0.0.1') \
         ON CONFLICT (repo, environment, marker_name) DO UPDATE SET \
             commit_sha = excluded.commit_sha, recorded_at = excluded.recorded_at, \
             updated_at = excluded.updated_at, record_key = excluded.record_key, \
             plugin_version = excluded.plugin_version \
         WHERE old.recorded_at IS NULL OR old.recorded_at <= excluded.recorded_at"
    )
}

#[test]
fn an_older_version_goes_on_writing_while_a_newer_one_upgrades_and_writes() {
    let place = Place::new();
    older_tables(&place);
    place.sql(&older_writes(100));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..10 {
                place.sql(&older_writes(n));
            }
        });
        scope.spawn(|| {
            let clock = clock();
            let mut records = Records::open(place.config(), &clock);
            assert_eq!(warnings(&mut records), "");
            let subject = subject("new");
            for number in 1..=4 {
                let body = Record::Stage(stage(number, StageStatus::Passed));
                let landed = records.record_fenced(&subject, Some(1), body);
                assert_eq!(landed, Ok(Landed::Database));
            }
            records.write(&super::status_entry(1, "new", Status::InProgress));
            let state = serde_json::json!({});
            let landed = records.finish_rollout(&subject, Some(1), state, None, Mark::Finished);
            assert_eq!(landed, Ok(Landed::Database));
        });
    });
    // And after it.
    place.sql(&older_writes(101));
    assert_eq!(place.sql("SELECT count(*) FROM health_checks"), "12");
    assert_eq!(place.sql("SELECT count(*) FROM deployments"), "13");
    assert_eq!(
        place.sql("SELECT count(*) FROM progressive_deployments"),
        "4"
    );
    assert_eq!(place.sql("SELECT count(*) FROM deployment_rollouts"), "1");
}

#[test]
fn a_marker_that_an_older_version_moved_is_found_and_moved_on_from() {
    let (place, clock) = (Place::new(), clock());
    let mut records = Records::open(place.config(), &clock);
    let body = || super::marker_entry(0, "").body;
    let mut later = subject("1");
    later.commit = Some("bbbb".into());
    let named = |records: &mut Records<'_>| {
        let seen = records.marker("acme/shop", "production", LAST_STABLE);
        seen.unwrap().value.unwrap()
    };
    let landed = records.record_fenced(&later, Some(5), body());
    assert_eq!(
        (landed, named(&mut records)),
        (Ok(Landed::Database), "bbbb".into())
    );
    place.sql(&older_writes(1));
    assert_eq!(named(&mut records), "aaaa");
    // Its clock is years ahead of ours, yet the next token is newer.
    later.commit = Some("cccc".into());
    let landed = records.record_fenced(&later, Some(6), body());
    assert_eq!(
        (landed, named(&mut records)),
        (Ok(Landed::Database), "cccc".into())
    );
}

#[test]
fn a_version_that_knows_no_looks_goes_on_beside_one_that_writes_them() {
    let (place, clock) = (Place::new(), clock());
    older_tables(&place);
    place.sql(include_str!("../../migrations/0002_rollouts.sql"));
    place.sql("INSERT INTO deployment_plugin_migrations (version) VALUES (2)");
    let mut records = Records::open(place.config(), &clock);
    place.sql(&older_writes(1));
    let look = shared::record::Look {
        stage: 1,
        what: "stage".into(),
        number: 1,
        traffic_percentage: None,
        source: None,
        stable: None,
        canary: None,
        seen: serde_json::json!({}),
        dry_run: false,
    };
    let landed = records.record_fenced(&subject("new"), Some(1), Record::Look(look));
    assert_eq!(landed, Ok(Landed::Database));
    place.sql(&older_writes(2));
    // The migration may run again over its own result.
    place.sql(include_str!("../../migrations/0003_looks.sql"));
    assert_eq!(place.sql("SELECT count(*) FROM deployment_looks"), "1");
    assert_eq!(place.sql("SELECT count(*) FROM deployments"), "2");
}
