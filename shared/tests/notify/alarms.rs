//! Alarms at `PagerDuty` and at a real Alertmanager: raised once, ended by whoever comes after.

use serde_json::Value;
use shared::message::{Message, Outcome};
use shared::notify::Channels;
use shared::notify::alertmanager::Alertmanager;
use shared::notify::pagerduty::PagerDuty;
use shared::secret::Secret;
use testbed::alertmanager::Alertmanager as Server;
use testbed::sink::{Reply, Sink};

use crate::{PATIENT, message, reach, tell};

fn about(outcome: Outcome, deployment: &str) -> Message {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Message {
        outcome,
        facts: vec![
            pair("repository", "acme/shop"),
            pair("environment", "production"),
            pair("deployment", deployment),
        ],
        ..message()
    }
}

fn told(channels: &Channels, message: &Message) -> Result<(), String> {
    let mut deliveries = tell(channels, message, &reach(&[]), PATIENT);
    assert_eq!(deliveries.len(), 1);
    deliveries.remove(0).outcome
}

fn pagerduty(sink: &Sink) -> Channels {
    Channels {
        pagerduty: Some(PagerDuty {
            url: sink.url("/v2/enqueue"),
            routing_key: Secret::new("r0ut1ngr0ut1ng"),
        }),
        ..Channels::default()
    }
}

#[test]
fn pagerduty_gets_events_of_one_key_from_trigger_to_resolve() {
    let accepted = || Reply::new(202, "{\"status\":\"success\"}");
    let sink = Sink::start([accepted(), accepted()]);
    let channels = pagerduty(&sink);
    assert_eq!(told(&channels, &about(Outcome::Failure, "d1")), Ok(()));
    assert_eq!(told(&channels, &about(Outcome::Success, "d1")), Ok(()));
    let requests = sink.requests();
    assert_eq!(requests[0].path, "/v2/enqueue");
    let json = "application/json";
    assert_eq!(requests[0].header("content-type"), Some(json));
    let events: Vec<Value> = requests
        .iter()
        .map(|request| serde_json::from_slice(&request.body).unwrap())
        .collect();
    assert_eq!(events[0]["event_action"], "trigger");
    assert_eq!(events[1]["event_action"], "resolve");
    for event in &events {
        assert_eq!(event["routing_key"], "r0ut1ngr0ut1ng");
        assert_eq!(event["dedup_key"], "acme/shop production d1");
    }
    let payload = &events[0]["payload"];
    for required in ["summary", "source", "severity"] {
        assert!(payload[required].is_string(), "{required}: {payload}");
    }
    let link = &events[0]["links"][0];
    assert_eq!(link["href"], "https://ci.example/repos/7/pipeline/8");
}

#[test]
fn a_key_that_pagerduty_does_not_know_is_said_and_never_shown() {
    let refusal = "{\"errors\":[\"bad routing_key r0ut1ngr0ut1ng\"]}";
    let sink = Sink::start([Reply::new(400, refusal)]);
    let error = told(&pagerduty(&sink), &about(Outcome::Failure, "d1")).unwrap_err();
    assert!(error.starts_with("status 400, expected 202: "), "{error}");
    assert!(error.contains("pagerduty_routing_key"), "{error}");
    assert!(!error.contains("r0ut1ng"), "{error}");
}

#[test]
fn a_busy_pagerduty_is_asked_again() {
    let sink = Sink::start([Reply::new(429, ""), Reply::new(202, "")]);
    assert_eq!(
        told(&pagerduty(&sink), &about(Outcome::Failure, "d1")),
        Ok(())
    );
    assert_eq!(sink.requests().len(), 2);
}

#[test]
fn alertmanager_keeps_one_alert_a_deployment_until_it_is_ended() {
    let server = Server::start();
    let channels = |path: &str| Channels {
        alertmanager: Some(Alertmanager {
            url: Secret::new(format!("{}{path}", server.url())),
        }),
        ..Channels::default()
    };
    let to = channels("/");
    for deployment in ["d1", "d1", "d2"] {
        assert_eq!(told(&to, &about(Outcome::Failure, deployment)), Ok(()));
    }
    let alerts = server.alerts();
    assert_eq!(alerts.len(), 2, "{alerts:?}");
    let labels = &alerts[0]["labels"];
    assert_eq!(labels["alertname"], "DeploymentFailed");
    assert_eq!(labels["repository"], "acme/shop");
    let summary = &alerts[0]["annotations"]["summary"];
    assert_eq!(*summary, Value::String(message().title));
    // Whichever plugin says that all is well.
    let well = Message {
        plugin: "plugin-rollback".into(),
        ..about(Outcome::Warning, "d1")
    };
    assert_eq!(told(&to, &well), Ok(()));
    let left = server.alerts();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0]["labels"]["deployment"], "d2");
    let wrong = told(&channels("/nowhere"), &well).unwrap_err();
    assert!(wrong.contains("without /api/v2"), "{wrong}");
}
