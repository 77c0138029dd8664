//! SIGTERM and SIGKILL, sent for real.

use std::process::Command;
use std::time::Duration;

use crate::step::{Pipeline, json, service, wait};
use shared::clock::{Clock, SystemClock};
use shared::signal::Cancel;
use testbed::sink::{Reply, Sink};

fn send(signal: &str, pid: u32) {
    assert!(
        Command::new("kill")
            .args([signal, &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn sigterm_while_waiting_ends_the_step_as_cancelled() {
    let service = service(&["{}"]);
    let url = service.url("/");
    for signal in ["-TERM", "-INT"] {
        let settings = [
            ("endpoint", url.as_str()),
            ("watch", "1h"),
            ("initial_delay", "0"),
        ];
        let pipeline = Pipeline::new();
        let step = pipeline.step(&settings).spawn();
        while pipeline.journal().is_empty() {}
        send(signal, step.id());
        let ended = wait(step).with(143);
        assert!(
            ended.verdict().starts_with("CANCELLED (exit 143)"),
            "{}",
            ended.log
        );
    }
}

#[test]
fn sigterm_while_an_endpoint_is_silent_does_not_wait_for_it() {
    let silent = Sink::start([Reply::new(200, "{}").after(Duration::from_secs(40))]);
    let url = silent.url("/");
    let step = Pipeline::new()
        .step(&[("endpoint", &url), ("timeout", "60s")])
        .spawn();
    while silent.requests().is_empty() {}
    send("-TERM", step.id());
    // Would the step wait for the answer, the test's own deadline of the answer's delay would pass first.
    wait(step).with(143);
}

#[test]
fn sigkill_leaves_a_journal_that_the_next_step_reads() {
    let service = Sink::start((0..50).map(|_| json("{}")));
    let url = service.url("/");
    let pipeline = Pipeline::new();
    let settings = [
        ("endpoint", url.as_str()),
        ("watch", "1h"),
        ("initial_delay", "0"),
        ("interval", "10ms"),
    ];
    let mut step = pipeline.step(&settings).spawn();
    while pipeline.journal().len() < 5 {}
    step.kill().unwrap();
    step.wait().unwrap();
    pipeline
        .run(&[("summary", "true")])
        .with(0)
        .saying("it was checked");
}

/// A server that takes connections and never says a word.
fn mute() -> (std::net::TcpListener, String) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

#[test]
fn sigterm_while_the_database_hangs_ends_the_step_in_time() {
    let clock = SystemClock::start(Cancel::default());
    let service = service(&["{}"]);
    let (_database, address) = mute();
    let (url, database) = (
        service.url("/"),
        format!("postgres://u:hunter2222@{address}/x"),
    );
    let step = Pipeline::new()
        .step(&[("endpoint", &url), ("database_url", &database)])
        .spawn();
    clock.sleep(Duration::from_millis(500));
    let began = clock.elapsed();
    send("-TERM", step.id());
    let ended = wait(step).with(143).not_saying("hunter2222");
    assert!(
        clock.elapsed().saturating_sub(began) < Duration::from_secs(15),
        "{}",
        ended.log
    );
    assert!(ended.verdict().starts_with("CANCELLED (exit 143)"));
}

#[test]
fn a_log_that_nobody_reads_holds_up_neither_the_probes_nor_the_end() {
    let clock = SystemClock::start(Cancel::default());
    let service = Sink::start((0..10_000).map(|_| json("{}")));
    let url = service.url("/");
    let settings = [
        ("endpoint", url.as_str()),
        ("watch", "1h"),
        ("initial_delay", "0"),
        ("interval", "1ms"),
        ("log_level", "debug"),
    ];
    let mut step = Pipeline::new().step(&settings).spawn();
    // The pipe holds 64 KiB, and each probe has a line of more than 64 bytes: it goes on although nobody reads them.
    while service.requests().len() < 1500 {
        clock.sleep(Duration::from_millis(10));
    }
    send("-TERM", step.id());
    let began = clock.elapsed();
    assert_eq!(step.wait().unwrap().code(), Some(143));
    assert!(clock.elapsed().saturating_sub(began) < Duration::from_secs(16));
}

#[test]
fn sigterm_while_people_are_told_does_not_lose_the_verdict() {
    let service = service(&[r#"503 {"status": "unhealthy"}"#]);
    let silent = Sink::start([Reply::new(200, "").after(Duration::from_secs(30))]);
    let (url, hook) = (service.url("/"), silent.url("/hook"));
    let step = Pipeline::new()
        .step(&[("endpoint", &url), ("retries", "0"), ("webhook_url", &hook)])
        .spawn();
    while silent.requests().is_empty() {}
    send("-TERM", step.id());
    let ended = wait(step).with(143);
    let verdict = ended.verdict();
    assert!(verdict.starts_with("CANCELLED (exit 143)"), "{verdict}");
    assert!(verdict.contains("FAILED (exit 1): status 503"), "{verdict}");
}
