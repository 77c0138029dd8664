//! Slack, played by a server that records and answers as Slack does.

use std::time::Duration;

use serde_json::Value;
use shared::notify::Channels;
use shared::secret::Secret;
use testbed::sink::{Reply, Sink};
use testbed::tls::Ca;

use crate::{PATIENT, reach, reach_through, tell_one};

const PATH: &str = "/services/T0000/B0000/s3cr3ts3cr3t";

fn slack(sink: &Sink) -> Channels {
    Channels {
        slack: Some(Secret::new(sink.url(PATH))),
        ..Channels::default()
    }
}

#[test]
fn a_message_is_posted_as_text_and_blocks() {
    let sink = Sink::start([]);
    assert_eq!(tell_one(&slack(&sink), &reach(&[]), PATIENT), Ok(()));
    let requests = sink.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(
        (requests[0].method.as_str(), requests[0].path.as_str()),
        ("POST", PATH)
    );
    assert_eq!(requests[0].header("content-type"), Some("application/json"));
    assert_eq!(
        requests[0].header("user-agent"),
        Some("plugin-health/1.2.3")
    );
    let body: Value = serde_json::from_slice(&requests[0].body).unwrap();
    let text = body["text"].as_str().unwrap();
    assert!(text.contains("error rate 7.1 % &gt; limit 5 %"), "{text}");
    assert_eq!(body["blocks"][0]["type"], "header");
}

#[test]
fn a_429_is_tried_again_after_the_time_it_names() {
    let sink = Sink::start([Reply::new(429, "slow down").header("Retry-After", "1")]);
    assert_eq!(tell_one(&slack(&sink), &reach(&[]), PATIENT), Ok(()));
    let requests = sink.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].body, requests[1].body);
}

#[test]
fn a_429_that_asks_for_more_than_the_deadline_is_given_up_at_once() {
    let sink = Sink::start([Reply::new(429, "slow down").header("Retry-After", "60")]);
    assert_eq!(
        tell_one(&slack(&sink), &reach(&[]), PATIENT),
        Err(
            "status 429, expected 200: slow down; the next attempt, 1m later, would be past the deadline"
                .into()
        )
    );
    assert_eq!(sink.requests().len(), 1);
}

#[test]
fn what_slack_refuses_for_good_is_not_tried_again_and_says_what_to_do() {
    for (status, said, text) in [
        (
            404,
            "no_service",
            "status 404, expected 200: no_service; the webhook or its channel is gone: make a new one and set slack_webhook_url",
        ),
        (
            403,
            "action_prohibited",
            "status 403, expected 200: action_prohibited; the workspace forbids it: ask its administrator",
        ),
        (
            410,
            "channel_is_archived",
            "status 410, expected 200: channel_is_archived; the channel is archived: choose another and set slack_webhook_url",
        ),
        (
            400,
            "invalid_payload",
            "status 400, expected 200: invalid_payload",
        ),
        (302, "", "status 302, expected 200"),
    ] {
        let reply = Reply::new(status, said).header("Location", "http://localhost:1/");
        let sink = Sink::start([reply]);
        assert_eq!(
            tell_one(&slack(&sink), &reach(&[]), PATIENT),
            Err(text.into())
        );
        assert_eq!(sink.requests().len(), 1, "{status}");
    }
}

#[test]
fn a_server_error_is_tried_three_times_and_the_address_stays_secret() {
    let replies = vec![Reply::new(500, &format!("cannot POST {PATH}")); 3];
    let sink = Sink::start(replies);
    assert_eq!(
        tell_one(&slack(&sink), &reach(&[]), PATIENT),
        Err("status 500, expected 200: cannot POST ***, 3 times in a row".into())
    );
    assert_eq!(sink.requests().len(), 3);
}

#[test]
fn a_silent_server_ends_at_the_deadline() {
    let sink = Sink::start([Reply::new(200, "ok").after(Duration::from_secs(5))]);
    assert_eq!(
        tell_one(&slack(&sink), &reach(&[]), Duration::from_millis(1200)),
        Err("timed out after 1.2s".into())
    );
    assert_eq!(sink.requests().len(), 1);
}

#[test]
fn nobody_listening_is_said_without_the_address() {
    let gone = slack(&Sink::start([]));
    let text = tell_one(&gone, &reach(&[]), PATIENT).unwrap_err();
    assert_eq!(
        text,
        "connection refused while connecting, 3 times in a row"
    );
}

#[test]
fn an_address_that_cannot_be_read_is_not_shown() {
    for address in ["", "no address", "s3cr3t://x", "https://"] {
        let channels = Channels {
            slack: Some(Secret::new(address)),
            ..Channels::default()
        };
        assert_eq!(
            tell_one(&channels, &reach(&[]), PATIENT),
            Err("the address cannot be read, expected one that starts with https://".into()),
            "{address}"
        );
    }
}

#[test]
fn a_private_authority_is_trusted_when_it_is_named_and_only_then() {
    let ca = Ca::new("house");
    let sink = Sink::start_tls([], &ca.issue(&["localhost"]));
    assert_eq!(tell_one(&slack(&sink), &reach(&[&ca.der]), PATIENT), Ok(()));
    assert_eq!(
        tell_one(&slack(&sink), &reach(&[]), PATIENT),
        Err(
            "TLS refused: the certificate's issuer is not trusted (ca_certificate names a private one)"
                .into()
        )
    );
    assert_eq!(sink.requests().len(), 1);
}

#[test]
fn a_proxy_is_asked_and_its_refusal_is_told_without_its_password() {
    let proxy = Sink::start(vec![Reply::new(403, "no"); 3]);
    let address = proxy.url("").replace("://", "://user:s3cr3t@");
    let reach = reach_through(&[], &[("HTTPS_PROXY", &address)]);
    let channels = Channels {
        slack: Some(Secret::new("https://hooks.slack.example/services/x")),
        ..Channels::default()
    };
    let text = tell_one(&channels, &reach, PATIENT).unwrap_err();
    assert!(text.contains("403") && !text.contains("s3cr3t"), "{text}");
    assert_eq!(proxy.requests()[0].method, "CONNECT");
    assert_eq!(proxy.requests()[0].path, "hooks.slack.example:443");
}
