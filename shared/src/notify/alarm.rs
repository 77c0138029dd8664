//! What an alarm is about, and whether a message raises or ends it.
//!
//! An alarm is kept by its receiver until somebody ends it, so that all messages of one deployment speak of one alarm,
//! whichever plugin sends them: a failure raises it, whatever comes after it and is none ends it.

use crate::message::{Message, Outcome};

/// The names of the facts that say which alarm is meant, as the plugins write them.
const NAMES: [&str; 3] = ["repository", "environment", "deployment"];

/// What an alarm is about: names and values, the same in every message of a deployment. A message that names no
/// deployment is about its title.
pub(super) fn about(message: &Message) -> Vec<(&'static str, String)> {
    let named = |name: &'static str| Some((name, message.fact(name)?.to_owned()));
    let about: Vec<_> = NAMES.into_iter().filter_map(named).collect();
    if about.iter().any(|(name, _)| *name == "deployment") {
        about
    } else {
        vec![("deployment", message.title.clone())]
    }
}

/// Whether a person is needed.
pub(super) fn raises(message: &Message) -> bool {
    match message.outcome {
        Outcome::Failure => true,
        Outcome::Warning | Outcome::Success => false,
    }
}

/// The pipeline, else the first address that there is.
pub(super) fn address(message: &Message) -> Option<&str> {
    let pipeline = message.links.iter().find(|(name, _)| name == "pipeline");
    let link = pipeline.or_else(|| message.links.first());
    link.map(|(_, address)| address.as_str())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn message(outcome: Outcome, plugin: &str) -> Message {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Message {
            outcome,
            plugin: plugin.to_owned(),
            title: format!("{plugin}: acme/shop production"),
            reasons: vec!["error rate 9 % > limit 5 %".to_owned()],
            facts: vec![
                pair("deployment", "d1"),
                pair("repository", "acme/shop"),
                pair("environment", "production"),
                pair("bad commit", "bbbb"),
            ],
            links: vec![
                pair("commit", "https://git.example/c"),
                pair("pipeline", "https://ci.example/8"),
            ],
            next: None,
        }
    }

    #[test]
    fn all_plugins_speak_of_one_alarm_a_deployment() {
        let failed = message(Outcome::Failure, "plugin-health");
        let back = message(Outcome::Warning, "plugin-rollback");
        assert_eq!(about(&failed), about(&back));
        assert!(raises(&failed) && !raises(&back));
        assert_eq!(address(&failed), Some("https://ci.example/8"));
        let nameless = Message {
            facts: Vec::new(),
            ..failed.clone()
        };
        assert_eq!(about(&nameless), [("deployment", failed.title)]);
    }
}
