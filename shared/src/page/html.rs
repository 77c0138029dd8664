//! A report as one HTML file: inline SVG, no scripts, nothing fetched, readable on dark and light.
//!
//! Every element is closed, so that the page reads as XML too: a test parses it as such.

use std::fmt::Write as _;

use crate::chart;
use crate::message::Outcome;

use super::{Report, Table, is_web};

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8884;--good:#1a7f37;--warn:#9a6700;--bad:#d1242f}
@media(prefers-color-scheme:dark){:root{--good:#3fb950;--warn:#d29922;--bad:#f85149}}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin:0 0 .5rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}
.verdict{border-left:.4rem solid var(--tone);padding:.5rem 1rem;margin:1rem 0}
.verdict strong{color:var(--tone);text-transform:uppercase;margin-right:.5rem}
.success{--tone:var(--good)}.warning{--tone:var(--warn)}.failure{--tone:var(--bad)}
table{border-collapse:collapse;display:block;overflow-x:auto}
th,td{border:1px solid var(--line);padding:.25rem .6rem;text-align:left;vertical-align:top}
td,li,dd{overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:0}dt{opacity:.7}dd{margin:0}
pre{overflow-x:auto;border:1px solid var(--line);padding:.75rem;font-size:.85rem}
svg{display:block;max-width:40rem;margin:.5rem 0}footer{margin-top:3rem;opacity:.7;font-size:.85rem}";

/// Text for element content and for quoted attributes. Control characters but line breaks and tabs are left out:
/// no HTML may hold them.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            // U+FFFE and U+FFFF are the two that XML refuses besides control characters.
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}

pub(super) fn page(report: &Report) -> String {
    let title = escaped(&report.title);
    let tone = match report.outcome {
        Outcome::Success => "success",
        Outcome::Warning => "warning",
        Outcome::Failure => "failure",
    };
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <title>{title}</title>\n<style>\n{STYLE}\n</style>\n</head>\n<body>\n<h1>{title}</h1>\n\
         <div class=\"verdict {tone}\"><strong>{}</strong>{}",
        escaped(&report.word),
        escaped(&report.verdict)
    );
    list(&mut out, &report.reasons);
    out.push_str("</div>\n");
    if let Some(next) = &report.next {
        let _ = writeln!(out, "<p><b>Next:</b> {}</p>", escaped(next));
    }
    facts(&mut out, report);
    for table in &report.tables {
        rows(&mut out, table);
    }
    if !report.charts.is_empty() {
        out.push_str("<h2>Measured</h2>\n");
        for series in &report.charts {
            out.push_str(&chart::svg(series));
        }
    }
    if !report.timeline.is_empty() {
        let lines = escaped(&report.timeline.join("\n"));
        let _ = writeln!(out, "<h2>Timeline</h2>\n<pre>{lines}</pre>");
    }
    let plugin = escaped(&report.plugin);
    let _ = writeln!(out, "<footer>{plugin}</footer>\n</body>\n</html>");
    out
}

fn list(out: &mut String, items: &[String]) {
    if items.is_empty() {
        return;
    }
    out.push_str("\n<ul>\n");
    for item in items {
        let _ = writeln!(out, "<li>{}</li>", escaped(item));
    }
    out.push_str("</ul>\n");
}

fn facts(out: &mut String, report: &Report) {
    if report.facts.is_empty() && report.links.is_empty() {
        return;
    }
    out.push_str("<dl>\n");
    for (name, value) in &report.facts {
        let (name, value) = (escaped(name), escaped(value));
        let _ = writeln!(out, "<dt>{name}</dt><dd>{value}</dd>");
    }
    for (name, address) in &report.links {
        let (name, shown) = (escaped(name), escaped(address));
        let value = if is_web(address) {
            format!("<a rel=\"noreferrer\" href=\"{shown}\">{shown}</a>")
        } else {
            shown
        };
        let _ = writeln!(out, "<dt>{name}</dt><dd>{value}</dd>");
    }
    out.push_str("</dl>\n");
}

fn rows(out: &mut String, table: &Table) {
    let _ = write!(out, "<h2>{}</h2>\n<table>\n<tr>", escaped(&table.title));
    for name in &table.header {
        let _ = write!(out, "<th>{}</th>", escaped(name));
    }
    out.push_str("</tr>\n");
    for row in table.squared() {
        out.push_str("<tr>");
        for cell in row {
            let _ = write!(out, "<td>{}</td>", escaped(cell));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table>\n");
}
