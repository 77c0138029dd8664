//! Which secrets a workflow takes and where: as its steps have it, and as its head explains it.

use std::collections::{BTreeMap, BTreeSet};

use serde_yaml::Value;

use crate::woodpecker::{name_of, steps, words};

/// Where a secret may be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// By these images, without their tags.
    pub images: BTreeSet<String>,
    /// In pipelines of these events.
    pub events: BTreeSet<String>,
}

/// The secrets that the comments of a workflow explain, by lines such as `#   token  images: a, b; events: c, d`.
#[must_use]
pub fn explained(text: &str) -> BTreeMap<String, Limits> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("#   "));
    let one = |line: &str| {
        let (name, limits) = line.split_once(" images: ")?;
        let (images, events) = limits.split_once("; events: ")?;
        let list = |list: &str| list.split(", ").map(str::to_owned).collect();
        let limits = Limits {
            images: list(images),
            events: list(events),
        };
        Some((name.trim().to_owned(), limits))
    };
    lines.filter_map(one).collect()
}

/// The secrets that the steps of a workflow take, and where they do.
#[must_use]
pub fn used(workflow: &Value) -> BTreeMap<String, Limits> {
    let mut found: BTreeMap<String, Limits> = BTreeMap::new();
    for (_, step) in steps(workflow) {
        let mut names = BTreeSet::new();
        gather(step, &mut names);
        let own = events(&step["when"]);
        let events = own.unwrap_or_else(|| events(&workflow["when"]).unwrap_or_default());
        for name in names {
            let limits = found.entry(name).or_default();
            let image = step["image"].as_str().unwrap_or_default();
            limits.images.insert(name_of(image).to_owned());
            limits.events.extend(events.iter().cloned());
        }
    }
    found
}

fn gather(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Mapping(map) => {
            let name = map.get("from_secret").and_then(Value::as_str);
            names.extend(name.map(str::to_owned));
            map.values().for_each(|value| gather(value, names));
        }
        Value::Sequence(list) => list.iter().for_each(|value| gather(value, names)),
        _ => {}
    }
}

/// The events of a list of filters; none where one of them is for every event.
fn events(when: &Value) -> Option<BTreeSet<String>> {
    let filters = match when {
        Value::Sequence(filters) => filters.as_slice(),
        filter => std::slice::from_ref(filter),
    };
    let mut events = BTreeSet::new();
    for filter in filters {
        let mut named = words(&filter["event"]).map(str::to_owned).peekable();
        named.peek()?;
        events.extend(named);
    }
    Some(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(images: &[&str], events: &[&str]) -> Limits {
        let set = |list: &[&str]| list.iter().map(|&one| one.to_owned()).collect();
        Limits {
            images: set(images),
            events: set(events),
        }
    }

    #[test]
    fn the_head_says_where_a_secret_may_be_used() {
        let text = "# Secrets:\n#   token  images: a, b; events: push\n#   not a secret\nsteps:\n";
        let wanted = [("token".to_owned(), limits(&["a", "b"], &["push"]))];
        assert_eq!(explained(text), wanted.into());
    }

    #[test]
    fn steps_take_secrets_in_their_own_events_else_in_the_workflows() {
        let text = "
when: [{event: [push, tag]}, {event: manual}]
steps:
  - {name: a, image: 'x:1', settings: {s: {from_secret: one}}}
  - {name: b, image: 'y:1', settings: {s: [{t: {from_secret: two}}]}, when: [{event: tag}]}
  - {name: c, image: 'z:1', settings: {s: {from_secret: two}}, when: [{event: push}, {status: failure}]}
";
        let all = ["push", "tag", "manual"];
        let wanted = [
            ("one".to_owned(), limits(&["x"], &all)),
            ("two".to_owned(), limits(&["y", "z"], &all)),
        ];
        assert_eq!(used(&serde_yaml::from_str(text).unwrap()), wanted.into());
    }
}
