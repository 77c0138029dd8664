//! Prometheus' Alertmanager, API v2: a failure raises an alert, what comes after it and is no failure ends it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::message::Message;
use crate::secret::Secret;

use super::post::post_json;
use super::retry::Failure;
use super::text::shortened;
use super::{Reach, Stamp, alarm};

const NAME: &str = "DeploymentFailed";
/// An alert that nobody ends is over by itself then: a step cannot go on sending it, as Prometheus would.
const LASTS: SignedDuration = SignedDuration::from_hours(24);
/// An alert's end lies this far back, or a server whose clock is behind ours would let it go on.
const ENDED: SignedDuration = SignedDuration::from_mins(5);
/// The longest annotation, in characters.
const TEXT: usize = 4000;

/// Where alerts go.
#[derive(Debug, Clone)]
pub struct Alertmanager {
    /// Its address, without `/api/v2`; it may hold a login, so none of it is shown.
    pub url: Secret,
}

/// An alert ready to be sent.
pub(super) struct Letter {
    url: Secret,
    body: String,
}

impl Letter {
    pub(super) fn new(alertmanager: &Alertmanager, message: &Message, stamp: &Stamp) -> Self {
        let base = alertmanager.url.reveal().trim_end_matches('/');
        Self {
            url: Secret::new(format!("{base}/api/v2/alerts")),
            body: json!([alert(message, stamp.at)]).to_string(),
        }
    }

    pub(super) fn send(&self, reach: &Reach, limit: Duration) -> Result<(), Failure> {
        let answer = post_json(&self.url, &[], &self.body, reach, limit)?;
        if answer.is_good() {
            return Ok(());
        }
        let advice = match answer.status {
            404 => "; alertmanager_url is its address without /api/v2",
            _ => "",
        };
        Err(Failure {
            text: format!(
                "status {}, expected 200{}{advice}",
                answer.status, answer.said
            ),
            again: answer.again,
        })
    }
}

/// The labels are what tells alerts apart: they are the same whether it begins or ends.
fn alert(message: &Message, now: Timestamp) -> Value {
    let mut labels = json!({ "alertname": NAME, "severity": "critical" });
    for (name, value) in alarm::about(message) {
        labels[name] = value.into();
    }
    // Far times are cut to what there is.
    let end = |from: Timestamp, by: SignedDuration| from.saturating_add(by).unwrap_or(from);
    let (starts, ends) = if alarm::raises(message) {
        (now, end(now, LASTS))
    } else {
        let ended = end(now, -ENDED);
        (ended, ended)
    };
    let mut description = message.reasons.join("\n");
    if let Some(next) = &message.next {
        description = format!("{description}\nNext: {next}");
    }
    json!({
        "labels": labels,
        "annotations": {
            "summary": shortened(&message.title, TEXT),
            "description": shortened(&description, TEXT),
            "plugin": message.plugin,
        },
        "startsAt": starts.to_string(),
        "endsAt": ends.to_string(),
        "generatorURL": alarm::address(message).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::alarm::tests::message;
    use super::*;
    use crate::message::Outcome;

    #[test]
    fn an_alert_has_the_same_labels_at_its_end() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let begins = alert(&message(Outcome::Failure, "plugin-health"), now);
        let ends = alert(&message(Outcome::Warning, "plugin-rollback"), now);
        assert_eq!(begins["labels"], ends["labels"]);
        assert_eq!(begins["labels"]["deployment"], "d1");
        assert_eq!(begins["startsAt"], "2023-11-14T22:13:20Z");
        assert_eq!(begins["endsAt"], "2023-11-15T22:13:20Z");
        assert_eq!(ends["endsAt"], "2023-11-14T22:08:20Z");
        assert_eq!(ends["startsAt"], ends["endsAt"]);
    }
}
