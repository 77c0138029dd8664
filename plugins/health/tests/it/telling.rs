//! Telling people, and failing to, which fails no step.

use crate::step::{Pipeline, json, service};
use testbed::sink::{Reply, Sink};
use testbed::smtp::{Behaviour, Encryption, Smtp};
use testbed::tls::Ca;

const DOWN: &str = r#"503 {"status": "unhealthy"}"#;

#[test]
fn failures_and_warnings_are_told_and_successes_are_not() {
    let service = service(&["{}", r#"{"error_rate": 4}"#, DOWN]);
    let slack = Sink::start([]);
    let (url, hook) = (service.url("/"), slack.url("/services/T0/B0/s3cr3t"));
    let settings = [
        ("endpoint", url.as_str()),
        ("retries", "0"),
        ("slack_webhook_url", &hook),
    ];
    for (code, told) in [(0, 0), (0, 1), (1, 2)] {
        Pipeline::new()
            .run(&settings)
            .with(code)
            .not_saying("s3cr3t");
        assert_eq!(slack.requests().len(), told);
    }
    let body: serde_json::Value = serde_json::from_slice(&slack.requests()[1].body).unwrap();
    let text = body["text"].as_str().unwrap();
    for part in ["acme/shop", "production", "status 503"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn notify_on_chooses_the_occasions() {
    let service = service(&["{}", DOWN, DOWN]);
    let slack = Sink::start([]);
    let (url, hook) = (service.url("/"), slack.url("/hook"));
    let run = |on: &str| {
        Pipeline::new().run(&[
            ("endpoint", &url),
            ("retries", "0"),
            ("webhook_url", &hook),
            ("notify_on", on),
        ])
    };
    run("success,failure").with(0);
    assert_eq!(slack.requests().len(), 1);
    run("never").with(1);
    run("success").with(1);
    assert_eq!(slack.requests().len(), 1);
    run("sometimes").with(2).saying("PLUGIN_NOTIFY_ON: found \"sometimes\", expected a list of success, warning and failure, or never");
}

#[test]
fn the_webhook_is_signed() {
    let service = service(&[DOWN]);
    let hook = Sink::start([]);
    let (url, address) = (service.url("/"), hook.url("/hook"));
    let settings = [
        ("endpoint", url.as_str()),
        ("retries", "0"),
        ("webhook_url", &address),
        ("webhook_secret", "k3y-k3y-k3y"),
    ];
    Pipeline::new().run(&settings).with(1);
    let request = &hook.requests()[0];
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(
        (&body["version"], &body["message"]["outcome"]),
        (&1.into(), &"failure".into())
    );
    assert!(
        request
            .header("x-signature-256")
            .unwrap()
            .starts_with("sha256=")
    );
}

#[test]
fn mail_goes_out_over_starttls_with_a_login_and_a_private_authority() {
    let ca = Ca::new("the team's own");
    let smtp = Smtp::start(&Behaviour {
        encryption: Encryption::StartTls(ca.issue(&["localhost"])),
        login: Some(("robot".to_owned(), "m41l-s3cr3t".to_owned())),
        ..Behaviour::default()
    });
    let service = service(&[DOWN]);
    let (url, port) = (service.url("/"), smtp.port.to_string());
    let pipeline = Pipeline::new();
    pipeline.write("ca.pem", &ca.pem);
    let settings = [
        ("endpoint", url.as_str()),
        ("retries", "0"),
        ("smtp_server", "localhost"),
        ("smtp_port", &port),
        ("smtp_username", "robot"),
        ("smtp_password", "m41l-s3cr3t"),
        ("email_from", "Robot <robot@ci.example>"),
        ("email_to", "oncall@shop.example,boss@shop.example"),
        ("ca_certificate", "ca.pem"),
    ];
    pipeline
        .run(&settings)
        .with(1)
        .saying("told e-mail")
        .not_saying("m41l-s3cr3t");
    let mails = smtp.mails();
    assert_eq!(mails.len(), 1);
    let mail = mails[0].to_string();
    assert!(
        mail.contains("oncall@shop.example")
            && mail.contains("boss@shop.example")
            && mail.contains("status 503"),
        "{mail}"
    );
}

#[test]
fn who_cannot_be_told_is_said_and_changes_nothing() {
    let service = Sink::start([json(DOWN)]);
    let gone = Sink::start([Reply::new(404, "no_service")]);
    let (url, hook) = (service.url("/"), gone.url("/services/s3cr3t"));
    let settings = [
        ("endpoint", url.as_str()),
        ("retries", "0"),
        ("slack_webhook_url", &hook),
        ("webhook_url", "http://127.0.0.1:1/"),
        ("smtp_server", "127.0.0.1"),
        ("smtp_port", "1"),
        ("smtp_tls", "none"),
        ("email_from", "robot@ci.example"),
        ("email_to", "oncall@shop.example"),
    ];
    let ended = Pipeline::new().run(&settings).with(1).not_saying("s3cr3t");
    let ended = ended
        .saying("could not tell slack")
        .saying("could not tell e-mail")
        .saying("could not tell webhook");
    assert!(
        ended.verdict().starts_with("FAILED (exit 1): status 503"),
        "{}",
        ended.log
    );
}

#[test]
fn half_a_mail_setup_is_refused_by_name() {
    let settings = [
        ("endpoint", "http://localhost/"),
        ("smtp_server", "mail.example"),
        ("email_to", "nobody"),
        ("smtp_password", "xxxxxxxx"),
        ("smtp_tls", "none"),
    ];
    let ended = Pipeline::new().run(&settings).with(2);
    ended
        .saying("email_from: expected")
        .saying("PLUGIN_EMAIL_TO: found \"nobody\"")
        .saying("smtp_username beside it")
        .saying("PLUGIN_SMTP_TLS")
        .not_saying("xxxxxxxx");
}
