//! Which steps run, in which order, and what a cancel does.

use std::time::Duration;

use crate::{Pipeline, codes};

/// A workflow on pushes of these steps.
fn workflow(steps: &str) -> String {
    format!("when:\n  - event: push\nsteps:\n{steps}")
}

/// A step that runs a command.
fn step(name: &str, command: &str, more: &str) -> String {
    format!("  - {{name: {name}, image: alpine, commands: ['{command}']{more}}}\n")
}

#[test]
fn a_failure_skips_what_follows_but_for_steps_that_are_for_failures() {
    let steps = [
        step("one", "exit 3", ""),
        step("skipped", "true", ""),
        step(
            "after failure",
            "echo $CI_PIPELINE_STATUS",
            ", when: [{event: push, status: failure}]",
        ),
        step("always", "exit 0", ", when: [{status: [success, failure]}]"),
    ];
    let ran = Pipeline::new().run(&workflow(&steps.concat()));
    let wanted = [
        ("one", Some(3)),
        ("after failure", Some(0)),
        ("always", Some(0)),
    ];
    assert_eq!(codes(&ran), wanted);
    assert_eq!(ran[1].log, "failure\n");
}

#[test]
fn without_a_failure_a_step_that_is_for_failures_is_skipped() {
    let steps = [
        step("one", "echo $CI_PIPELINE_STATUS", ""),
        step("rollback", "true", ", when: [{status: failure}]"),
    ];
    let ran = Pipeline::new().run(&workflow(&steps.concat()));
    assert_eq!(codes(&ran), [("one", Some(0))]);
    assert_eq!(ran[0].log, "success\n");
}

#[test]
fn a_failure_that_is_ignored_is_no_failure_to_what_follows() {
    let steps = [
        step("gate", "exit 1", ", failure: ignore"),
        step("next", "echo $CI_PIPELINE_STATUS", ""),
        step("rollback", "true", ", when: [{status: failure}]"),
    ];
    let ran = Pipeline::new().run(&workflow(&steps.concat()));
    assert_eq!(codes(&ran), [("gate", Some(1)), ("next", Some(0))]);
    assert_eq!(ran[1].log, "success\n");
}

#[test]
fn a_workflow_of_another_event_runs_nothing() {
    let pipeline = Pipeline::new();
    let text = workflow(&step("one", "true", "")).replace("event: push", "event: [tag, manual]");
    assert!(pipeline.run(&text).is_empty());
    assert_eq!(
        pipeline.with("CI_PIPELINE_EVENT", "tag").run(&text).len(),
        1
    );
}

#[test]
fn a_step_of_another_event_is_not_there() {
    let steps = [
        step("one", "true", ", when: [{event: tag}]"),
        step("two", "true", ", when: [{event: [push, tag]}]"),
        step("three", "true", ", when: [{branch: {exclude: main}}]"),
    ];
    let ran = Pipeline::new().run(&workflow(&steps.concat()));
    assert_eq!(codes(&ran), [("two", Some(0))]);
}

#[test]
#[should_panic(expected = "/when")]
fn events_cannot_be_excluded() {
    let text = "when: [{event: {exclude: push}}]\nsteps: [{name: a, image: b, commands: [c]}]";
    Pipeline::new().run(text);
}

#[test]
fn steps_run_in_their_order_and_share_one_folder() {
    let steps = [
        step("one", "echo one >> said", ""),
        step("two", "echo two >> said; cat said", ""),
    ];
    let ran = Pipeline::new().run(&workflow(&steps.concat()));
    assert_eq!(ran[1].log, "one\ntwo\n");
}

#[test]
fn steps_that_wait_for_nothing_run_at_the_same_time() {
    // Each waits for the other one's file.
    let meet =
        |own: &str, other: &str| format!("touch {own}; until [ -e {other} ]; do sleep 0.01; done");
    let steps = [
        step("last", "[ -e a ] && [ -e b ]", ", depends_on: [a, b]"),
        step("a", &meet("a", "b"), ""),
        step("b", &meet("b", "a"), ""),
    ];
    let ran = Pipeline::new().run(&workflow(&steps.concat()));
    assert_eq!(
        codes(&ran),
        [("a", Some(0)), ("b", Some(0)), ("last", Some(0))]
    );
}

#[test]
#[should_panic(expected = "b depends on a, which does not run")]
fn a_step_cannot_wait_for_one_that_is_filtered_out() {
    let steps = [
        step("a", "true", ", when: [{event: tag}]"),
        step("b", "true", ", depends_on: [a]"),
    ];
    Pipeline::new().run(&workflow(&steps.concat()));
}

#[test]
fn a_command_that_fails_ends_its_step() {
    let text = workflow("  - {name: a, image: b, commands: ['echo one', 'false', 'echo two']}");
    let ran = Pipeline::new().run(&text);
    assert_eq!((ran[0].code, ran[0].log.as_str()), (Some(1), "one\n"));
}

#[test]
fn a_cancel_tells_the_running_step_to_end_and_nothing_runs_after_it() {
    let wait = r#"trap "echo ending; exit 143" TERM; echo ready; while :; do sleep 0.01; done"#;
    let steps = [
        step("one", "true", ""),
        step("two", wait, ""),
        step("three", "true", ", when: [{status: [success, failure]}]"),
    ];
    let pipeline = Pipeline::new();
    let is_cancel = |name: &str, line: &str| name == "two" && line == "ready";
    let ran = pipeline
        .agent
        .run_until(&workflow(&steps.concat()), |_| (), is_cancel);
    assert_eq!(codes(&ran), [("one", Some(0)), ("two", Some(143))]);
    assert_eq!(ran[1].log, "ready\nending\n");
}

#[test]
fn what_does_not_end_within_its_grace_period_is_killed() {
    let stubborn = r#"trap "" TERM; echo ready; while :; do sleep 0.01; done"#;
    let mut pipeline = Pipeline::new();
    assert_eq!(pipeline.agent.grace, Duration::from_secs(20));
    pipeline.agent.grace = Duration::from_millis(50);
    let is_cancel = |_: &str, line: &str| line == "ready";
    let text = workflow(&step("one", stubborn, ""));
    let ran = pipeline.agent.run_until(&text, |_| (), is_cancel);
    assert_eq!(codes(&ran), [("one", None)]);
}

#[test]
fn a_cancel_ends_every_step_that_runs() {
    let wait =
        r#"trap "exit 143" TERM; touch $CI_STEP_NAME; echo ready; while :; do sleep 0.01; done"#;
    let both =
        r#"trap "" TERM; until [ -e a ] && [ -e b ]; do sleep 0.01; done; echo both; exit 143"#;
    let steps = [
        step("a", wait, ""),
        step("b", wait, ""),
        step("c", both, ""),
        step("d", "true", ", depends_on: [a]"),
    ];
    let pipeline = Pipeline::new();
    let is_cancel = |_: &str, line: &str| line == "both";
    let ran = pipeline
        .agent
        .run_until(&workflow(&steps.concat()), |_| (), is_cancel);
    let code = Some(143);
    assert_eq!(codes(&ran), [("a", code), ("b", code), ("c", code)]);
}

#[test]
fn what_a_step_leaves_running_ends_with_it() {
    let text = workflow(&step("a", "sleep 60 >/dev/null 2>&1 & echo $!", ""));
    let log = Pipeline::new().log(&text);
    let process = log.trim().parse::<u32>().unwrap();
    let is_there = || {
        let state = std::fs::read_to_string(format!("/proc/{process}/stat"));
        // It may not be collected yet by whoever has inherited it.
        state.is_ok_and(|state| !state.contains(") Z "))
    };
    let mut looks = 0;
    while is_there() {
        looks += 1;
        assert!(looks < 1000, "it goes on");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

#[test]
#[should_panic(expected = "`services` is not understood here")]
fn what_the_runner_does_not_know_is_not_passed_over() {
    let text = workflow(&step("a", "true", ""));
    Pipeline::new().run(&format!("{text}services: [{{name: db, image: postgres}}]"));
}

#[test]
#[should_panic(expected = "set an event filter")]
fn a_workflow_that_the_linter_warns_of_is_not_run() {
    Pipeline::new().run("steps: [{name: a, image: b, commands: [c]}]");
}
