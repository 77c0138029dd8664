//! Whole pages held against files that a person has looked at, and hostile text against real parsers.

#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use shared::chart::Series;
use shared::message::Outcome;
use shared::metric::Metric;
use shared::page::{Format, Report, Table, render};

fn report() -> Report {
    let seconds = (0_u64..).map(|n| Duration::from_secs(10 * n));
    let series = |metric, limit, values: &[f64]| Series {
        metric,
        limit,
        points: seconds.clone().zip(values.iter().copied()).collect(),
    };
    Report {
        plugin: "plugin-health 1.2.3".into(),
        title: "health check failed: acme/shop production".into(),
        outcome: Outcome::Failure,
        word: "failed".into(),
        verdict: "2 of 3 limits are broken at the end of the 5m watch".into(),
        reasons: vec![
            "error rate 7.1 % > limit 5 % (mean of 30 samples, reported)".into(),
            "response time 2200 ms > limit 2000 ms (measured)".into(),
        ],
        next: Some("look at the service's log, then deploy a fix or run plugin-rollback".into()),
        facts: vec![
            ("deployment".into(), "acme-shop-production-8".into()),
            ("commit".into(), "0a1b2c3d4e5f".into()),
        ],
        links: vec![(
            "pipeline".into(),
            "https://ci.example/repos/7/pipeline/8?a=1&b=2".into(),
        )],
        tables: vec![Table {
            title: "Windows".into(),
            header: vec!["window".into(), "checks".into(), "error rate".into()],
            rows: vec![
                vec!["5m".into(), "30".into(), "7.1 %".into()],
                vec!["30m".into(), "0".into()],
            ],
        }],
        charts: vec![
            series(Metric::ErrorRate, 5.0, &[0.2, 0.4, 3.0, 7.1, 12.0, 9.5]),
            series(Metric::Availability, 99.0, &[100.0, 100.0, 99.6, 99.2]),
            series(Metric::ResponseTime, 2000.0, &[150.0, 900.0, 2200.0]),
        ],
        timeline: vec![
            "12:00:00 watching https://shop.example/health for 5m".into(),
            "12:00:30 healthy -> unhealthy: status 503, expected 200-299".into(),
        ],
    }
}

/// Text that breaks out of whatever does not escape it.
const HOSTILE: &str =
    "<script>alert('x')</script> | ]]> --> \"'> &lt; `x` ```\n# y\u{0}\u{1b}[31m\u{ffff} {{z}}";

fn hostile() -> Report {
    let text = || HOSTILE.to_owned();
    Report {
        plugin: text(),
        title: text(),
        word: text(),
        verdict: text(),
        reasons: vec![text()],
        next: Some(text()),
        facts: vec![(text(), text())],
        links: vec![
            (text(), "javascript:alert(1)".into()),
            (text(), format!("https://x.example/{HOSTILE}")),
        ],
        tables: vec![Table {
            title: text(),
            header: vec![text(), text()],
            rows: vec![vec![text(), text(), text()]],
        }],
        timeline: vec![text()],
        ..report()
    }
}

/// Compares with the files beside this one. What came instead is left where a person can look at it.
fn golden(pages: &[(&str, String)]) {
    let expected = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page");
    let came = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let differs = |(name, page): &&(&str, String)| {
        fs::write(came.join(name), page).unwrap();
        fs::read_to_string(expected.join(name)).unwrap() != *page
    };
    let different: Vec<&str> = pages
        .iter()
        .filter(differs)
        .map(|(name, _)| *name)
        .collect();
    assert!(
        different.is_empty(),
        "{different:?} in {} differ from those in {}: look at them, and copy them there if they are right",
        came.display(),
        expected.display()
    );
}

/// Runs a Python program over a page; what it prints is JSON.
fn python(program: &str, page: &str) -> Value {
    let mut child = Command::new("/usr/bin/python3")
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(page.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the page could not be parsed");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn each_format_looks_as_it_did() {
    golden(&[
        ("report.html", render(&report(), Format::Html)),
        ("report.md", render(&report(), Format::Markdown)),
        ("report.json", render(&report(), Format::Json)),
    ]);
}

#[test]
fn a_report_of_nothing_but_a_verdict_is_a_whole_page() {
    let bare = Report {
        reasons: vec![],
        next: None,
        facts: vec![],
        links: vec![],
        tables: vec![],
        charts: vec![],
        timeline: vec![],
        ..report()
    };
    golden(&[("bare.md", render(&bare, Format::Markdown))]);
    let page = render(&bare, Format::Html);
    for absent in ["<h2", "<ul", "<dl", "<pre", "<svg", "<table"] {
        assert!(!page.contains(absent), "{absent}");
    }
}

#[test]
fn hostile_text_adds_no_element_to_the_html_and_fetches_nothing() {
    // A strict XML parser: it fails at whatever is not closed or not escaped.
    let program = "
import json, sys, xml.etree.ElementTree as tree
root = tree.fromstring(sys.stdin.buffer.read().decode('utf-8'))
names, links, texts = [], [], []
for element in root.iter():
    names.append(element.tag.rpartition('}')[2])
    texts.append(element.text or '')
    for name, value in element.attrib.items():
        assert not name.startswith('on') and name != 'src', name
        if name == 'href': links.append(value)
print(json.dumps({'names': sorted(set(names)), 'links': links, 'texts': texts}))
";
    let found = python(program, &render(&hostile(), Format::Html));
    let names: Vec<&str> = found["names"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "a", "b", "body", "circle", "dd", "div", "dl", "dt", "footer", "h1", "h2", "head",
            "html", "li", "meta", "p", "path", "polyline", "pre", "strong", "style", "svg",
            "table", "td", "text", "th", "title", "tr", "ul"
        ]
    );
    let links = found["links"].as_array().unwrap();
    assert_eq!(links.len(), 1, "only the web address is a link: {links:?}");
    let shown = HOSTILE.replace(['\u{0}', '\u{1b}', '\u{ffff}'], "");
    let texts = found["texts"].as_array().unwrap();
    let whole = texts.iter().filter(|text| **text == *shown);
    assert!(whole.count() >= 8, "the text is shown letter for letter");
}

#[test]
fn hostile_text_stays_within_its_cell_line_and_fence_in_markdown() {
    let page = render(&hostile(), Format::Markdown);
    assert!(!page.contains('\u{0}') && !page.contains('\u{1b}'));
    let (prose, timeline) = page.split_once("## Timeline").unwrap();
    assert!(
        !prose.contains("<script")
            || prose.matches("<script").count() == prose.matches("\\<script").count()
    );
    let bars = |line: &str| line.replace("\\|", "").matches('|').count();
    let row = prose.lines().rfind(|line| line.starts_with("| ")).unwrap();
    assert_eq!(bars(row), 3, "{row}");
    assert_eq!(
        prose.lines().filter(|line| line.starts_with('#')).count(),
        3
    );
    assert!(!prose.contains("(javascript:") && !prose.contains("<javascript:"));
    assert!(timeline.contains("\n````text\n"), "{timeline}");
}

#[test]
fn json_gives_back_what_was_said() {
    let value: Value = serde_json::from_str(&render(&hostile(), Format::Json)).unwrap();
    assert_eq!(value["version"], 1);
    assert_eq!(value["report"]["title"], HOSTILE);
    assert_eq!(value["report"]["outcome"], "failure");
    assert_eq!(
        value["report"]["charts"][0],
        json!({
            "metric": "error_rate",
            "limit": 5.0,
            "points": [[0.0, 0.2], [10.0, 0.4], [20.0, 3.0], [30.0, 7.1], [40.0, 12.0], [50.0, 9.5]],
        })
    );
}
