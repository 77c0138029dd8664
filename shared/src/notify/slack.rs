//! Slack's incoming webhooks. Mattermost and Rocket.Chat take the same and show `text` alone, so it says everything.

use std::time::Duration;

use serde_json::{Value, json};

use crate::message::{Message, Outcome};
use crate::secret::Secret;

use super::Reach;
use super::post::{Answer, post_json};
use super::retry::Failure;
use super::text::shortened;

/// Slack's limits, in the UTF-16 units in which it counts.
const BLOCKS: usize = 50;
const SECTION: usize = 3000;
const HEADER: usize = 150;
/// Slack cuts at 40,000 and Mattermost shows 16,383 in one post.
const TEXT: usize = 12_000;

/// A message ready to be posted.
pub(super) struct Letter {
    url: Secret,
    body: String,
}

impl Letter {
    pub(super) fn new(url: &Secret, message: &Message) -> Self {
        Self {
            url: url.clone(),
            body: payload(message).to_string(),
        }
    }

    pub(super) fn send(&self, reach: &Reach, limit: Duration) -> Result<(), Failure> {
        let answer = post_json(&self.url, &[], &self.body, reach, limit)?;
        if answer.is_good() {
            return Ok(());
        }
        Err(Failure {
            text: refusal(&answer),
            again: answer.again,
        })
    }
}

fn refusal(answer: &Answer) -> String {
    let advice = match answer.status {
        403 => "; the workspace forbids it: ask its administrator",
        404 => "; the webhook or its channel is gone: make a new one and set slack_webhook_url",
        410 => "; the channel is archived: choose another and set slack_webhook_url",
        _ => "",
    };
    let (status, said) = (answer.status, &answer.said);
    format!("status {status}, expected 200{said}{advice}")
}

/// What is posted: blocks for Slack, and the whole message once more as `text`.
pub fn payload(message: &Message) -> Value {
    let title = format!("{} {}", sign(message.outcome), message.title);
    let mut blocks = vec![json!({
        "type": "header",
        "text": { "type": "plain_text", "text": fitted(&title, HEADER) },
    })];
    let mut lines: Vec<String> = Vec::new();
    lines.extend(
        message
            .reasons
            .iter()
            .map(|reason| format!("• {}", escaped(reason))),
    );
    if let Some(next) = &message.next {
        lines.push(format!("*Next:* {}", escaped(next)));
    }
    let facts = message.facts.iter();
    lines.extend(facts.map(|(name, value)| format!("*{}:* {}", escaped(name), escaped(value))));
    lines.extend(message.links.iter().map(link));
    // One block is the header, one the plugin's name.
    let sections = sections(&lines, BLOCKS - 2);
    blocks.extend(
        sections
            .iter()
            .map(|text| json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } })),
    );
    blocks.push(json!({
        "type": "context",
        "elements": [{ "type": "mrkdwn", "text": fitted(&message.plugin, HEADER) }],
    }));
    let mut text = escaped(&title);
    for line in &lines {
        if units(&text) + units(line) + 2 > TEXT {
            text.push_str("\n…");
            break;
        }
        text.push('\n');
        text.push_str(line);
    }
    json!({ "text": text, "blocks": blocks })
}

fn sign(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Success => "✅",
        Outcome::Warning => "⚠️",
        Outcome::Failure => "🔴",
    }
}

/// Exactly the three characters that Slack asks for: anything more would be shown as written. Without `<` nobody can
/// be called through a reason (`<!channel>`).
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// A text escaped and no longer than `most` afterwards, never cut within an escape.
fn fitted(text: &str, most: usize) -> String {
    let mut keep = most;
    loop {
        let shown = escaped(&shortened(text, keep));
        let over = units(&shown).saturating_sub(most);
        if over == 0 || keep == 0 {
            return shown;
        }
        // An escape is at most five units for one.
        keep = keep.saturating_sub(over.div_ceil(5));
    }
}

fn link((name, address): &(String, String)) -> String {
    // These two end an address in Slack's notation; the rest is escaped as everywhere.
    let address = address
        .replace('|', "%7C")
        .replace('>', "%3E")
        .replace('<', "%3C");
    let name = name.replace('|', "/");
    format!("<{}|{}>", escaped(&address), escaped(&name))
}

/// Lines gathered into texts that each fit a section. A line too long for one is cut (never inside an escape); what
/// does not fit the number of blocks is counted in the last one.
fn sections(lines: &[String], most: usize) -> Vec<String> {
    let mut sections: Vec<String> = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let line = cut(line, SECTION);
        if let Some(last) = sections.last_mut()
            && units(last) + 1 + units(&line) <= SECTION
        {
            last.push('\n');
            last.push_str(&line);
        } else if sections.len() + 1 < most {
            sections.push(line);
        } else {
            sections.push(format!("… and {} more", lines.len() - number));
            break;
        }
    }
    sections
}

/// The start of an escaped line: an escape that the cut would leave unfinished goes as a whole.
fn cut(line: &str, most: usize) -> String {
    let mut short = shortened(line, most);
    if short.len() < line.len()
        && let Some(start) = short.rfind('&')
        && !short[start..].contains(';')
    {
        short.truncate(start);
        short.push('…');
    }
    short
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(reasons: Vec<String>) -> Message {
        Message {
            outcome: Outcome::Failure,
            plugin: "plugin-health".into(),
            title: "health check failed: acme/shop <production> & more".into(),
            reasons,
            facts: vec![("commit".into(), "abc".into())],
            links: vec![("pipeline".into(), "https://ci.example/1?a=b&c=d|e>".into())],
            next: Some("look".into()),
        }
    }

    #[test]
    fn the_text_alone_says_everything() {
        let payload = payload(&message(vec!["error rate 7 % > limit 5 %".into()]));
        assert_eq!(
            payload["text"],
            "🔴 health check failed: acme/shop &lt;production&gt; &amp; more\n\
             • error rate 7 % &gt; limit 5 %\n*Next:* look\n*commit:* abc\n\
             <https://ci.example/1?a=b&amp;c=d%7Ce%3E|pipeline>"
        );
        assert_eq!(payload["blocks"].as_array().unwrap().len(), 3);
    }

    #[test]
    fn nobody_is_called_through_a_reason() {
        let payload = payload(&message(vec!["<!channel> <@U1> &lt;".into()])).to_string();
        assert!(payload.contains("&lt;!channel&gt; &lt;@U1&gt; &amp;lt;"));
    }

    #[test]
    fn long_messages_stay_within_slacks_limits() {
        for reason in ["&", "<😀", "x", "wörd "] {
            for count in [1, 40, 200] {
                let mut long = message(vec![reason.repeat(9000); count]);
                long.title = reason.repeat(400);
                long.plugin = reason.repeat(400);
                let payload = payload(&long);
                let blocks = payload["blocks"].as_array().unwrap();
                assert!(blocks.len() <= 50, "{}", blocks.len());
                let header = blocks[0]["text"]["text"].as_str().unwrap();
                assert!(units(header) <= 150 && units(header) > 100, "{header}");
                for block in &blocks[1..blocks.len() - 1] {
                    let text = block["text"]["text"].as_str().unwrap();
                    assert!(units(text) <= 3000);
                    let bare = text.replace("&amp;", "").replace("&lt;", "");
                    assert!(!bare.contains('&'), "an escape was cut: {text}");
                }
                assert!(units(payload["text"].as_str().unwrap()) <= 12_000);
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let payload = payload(&message(vec!["x".repeat(2990); 60]));
        let blocks = payload["blocks"].as_array().unwrap();
        // 47 sections hold one reason each; 13 reasons, the next step, a fact and a link are left.
        assert_eq!(blocks.len(), 50);
        assert_eq!(blocks[48]["text"]["text"], "… and 16 more");
    }
}
