//! The journal's format: one entry a line, in JSON. Plugin versions share it, so what one does not know is kept.

use crate::record::Entry;

/// What a line holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// An entry.
    Entry(Box<Entry>),
    /// A kind of record that a newer plugin version wrote and will deliver.
    Newer,
    /// Half a line, or something else altogether.
    Broken,
}

/// The kinds of record that this version knows.
const KINDS: [&str; 10] = [
    "check",
    "deployment",
    "marker",
    "rollout",
    "stage",
    "look",
    "part",
    "abort",
    "hold",
    "lift",
];

/// Reads lines, each with the bytes it was read from. Empty ones are nothing.
pub fn lines(bytes: &[u8]) -> Vec<(&[u8], Line)> {
    bytes
        .split(|byte| *byte == b'\n')
        .filter(|raw| !raw.iter().all(u8::is_ascii_whitespace))
        .map(|raw| (raw, line(raw)))
        .collect()
}

/// The entries among the lines.
pub fn entries(bytes: &[u8]) -> Vec<Entry> {
    each(bytes).collect()
}

/// The same, one after the other.
pub fn each(bytes: &[u8]) -> impl Iterator<Item = Entry> {
    let lines = bytes
        .split(|byte| *byte == b'\n')
        .filter(|raw| !raw.iter().all(u8::is_ascii_whitespace));
    lines.filter_map(|raw| match line(raw) {
        Line::Entry(entry) => Some(*entry),
        Line::Newer | Line::Broken => None,
    })
}

fn line(raw: &[u8]) -> Line {
    if let Ok(entry) = serde_json::from_slice::<Entry>(raw) {
        return Line::Entry(Box::new(entry));
    }
    let value: serde_json::Value = serde_json::from_slice(raw).unwrap_or_default();
    let kind = value.pointer("/body/record").and_then(|kind| kind.as_str());
    let keyed = value.get("key").is_some_and(serde_json::Value::is_string);
    match kind {
        Some(kind) if keyed && !KINDS.contains(&kind) => Line::Newer,
        _ => Line::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::Status;
    use crate::record::{Check, Deployment, Marker, Record, Subject};

    fn entry(body: Record) -> Entry {
        Entry {
            key: "k".into(),
            at: "2026-01-02T03:04:05.678901Z".parse().unwrap(),
            subject: Subject {
                repo: "acme/shop".into(),
                environment: "production".into(),
                deployment_id: "d".into(),
                commit: None,
                build_id: None,
            },
            token: None,
            body,
        }
    }

    fn kind_of(line: &str) -> Line {
        lines(line.as_bytes()).remove(0).1
    }

    #[test]
    fn the_format_of_every_kind_stays_as_other_versions_wrote_it() {
        let subject = r#""subject":{"repo":"acme/shop","environment":"production","deployment_id":"d","commit":null,"build_id":null}"#;
        let head = format!(r#"{{"key":"k","at":"2026-01-02T03:04:05.678901Z",{subject},"body":"#);
        for (body, tail) in [
            (
                Record::Check(Check {
                    health_status: "healthy".into(),
                    mode: "check".into(),
                    response_time_ms: Some(12),
                    error_rate: Some(1.5),
                    availability: None,
                    endpoint: "https://a/".into(),
                    threshold_error_rate: 5.0,
                    threshold_response_time: 2000,
                    threshold_availability: 99.0,
                    checks_passed: vec!["x".into()],
                    checks_failed: vec![],
                }),
                r#"{"record":"check","health_status":"healthy","mode":"check","response_time_ms":12,"error_rate":1.5,"availability":null,"endpoint":"https://a/","threshold_error_rate":5.0,"threshold_response_time":2000,"threshold_availability":99.0,"checks_passed":["x"],"checks_failed":[]}"#,
            ),
            (
                Record::Deployment(Deployment::standard(Status::RolledBack)),
                r#"{"record":"deployment","status":"rolled_back","deployment_type":"standard"}"#,
            ),
            (
                Record::Marker(Marker {
                    name: "last-stable".into(),
                }),
                r#"{"record":"marker","name":"last-stable"}"#,
            ),
        ] {
            let text = format!("{head}{tail}}}");
            let entry = entry(body);
            assert_eq!(serde_json::to_string(&entry).unwrap(), text);
            assert_eq!(kind_of(&text), Line::Entry(Box::new(entry)));
        }
    }

    #[test]
    fn what_rollouts_write_stays_as_other_versions_wrote_it() {
        for body in [
            r#"{"record":"rollout","sequence":3,"state":{"share":10},"snapshot":{"manager":"haproxy","share":0,"detail":[100,0]},"mark":"finished"}"#,
            r#"{"record":"stage","stage":2,"traffic_percentage":25,"status":"in_progress","error_rate":1.5,"availability":null,"response_time_ms":12,"started_at":"2026-01-02T03:04:05Z","completed_at":null,"rollback_reason":null,"stable":{"requests":9,"failed":0},"canary":null,"dry_run":false}"#,
            r#"{"record":"look","stage":2,"what":"stage","number":7,"traffic_percentage":25,"source":"haproxy","stable":{"requests":90,"failed":1,"slow":null},"canary":{"requests":30,"failed":0,"slow":2},"seen":{"a":[1]},"dry_run":false}"#,
            r#"{"record":"part","part":"incident","note":"https://forge.example/1"}"#,
            r#"{"record":"abort","by":"plugin-rollback","pipeline_url":null,"reason":"x","of_token":7}"#,
            r#"{"record":"hold","reason":"x"}"#,
            r#"{"record":"lift","by":"override: hold"}"#,
            r#"{"record":"deployment","status":"rolled_back","deployment_type":"standard","rollback_from_commit":"c","rollback_reason":"x"}"#,
        ] {
            let text = format!(
                r#"{{"key":"k","at":"2026-01-02T03:04:05Z","subject":{{"repo":"r","environment":"e","deployment_id":"d","commit":"c","build_id":7}},"token":5,"body":{body}}}"#
            );
            let Line::Entry(entry) = kind_of(&text) else {
                panic!("{text} was not read");
            };
            assert_eq!(serde_json::to_string(&entry).unwrap(), text);
        }
    }

    #[test]
    fn what_another_version_left_out_or_added_is_no_obstacle() {
        let text = r#"{"key":"k","at":"2026-01-02T03:04:05Z","new":1,"subject":{"repo":"r","environment":"e","deployment_id":"d","more":2},"body":{"record":"check","health_status":"healthy"}}"#;
        let Line::Entry(entry) = kind_of(text) else {
            panic!("{text} was not read");
        };
        let Record::Check(check) = entry.body else {
            panic!("{text} is no check");
        };
        assert_eq!(check.threshold_response_time, 2000);
        assert_eq!(check.mode, "check");
    }

    #[test]
    fn a_kind_of_a_newer_version_is_told_from_rubbish() {
        assert_eq!(
            kind_of(r#"{"key":"k","at":"x","body":{"record":"lease","n":1}}"#),
            Line::Newer
        );
        for rubbish in [
            r#"{"key":"k","at":"2026-01-0"#,
            r#"{"key":"k","body":{"record":"check"}}"#,
            r#"{"body":{"record":"lease"}}"#,
            "null",
            "a stray line",
        ] {
            assert_eq!(kind_of(rubbish), Line::Broken, "{rubbish}");
        }
        assert_eq!(lines(b"\xff\xfe\n\n  \r\n").len(), 1);
    }
}
