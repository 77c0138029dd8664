//! SIGKILL: whatever the next run finds is true.
//!
//! The process that is killed is this test binary once more, running only [`the_process_that_is_killed`].

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::json;
use shared::record::{Mark, Record, StageStatus};
use shared::store::Records;

use super::fencing::stage;
use super::{Place, clock, config_of, subject, warnings};

/// What a rollout does to its shares, each after its intent.
const SHARES: [u8; 3] = [10, 25, 50];
/// How many things it does in all: an intent, a write and a row for each share, and the end.
const EFFECTS: usize = 3 * SHARES.len() + 1;

/// Waits for its end at the `stop`-th effect.
struct Effects {
    done: usize,
    stop: usize,
}

impl Effects {
    fn next(&mut self) {
        self.done += 1;
        if self.done == self.stop {
            say("here");
            loop {
                std::thread::park();
            }
        }
    }
}

/// Not `println!`, which the test harness would hold back.
fn say(word: &str) {
    use std::io::Write;
    let line = format!("\n{word}\n");
    std::io::stdout().write_all(line.as_bytes()).unwrap();
}

#[expect(
    clippy::disallowed_methods,
    reason = "the parent of this process says where"
)]
fn told(name: &str) -> String {
    std::env::var(name).unwrap()
}

#[test]
#[ignore = "it is started, and killed, by the other tests here"]
fn the_process_that_is_killed() {
    let folder = std::path::PathBuf::from(told("KILLED_FOLDER"));
    let url = Some(told("KILLED_URL")).filter(|url| !url.is_empty());
    let token = url.is_some().then_some(1);
    let config = config_of(url.as_deref(), folder.join("records.jsonl"));
    let clock = clock();
    let mut records = Records::open(config, &clock);
    let (subject, mut effects) = (
        subject("1"),
        Effects {
            done: 0,
            stop: told("KILLED_AT").parse().unwrap(),
        },
    );
    say("began");
    for (number, share) in (1..).zip(SHARES) {
        let landed = records.intend(&subject, token, json!({"share": share}), None);
        assert!(landed.unwrap().is_safe());
        effects.next();
        fs::write(folder.join("traffic"), share.to_string()).unwrap();
        effects.next();
        let body = Record::Stage(stage(number, StageStatus::Passed));
        assert!(
            records
                .record_fenced(&subject, token, body)
                .unwrap()
                .is_safe()
        );
        effects.next();
    }
    let state = json!({"share": 50});
    let landed = records.finish_rollout(&subject, token, state, None, Mark::Finished);
    assert!(landed.unwrap().is_safe());
    effects.next();
}

/// The process, and what it says.
struct Run {
    child: Child,
    words: BufReader<ChildStdout>,
}

impl Run {
    fn start(place: &Place, url: &str, at: usize) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killing::the_process_that_is_killed"])
            .args(["--ignored", "--nocapture"])
            .env("KILLED_FOLDER", place.folder.path())
            .env("KILLED_URL", url)
            .env("KILLED_AT", at.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let words = BufReader::new(child.stdout.take().unwrap());
        let mut run = Self { child, words };
        run.hear("began");
        run
    }

    fn hear(&mut self, word: &str) {
        let mut line = String::new();
        while line.trim() != word {
            line.clear();
            assert_ne!(
                self.words.read_line(&mut line).unwrap(),
                0,
                "no {word} from it"
            );
        }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The traffic as it is, and what the next run is told of it.
fn compare(place: &Place, url: Option<&str>) -> (u8, Option<u8>) {
    let traffic = fs::read_to_string(place.folder.join("traffic")).unwrap_or("0".into());
    let clock = clock();
    let mut records = Records::open(config_of(url, place.folder.join("records.jsonl")), &clock);
    let left = records.unfinished("acme/shop", "production").unwrap().value;
    let share = left.map(|left| u8::try_from(left.state["share"].as_u64().unwrap()).unwrap());
    assert_eq!(warnings(&mut records), "");
    (traffic.parse().unwrap(), share)
}

fn killed_after_each_effect(url_of: impl Fn(&Place) -> Option<String>) {
    for at in 1..=EFFECTS {
        let place = Place::new();
        let url = url_of(&place);
        let mut run = Run::start(&place, url.as_deref().unwrap_or_default(), at);
        run.hear("here");
        run.kill();
        let (traffic, told) = compare(&place, url.as_deref());
        let (step, part) = ((at - 1) / 3, (at - 1) % 3);
        let before = if step == 0 { 0 } else { SHARES[step - 1] };
        if at == EFFECTS {
            assert_eq!((traffic, told), (50, None), "after effect {at}");
        } else {
            let is = if part == 0 { before } else { SHARES[step] };
            assert_eq!(
                (traffic, told),
                (is, Some(SHARES[step])),
                "after effect {at}"
            );
        }
        // The same from another agent, where there is a database and no journal.
        if let Some(url) = &url {
            fs::remove_file(place.folder.join("records.jsonl")).unwrap();
            assert_eq!(
                compare(&place, Some(url)),
                (traffic, told),
                "after effect {at}"
            );
            let rows =
                place.sql("SELECT count(*), count(DISTINCT stage) FROM progressive_deployments");
            let stages = at / 3;
            assert_eq!(rows, format!("{stages}|{stages}"), "after effect {at}");
        }
    }
}

#[test]
fn a_kill_after_any_effect_leaves_the_truth_in_the_database() {
    killed_after_each_effect(|place| Some(place.url()));
}

#[test]
fn a_kill_after_any_effect_leaves_the_truth_in_the_journal() {
    killed_after_each_effect(|_| None);
}

#[test]
fn a_kill_while_the_database_writes_an_intent_leaves_the_one_before_it() {
    let place = Place::new();
    drop(Records::open(place.config(), &clock()));
    let mut other = postgres::Client::connect(&place.url(), postgres::NoTls).unwrap();
    let mut lock = other.transaction().unwrap();
    lock.batch_execute("LOCK TABLE deployment_rollouts IN SHARE ROW EXCLUSIVE MODE")
        .unwrap();
    let run = Run::start(&place, &place.url(), 1);
    let waits = "SELECT count(*) FROM pg_stat_activity \
         WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let waiting = (0..500).any(|_| {
        std::thread::park_timeout(Duration::from_millis(10));
        place.sql(waits) == "1"
    });
    assert!(waiting, "it does not write");
    run.kill();
    lock.commit().unwrap();
    assert_eq!(compare(&place, Some(&place.url())), (0, None));
}

#[test]
fn a_kill_between_the_database_and_the_journal_leaves_the_truth() {
    let place = Place::new();
    drop(Records::open(place.config(), &clock()));
    // The journal is kept from the run, so that it cannot get beyond the database.
    let journal = File::create(place.folder.join("records.jsonl")).unwrap();
    journal.lock().unwrap();
    let run = Run::start(&place, &place.url(), 1);
    let written = (0..300).any(|_| {
        std::thread::park_timeout(Duration::from_millis(10));
        place.sql("SELECT count(*) FROM deployment_rollouts") == "1"
    });
    assert!(written, "it does not write");
    run.kill();
    journal.unlock().unwrap();
    assert_eq!(compare(&place, Some(&place.url())), (0, Some(10)));
}
