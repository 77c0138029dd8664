//! Deployments and markers, in the database.

use shared::deployment::Status;
use shared::record::LAST_STABLE;
use shared::store::{Records, Source};

use super::{COMMIT, Place, clock, marker_entry, status_entry, warnings};

#[test]
fn a_start_that_arrives_late_does_not_override_a_success() {
    let (place, clock) = (Place::new(), clock());
    let mut records = Records::open(place.config(), &clock);
    records.write(&status_entry(5, "d", Status::Success));
    records.write(&status_entry(1, "d", Status::Started));
    assert_eq!(place.sql("SELECT status FROM deployments"), "success");
}

#[test]
fn what_was_rolled_back_or_is_held_never_becomes_a_success() {
    let (place, clock) = (Place::new(), clock());
    let mut records = Records::open(place.config(), &clock);
    for (id, old) in [("a", Status::RolledBack), ("b", Status::Held)] {
        records.write(&status_entry(1, id, old));
        records.write(&status_entry(2, id, Status::Success));
    }
    records.write(&status_entry(3, "b", Status::RolledBack));
    assert_eq!(warnings(&mut records), "");
    assert_eq!(
        place.sql("SELECT deployment_id, status FROM deployments ORDER BY 1"),
        "a|rolled_back\nb|rolled_back"
    );
}

#[test]
fn a_deployment_remembers_the_stable_commit_before_it() {
    let (place, clock) = (Place::new(), clock());
    let mut records = Records::open(place.config(), &clock);
    records.write(&marker_entry(1, "aaaa"));
    records.write(&status_entry(2, "d", Status::Started));
    records.write(&marker_entry(3, COMMIT));
    records.write(&status_entry(4, "d", Status::Success));
    // Its own commit is no way back.
    records.write(&status_entry(5, "again", Status::Success));
    assert_eq!(
        place.sql("SELECT deployment_id, status, previous_commit FROM deployments ORDER BY 1"),
        "again|success|\nd|success|aaaa"
    );
    let seen = records
        .deployment("acme/shop", "production", "d", 5)
        .unwrap();
    let deployed = seen.value.deployment.unwrap();
    assert_eq!(
        (seen.source, deployed.known_status()),
        (Source::Database, Some(Status::Success))
    );
    assert_eq!(deployed.previous_commit.as_deref(), Some("aaaa"));
}

#[test]
fn a_marker_moves_forward_in_time_only() {
    let (place, clock) = (Place::new(), clock());
    let mut records = Records::open(place.config(), &clock);
    records.write(&marker_entry(5, "bbbb"));
    records.write(&marker_entry(1, "aaaa"));
    let mut marker = |repo| {
        let seen = records.marker(repo, "production", LAST_STABLE).unwrap();
        seen.value
    };
    assert_eq!(marker("acme/shop").as_deref(), Some("bbbb"));
    assert_eq!(marker("acme/blog"), None);
}

#[test]
fn a_marker_of_the_original_system_names_no_target() {
    let (place, clock) = (Place::new(), clock());
    let mut records = Records::open(place.config(), &clock);
    place
        .sql("INSERT INTO version_markers (marker_name, commit_sha) VALUES ('last-stable', 'old')");
    let seen = records.marker("", "production", LAST_STABLE).unwrap();
    assert_eq!(seen.value, None);
}

#[test]
fn a_deployment_whose_commit_nobody_named_is_recorded_and_gets_it_later() {
    let (place, clock) = (Place::new(), clock());
    let mut records = Records::open(place.config(), &clock);
    let mut nameless = status_entry(1, "d", Status::Started);
    nameless.subject.commit = None;
    records.write(&nameless);
    let mut commit = || {
        let seen = records.deployment("acme/shop", "production", "d", 0);
        seen.unwrap().value.deployment.unwrap().commit
    };
    assert_eq!(commit(), None);
    drop(records);
    let mut records = Records::open(place.config(), &clock);
    records.write(&status_entry(2, "d", Status::Success));
    nameless.key.push('x');
    nameless.at = super::at(3);
    records.write(&nameless);
    assert_eq!(place.sql("SELECT commit_sha FROM deployments"), COMMIT);
}
