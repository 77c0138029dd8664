//! Every way in which a server can be wrong has a reason of its own, within the time limit.

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use shared::probe::{Probe, probe_all};
use shared::sample::{Health, Sample};
use shared::signal::Cancel;
use testbed::hostile::{Behaviour, Server};

use super::{at, clock, look, plain_http, said, target};

const JSON_HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";

fn raw(answer: String) -> Server {
    Server::says(answer)
}

fn json_of(length: usize, body: &str) -> Server {
    raw(format!("{JSON_HEAD}Content-Length: {length}\r\n\r\n{body}"))
}

type Case = (Server, &'static str);

fn connections_that_break_off_or_hang() -> Vec<Case> {
    let does = Server::start;
    vec![
        (
            does(Behaviour::Silent),
            "no answer within 3s while waiting for the headers",
        ),
        (
            does(Behaviour::Trickles("HTTP/1.1 200 OK\r\nX-Slow: ")),
            "no answer within 3s while waiting for the headers",
        ),
        (
            does(Behaviour::Trickles(
                "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n",
            )),
            "no answer within 3s while reading the body",
        ),
        (
            does(Behaviour::Floods(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n",
            )),
            "the body is over 1048576 bytes",
        ),
        (
            does(Behaviour::Resets("")),
            "connection reset while waiting for the headers",
        ),
        (
            does(Behaviour::Resets(
                "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"a\"",
            )),
            "malformed answer: the connection was reset within the body",
        ),
        (
            does(Behaviour::Resets("HTTP/1.1 200 OK\r\n\r\nall is w")),
            "malformed answer: the connection was reset within the body",
        ),
        (
            raw(String::new()),
            "connection closed without an answer while waiting for the headers",
        ),
        (
            raw("HTTP/1.1 200 OK\r\nContent-Ty".into()),
            "malformed answer: the answer ends within its headers",
        ),
    ]
}

fn heads_that_are_wrong() -> Vec<Case> {
    vec![
        (
            Server::start(Behaviour::Floods("HTTP/1.1 200 OK\r\nX-Big: ")),
            "malformed answer: the headers are over 65536 bytes",
        ),
        (
            raw(format!(
                "HTTP/1.1 200 OK\r\n{}\r\n",
                "X-Many: 1\r\n".repeat(500)
            )),
            "malformed answer: http parse resulted in too many headers",
        ),
        (
            raw("SSH-2.0-OpenSSH_9.2\r\n".into()),
            "malformed answer: it begins with no HTTP status line",
        ),
        (
            raw("HTTP/1.1 2x0 OK\r\n\r\n".into()),
            "malformed answer: invalid response status",
        ),
        (
            raw("HTTP/1.1 200 OK\r\nno colon\r\n\r\n".into()),
            "malformed answer: invalid header name",
        ),
        (
            raw("HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n".into()),
            "malformed answer: content-length header not a number",
        ),
        (
            raw("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx".into()),
            "malformed answer: conflicting content-length headers",
        ),
    ]
}

fn bodies_that_are_wrong() -> Vec<Case> {
    vec![
        (
            raw(format!(
                "{JSON_HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n{{}}\r\n"
            )),
            "malformed answer: chunk length cannot be read as a number",
        ),
        (
            raw(format!(
                "{JSON_HEAD}Transfer-Encoding: chunked\r\n\r\n9\r\n{{\"a\""
            )),
            "malformed answer: the body ends before its announced end",
        ),
        (
            json_of(100, r#"{"status":"healthy"}"#),
            "malformed answer: the body ends before its announced end",
        ),
        (
            json_of(10, r#"{"status":"healthy"}"#),
            "malformed answer: more bytes come after the body than its content-length says",
        ),
        (
            Server::says([JSON_HEAD.as_bytes(), b"\r\n{\"a\":\"\xff\"}"].concat()),
            "the body is not UTF-8 at byte 6",
        ),
        (
            Server::json(&format!(
                "{{\"a\":{}1{}}}",
                "[".repeat(999),
                "]".repeat(999)
            )),
            "the body (declared as application/json) is not JSON: recursion limit exceeded at line 1 column 132",
        ),
        (
            Server::json(r#"{"error_rate":NaN}"#),
            "the body (declared as application/json) is not JSON: expected value at line 1 column 15",
        ),
        (Server::json(r#"{"status":"down"}"#), "good: unhealthy"),
        (
            raw("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n".into()),
            "status 500, expected 200-299",
        ),
    ]
}

#[test]
fn each_wrong_answer_has_its_own_reason_within_the_limit() {
    let table: Vec<Case> = [
        connections_that_break_off_or_hang(),
        heads_that_are_wrong(),
        bodies_that_are_wrong(),
    ]
    .into_iter()
    .flatten()
    .collect();
    let probes: Vec<Probe> = table
        .iter()
        .map(|(server, _)| Probe::Endpoint(Box::new(at(server.address))))
        .collect();
    let began = now();
    let samples = probe_all(&probes, &plain_http(), &clock(), &Cancel::default()).unwrap();
    // A guard against hanging; the limit itself is in the sentences.
    assert!(began.elapsed() < Duration::from_secs(5));
    for (sample, (_, expected)) in samples.iter().zip(&table) {
        let found = match &sample.outcome {
            Ok(answer) if answer.health == Some(Health::Unhealthy) => "good: unhealthy".into(),
            _ => said(sample),
        };
        assert_eq!(&found, expected);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a guard against hanging needs real time"
)]
fn now() -> Instant {
    Instant::now()
}

#[test]
fn a_port_where_nothing_listens_refuses() {
    let address: SocketAddr = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let sample = look(&at(address));
    assert_eq!(said(&sample), "connection refused while connecting");
    assert_eq!(
        (sample.phases.connect, sample.phases.first_byte),
        (None, None)
    );
}

#[test]
fn a_name_that_nobody_knows_does_not_resolve() {
    let sample = look(&target("http://no-such-host.invalid/health"));
    let said = said(&sample);
    let expected = "the host's name could not be resolved: no-such-host.invalid: ";
    assert!(said.starts_with(expected), "{said}");
    assert_eq!((sample.phases.resolve, sample.phases.connect), (None, None));
}

fn times(sample: &Sample) -> [bool; 4] {
    let phases = sample.phases;
    [
        phases.resolve,
        phases.connect,
        phases.tls,
        phases.first_byte,
    ]
    .map(|time| time.is_some())
}

#[test]
fn a_good_answer_is_read_and_its_phases_are_timed() {
    let server = Server::json(r#"{"status":"healthy","error_rate":0.5,"response_time":12}"#);
    let port = server.address.port();
    let sample = look(&target(&format!("http://localhost:{port}/health")));
    let answer = sample.outcome.clone().unwrap();
    assert_eq!(
        (answer.health, answer.error_rate),
        (Some(Health::Healthy), Some(0.5))
    );
    assert_eq!(times(&sample), [true, true, false, true]);
    let phases = sample.phases;
    let parts = [phases.resolve, phases.connect, phases.first_byte];
    assert!(parts.into_iter().flatten().sum::<Duration>() <= phases.total);
    let by_address = look(&at(server.address));
    assert_eq!(times(&by_address), [false, true, false, true]);
}

#[test]
fn an_endless_body_is_good_where_only_the_status_counts() {
    let server = Server::start(Behaviour::Floods("HTTP/1.1 200 OK\r\n\r\n"));
    assert_eq!(look(&at(server.address)).outcome.unwrap().status, Some(200));
}

#[test]
fn ipv6_is_spoken() {
    let server = Server::start_on_ipv6(Behaviour::Says(Box::new(|_| {
        b"HTTP/1.0 204 No Content\r\n\r\n".to_vec()
    })));
    let answer = look(&at(server.address)).outcome.unwrap();
    assert_eq!(answer.status, Some(204));
}
