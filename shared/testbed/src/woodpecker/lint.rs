//! Woodpecker's linter: its schema, and what it finds beside it.

use std::sync::OnceLock;

use jsonschema::Validator;
use serde_yaml::Value;

/// Whether Woodpecker's linter takes a workflow, without a warning.
///
/// # Errors
/// Everything that it says against it, a line each.
pub fn lint(workflow: &Value) -> Result<(), String> {
    let mut said = against_the_schema(workflow)?;
    let steps = steps(workflow);
    for (name, step) in &steps {
        said.extend(against_a_step(name, step, &steps));
    }
    if !says_its_events(&workflow["when"]) {
        let silent = steps
            .iter()
            .filter(|(_, one)| !says_its_events(&one["when"]));
        said.extend(silent.map(|(name, _)| {
            format!("{name}: set an event filter on every item of its `when`, or of the workflow's")
        }));
    }
    if said.is_empty() {
        Ok(())
    } else {
        Err(said.join("\n"))
    }
}

/// The steps with their names, however they are written: as a list or as a map.
pub(crate) fn steps(workflow: &Value) -> Vec<(String, &Value)> {
    let name = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match &workflow["steps"] {
        Value::Sequence(list) => list.iter().map(|one| (name(&one["name"]), one)).collect(),
        Value::Mapping(map) => map.iter().map(|(key, one)| (name(key), one)).collect(),
        _ => Vec::new(),
    }
}

fn against_the_schema(workflow: &Value) -> Result<Vec<String>, String> {
    static SCHEMA: OnceLock<Validator> = OnceLock::new();
    let validator = SCHEMA.get_or_init(|| {
        let schema = include_str!("../../woodpecker/pipeline.schema.json");
        let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
        jsonschema::draft7::new(&schema).unwrap()
    });
    let workflow = serde_json::to_value(workflow).map_err(|error| error.to_string())?;
    let errors = validator.iter_errors(&workflow);
    Ok(errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect())
}

fn against_a_step(name: &str, step: &Value, all: &[(String, &Value)]) -> Vec<String> {
    let mut said = Vec::new();
    if step["image"].as_str().is_none_or(str::is_empty) {
        said.push(format!("{name}: it has no image"));
    }
    if !step["settings"].is_null() {
        let beside = ["commands", "entrypoint", "environment"];
        let beside = beside.iter().filter(|one| !step[**one].is_null());
        said.extend(beside.map(|one| format!("{name}: `{one}` stands beside `settings`")));
    }
    let missing =
        words(&step["depends_on"]).filter(|one| all.iter().all(|(other, _)| other != one));
    said.extend(missing.map(|one| format!("{name}: it depends on {one}, which is not there")));
    said
}

/// Whether there are filters, each of which names events.
fn says_its_events(when: &Value) -> bool {
    match when {
        Value::Sequence(filters) => {
            !filters.is_empty() && filters.iter().all(|one| !one["event"].is_null())
        }
        filter => !filter["event"].is_null(),
    }
}

/// The words of a list, or the one that stands for it.
pub(crate) fn words(value: &Value) -> impl Iterator<Item = &str> {
    let list = value.as_sequence().map_or(&[][..], Vec::as_slice);
    list.iter().chain(Some(value)).filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(workflow: &str) -> String {
        let workflow: Value = serde_yaml::from_str(workflow).unwrap();
        lint(&workflow).err().unwrap_or_default()
    }

    #[test]
    fn what_woodpecker_takes_passes() {
        for workflow in [
            "{when: {event: push}, steps: [{name: a, image: b, settings: {c: d}}]}",
            "{when: [{event: [push, tag]}], steps: {a: {image: b, commands: [c]}}}",
            "{steps: [{name: a, image: b, commands: [c], when: [{event: push}]}]}",
            "{when: {event: push}, steps: [{name: a, image: b, commands: [c]}, \
             {name: d, image: b, commands: [c], depends_on: [a]}]}",
        ] {
            assert_eq!(said(workflow), "", "{workflow}");
        }
    }

    #[test]
    fn every_warning_is_given() {
        for (workflow, wanted) in [
            ("{when: {event: push}, step: {}, steps: []}", "step"),
            (
                "{when: {event: {exclude: push}}, steps: [{name: a, image: b, commands: [c]}]}",
                "/when",
            ),
            (
                "{when: {event: push}, steps: [{name: a, image: b, settings: {c: d}, environment: {E: f}}]}",
                "a: `environment` stands beside `settings`",
            ),
            (
                "{when: {event: push}, steps: [{name: a, image: b, settings: {c: d}, commands: [e]}]}",
                "a: `commands` stands beside `settings`",
            ),
            (
                "{when: {event: push}, steps: [{name: a, settings: {c: d}}]}",
                "a: it has no image",
            ),
            (
                "{when: {event: push}, steps: [{name: a, image: b, commands: [c], depends_on: d}]}",
                "a: it depends on d, which is not there",
            ),
            (
                "{steps: [{name: a, image: b, commands: [c]}]}",
                "a: set an event filter",
            ),
            (
                "{when: [{event: push}, {branch: main}], steps: [{name: a, image: b, commands: [c]}]}",
                "a: set an event filter",
            ),
            (
                "{steps: [{name: a, image: b, commands: [c], when: [{event: push}, {status: failure}]}]}",
                "a: set an event filter",
            ),
        ] {
            let said = said(workflow);
            assert!(said.contains(wanted), "{workflow}: {said:?}");
        }
    }
}
