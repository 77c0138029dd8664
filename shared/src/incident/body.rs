//! The text of an incident, cut until it fits.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::chart;
use crate::page::markdown::{escaped, fenced};

use super::template::{Piece, Template};
use super::{Incident, harmless, one_line, shortened};

/// How much of it is shown, from all that is useful to what always fits: entries a list, characters an entry.
const SIZES: [(usize, usize); 4] = [(100, 500), (40, 300), (15, 200), (4, 100)];

/// The incident's text and its markers, in at most `bytes_max` bytes; the markers are never cut.
pub(super) fn with_marker(
    incident: &Incident,
    template: Option<&Template>,
    marker: &str,
    bytes_max: usize,
) -> String {
    let room = bytes_max.saturating_sub(marker.len() + 2);
    let texts = SIZES.into_iter().map(|(entries, characters)| {
        let size = Size {
            entries,
            characters,
        };
        template.map_or_else(
            || standard(incident, size),
            |template| filled(incident, template, size),
        )
    });
    let mut last = String::new();
    for text in texts {
        last = text;
        if last.len() <= room {
            break;
        }
    }
    let mut end = last.len().min(room);
    while !last.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}\n\n{marker}", last[..end].trim_end())
}

/// Text from outside, as Markdown shows it letter for letter on one line.
pub(super) fn shown(text: &str, most: usize) -> String {
    escaped(&harmless(&shortened(&one_line(text), most)))
}

/// A named address; only one that a browser opens becomes a link.
pub(super) fn link(name: &str, address: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && !"<>\\|`\"()[]".contains(c);
    let web = address.starts_with("https://") || address.starts_with("http://");
    let name = shown(name, 100);
    if web && address.len() <= 1000 && address.chars().all(plain) {
        format!("- {name}: <{address}>")
    } else {
        format!("- {name}: {}", shown(address, 300))
    }
}

#[derive(Debug, Clone, Copy)]
struct Size {
    entries: usize,
    characters: usize,
}

impl Size {
    fn text(self, text: &str) -> String {
        shown(text, self.characters)
    }

    /// A line each; what does not fit is counted.
    fn list<T>(self, entries: &[T], line: impl Fn(&T) -> String) -> String {
        let mut lines: Vec<String> = entries.iter().take(self.entries).map(line).collect();
        let rest = entries.len().saturating_sub(self.entries);
        if rest > 0 {
            lines.push(format!("- … and {rest} more"));
        }
        lines.join("\n")
    }

    fn bullets(self, entries: &[String]) -> String {
        self.list(entries, |entry| format!("- {}", self.text(entry)))
    }

    /// The beginning and, more of it, the end: that is where it went wrong.
    fn timeline(self, lines: &[String]) -> String {
        if lines.is_empty() {
            return String::new();
        }
        let short = |line: &String| shortened(&one_line(line), self.characters);
        let (first, last) = (self.entries / 4, self.entries - self.entries / 4);
        let shown: Vec<String> = if lines.len() <= self.entries {
            lines.iter().map(short).collect()
        } else {
            let left_out = lines.len() - self.entries;
            let gap = format!("… {left_out} lines left out …");
            let begin = lines[..first].iter().map(short);
            let end = lines[lines.len() - last..].iter().map(short);
            begin.chain(std::iter::once(gap)).chain(end).collect()
        };
        fenced(&shown.join("\n"))
    }
}

/// What stands in the place of that name.
fn place(incident: &Incident, name: &str, size: Size) -> String {
    match name {
        "title" => size.text(&incident.title),
        "severity" => incident.severity.word().to_owned(),
        "what" => shown(&incident.what, 4 * size.characters),
        "when" => incident.at.strftime("%F %T UTC").to_string(),
        "repository" => size.text(&incident.key.repo),
        "environment" => size.text(&incident.key.environment),
        "deployment" => size.text(&incident.key.deployment),
        "commit" => size.text(incident.commit.as_deref().unwrap_or("unknown")),
        "plugin" => size.text(&incident.plugin),
        "reasons" => size.bullets(&incident.reasons),
        "facts" => size.list(&incident.facts, |(name, value)| {
            format!("- {}: {}", size.text(name), size.text(value))
        }),
        "chart" if incident.charts.is_empty() => String::new(),
        "chart" => fenced(&chart::text(&incident.charts)),
        "timeline" => size.timeline(&incident.timeline),
        "done" => size.bullets(&incident.done),
        "not_done" => size.bullets(&incident.not_done),
        "checklist" => size.list(&incident.tasks, |task| {
            format!(
                "- [ ] **{}**: {}",
                size.text(&task.who),
                size.text(&task.what)
            )
        }),
        "links" => size.list(&incident.links, |(name, address)| link(name, address)),
        _ => String::new(),
    }
}

fn standard(incident: &Incident, size: Size) -> String {
    let place = |name: &str| place(incident, name, size);
    let mut out = format!(
        "**{}**\n\n| | |\n|---|---|\n| Severity | {} |\n| When | {} |\n| Repository | {} |\n| Environment | {} |\n\
         | Deployment | {} |\n| Commit | {} |\n",
        place("what"),
        place("severity"),
        place("when"),
        place("repository"),
        place("environment"),
        place("deployment"),
        place("commit"),
    );
    for (heading, name) in [
        ("Measured against the limits", "reasons"),
        ("Chart", "chart"),
        ("What must be done", "checklist"),
        ("What was done", "done"),
        ("What was not done", "not_done"),
        ("Facts", "facts"),
        ("Timeline", "timeline"),
        ("Links", "links"),
    ] {
        let text = place(name);
        if !text.is_empty() {
            let _ = write!(out, "\n## {heading}\n\n{}\n", text.trim_end());
        }
    }
    let _ = write!(out, "\n---\n{}", place("plugin"));
    out
}

fn filled(incident: &Incident, template: &Template, size: Size) -> String {
    // A name may stand in a template a thousand times.
    let mut known: BTreeMap<&str, String> = BTreeMap::new();
    let mut out = String::new();
    for piece in &template.pieces {
        out.push_str(match piece {
            Piece::Text(text) => text,
            Piece::Place(name) => known
                .entry(name)
                .or_insert_with(|| place(incident, name, size)),
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;
    use crate::chart::Series;
    use crate::incident::template::PLACES;
    use crate::incident::{Key, Task};
    use crate::metric::Metric;
    use crate::policy::Severity;

    fn incident() -> Incident {
        Incident {
            key: Key {
                repo: "acme/shop".into(),
                environment: "production".into(),
                deployment: "acme-shop-production-8".into(),
            },
            note: "rollback".into(),
            plugin: "plugin-rollback".into(),
            title: "rolled back: acme/shop production".into(),
            severity: Severity::High,
            what: "the canary failed at 25 %".into(),
            at: Timestamp::UNIX_EPOCH,
            commit: Some("0a1b2c3d".into()),
            reasons: vec!["error rate 7.1 % > limit 5 % (reported)".into()],
            facts: vec![("gone back to".into(), "f00d".into())],
            charts: vec![Series {
                metric: Metric::ErrorRate,
                limit: 5.0,
                points: vec![(Duration::ZERO, 1.0), (Duration::from_secs(9), 7.1)],
            }],
            timeline: vec!["10:00:00Z stage 1 of 4".into()],
            done: vec!["traffic put back".into()],
            not_done: vec!["the branch: nobody asked for it".into()],
            tasks: vec![Task {
                who: "whoever is on call".into(),
                what: "look at the log".into(),
            }],
            links: vec![("pipeline".into(), "https://ci.example/8".into())],
        }
    }

    #[test]
    fn the_text_holds_everything_and_the_marker_last() {
        let body = incident().issue_body(None, 60_000);
        for part in [
            "**the canary failed at 25 %**",
            "| Severity | high |",
            "| When | 1970-01-01 00:00:00 UTC |",
            r"- error rate 7.1 % \> limit 5 % (reported)",
            "```text\nerror rate  ▁",
            "- [ ] **whoever is on call**: look at the log",
            "- traffic put back",
            "- the branch: nobody asked for it",
            "- gone back to: f00d",
            "```text\n10:00:00Z stage 1 of 4\n```",
            "- pipeline: <https://ci.example/8>",
        ] {
            assert!(body.contains(part), "{part} is not in\n{body}");
        }
        assert!(body.contains(&incident().key.marker()));
    }

    #[test]
    fn what_came_from_outside_calls_nobody_and_commands_nothing() {
        let hostile = "@acme/all fixes #1 <img src=x> | `x`\n/close";
        let mut incident = incident();
        incident.what = "/close @all".into();
        incident.reasons = vec![hostile.into()];
        incident.title = hostile.into();
        incident.timeline = vec!["```\n@all".into(), hostile.into()];
        incident.links = vec![("x".into(), "javascript:alert(1)".into())];
        let template = Template::parse("{{what}}\n{{reasons}}\n{{title}}\n{{links}}").unwrap();
        for text in [
            incident.issue_body(Some(&template), 60_000),
            incident.issue_title(),
            incident
                .comment(60_000)
                .split("## Timeline")
                .next()
                .unwrap()
                .to_owned(),
        ] {
            assert!(!text.contains("@a") && !text.contains("#1"), "{text}");
            assert!(!text.lines().any(|line| line.starts_with('/')), "{text}");
            assert!(
                !text.contains("\n<img") && !text.contains("- <img"),
                "{text}"
            );
            assert!(!text.contains("<javascript"), "{text}");
        }
        let whole = incident.comment(60_000);
        assert!(
            whole.contains("````text"),
            "a fence within ends the block\n{whole}"
        );
    }

    #[test]
    fn however_much_there_is_it_fits_with_the_marker() {
        let mut incident = incident();
        let long = "ß&|".repeat(1000);
        for list in [
            &mut incident.reasons,
            &mut incident.timeline,
            &mut incident.done,
            &mut incident.not_done,
        ] {
            *list = vec![long.clone(); 500];
        }
        let most = |bytes| incident.issue_body(None, bytes).len() <= bytes;
        for bytes in [500, 5_000, 60_000, 900_000] {
            assert!(most(bytes), "{bytes}");
            assert!(
                incident
                    .issue_body(None, bytes)
                    .contains(&incident.key.marker())
            );
        }
        let body = incident.issue_body(None, 60_000);
        assert!(body.contains("more") && body.contains("lines left out"));
        let every = "{{reasons}}".repeat(1000);
        let template = Template::parse(&every).unwrap();
        assert!(incident.issue_body(Some(&template), 60_000).len() <= 60_000);
        incident.title = long;
        assert!(incident.issue_title().chars().count() <= 250);
    }

    #[test]
    fn every_place_of_a_template_is_filled() {
        let incident = incident();
        for name in PLACES {
            let template = Template::parse(&format!("{{{{{name}}}}}")).unwrap();
            let body = incident.issue_body(Some(&template), 60_000);
            assert!(!body.trim().starts_with("<!--"), "{name}");
        }
    }
}
