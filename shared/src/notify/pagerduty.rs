//! `PagerDuty`'s Events API v2: a failure triggers an incident, what comes after it and is no failure resolves it.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::deployment;
use crate::message::Message;
use crate::secret::Secret;

use super::post::post_json;
use super::retry::Failure;
use super::text::shortened;
use super::{Reach, Stamp, alarm};

/// Where events go unless somebody says otherwise.
pub const ADDRESS: &str = "https://events.pagerduty.com/v2/enqueue";
/// The longest summary and the longest key that `PagerDuty` takes, in characters.
const SUMMARY: usize = 1024;
const KEY: usize = 255;
/// The longest value of a detail: an event has to stay under 512 kB.
const DETAIL: usize = 2000;

/// Where events go, and whose they are.
#[derive(Debug, Clone)]
pub struct PagerDuty {
    /// [`ADDRESS`], or that of another service region.
    pub url: String,
    /// The integration key of a service.
    pub routing_key: Secret,
}

/// An event ready to be sent.
pub(super) struct Letter {
    url: Secret,
    routing_key: Secret,
    body: String,
}

impl Letter {
    pub(super) fn new(pagerduty: &PagerDuty, message: &Message, stamp: &Stamp) -> Self {
        Self {
            url: Secret::new(&pagerduty.url),
            routing_key: pagerduty.routing_key.clone(),
            body: event(pagerduty, message, stamp).to_string(),
        }
    }

    pub(super) fn send(&self, reach: &Reach, limit: Duration) -> Result<(), Failure> {
        let answer = post_json(&self.url, &[], &self.body, reach, limit)?;
        if answer.is_good() {
            return Ok(());
        }
        let advice = match answer.status {
            400 => "; is pagerduty_routing_key the key of an Events API v2 integration",
            _ => "",
        };
        let said = answer.said.replace(self.routing_key.reveal(), "***");
        Err(Failure {
            text: format!("status {}, expected 202{said}{advice}", answer.status),
            again: answer.again,
        })
    }
}

fn event(pagerduty: &PagerDuty, message: &Message, stamp: &Stamp) -> Value {
    let (service, key) = (pagerduty.routing_key.reveal(), key(message));
    if !alarm::raises(message) {
        return json!({
            "routing_key": service,
            "event_action": "resolve",
            "dedup_key": key,
        });
    }
    let fact = |name: &str| message.fact(name).unwrap_or("unknown");
    let links: Vec<Value> = message
        .links
        .iter()
        .map(|(name, address)| json!({ "href": address, "text": name }))
        .collect();
    json!({
        "routing_key": service,
        "event_action": "trigger",
        "dedup_key": key,
        "client": message.plugin,
        "client_url": alarm::address(message),
        "links": links,
        "payload": {
            "summary": shortened(&message.title, SUMMARY),
            "source": fact("repository"),
            "severity": "critical",
            "timestamp": stamp.at.to_string(),
            "component": fact("repository"),
            "group": fact("environment"),
            "class": message.plugin,
            "custom_details": details(message),
        },
    })
}

fn details(message: &Message) -> Map<String, Value> {
    let facts = message.facts.iter();
    let facts = facts.map(|(name, value)| (name.clone(), shortened(value, DETAIL)));
    let reasons = (
        "reasons".to_owned(),
        shortened(&message.reasons.join("; "), DETAIL),
    );
    let next = message.next.clone().map(|next| ("next".to_owned(), next));
    let all = std::iter::once(reasons).chain(next).chain(facts);
    all.map(|(name, text)| (name, Value::String(text)))
        .collect()
}

/// The same for every message of a deployment.
fn key(message: &Message) -> String {
    let about = alarm::about(message);
    let parts: Vec<&str> = about.iter().map(|(_, value)| value.as_str()).collect();
    deployment::short(&parts.join(" "), KEY)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::alarm::tests::message;
    use super::*;
    use crate::message::Outcome;

    fn sent(message: &Message) -> Value {
        let pagerduty = PagerDuty {
            url: ADDRESS.to_owned(),
            routing_key: Secret::new("R0UT1NG"),
        };
        let stamp = Stamp::new(message, Timestamp::UNIX_EPOCH);
        event(&pagerduty, message, &stamp)
    }

    #[test]
    fn a_failure_triggers_and_what_is_none_resolves_the_same_incident() {
        let failed = sent(&message(Outcome::Failure, "plugin-health"));
        assert_eq!(failed["event_action"], "trigger");
        assert_eq!(failed["dedup_key"], "acme/shop production d1");
        assert_eq!(failed["payload"]["severity"], "critical");
        assert_eq!(failed["client_url"], "https://ci.example/8");
        let reasons = &failed["payload"]["custom_details"]["reasons"];
        assert_eq!(reasons, "error rate 9 % > limit 5 %");
        for outcome in [Outcome::Warning, Outcome::Success] {
            let well = sent(&message(outcome, "plugin-rollback"));
            assert_eq!(well["event_action"], "resolve");
            assert_eq!(well["dedup_key"], failed["dedup_key"]);
            assert_eq!(well.get("payload"), None);
        }
    }

    #[test]
    fn a_long_key_stays_one_of_its_kind() {
        let long = |end: &str| {
            let mut long = message(Outcome::Failure, "plugin-health");
            long.facts[0].1 = "d".repeat(300) + end;
            key(&long)
        };
        assert_eq!((long("1").len(), long("1") == long("2")), (KEY, false));
    }
}
