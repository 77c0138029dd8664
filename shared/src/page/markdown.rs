//! A report as Markdown, in GitHub's dialect.

use std::fmt::Write as _;

use crate::chart;

use super::{Report, Table, is_web, one_line};

/// Text as Markdown shows it letter for letter, on one line, also within a table's cell.
pub fn escaped(text: &str) -> String {
    let line = one_line(text);
    let line = line.trim();
    let mut out = String::with_capacity(line.len());
    // A number or a sign at the start of a line would begin a list, a heading or an underline.
    let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    for (place, c) in line.char_indices() {
        let opens = place == 0 && matches!(c, '#' | '-' | '+' | '=');
        let numbers = digits > 0
            && place == digits
            && matches!(c, '.' | ')')
            && line[place + 1..]
                .chars()
                .next()
                .is_none_or(|next| next == ' ');
        if opens || numbers || "\\`*_[]<>|~&!$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Text in a fenced block, letter for letter: the fence is longer than any within it.
pub fn fenced(text: &str) -> String {
    let longest = text
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    let text: String = text
        .chars()
        .filter(|c| matches!(c, '\n' | '\t') || !c.is_control())
        .collect();
    format!("{fence}text\n{text}\n{fence}\n")
}

pub(super) fn page(report: &Report) -> String {
    let mut out = format!(
        "# {}\n\n**{}** {}\n",
        escaped(&report.title),
        escaped(&report.word),
        escaped(&report.verdict)
    );
    if !report.reasons.is_empty() {
        out.push('\n');
        for reason in &report.reasons {
            let _ = writeln!(out, "- {}", escaped(reason));
        }
    }
    if let Some(next) = &report.next {
        let _ = writeln!(out, "\n**Next:** {}", escaped(next));
    }
    facts(&mut out, report);
    for table in &report.tables {
        rows(&mut out, table);
    }
    if !report.charts.is_empty() {
        let charts = fenced(&chart::text(&report.charts));
        let _ = write!(out, "\n## Measured\n\n{charts}");
    }
    if !report.timeline.is_empty() {
        let lines = fenced(&report.timeline.join("\n"));
        let _ = write!(out, "\n## Timeline\n\n{lines}");
    }
    let _ = writeln!(out, "\n---\n{}", escaped(&report.plugin));
    out
}

fn facts(out: &mut String, report: &Report) {
    if report.facts.is_empty() && report.links.is_empty() {
        return;
    }
    out.push_str("\n| | |\n|---|---|\n");
    for (name, value) in &report.facts {
        let _ = writeln!(out, "| {} | {} |", escaped(name), escaped(value));
    }
    for (name, address) in &report.links {
        let _ = writeln!(out, "| {} | {} |", escaped(name), link(address));
    }
}

fn link(address: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && !"<>\\|`\"()[]".contains(c);
    if is_web(address) && address.chars().all(plain) {
        format!("<{address}>")
    } else {
        escaped(address)
    }
}

fn rows(out: &mut String, table: &Table) {
    let cells = |cells: Vec<&str>| -> String {
        let cells: Vec<String> = cells.into_iter().map(escaped).collect();
        format!("| {} |", cells.join(" | "))
    };
    let header = cells(table.header.iter().map(String::as_str).collect());
    let rule = "|---".repeat(table.header.len());
    let _ = writeln!(out, "\n## {}\n\n{header}\n{rule}|", escaped(&table.title));
    for row in table.squared() {
        let _ = writeln!(out, "{}", cells(row));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_that_mean_something_are_escaped() {
        for (text, shown) in [
            ("a|b", r"a\|b"),
            ("`x` *y* _z_", r"\`x\` \*y\* \_z\_"),
            (
                "<script>alert(1)</script>",
                r"\<script\>alert(1)\</script\>",
            ),
            ("# x", r"\# x"),
            ("- x", r"\- x"),
            ("12. x", r"12\. x"),
            ("1.5 % > 5 %", r"1.5 % \> 5 %"),
            ("99.", r"99\."),
            ("x 1. y", "x 1. y"),
            ("two\nlines\r\n\u{1b}[31m", r"two lines \[31m"),
            (r"a\|b", r"a\\\|b"),
            ("[x](javascript:y)", r"\[x\](javascript:y)"),
        ] {
            assert_eq!(escaped(text), shown, "{text}");
        }
    }

    #[test]
    fn a_fence_within_a_block_does_not_end_it() {
        assert_eq!(fenced("a\n```\nb"), "````text\na\n```\nb\n````\n");
        assert_eq!(fenced(""), "```text\n\n```\n");
    }

    #[test]
    fn only_plain_web_addresses_become_links() {
        assert_eq!(
            link("https://ci.example/1?a=b"),
            "<https://ci.example/1?a=b>"
        );
        assert_eq!(link("javascript:alert(1)"), "javascript:alert(1)");
        assert_eq!(link("https://x/> | <b>"), r"https://x/\> \| \<b\>");
    }
}
