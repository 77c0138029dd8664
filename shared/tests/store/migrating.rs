use std::time::Duration;

use shared::deployment::Status;
use shared::store::{Records, Schema, check as look};

use super::{APPLICATION, Place, check_entry, clock, database, limits, status_entry, warnings};

const ORIGINAL: &str = include_str!("original.sql");
/// What migrations lock: `deplplug` in ASCII.
const LOCK: i64 = 0x6465_706c_706c_7567;
const ROWS: &str = include_str!("original-rows.sql");

fn original_rows(name: &str) -> String {
    ROWS.replace("DEPLOY", name).replace("MARKER", name)
}

#[test]
fn an_empty_database_gets_its_tables_and_takes_records() {
    let (place, clock) = (Place::new(), clock());
    let mut records = Records::open(place.config(), &clock);
    assert!(records.is_connected());
    records.write(&check_entry(1, "d"));
    records.write(&status_entry(2, "d", Status::Success));
    assert_eq!(warnings(&mut records), "");
    assert_eq!(
        place.sql(
            "SELECT repo, environment, deployment_id, commit_sha, build_id, health_status, \
             response_time_ms, error_rate, availability, mode, plugin_version, checks_passed, timestamp \
             FROM health_checks"
        ),
        "acme/shop|production|d|2222222222222222222222222222222222222222|7|healthy|150|1.50|99.50|\
         check|plugin-health/0.1.0|[\"error rate 1.5 %\"]|2023-11-14 22:13:21"
    );
    assert_eq!(place.sql("SELECT status FROM deployments"), "success");
}

#[test]
fn a_database_of_the_original_system_is_upgraded_in_place() {
    let (place, clock) = (Place::new(), clock());
    place.sql(ORIGINAL);
    place.sql(&original_rows("old"));
    let before = place.sql("SELECT * FROM health_checks");
    let records = Records::open(place.config(), &clock);
    assert!(records.is_connected());
    drop(records);

    let after = place.sql(
        "SELECT id, deployment_id, commit_sha, build_id, health_status, response_time_ms, error_rate, \
         availability, endpoint, threshold_error_rate, threshold_response_time, \
         threshold_availability, checks_passed, checks_failed, timestamp FROM health_checks",
    );
    assert_eq!(before, after);
    // What the original system goes on to write arrives, with its own defaults.
    place.sql(&original_rows("new"));
    for table in ["health_checks", "deployments", "progressive_deployments"] {
        assert_eq!(
            place.sql(&format!(
                "SELECT deployment_id, repo, environment FROM {table} ORDER BY id"
            )),
            "old||production\nnew||production",
            "{table}"
        );
    }
    assert_eq!(
        place.sql("SELECT marker_name, repo FROM version_markers ORDER BY 1"),
        "new|\nold|"
    );
}

#[test]
fn after_the_upgrade_two_repositories_have_the_same_deployment_and_commits_of_sha_256() {
    let (place, clock) = (Place::new(), clock());
    place.sql(ORIGINAL);
    place.sql(&original_rows("d"));
    let mut records = Records::open(place.config(), &clock);
    for repo in ["acme/shop", "acme/blog"] {
        let mut entry = status_entry(1, "d", Status::Success);
        entry.key.push_str(repo);
        entry.subject.repo = repo.into();
        entry.subject.commit = Some("c".repeat(64));
        records.write(&entry);
        let body = super::marker_entry(1, "").body;
        records.write(&shared::store::key::entry(
            super::at(1),
            entry.subject,
            body,
        ));
    }
    assert_eq!(warnings(&mut records), "");
    for table in ["deployments", "version_markers"] {
        let rows = place.sql(&format!(
            "SELECT repo, length(commit_sha) FROM {table} ORDER BY repo"
        ));
        assert_eq!(rows, "|40\nacme/blog|64\nacme/shop|64", "{table}");
    }
}

#[test]
fn keys_that_the_original_made_by_another_name_or_as_a_plain_index_are_replaced_too() {
    let (place, clock) = (Place::new(), clock());
    place.sql(ORIGINAL);
    place.sql(
        "ALTER TABLE deployments DROP CONSTRAINT deployments_deployment_id_key; \
         CREATE UNIQUE INDEX mine ON deployments (deployment_id); \
         ALTER TABLE version_markers RENAME CONSTRAINT version_markers_pkey TO \"My Key\"",
    );
    assert!(Records::open(place.config(), &clock).is_connected());
    place.sql(
        "INSERT INTO deployments (repo, deployment_id, commit_sha, status) \
         VALUES ('a', 'd', 'c', 'success'), ('b', 'd', 'c', 'success'); \
         INSERT INTO version_markers (repo, marker_name, commit_sha) VALUES ('a', 'm', 'c'), ('b', 'm', 'c')",
    );
}

#[test]
fn a_view_over_the_tables_does_not_stop_the_upgrade() {
    let (place, clock) = (Place::new(), clock());
    place.sql(ORIGINAL);
    place.sql("CREATE VIEW latest AS SELECT commit_sha FROM deployments");
    let mut records = Records::open(place.config(), &clock);
    assert_eq!(warnings(&mut records), "");
    records.write(&status_entry(1, "d", Status::Success));
    assert_eq!(place.sql("SELECT commit_sha FROM latest"), super::COMMIT);
}

#[test]
fn two_that_migrate_at_once_do_it_once() {
    let place = Place::new();
    place.sql(ORIGINAL);
    let mut other = postgres::Client::connect(&place.url(), postgres::NoTls).unwrap();
    let mut held = other.transaction().unwrap();
    held.batch_execute(&format!("SELECT pg_advisory_xact_lock({LOCK})"))
        .unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let clock = clock();
                let mut records = Records::open(place.config(), &clock);
                assert_eq!(warnings(&mut records), "");
                records.write(&check_entry(1, "d"));
                assert!(records.is_connected());
            });
        }
        // Both have found the original's tables when the lock comes free.
        let waiting = "SELECT count(*) FROM pg_locks \
             JOIN pg_database d ON d.oid = database AND datname = current_database() \
             WHERE locktype = 'advisory' AND NOT granted";
        let both = (0..500).any(|_| {
            std::thread::park_timeout(Duration::from_millis(20));
            place.sql(waiting) == "2"
        });
        assert!(both, "nobody waits for the lock");
        held.commit().unwrap();
    });
    let rows = place.sql("SELECT count(*) FROM health_checks");
    let versions = place.sql("SELECT version, applied_by FROM deployment_plugin_migrations");
    assert_eq!(
        (&*rows, &*versions),
        (
            "2",
            "1|plugin-health/0.1.0\n2|plugin-health/0.1.0\n3|plugin-health/0.1.0"
        )
    );
}

#[test]
fn a_database_that_a_newer_version_has_extended_is_written_to() {
    let (place, clock) = (Place::new(), clock());
    drop(Records::open(place.config(), &clock));
    place.sql(
        "ALTER TABLE health_checks ADD COLUMN region text NOT NULL DEFAULT 'here'; \
         ALTER TABLE deployments ADD COLUMN done jsonb; \
         INSERT INTO deployment_plugin_migrations (version) VALUES (9999)",
    );
    let mut records = Records::open(place.config(), &clock);
    records.write(&check_entry(1, "d"));
    records.write(&status_entry(2, "d", Status::Success));
    assert_eq!(warnings(&mut records), "");
    assert_eq!(place.sql("SELECT region FROM health_checks"), "here");
    assert_eq!(place.sql("SELECT status FROM deployments"), "success");
}

#[test]
fn an_older_and_a_newer_version_write_at_once_while_the_newer_one_adds_to_the_tables() {
    const EACH: i64 = 100;
    let place = Place::new();
    drop(Records::open(place.config(), &clock()));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let clock = clock();
            let mut ours = Records::open(place.config(), &clock);
            for second in 0..EACH {
                ours.write(&check_entry(second, "ours"));
                ours.write(&status_entry(second, "ours", Status::Failed));
            }
            assert_eq!(warnings(&mut ours), "");
            assert!(ours.is_connected());
        });
        scope.spawn(|| {
            let mut newer = postgres::Client::connect(&place.url(), postgres::NoTls).unwrap();
            newer
                .batch_execute(
                    "BEGIN; ALTER TABLE health_checks ADD COLUMN region text NOT NULL DEFAULT 'here'; \
                     ALTER TABLE deployments ADD COLUMN done jsonb; \
                     INSERT INTO deployment_plugin_migrations (version) VALUES (9999); COMMIT",
                )
                .unwrap();
            for number in 0..EACH {
                let insert = format!(
                    "INSERT INTO health_checks (deployment_id, health_status, region, record_key) \
                     VALUES ('newer', 'healthy', 'there', 'newer-{number}')"
                );
                newer.batch_execute(&insert).unwrap();
            }
        });
    });
    let count = "SELECT deployment_id, count(*), count(DISTINCT record_key) FROM health_checks \
         GROUP BY 1 ORDER BY 1";
    assert_eq!(place.sql(count), "newer|100|100\nours|100|100");
    assert_eq!(
        place.sql("SELECT status, count(*) FROM deployments GROUP BY 1"),
        "failed|1"
    );
}

#[test]
fn the_migration_may_run_again_over_its_own_result() {
    let (place, clock) = (Place::new(), clock());
    let mut records = Records::open(place.config(), &clock);
    records.write(&check_entry(1, "d"));
    drop(records);
    place.sql("DROP TABLE deployment_plugin_migrations");
    let mut records = Records::open(place.config(), &clock);
    assert_eq!(warnings(&mut records), "");
    assert_eq!(place.sql("SELECT count(*) FROM health_checks"), "1");
}

#[test]
fn a_migrated_database_is_used_without_waiting_for_the_migration_lock() {
    let (place, clock) = (Place::new(), clock());
    drop(Records::open(place.config(), &clock));
    let mut other = postgres::Client::connect(&place.url(), postgres::NoTls).unwrap();
    other
        .batch_execute(&format!("SELECT pg_advisory_lock({LOCK})"))
        .unwrap();
    let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted";
    assert_ne!(place.sql(held), "0");
    assert!(Records::open(place.config(), &clock).is_connected());
}

#[test]
fn a_preflight_tries_the_migration_and_takes_it_back() {
    let (place, clock) = (Place::new(), clock());
    place.sql(ORIGINAL);
    let seen = || {
        look(&database(&place.url()), APPLICATION, &limits())
            .unwrap()
            .1
    };
    assert_eq!(seen(), Schema::Behind { version: 0 });
    let columns = "SELECT count(*) FROM information_schema.columns WHERE column_name = 'repo'";
    assert_eq!(place.sql(columns), "0");
    drop(Records::open(place.config(), &clock));
    assert_eq!(seen(), Schema::Current);
    place.sql("INSERT INTO deployment_plugin_migrations (version) VALUES (9999)");
    assert_eq!(seen(), Schema::Newer { version: 9999 });
}

#[test]
fn a_login_without_the_right_to_make_tables_is_told_so() {
    let (place, clock) = (Place::new(), clock());
    let role = format!("reader_{}", place.name);
    place.sql(&format!("CREATE ROLE {role} LOGIN PASSWORD 'pw'"));
    let url = format!(
        "postgres://{role}:pw@127.0.0.1:{}/{}",
        place.server.port(),
        place.name
    );
    let why = look(&database(&url), APPLICATION, &limits()).unwrap_err();
    assert!(why.contains("permission denied for schema public"), "{why}");
    assert!(why.contains(&format!("{role}:***@")), "{why}");
    // Once somebody else has made them, rights on the rows suffice.
    drop(Records::open(place.config(), &clock));
    place.sql(&format!(
        "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {role}; \
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}"
    ));
    let mut config = place.config();
    config.database = Some(database(&url));
    let mut records = Records::open(config, &clock);
    records.write(&check_entry(1, "d"));
    assert_eq!(warnings(&mut records), "");
}
