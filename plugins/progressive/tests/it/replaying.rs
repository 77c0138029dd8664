//! A recorded rollout judged again by the real binary, as on a developer's machine: from PostgreSQL, from a journal, from
//! a file that psql wrote. Nothing is touched.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use testbed::backend::Manner;
use testbed::load::Load;
use testbed::markdown::{blocks, commands, of};
use testbed::postgres::Postgres;
use testbed::scratch::Scratch;

use crate::rollouts::{database, script};
use crate::step::{Ended, Pipeline, World, ask, wait_until};

const ID: &str = "acme-shop-production-8";
const SECOND: &str = "→ stage 2 of 3 (50 %)";
/// Stages that last until something ends them.
const LONG: (&str, &str) = ("wait_time", "10m");

/// The command by hand, with nothing of Woodpecker around it.
fn by_hand(folder: &Path, flags: &[&str]) -> Ended {
    let output = Command::new(env!("CARGO_BIN_EXE_plugin-progressive"))
        .env_clear()
        .current_dir(folder)
        .stdin(Stdio::null())
        .args(flags)
        .output()
        .unwrap();
    Ended {
        code: output.status.code(),
        log: String::from_utf8(output.stdout).unwrap(),
    }
}

/// A rollout whose new version breaks in its second stage.
fn broken_in_the_second_stage(world: &World, pipeline: &Pipeline) {
    let stages = r#"[{"percentage": 10, "wait_time": "600ms"}, {"percentage": 50, "wait_time": "10m"}, 100]"#;
    let running = pipeline.spawn(&[("stages", stages)]).until(SECOND);
    world.green.behave(Manner::Failing(500));
    running.wait().with(1, "ROLLED BACK");
}

/// All tables with all rows.
fn rows(postgres: &Postgres, name: &str) -> Vec<String> {
    let dump = postgres.dump(name);
    // A key of the dump's own, another one each time.
    let lines = dump.lines().filter(|line| !line.contains("restrict "));
    lines.map(str::to_owned).collect()
}

/// What HAProxy has of its servers, apart from the time since it was changed.
fn servers(world: &World) -> Vec<Vec<String>> {
    let state = ask(&world.proxy, "show servers state shop\n");
    let fields = |line: &str| {
        let fields = line.split(' ').enumerate();
        let kept = fields.filter(|(place, _)| *place != 9);
        kept.map(|(_, field)| field.to_owned()).collect()
    };
    state.lines().map(fields).collect()
}

#[test]
fn by_its_own_settings_it_says_what_happened_and_touches_nothing() {
    let world = World::start();
    let (postgres, name, url) = database();
    let pipeline = Pipeline::new("8", world.settings()).with("database_url", &url);
    broken_in_the_second_stage(&world, &pipeline);
    let last = postgres.sql(&name, "SELECT max(number) FROM deployment_looks");
    let (before, traffic) = (rows(postgres, &name), servers(&world));
    let asked = world.green.requests();
    let laptop = Scratch::new("laptop");
    let replay = |more: &[&str]| {
        let flags = [&["--replay", ID, "--database-url", &url], more].concat();
        by_hand(laptop.path(), &flags)
    };
    replay(&[])
        .with(1, "WOULD ROLL BACK")
        .saying("acme/shop production: replay of acme-shop-production-8, which began 20")
        .saying("; nothing is touched")
        .saying("the rules of now are those that were recorded")
        .saying("as recorded it was rolled back at ")
        .saying(&format!(", at look {last}"))
        .saying(": as recorded");
    let sooner = replay(&["--consecutive-failures", "1"]).with(1, "WOULD ROLL BACK");
    let first = "SELECT min(number) FROM deployment_looks \
                 WHERE seen->'look'->'new'->'judged'->>'judged' = 'bad'";
    let first = postgres.sql(&name, first);
    assert_ne!(first, last);
    sooner
        .saying(&format!(", at look {first}"))
        .saying(" sooner than recorded")
        .saying("the rules of now are others: consecutive_failures 3 → 1");
    replay(&[
        "--consecutive-failures",
        "50",
        "--threshold-error-rate",
        "90",
    ])
    .with(3, "UNDECIDED")
    .saying("it would not have ended there, and stage 2 (50 %) would have been watched on");
    // Settings of the step that say nothing of judging are no hindrance, and are not replayed.
    replay(&[
        "--stages",
        "20,100",
        "--traffic",
        "haproxy",
        "--interval",
        "7s",
    ])
    .with(1, "WOULD ROLL BACK")
    .saying("note: --stages, --interval cannot be replayed and were others");
    assert_eq!(rows(postgres, &name), before);
    assert_eq!(servers(&world), traffic);
    assert_eq!(world.green.requests(), asked);
    assert_eq!(fs::read_dir(laptop.path()).unwrap().count(), 0);
}

#[test]
fn the_policy_of_now_judges_and_a_step_can_ask_for_it_too() {
    let world = World::start();
    let (_, _, url) = database();
    let pipeline = Pipeline::new("8", world.settings()).with("database_url", &url);
    broken_in_the_second_stage(&world, &pipeline);
    let policy = "rollback_thresholds: {consecutive_failures: 9}\n\
                  environments: {production: {rollback_thresholds: {consecutive_failures: 2}}}\n";
    fs::write(pipeline.workspace.join("deployment-policy.yaml"), policy).unwrap();
    pipeline
        .run(&[("replay", ID)])
        .with(1, "WOULD ROLL BACK")
        .saying("the rules of now are others: consecutive_failures 3 → 2")
        .saying(" sooner than recorded");
    pipeline
        .run(&[("replay", ID), ("consecutive_failures", "zwei")])
        .with(2, "REFUSED")
        .saying("PLUGIN_CONSECUTIVE_FAILURES");
}

#[test]
fn the_journal_and_a_file_that_psql_wrote_say_the_same_as_the_database() {
    let world = World::start();
    let (postgres, name, url) = database();
    let pipeline = Pipeline::new("8", world.settings());
    broken_in_the_second_stage(&world, &pipeline);
    let journal = pipeline.workspace.join(".deployment/journal.jsonl");
    let before = fs::read(&journal).unwrap();
    let laptop = Scratch::new("laptop");
    let flags = ["--replay", ID, "--journal", journal.to_str().unwrap()];
    let journalled = by_hand(laptop.path(), &flags).with(1, "WOULD ROLL BACK");
    assert_eq!(fs::read(&journal).unwrap(), before);
    // The next step that reaches the database delivers what the journal holds.
    let settle = [("settle", "true"), ("database_url", url.as_str())];
    pipeline.run(&settle).with(0, "SETTLED");
    let stored = by_hand(laptop.path(), &["--replay", ID, "--database-url", &url]);
    assert_eq!(stored.verdict(), journalled.verdict());
    let looks = format!(
        "SELECT json_agg(l ORDER BY recorded_at, number) FROM deployment_looks l WHERE deployment_id = '{ID}'"
    );
    fs::write(laptop.join("looks.json"), postgres.sql(&name, &looks)).unwrap();
    let filed = by_hand(laptop.path(), &["--replay", "looks.json"]);
    assert_eq!(filed.verdict(), journalled.verdict());
    // Whatever its name, what is there is a file.
    fs::rename(laptop.join("looks.json"), laptop.join("looks")).unwrap();
    let filed = by_hand(laptop.path(), &["--replay", "looks"]);
    assert_eq!(filed.verdict(), journalled.verdict());
    by_hand(
        laptop.path(),
        &["--replay", "looks", "--environment", "staging"],
    )
    .with(2, "REFUSED")
    .saying("holds looks of production, and the settings of now are those of staging");
}

/// A text as it would be of any other rollout.
fn shape(line: &str) -> String {
    let worded = line
        .split(' ')
        .filter(|word| !word.contains(|c: char| c.is_ascii_digit()));
    worded
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn the_commands_of_the_page_do_what_the_page_says_one_after_the_other() {
    let world = World::start();
    let (_, _, url) = database();
    let load = Load::start_paced(world.proxy.address, 200);
    world.green.behave(Manner::Faulty { failing: 1, of: 12 });
    let pipeline = Pipeline::new("8", world.settings()).with("database_url", &url);
    pipeline.run(&[LONG]).with(1, "ROLLED BACK");
    drop(load.stop());
    let page = blocks("plugins/progressive/docs.md");
    let commands = commands(&page);
    assert_eq!(commands.len(), 4);
    let laptop = Scratch::new("laptop");
    let binary = Path::new(env!("CARGO_BIN_EXE_plugin-progressive"));
    let path = format!("{}:/usr/bin:/bin", binary.parent().unwrap().display());
    let said: Vec<String> = commands
        .iter()
        .map(|command| {
            let shell = Command::new("sh")
                .env_clear()
                .envs([("PATH", &path), ("DATABASE_URL", &url)])
                .current_dir(laptop.path())
                .args(["-c", command])
                .output()
                .unwrap();
            let (out, errors) = (shell.stdout, String::from_utf8_lossy(&shell.stderr));
            let out = String::from_utf8(out).unwrap();
            let expected = i32::from(!command.starts_with("psql"));
            assert_eq!(
                shell.status.code(),
                Some(expected),
                "{command}\n{out}{errors}"
            );
            out
        })
        .collect();
    assert!(laptop.join("looks.json").metadata().unwrap().len() > 1000);
    // What the page shows is what such a command says, but for the figures.
    let mut shown = of(&page, "text").flat_map(|block| block.text.lines());
    let second: Vec<String> = said[1].lines().map(shape).collect();
    let unlike = shown.find(|line| !second.iter().any(|one| one.contains(&shape(line))));
    assert_eq!(unlike, None, "{}", said[1]);
}

#[test]
fn evidence_that_proxies_counted_is_weighed_anew() {
    let world = World::start();
    let (_, _, url) = database();
    let load = Load::start_paced(world.proxy.address, 200);
    world.green.behave(Manner::Faulty { failing: 1, of: 20 });
    let pipeline = Pipeline::new("8", world.settings())
        .with("stages", "10,100")
        .with("database_url", &url);
    pipeline.run(&[LONG]).with(1, "ROLLED BACK");
    drop(load.stop());
    let laptop = Scratch::new("laptop");
    let replay = |more: &[&str]| {
        let flags = [&["--replay", ID, "--database-url", &url], more].concat();
        by_hand(laptop.path(), &flags)
    };
    replay(&[])
        .with(1, "WOULD ROLL BACK")
        .saying(": worse than luck explains; canary ")
        .saying(", when clients had sent it ")
        .saying(": as recorded")
        .saying("canary failed");
    replay(&["--alpha", "0.4"])
        .with(1, "WOULD ROLL BACK")
        .saying("the rules of now are others: alpha 0.01 → 0.4")
        .saying(" sooner than recorded");
    replay(&["--alpha", "0.000001"])
        .with(3, "UNDECIDED")
        .saying("stage 1 (10 %) would have been watched on");
}

#[test]
fn what_our_own_bursts_came_to_is_judged_anew_too() {
    let world = World::start();
    let (_, _, url) = database();
    let pipeline = Pipeline::new("8", world.settings())
        .with("database_url", &url)
        .with("count_by", "probes")
        .with("min_samples", "300")
        .with("stages", "10,100");
    pipeline.run(&[]).with(0, "PASSED");
    let laptop = Scratch::new("laptop");
    let replay = |samples: &str| {
        let flags = [
            "--replay",
            ID,
            "--database-url",
            &url,
            "--min-samples",
            samples,
        ];
        by_hand(laptop.path(), &flags)
    };
    replay("300")
        .with(0, "WOULD PASS")
        .saying("the rules of now are those that were recorded")
        .saying(" requests of our own: as recorded");
    replay("100000").with(3, "UNDECIDED");
}

#[test]
fn a_run_that_was_killed_and_begun_again_is_one_rollout_of_two_runs() {
    let world = World::start();
    let (_, _, url) = database();
    let pipeline = Pipeline::new("8", world.settings()).with("database_url", &url);
    let killed = pipeline.spawn(&[]).until(SECOND).signal("-KILL").wait();
    assert_eq!((killed.code, world.weights()), (None, (50, 50)));
    let laptop = Scratch::new("laptop");
    let flags = ["--replay", ID, "--database-url", &url];
    by_hand(laptop.path(), &flags)
        .with(3, "UNDECIDED")
        .saying("as recorded it ended in stage 2 (50 %) without a judgement, at ");
    pipeline.run(&[]).with(0, "PASSED");
    by_hand(laptop.path(), &flags)
        .with(0, "WOULD PASS")
        .saying("note: this deployment was run 2 times")
        .saying("run 1: stage 1 ")
        .saying("run 2: stage 3 ");
}

#[test]
fn a_dry_run_that_was_recorded_says_what_it_looked_at() {
    let world = World::start();
    let (_, _, url) = database();
    let pipeline = Pipeline::new("8", world.settings()).with("database_url", &url);
    pipeline.run(&[("dry_run", "record")]).with(0, "DRY RUN");
    let laptop = Scratch::new("laptop");
    let flags = ["--replay", ID, "--database-url", &url];
    by_hand(laptop.path(), &flags)
        .with(0, "WOULD PASS")
        .saying("a dry run watches no stage");
    pipeline.run(&[]).with(0, "PASSED");
    by_hand(laptop.path(), &flags)
        .with(0, "WOULD PASS")
        .saying("every stage passed")
        .saying("note: looks of dry runs are left out");
}

#[test]
fn a_stage_that_a_script_moves_is_replayed_as_any_other() {
    let world = World::start();
    let (_, _, url) = database();
    let pipeline = Pipeline::new("8", world.settings())
        .with("database_url", &url)
        .with("deployment_script", "deploy.sh")
        .with("finish", "promote")
        .with("expect_version", "")
        .with("soak", "300ms");
    script(&pipeline, "exit 0");
    pipeline.run(&[]).with(0, "PASSED");
    let laptop = Scratch::new("laptop");
    by_hand(laptop.path(), &["--replay", ID, "--database-url", &url])
        .with(0, "WOULD PASS")
        .saying("the stable side")
        .saying("soak")
        .saying(": as recorded");
}

#[test]
fn what_is_not_there_is_refused_with_what_is() {
    let world = World::start();
    let (postgres, name, url) = database();
    let laptop = Scratch::new("laptop");
    let replay = |flags: &[&str]| {
        let flags = [&["--database-url", &url], flags].concat();
        by_hand(laptop.path(), &flags)
    };
    replay(&["--replay", "x"])
        .with(2, "REFUSED")
        .saying("no look at all is recorded in ");
    assert_eq!(
        postgres.sql(&name, "SELECT to_regclass('deployments') IS NULL"),
        "t"
    );
    let pipeline = Pipeline::new("8", world.settings()).with("database_url", &url);
    pipeline.run(&[]).with(0, "PASSED");
    replay(&["--replay", "x"])
        .with(2, "REFUSED")
        .saying("no look of x is recorded in ")
        .saying("the latest are of acme-shop-production-8 (acme/shop production, ")
        .saying("Next: name one of these");
    let password = url.split(['/', ':', '@']).nth(4).unwrap();
    let refused = replay(&["--replay", "x"]);
    assert!(!refused.log.contains(password), "{}", refused.log);
    replay(&["--replay", ID, "--environment", "staging"])
        .with(2, "REFUSED")
        .saying(
            "no look of acme-shop-production-8 is recorded of staging, but of acme/shop production",
        );
    replay(&["--replay", ID, "--repo", "acme/blog"])
        .with(2, "REFUSED")
        .saying("of acme/blog production, but of acme/shop production");
    let twice = "INSERT INTO deployment_looks (repo, environment, deployment_id, stage, what, number, seen, recorded_at, \
                 record_key) SELECT 'acme/blog', environment, deployment_id, stage, what, number, seen, recorded_at, \
                 record_key || 'b' FROM deployment_looks";
    postgres.sql(&name, twice);
    replay(&["--replay", ID])
        .with(2, "REFUSED")
        .saying("are recorded of acme/blog production, acme/shop production");
    replay(&["--replay", ID, "--repo", "acme/blog"]).with(0, "WOULD PASS");
    by_hand(laptop.path(), &["--replay", ID, "--journal", "none.jsonl"])
        .with(2, "REFUSED")
        .saying("no look at all is recorded in the journal ./none.jsonl");
}

#[test]
fn a_database_that_is_down_is_refused_and_not_replaced_by_a_journal() {
    let laptop = Scratch::new("laptop");
    let mut postgres = Postgres::start_new();
    let url = postgres.url(&postgres.fresh_database());
    postgres.stop();
    by_hand(laptop.path(), &["--replay", ID, "--database-url", &url])
        .with(2, "REFUSED")
        .saying("could not be used")
        .saying("bring the database back");
}

#[test]
fn a_file_that_cannot_be_understood_is_refused_by_line_and_field_and_never_quoted() {
    let world = World::start();
    let (postgres, name, url) = database();
    let pipeline = Pipeline::new("8", world.settings()).with("database_url", &url);
    pipeline.run(&[]).with(0, "PASSED");
    let laptop = Scratch::new("laptop");
    let refused = |text: &str| {
        fs::write(laptop.join("looks.json"), text).unwrap();
        by_hand(laptop.path(), &["--replay", "looks.json"])
            .with(2, "REFUSED")
            .saying("looks.json cannot be replayed: ")
    };
    refused("").saying("it holds no look");
    refused("null").saying("it holds no look");
    refused("[]").saying("it holds no look");
    refused("DEPLOY_KEY=geheim-1").saying("line 1, column 1: expected value");
    let ended =
        refused("[\"geheim-1\"]").saying("line 1, column 11: expected a row of deployment_looks");
    assert!(!ended.log.contains("geheim-1"), "{}", ended.log);
    refused("[{\"repo\": \"a\",\n \"environment\": 7}]")
        .saying("line 2, column 17: expected a string");
    std::os::unix::fs::symlink("/dev/zero", laptop.join("endless.json")).unwrap();
    by_hand(laptop.path(), &["--replay", "endless.json"])
        .with(2, "REFUSED")
        .saying("endless.json cannot be read: it is not a file");
    by_hand(laptop.path(), &["--replay", "none.json"])
        .with(2, "REFUSED")
        .saying("none.json cannot be read: ");
    let agg = |sql: &str| {
        let from = format!("SELECT json_agg(l ORDER BY recorded_at, number) FROM {sql} l");
        postgres.sql(&name, &from)
    };
    let two = "(SELECT * FROM deployment_looks UNION ALL SELECT l.* FROM deployment_looks d, \
               json_populate_record(NULL::deployment_looks, jsonb_set(to_jsonb(d), '{deployment_id}', '\"other\"')::json) l)";
    refused(&agg(two)).saying("it holds looks of several rollouts");
    // What another version kept of a look is not guessed at.
    let older = "(SELECT repo, environment, deployment_id, deployment_type, stage, what, number, recorded_at, \
                 (seen::jsonb - 'outline') AS seen FROM deployment_looks)";
    refused(&agg(older)).saying(": missing field `outline`");
    let strange = "(SELECT repo, environment, deployment_id, deployment_type, 3 AS stage, 'later' AS what, number, \
                   recorded_at, seen FROM deployment_looks)";
    refused(&agg(strange)).saying("nothing is known of what it watched: later 3");
    postgres.sql(
        &name,
        "UPDATE deployment_looks SET seen = (seen::jsonb - 'outline')::json, plugin_version = 'plugin-progressive/0.0.9'",
    );
    by_hand(laptop.path(), &["--replay", ID, "--database-url", &url])
        .with(2, "REFUSED")
        .saying("look 1, recorded by plugin-progressive/0.0.9, cannot be replayed: missing field `outline`");
}

#[test]
fn a_replay_that_is_cancelled_ends() {
    let mut postgres = Postgres::start_new();
    let url = postgres.url(&postgres.fresh_database());
    let world = World::start();
    let pipeline = Pipeline::new("8", world.settings()).with("database_url", &url);
    postgres.pause();
    let running = pipeline.spawn(&[("replay", ID)]);
    wait_until(|| {
        fs::read_dir(format!("/proc/{}/task", running.id())).is_ok_and(|all| all.count() > 2)
    });
    running.signal("-TERM").wait().with(143, "CANCELLED");
    postgres.resume();
}
