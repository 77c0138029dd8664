//! Answers that are handed on as they come.

use std::time::Duration;

use shared::endpoint::Endpoint;
use shared::http::{Method, Request, Response};
use shared::reason::Reason;
use testbed::hostile::{Behaviour, Server};

use super::plain_http;

/// What was handed on, with the answer or the reason for none.
fn receive(server: &Server, limit: u64, idle: Duration) -> (Vec<u8>, Result<Response, Reason>) {
    let endpoint = Endpoint::parse(&format!("http://{}/x", server.address)).unwrap();
    let request = Request {
        method: Method::Post,
        body: Some(b"ask"),
        body_limit: limit,
        ..Request::get(&endpoint, Duration::from_secs(30))
    };
    let mut sink = Vec::new();
    let answer = plain_http().receive(&request, idle, &mut sink);
    (sink, answer.map_err(|failure| failure.reason))
}

#[test]
fn a_good_answer_is_handed_on_up_to_its_limit() {
    let body = "x".repeat(200_000);
    let length = body.len();
    let server = Server::says(format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"
    ));
    let patience = Duration::from_secs(30);
    let (sink, answer) = receive(&server, 200_000, patience);
    let answer = answer.unwrap();
    assert!(sink == body.as_bytes() && !answer.cut && answer.body.is_empty());
    let (sink, answer) = receive(&server, 199_999, patience);
    assert!(answer.unwrap().cut && sink.len() < 200_000);
}

#[test]
fn the_words_of_a_refusal_are_kept_and_not_handed_on() {
    let server = Server::says("HTTP/1.1 403 No\r\nContent-Length: 4\r\n\r\nnope");
    let (sink, answer) = receive(&server, 100, Duration::from_secs(30));
    let answer = answer.unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (403, &b"nope"[..]));
    assert!(sink.is_empty());
}

#[test]
fn a_server_that_stops_in_the_midst_is_left_after_the_idle_limit() {
    let silent = Server::start(Behaviour::Silent);
    let idle = Duration::from_millis(100);
    let (_, answer) = receive(&silent, 100, idle);
    assert!(matches!(answer, Err(Reason::Timeout { limit, .. }) if limit == idle));
    let cut = Server::says("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
    let (sink, answer) = receive(&cut, 100, Duration::from_secs(30));
    assert!(matches!(answer, Err(Reason::Malformed { .. })));
    assert_eq!(sink, b"half");
}
