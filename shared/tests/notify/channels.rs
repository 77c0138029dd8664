//! Several channels at once.

use std::time::Duration;

use jiff::Timestamp;
use shared::clock::ReplayClock;
use shared::notify::email::{Email, Tls, address};
use shared::notify::webhook::Webhook;
use shared::notify::{Channel, Channels, Delivery, send};
use shared::secret::Secret;
use testbed::sink::{Reply, Sink};
use testbed::smtp::{Behaviour, Smtp};

use crate::{PATIENT, message, reach, tell};

fn all(slack: &Sink, mail: &Smtp, hook: &Sink) -> Channels {
    Channels {
        slack: Some(Secret::new(slack.url("/services/x"))),
        email: Some(Email {
            server: "localhost".into(),
            port: mail.port,
            login: None,
            tls: Tls::None,
            from: address("ci@acme.example").unwrap(),
            to: vec![address("ops@acme.example").unwrap()],
        }),
        webhook: Some(Webhook {
            url: Secret::new(hook.url("/hook")),
            secret: None,
        }),
        ..Channels::default()
    }
}

fn delivery(channel: Channel, outcome: Result<(), &str>) -> Delivery {
    Delivery {
        channel,
        outcome: outcome.map_err(str::to_owned),
    }
}

#[test]
fn a_channel_that_fails_and_one_that_hangs_do_not_stop_the_others() {
    let slack = Sink::start([Reply::new(404, "no_service")]);
    let mail = Smtp::start(&Behaviour {
        silent: true,
        ..Behaviour::default()
    });
    let hook = Sink::start([Reply::new(503, "")]);
    let deliveries = tell(
        &all(&slack, &mail, &hook),
        &message(),
        &reach(&[]),
        Duration::from_secs(4),
    );
    assert_eq!(
        deliveries,
        [
            delivery(
                Channel::Slack,
                Err(
                    "status 404, expected 200: no_service; the webhook or its channel is gone: \
                     make a new one and set slack_webhook_url"
                )
            ),
            delivery(Channel::Email, Err("timed out after 4s")),
            delivery(Channel::Webhook, Ok(())),
        ]
    );
    assert_eq!(hook.requests().len(), 2);
}

#[test]
fn all_channels_are_told_the_same() {
    let (slack, hook) = (Sink::start([]), Sink::start([]));
    let mail = Smtp::start(&Behaviour::default());
    let channels = all(&slack, &mail, &hook);
    let deliveries = tell(&channels, &message(), &reach(&[]), PATIENT);
    assert!(deliveries.iter().all(|d| d.outcome.is_ok()));
    let id = {
        let body: serde_json::Value = serde_json::from_slice(&hook.requests()[0].body).unwrap();
        body["id"].as_str().unwrap().to_owned()
    };
    let mails = mail.mails();
    let headers = mails[0]["headers"].as_array().unwrap();
    let expected = format!("<{id}@acme.example>");
    assert!(headers.iter().any(|pair| pair[1] == *expected));
    assert_eq!(slack.requests().len(), 1);
}

#[test]
fn a_clock_that_stands_still_does_not_keep_it_waiting_for_ever() {
    let clock = ReplayClock::at(Timestamp::UNIX_EPOCH);
    let slack = Sink::start([Reply::new(500, "").after(Duration::from_millis(100))]);
    let channels = Channels {
        slack: Some(Secret::new(slack.url("/services/x"))),
        ..Channels::default()
    };
    let deliveries = send(&channels, &message(), &reach(&[]), PATIENT, &clock);
    assert_eq!(deliveries, [delivery(Channel::Slack, Ok(()))]);
}

#[test]
fn nothing_configured_is_nothing_told() {
    let deliveries = tell(&Channels::default(), &message(), &reach(&[]), PATIENT);
    assert_eq!(deliveries, []);
}

#[test]
fn the_failure_before_a_time_out_is_told_with_it() {
    let slack = Sink::start([
        Reply::new(500, "rollup_error"),
        Reply::new(200, "ok").after(Duration::from_secs(5)),
    ]);
    let channels = Channels {
        slack: Some(Secret::new(slack.url("/services/x"))),
        ..Channels::default()
    };
    let deliveries = tell(
        &channels,
        &message(),
        &reach(&[]),
        Duration::from_millis(1500),
    );
    let text = deliveries[0].outcome.clone().unwrap_err();
    assert!(text.starts_with("timed out after "), "{text}");
    assert_eq!(slack.requests().len(), 2);
}
