//! A webhook in the place of a script.

use std::sync::Arc;
use std::time::Duration;

use shared::hook::{Action, Call, Facts};
use shared::http::{Http, Proxies};
use shared::secret::Secret;
use shared::signature;
use shared::split::Share;
use shared::tls::Roots;
use shared::traffic::{Fault, TrafficManager, Webhook};
use testbed::hostile::{Behaviour, Server};
use testbed::sink::{Reply, Sink};

use crate::share;

fn webhook(url: &str) -> Webhook {
    let http = Http::new(Roots::default(), Proxies::default(), "traffic-tests");
    let facts = Facts {
        id: "d1".into(),
        commit: "abc123".into(),
        environment: "staging".into(),
        pool: None,
        previous_commit: None,
    };
    Webhook::new(
        Secret::new(url),
        Some(Secret::new("shared-key")),
        facts,
        Arc::new(http),
        Duration::from_millis(500),
        Duration::from_millis(600),
    )
    .unwrap()
}

#[test]
fn a_move_is_signed_and_read_back() {
    let sink = Sink::start([
        Reply::new(204, ""),
        // It takes a moment to show.
        Reply::new(200, "{\"share\": 0}"),
        Reply::new(200, "{\"share\": 25, \"since\": \"now\"}"),
    ]);
    let call = Call {
        stage: 2,
        attempt: 3,
    };
    webhook(&sink.url("/hook?token=abc"))
        .set(share(25), call)
        .unwrap();
    let requests = sink.requests();
    assert_eq!(requests.len(), 3);
    for request in &requests {
        let expected = signature::sha256(&Secret::new("shared-key"), &request.body);
        assert_eq!(request.header("x-signature-256"), Some(expected.as_str()));
        assert_eq!(
            (request.method.as_str(), request.path.as_str()),
            ("POST", "/hook?token=abc")
        );
    }
    let body: serde_json::Value = serde_json::from_slice(&requests[0].body).unwrap();
    let expected = serde_json::json!({
        "version": 1, "action": "update-traffic", "percent": 25, "stage": 2, "attempt": 3,
        "deployment": {"id": "d1", "commit": "abc123", "environment": "staging", "pool": null},
    });
    assert_eq!(body, expected);
    let body: serde_json::Value = serde_json::from_slice(&requests[1].body).unwrap();
    assert_eq!(
        (&body["action"], &body["percent"]),
        (&"get-traffic".into(), &serde_json::Value::Null)
    );
}

#[test]
fn traffic_is_put_back_to_the_share_of_the_snapshot() {
    let sink = Sink::start([
        Reply::new(200, "{\"share\": 0}"),
        Reply::new(200, ""),
        Reply::new(200, "{\"share\": 0}"),
    ]);
    let manager = webhook(&sink.url("/"));
    let before = manager.read().unwrap();
    assert_eq!(before.share, Some(Share::NONE));
    manager.restore(&before.snapshot, Call::FIRST).unwrap();
    assert_eq!(sink.requests().len(), 3);
}

#[test]
fn other_actions_go_the_same_way() {
    let sink = Sink::start([]);
    webhook(&sink.url("/"))
        .act(Action::Promote, Call::FIRST)
        .unwrap();
    let body: serde_json::Value = serde_json::from_slice(&sink.requests()[0].body).unwrap();
    assert_eq!(body["action"], "promote");
}

#[test]
fn every_refusal_has_its_name_and_shows_no_address() {
    let fault = |reply: Reply| {
        let sink = Sink::start([reply]);
        let error = webhook(&sink.url("/secret-path"))
            .set(share(10), Call::FIRST)
            .unwrap_err();
        assert!(!error.to_string().contains("secret-path"), "{error}");
        error.faults[0].1.clone()
    };
    assert!(matches!(fault(Reply::new(500, "")), Fault::Failed { .. }));
    assert!(matches!(fault(Reply::new(401, "")), Fault::Refused { .. }));
    let elsewhere = Reply::new(302, "").header("Location", "/secret-path/2");
    assert!(matches!(fault(elsewhere), Fault::Failed { .. }));
    // The second answer is the sink's own `ok`, which is no share.
    assert!(matches!(fault(Reply::new(200, "")), Fault::Garbage { .. }));
    let late = Reply::new(200, "").after(Duration::from_millis(900));
    assert!(matches!(fault(late), Fault::Timeout { .. }));
}

#[test]
fn a_share_that_does_not_come_is_said() {
    let zero = || Reply::new(200, "{\"share\": 0}");
    let sink = Sink::start(std::iter::repeat_with(zero).take(20));
    let error = webhook(&sink.url("/"))
        .set(share(10), Call::FIRST)
        .unwrap_err();
    let (wanted, found) = ("10 %".into(), "0 %".into());
    assert_eq!(error.faults[0].1, Fault::NotTaken { wanted, found });
}

#[test]
fn a_server_that_hangs_or_breaks_off_is_named() {
    let fault = |behaviour| {
        let server = Server::start(behaviour);
        let error = webhook(&format!("http://{}", server.address))
            .read()
            .unwrap_err();
        assert!(error.is_open() || matches!(error.faults[0].1, Fault::Unreachable { .. }));
        error.faults[0].1.clone()
    };
    assert!(matches!(fault(Behaviour::Silent), Fault::Timeout { .. }));
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{";
    assert!(matches!(
        fault(Behaviour::Trickles(head)),
        Fault::Timeout { .. }
    ));
    let over = "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{\"share\": 101";
    assert!(matches!(
        fault(Behaviour::Says(Box::new(|_| over.into()))),
        Fault::Garbage { .. }
    ));
    assert!(matches!(
        fault(Behaviour::Says(Box::new(|_| Vec::new()))),
        Fault::Unreachable { .. }
    ));
}

#[test]
fn an_address_that_is_none_is_refused_without_being_shown() {
    let http = Arc::new(Http::new(Roots::default(), Proxies::default(), "t"));
    let facts = Facts {
        id: String::new(),
        commit: String::new(),
        environment: String::new(),
        pool: None,
        previous_commit: None,
    };
    let limit = Duration::from_secs(1);
    let url = Secret::new("hooks.example/secret");
    let error = Webhook::new(url, None, facts, http, limit, limit).unwrap_err();
    assert_eq!(
        error,
        "the address cannot be read, expected one that starts with https://"
    );
}
