//! Endpoints that are wrong in every way production knows, through the binary: a reason, an exit code, never a hang.

use std::time::{Duration, Instant};

use crate::step::Pipeline;
use testbed::hostile::{Behaviour, Server};

const JSON: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";

fn cases() -> Vec<(Server, &'static str)> {
    let broken = |length: usize, body: &str| {
        Server::says(format!("{JSON}Content-Length: {length}\r\n\r\n{body}"))
    };
    vec![
        (
            Server::start(Behaviour::Silent),
            "no answer within 2s while waiting for the headers",
        ),
        (
            Server::start(Behaviour::Trickles(
                "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n",
            )),
            "no answer within 2s while reading the body",
        ),
        (
            Server::start(Behaviour::Floods(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n",
            )),
            "the body is over 1048576 bytes",
        ),
        (
            Server::start(Behaviour::Resets("")),
            "connection reset while waiting for the headers",
        ),
        (
            broken(100, r#"{"status":"healthy"}"#),
            "malformed answer: the body ends before its announced end",
        ),
        (
            Server::says([JSON.as_bytes(), b"\r\n{\"a\":\"\xff\"}"].concat()),
            "the body is not UTF-8",
        ),
        (
            Server::json(&format!("{{\"a\":{}", "[".repeat(100_000))),
            "recursion limit exceeded",
        ),
        (Server::json(r#"{"error_rate":NaN}"#), "is not JSON"),
        (
            Server::json(r#"{"error_rate":"1"}"#),
            "field error_rate is the text",
        ),
        (Server::json(r#"{"error_rate":-1}"#), "field error_rate is"),
        (
            Server::json(r#"{"availability":100.1}"#),
            "field availability is",
        ),
        (
            Server::says("HTTP/1.1 302 Found\r\nLocation: /health\r\nContent-Length: 0\r\n\r\n"),
            "redirect",
        ),
    ]
}

#[expect(
    clippy::disallowed_methods,
    reason = "a guard against hanging needs real time"
)]
fn now() -> Instant {
    Instant::now()
}

#[test]
fn every_hostile_endpoint_fails_the_step_with_its_reason_and_never_hangs() {
    let began = now();
    std::thread::scope(|scope| {
        for (server, reason) in cases() {
            scope.spawn(move || {
                // The whole of it moves in, or it would end before the step begins.
                let server = server;
                let url = format!("http://{}/health", server.address);
                let settings = [
                    ("endpoint", url.as_str()),
                    ("retries", "0"),
                    ("timeout", "2s"),
                ];
                let ended = Pipeline::new().run(&settings).with(1);
                let verdict = ended.verdict();
                assert!(
                    verdict.starts_with("FAILED (exit 1)") && verdict.contains(reason),
                    "{reason:?} is not the verdict:\n{}",
                    ended.log
                );
                assert!(!ended.log.contains("panicked"), "{}", ended.log);
            });
        }
    });
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn nobody_at_home_and_no_such_name_are_told_apart() {
    let closed = testbed::program::free_port();
    let closed = format!("http://127.0.0.1:{closed}/");
    for (url, reason) in [
        (closed.as_str(), "connection refused"),
        ("http://no-such-host.invalid/", "no-such-host.invalid"),
    ] {
        let ended = Pipeline::new()
            .run(&[("endpoint", url), ("retries", "0")])
            .with(1);
        assert!(ended.verdict().contains(reason), "{}", ended.log);
    }
}

#[test]
fn a_certificate_of_an_unknown_authority_is_refused_until_it_is_named() {
    let ca = testbed::tls::Ca::new("the team's own");
    let answer = testbed::hostile::json_answer("{}");
    let says = Behaviour::Says(Box::new(move |_| answer.clone()));
    let server = Server::start_with_tls(says, &ca.issue(&["127.0.0.1"]));
    let url = format!("https://{}/", server.address);
    let pipeline = Pipeline::new();
    pipeline.write("ca.pem", &ca.pem);
    let base = [("endpoint", url.as_str()), ("retries", "0")];
    pipeline
        .run(&base)
        .with(1)
        .saying("the certificate's issuer is not trusted");
    pipeline
        .run(&[&base[..], &[("ca_certificate", "ca.pem")]].concat())
        .with(0);
}
