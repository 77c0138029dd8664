//! What hangs when a run is cancelled: its log, its disk, its scripts.

use std::io::{PipeReader, Write, pipe};
use std::process::{Child, Command};

use testbed::backend::Manner;

use crate::rollouts::script;
use crate::step::{Pipeline, World, send};

const FIRST: &str = "→ stage 1 of 3 (10 %)";
/// Stages that last until something ends them.
const LONG: (&str, &str) = ("wait_time", "10m");
/// So seldom looked at that nothing is written for a while.
const SELDOM: (&str, &str) = ("interval", "5m");

/// A step whose log nobody reads, into a pipe that is full. It lives as long as the pipe's end is kept.
fn unread(command: &mut Command) -> (Child, PipeReader) {
    let (reader, writer) = pipe().unwrap();
    let mut filler = writer.try_clone().unwrap();
    // Blocks when the pipe is full, and ends with the reader.
    std::thread::spawn(move || while filler.write_all(&[b'.'; 4096]).is_ok() {});
    let child = command.stdout(writer).spawn().unwrap();
    (child, reader)
}

#[test]
fn a_log_that_nobody_reads_holds_up_neither_the_rollout_nor_its_way_back() {
    let world = World::start();
    let pipeline = Pipeline::new("8", world.settings());
    let mut command = pipeline.command(&[LONG]);
    let (mut child, reader) = unread(&mut command);
    while world.weights() != (90, 10) {}
    send("-TERM", &child);
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_eq!(world.weights(), (100, 0));
    drop(reader);
}

#[test]
fn a_log_that_nobody_reads_does_not_keep_a_bad_version_in_traffic() {
    let world = World::start();
    let pipeline = Pipeline::new("8", world.settings());
    let mut command = pipeline.command(&[LONG]);
    let (mut child, reader) = unread(&mut command);
    while world.weights() != (90, 10) {}
    world.green.behave(Manner::Failing(500));
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(world.weights(), (100, 0));
    drop(reader);
}

/// In the place of the journal a pipe that never says anything, as a disk does that is gone: whoever reads it hangs.
/// Comes back when the step does.
fn hang_the_journal(pipeline: &Pipeline) -> std::fs::File {
    let journal = pipeline.workspace.join(".deployment/journal.jsonl");
    // The looks before the first share and in its stage are written down; from here on it is only read.
    let looks = |text: String| text.matches("\"record\":\"look\"").count();
    while looks(std::fs::read_to_string(&journal).unwrap()) < 2 {}
    let hanging = pipeline.workspace.join("hanging");
    let made = Command::new("mkfifo").arg(&hanging).status().unwrap();
    assert!(made.success());
    std::fs::rename(&hanging, &journal).unwrap();
    std::fs::OpenOptions::new()
        .write(true)
        .open(&journal)
        .unwrap()
}

#[test]
fn a_cancelled_run_whose_disk_hangs_puts_traffic_back_beside_it_and_ends() {
    let world = World::start();
    let pipeline = Pipeline::new("8", world.settings());
    let running = pipeline.spawn(&[LONG, SELDOM]).until(FIRST);
    let _hanging = hang_the_journal(&pipeline);
    assert_eq!(world.weights(), (90, 10));
    running
        .signal("-TERM")
        .wait()
        .with(143, "CANCELLED")
        .saying("the step hung; traffic was put back");
    assert_eq!(world.weights(), (100, 0));
}

#[test]
fn a_run_that_comes_back_after_its_traffic_was_put_back_ends_in_order() {
    let world = World::start();
    let pipeline = Pipeline::new("8", world.settings());
    let running = pipeline.spawn(&[LONG, SELDOM]).until(FIRST);
    let hanging = hang_the_journal(&pipeline);
    let running = running.signal("-TERM");
    while world.weights() != (100, 0) {}
    // The disk is there again, and empty.
    std::fs::remove_file(pipeline.workspace.join(".deployment/journal.jsonl")).unwrap();
    drop(hanging);
    running
        .wait()
        .with(143, "CANCELLED")
        .saying("put back, the canary has 0 %");
    assert_eq!(world.weights(), (100, 0));
}

#[test]
fn a_rollback_script_that_is_running_at_the_signal_gets_a_few_seconds_more() {
    let world = World::start();
    let pipeline = Pipeline::new("8", world.settings()).with("deployment_script", "deploy.sh");
    // The second attempt works at once.
    script(&pipeline, "[ -e begun ] && exit 0; touch begun; sleep 50");
    let running = pipeline.spawn(&[LONG]).until(FIRST);
    world.green.behave(Manner::Failing(500));
    while !pipeline.workspace.join("begun").exists() {}
    running
        .signal("-TERM")
        .wait()
        .with(143, "ROLLED BACK")
        .saying("the script was ended, because the run was cancelled");
    assert_eq!(world.weights(), (100, 0));
}
