//! The team's own webhook.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;
use shared::notify::Channels;
use shared::notify::webhook::Webhook;
use shared::secret::Secret;
use testbed::sink::{Reply, Sink};

use crate::{PATIENT, reach, tell_one};

fn webhook(sink: &Sink, secret: Option<&str>) -> Channels {
    Channels {
        webhook: Some(Webhook {
            url: Secret::new(sink.url("/hook?token=s3cr3t")),
            secret: secret.map(Secret::new),
        }),
        ..Channels::default()
    }
}

/// The HMAC-SHA256 in hexadecimal, by another implementation.
fn openssl_hmac(key: &str, body: &[u8]) -> String {
    let mut child = Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", key, "-r"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(body).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn the_signature_verifies_with_another_implementation() {
    let sink = Sink::start([]);
    let channels = webhook(&sink, Some("k3y k3y"));
    assert_eq!(tell_one(&channels, &reach(&[]), PATIENT), Ok(()));
    let requests = sink.requests();
    let expected = format!("sha256={}", openssl_hmac("k3y k3y", &requests[0].body));
    assert_eq!(requests[0].header("x-signature-256"), Some(&*expected));
    let body: Value = serde_json::from_slice(&requests[0].body).unwrap();
    assert_eq!(body["version"], 1);
    assert_eq!(body["message"]["outcome"], "failure");
    assert_eq!(body["message"]["facts"][0][1], "0a1b2c3d");
    assert_eq!(body["id"].as_str().unwrap().len(), 32);
    assert!(body["sent_at"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn without_a_secret_nothing_is_signed() {
    let sink = Sink::start([Reply::new(204, "")]);
    assert_eq!(
        tell_one(&webhook(&sink, None), &reach(&[]), PATIENT),
        Ok(())
    );
    assert_eq!(sink.requests()[0].header("x-signature-256"), None);
}

#[test]
fn what_may_pass_is_tried_again_with_the_same_id() {
    let sink = Sink::start([Reply::new(408, ""), Reply::new(503, "")]);
    let channels = webhook(&sink, Some("k3y k3y"));
    assert_eq!(tell_one(&channels, &reach(&[]), PATIENT), Ok(()));
    let requests = sink.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|r| r.body == requests[0].body));
}

#[test]
fn a_refusal_is_not_tried_again() {
    let sink = Sink::start([Reply::new(401, "who are you")]);
    assert_eq!(
        tell_one(&webhook(&sink, None), &reach(&[]), PATIENT),
        Err("status 401, expected 200 to 299: who are you".into())
    );
    assert_eq!(sink.requests().len(), 1);
}
