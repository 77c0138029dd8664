//! What an earlier version left or goes on writing is kept: its tables with rows, its statements, its journal.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use shared::deployment::Status;
use shared::record::{
    Abort, Deployment, Hold, LAST_STABLE, Lift, Mark, Marker, Part, Record, StageStatus, part,
};
use shared::split::{Counts, Share, Snapshot};
use shared::store::lease::{Fenced, holder};
use shared::store::line::{self, Line};
use shared::store::{Landed, Records, Schema, Undelivered, check as look};
use testbed::postgres::Postgres;
use testbed::promise::{ADVICE, VERSION, must_be_unreleased};

use super::fencing::stage;
use super::leasing::{config as lease, take};
use super::looking::look as seen;
use super::{
    APPLICATION, COMMIT, Place, at, check_entry, clock, config_of, database, limits, status_entry,
    subject, warnings,
};

/// Another commit, which is held.
const BAD: &str = "3333333333333333333333333333333333333333";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/store/recorded")
}

/// What was recorded with this ending, by version.
fn recorded(ending: &str) -> Vec<(String, String)> {
    let paths = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let found: Vec<(String, String)> = paths
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.strip_suffix(ending)?.to_owned();
            Some((name, fs::read_to_string(&path).unwrap()))
        })
        .collect();
    assert!(!found.is_empty(), "nothing is recorded as *{ending}");
    found
}

/// Rollouts, checks and all that follows from them, as the plugins write and read them; under this token.
fn everything(records: &mut Records<'_>, token: Option<i64>) {
    let state = |share: u8| json!({"share": share});
    let before = || {
        Some(Snapshot {
            manager: "haproxy".into(),
            share: Share::NONE,
            detail: json!({"weights": [100, 0]}),
        })
    };
    let safe = |landed: Result<Landed, Fenced>| assert!(landed.unwrap().is_safe());
    let good = subject("good");
    records.write(&check_entry(1, "good"));
    records.write(&status_entry(2, "good", Status::Started));
    records.write(&status_entry(3, "good", Status::InProgress));
    safe(records.intend(&good, token, state(10), before()));
    let mut one = stage(1, StageStatus::InProgress);
    safe(records.record_fenced(&good, token, Record::Stage(one.clone())));
    safe(records.record_fenced(&good, token, Record::Look(seen(1))));
    one.status = StageStatus::Passed;
    one.completed_at = Some(at(40));
    one.stable = Some(Counts {
        requests: 900,
        failed: 4,
    });
    one.canary = Some(Counts {
        requests: 100,
        failed: 0,
    });
    safe(records.record_fenced(&good, token, Record::Stage(one)));
    let marker = Record::Marker(Marker {
        name: LAST_STABLE.into(),
    });
    let success = Record::Deployment(Deployment::standard(Status::Success));
    let with = vec![success, marker];
    safe(records.finish_rollout_with(&good, token, state(100), before(), Mark::Finished, with));

    let mut bad = subject("bad");
    bad.commit = Some(BAD.into());
    records.record(
        &bad,
        Record::Deployment(Deployment::standard(Status::InProgress)),
    );
    safe(records.intend(&bad, token, state(10), before()));
    let aborted = Record::Abort(Abort {
        by: "plugin-rollback".into(),
        pipeline_url: Some("https://ci.example/repos/7/pipeline/9".into()),
        reason: "a person said so".into(),
        of_token: token,
    });
    records.record(&bad, aborted);
    safe(records.finish_rollout(&bad, token, state(0), before(), Mark::Finished));
    let note = Some("https://git.example/acme/shop/issues/12".into());
    for name in [part::TRAFFIC, part::INCIDENT] {
        records.record(
            &bad,
            Record::Part(Part {
                part: name.into(),
                note: note.clone(),
            }),
        );
    }
    let put_back = Record::Deployment(Deployment {
        rollback_from_commit: Some(BAD.into()),
        rollback_reason: Some("error rate 7 % > 5 %".into()),
        ..Deployment::standard(Status::RolledBack)
    });
    records.record(&bad, put_back);
    records.record(
        &bad,
        Record::Hold(Hold {
            reason: "error rate 7 % > 5 %".into(),
        }),
    );
    let mut other = subject("other");
    other.commit = Some("4444444444444444444444444444444444444444".into());
    records.record(
        &other,
        Record::Hold(Hold {
            reason: "too slow".into(),
        }),
    );
    records.record(
        &other,
        Record::Lift(Lift {
            by: "override: hold".into(),
        }),
    );
}

/// Everything that is asked of the records, in a text.
fn answers(records: &mut Records<'_>) -> String {
    let (repo, environment) = ("acme/shop", "production");
    let spans = [("5m", Duration::from_secs(300))];
    let windows = records
        .windows(repo, environment, &spans, at(60))
        .unwrap()
        .value;
    let parts = records.parts(repo, environment, "bad").unwrap().value;
    let parts: Vec<&str> = parts.iter().map(|done| done.part.as_str()).collect();
    let held = |records: &mut Records<'_>, commit: &str| {
        let held = records.held(repo, environment, commit).unwrap().value;
        held.map(|held| held.reason)
    };
    let lines = [
        format!("{windows:?}"),
        format!(
            "{:?}",
            records
                .deployment(repo, environment, "good", 5)
                .unwrap()
                .value
        ),
        format!(
            "{:?}",
            records
                .marker(repo, environment, LAST_STABLE)
                .unwrap()
                .value
        ),
        format!("{:?}", records.unfinished(repo, environment).unwrap().value),
        format!(
            "{:?}",
            records.last_rollout(repo, environment).unwrap().value
        ),
        format!(
            "{:?}",
            records.rollout(repo, environment, "good").unwrap().value
        ),
        format!(
            "{:?}",
            records.stages(repo, environment, "good").unwrap().value
        ),
        format!("{parts:?}"),
        format!("{:?}", records.incidents(repo, environment).unwrap().value),
        format!(
            "{:?}",
            records
                .abort_requested(repo, environment, "bad", None)
                .unwrap()
                .value
        ),
        format!("{:?}", held(records, BAD)),
        format!(
            "{:?}",
            held(records, "4444444444444444444444444444444444444444")
        ),
        format!(
            "{:?}",
            records.last_good(repo, environment, BAD).unwrap().value
        ),
        format!("{:?}", records.recent(repo, environment, 5).unwrap().value),
    ];
    lines.join("\n")
}

/// What the answers have to say of what [`everything`] wrote.
fn assert_answered(records: &mut Records<'_>) {
    let said = answers(records);
    let has = [
        COMMIT,
        BAD,
        "haproxy",
        "requests: 900",
        "incident",
        "a person said so",
        "error rate 7 % > 5 %",
    ];
    for wanted in has {
        assert!(said.contains(wanted), "{wanted} is not in:\n{said}");
    }
}

/// The rows of every table, in the columns that these tables have.
fn rows(place: &Place, columns: &BTreeMap<String, String>) -> BTreeMap<String, Vec<String>> {
    let sorted = |table: &String, columns: &String| {
        let text = place.sql(&format!("SELECT {columns} FROM {table}"));
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        (table.clone(), lines)
    };
    columns
        .iter()
        .map(|(table, columns)| sorted(table, columns))
        .collect()
}

/// The tables of a database with their columns, but for those that are in the list.
fn columns(place: &Place, without: &[&str]) -> BTreeMap<String, String> {
    let text = place.sql(
        "SELECT table_name, column_name FROM information_schema.columns \
         WHERE table_schema = 'public' ORDER BY table_name, ordinal_position",
    );
    let mut found = BTreeMap::<String, String>::new();
    for (table, column) in text.lines().map(|line| line.split_once('|').unwrap()) {
        if without.contains(&column) {
            continue;
        }
        let list = found.entry(table.to_owned()).or_default();
        if !list.is_empty() {
            list.push_str(", ");
        }
        list.push_str(column);
    }
    found
}

fn schema(place: &Place) -> Schema {
    look(&database(&place.url()), APPLICATION, &limits())
        .unwrap()
        .1
}

#[test]
fn the_record_of_this_version_has_every_table_and_column() {
    let (then, now) = (Place::new(), Place::new());
    then.sql(&fs::read_to_string(folder().join(format!("{VERSION}.sql"))).unwrap());
    upgraded(&now);
    assert_eq!(
        columns(&then, &[]),
        columns(&now, &[]),
        "run .ci/record before the release of {VERSION}; after that raise the version first"
    );
}

#[test]
fn a_database_of_an_earlier_version_is_brought_forward_and_no_row_is_lost() {
    for (version, text) in recorded(".sql") {
        let (place, clock) = (Place::new(), clock());
        place.sql(&text);
        let columns = columns(&place, &[]);
        let before = rows(&place, &columns);
        assert!(
            before.values().all(|rows| !rows.is_empty()),
            "{version} recorded an empty table"
        );
        let mut records = Records::open(place.config(), &clock);
        assert!(records.is_connected());
        assert_answered(&mut records);
        assert_eq!(warnings(&mut records), "");
        assert!(matches!(schema(&place), Schema::Current));
        let after = rows(&place, &columns);
        for (table, rows) in before {
            for row in rows {
                assert!(
                    after[&table].contains(&row),
                    "{version}: {table} lost {row}: {ADVICE}"
                );
            }
        }
    }
}

/// What the database's own clock and counters say is another time another one.
const ITS_OWN: &[&str] = &[
    "id",
    "acquired_at",
    "renewed_at",
    "expires_at",
    "applied_at",
];

/// The tables that a version makes, without rows.
fn empty(text: &str) -> String {
    let rows = |line: &&str| {
        line.starts_with("INSERT INTO ") || line.starts_with("SELECT pg_catalog.setval")
    };
    let kept = text
        .lines()
        .filter(|line| !rows(line) || line.contains("deployment_plugin_migrations"));
    kept.collect::<Vec<_>>().join("\n")
}

/// The rows that these statements make, in tables that began as this version's and were changed by `change`.
fn replayed(
    tables: &str,
    statements: &str,
    change: impl Fn(&Place),
) -> (Place, BTreeMap<String, Vec<String>>) {
    let place = Place::new();
    place.sql(&empty(tables));
    let columns = columns(&place, ITS_OWN);
    change(&place);
    // Each by itself, as the plugin sends them.
    for statement in statements.lines() {
        place.sql(statement);
    }
    let mut found = rows(&place, &columns);
    found.remove("deployment_plugin_migrations");
    (place, found)
}

fn upgraded(place: &Place) {
    let clock = clock();
    assert!(Records::open(place.config(), &clock).is_connected());
}

/// What any later version may do: columns and tables more, and a higher number.
fn much_newer(place: &Place) {
    upgraded(place);
    for table in columns(place, &[]).keys() {
        place.sql(&format!(
            "ALTER TABLE {table} ADD COLUMN of_later_days text"
        ));
    }
    place.sql(
        "CREATE TABLE deployment_of_later_days (id serial PRIMARY KEY); \
         INSERT INTO deployment_plugin_migrations (version) VALUES (9999)",
    );
}

#[test]
fn what_an_earlier_version_sends_has_the_same_effect_on_todays_tables_and_on_later_ones() {
    for ((version, tables), (_, statements)) in
        recorded(".sql").into_iter().zip(recorded(".statements"))
    {
        assert!(
            statements.lines().count() > 30,
            "{version} sent more than that"
        );
        let (_, then) = replayed(&tables, &statements, |_| ());
        assert!(then.values().all(|rows| !rows.is_empty()), "{then:?}");
        let (_, now) = replayed(&tables, &statements, upgraded);
        assert_eq!(now, then, "{version}: {ADVICE}");
        let (_, later) = replayed(&tables, &statements, much_newer);
        assert_eq!(later, then, "{version}");
    }
}

#[test]
fn the_recorded_statements_are_those_that_made_the_recorded_rows() {
    for ((version, tables), (_, statements)) in
        recorded(".sql").into_iter().zip(recorded(".statements"))
    {
        let place = Place::new();
        place.sql(&tables);
        let mut whole = rows(&place, &columns(&place, ITS_OWN));
        whole.remove("deployment_plugin_migrations");
        assert_eq!(replayed(&tables, &statements, |_| ()).1, whole, "{version}");
    }
}

#[test]
fn this_version_works_on_the_tables_of_a_later_one() {
    let (place, clock) = (Place::new(), clock());
    upgraded(&place);
    much_newer(&place);
    assert_eq!(schema(&place), Schema::Newer { version: 9999 });
    let taken = take(&lease(&place.url()), "good");
    let mut records = Records::open(place.config(), &clock);
    everything(&mut records, Some(taken.token()));
    assert_answered(&mut records);
    assert_eq!(warnings(&mut records), "");
    taken.release().unwrap();
}

/// Whether all that was written is there again. What was null may be left out.
fn keeps(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => before.iter().all(|(key, value)| {
            value.is_null() || after.get(key).is_some_and(|now| keeps(value, now))
        }),
        _ => before == after,
    }
}

#[test]
fn the_journal_of_an_earlier_version_is_read_and_delivered() {
    for (version, text) in recorded(".jsonl") {
        let mut kinds = Vec::new();
        for (raw, line) in line::lines(text.as_bytes()) {
            let Line::Entry(entry) = line else {
                panic!(
                    "{version}: {} is not read: {ADVICE}",
                    String::from_utf8_lossy(raw)
                );
            };
            let before: Value = serde_json::from_slice(raw).unwrap();
            let after = serde_json::to_value(&*entry).unwrap();
            assert!(
                keeps(&before, &after),
                "{version}: {before} became {after}: {ADVICE}"
            );
            kinds.push(before["body"]["record"].as_str().unwrap().to_owned());
        }
        kinds.sort();
        kinds.dedup();
        assert!(kinds.len() >= 10, "{version} recorded only {kinds:?}");
        let (place, clock) = (Place::new(), clock());
        fs::create_dir_all(place.journal().parent().unwrap()).unwrap();
        fs::write(place.journal(), &text).unwrap();
        let mut alone = Records::open(place.config_without_database(), &clock);
        assert_answered(&mut alone);
        drop(alone);
        let mut records = Records::open(place.config(), &clock);
        assert_answered(&mut records);
        assert_eq!(records.finish(), Undelivered::default(), "{version}");
    }
}

/// A statement with its parameters, out of the lines that the server logged of it.
fn statement(line: &str, detail: &str) -> Option<String> {
    let (_, text) = line.split_once("LOG:  execute ")?.1.split_once(": ")?;
    let begins = |word: &&str| text.starts_with(word);
    let is_sent = ["INSERT INTO ", "UPDATE ", "SELECT ", "WITH ", "DELETE "]
        .iter()
        .any(begins);
    let names = |table: &&str| text.contains(table);
    let is_ours = ["deployment", "health_checks", "version_markers"]
        .iter()
        .any(names);
    if !is_sent || !is_ours || text.contains("deployment_plugin_migrations") {
        return None;
    }
    let mut text = text.to_owned();
    let given = detail
        .split_once("arameters: ")
        .map_or("", |(_, given)| given);
    // From the last one on, so that $1 is not taken for the beginning of $10.
    let places: Vec<(usize, usize)> = (1..)
        .map_while(|number| {
            given
                .find(&format!("${number} = "))
                .map(|place| (number, place))
        })
        .collect();
    for (number, place) in places.iter().rev() {
        let end = places
            .get(*number)
            .map_or(given.len(), |(_, next)| next - 2);
        let value = &given[place + format!("${number} = ").len()..end];
        text = text.replace(&format!("${number}"), value);
    }
    Some(text)
}

#[test]
#[ignore = "records what this version promises: .ci/record"]
fn record_anew() {
    must_be_unreleased();
    fs::create_dir_all(folder()).unwrap();
    let write = |ending: &str, text: &str| {
        fs::write(folder().join(format!("{VERSION}{ending}")), text).unwrap();
    };

    // A server of its own, whose log has these statements alone.
    let server = Postgres::start_new();
    let name = server.fresh_database();
    let (place, clock) = (Place::new(), clock());
    let config = config_of(Some(&server.url(&name)), place.journal());
    drop(Records::open(config.clone(), &clock));
    server.sql(
        "postgres",
        &format!("ALTER DATABASE {name} SET log_statement = 'all'"),
    );
    let terms = lease(&server.url(&name));
    let mut taken = take(&terms, "good");
    let mut records = Records::open(config, &clock);
    everything(&mut records, Some(taken.token()));
    assert_answered(&mut records);
    assert_eq!(warnings(&mut records), "");
    drop(records);
    taken.renew();
    assert!(holder(&terms, "acme/shop", "production").unwrap().is_some());
    taken.release().unwrap();
    write(".sql", &server.dump(&name));
    let log = server.log();
    let lines: Vec<&str> = log.lines().collect();
    let after = lines.iter().skip(1).chain([&""]);
    let statements: Vec<String> = lines
        .iter()
        .zip(after)
        .filter_map(|(line, next)| statement(line, next))
        .collect();
    write(".statements", &(statements.join(";\n") + ";\n"));

    let mut records = Records::open(place.config_without_database(), &clock);
    everything(&mut records, Some(1));
    drop(records);
    write(".jsonl", &fs::read_to_string(place.journal()).unwrap());
}
