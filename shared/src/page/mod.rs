//! The report of a step as a page: self-contained HTML, Markdown or JSON.

pub mod html;
pub mod markdown;

use serde::Serialize;

use crate::chart::Series;
use crate::message::Outcome;
use crate::value::Expected;

/// Everything a report says. What is empty is left out of the page.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The plugin that speaks: `plugin-health`.
    pub plugin: String,
    /// One line: `health check failed: acme/shop production`.
    pub title: String,
    /// Good, so-so or bad: the page's colour.
    pub outcome: Outcome,
    /// The verdict in a word or two: `passed`, `failed`, `inconclusive`, `rolled back`.
    pub word: String,
    /// The verdict in a line.
    pub verdict: String,
    /// Why, one sentence each.
    pub reasons: Vec<String>,
    /// What to do next, if there is something.
    pub next: Option<String>,
    /// Names and values: deployment, commit, environment, windows.
    pub facts: Vec<(String, String)>,
    /// Names and addresses: the pipeline, the commit. Only `http://` and `https://` become links.
    pub links: Vec<(String, String)>,
    /// Stages, probes, windows.
    pub tables: Vec<Table>,
    /// Measured values against their limits.
    pub charts: Vec<Series>,
    /// The timeline: what the log said, one line each.
    pub timeline: Vec<String>,
}

/// A table of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// The columns' names.
    pub header: Vec<String>,
    /// The rows; a short one is filled up with empty cells, a long one is cut.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// The rows, each exactly as wide as the header.
    fn squared(&self) -> impl Iterator<Item = Vec<&str>> {
        let width = self.header.len();
        self.rows.iter().map(move |row| {
            let cells = row.iter().map(String::as_str).chain(std::iter::repeat(""));
            cells.take(width).collect()
        })
    }
}

/// What the page is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One file, no scripts, nothing fetched.
    Html,
    /// GitHub's Markdown.
    Markdown,
    /// For machines; `version` tells its shape.
    Json,
}

impl Format {
    /// The format that a path's ending asks for: `.html`, `.htm`, `.md`, `.markdown` or `.json`, in any case.
    ///
    /// # Errors
    /// When it ends in none of them.
    pub fn from_path(path: &str) -> Result<Self, Expected> {
        let name = path.rsplit('/').next().unwrap_or_default();
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        match ending.to_ascii_lowercase().as_str() {
            "html" | "htm" => Ok(Self::Html),
            "md" | "markdown" => Ok(Self::Markdown),
            "json" => Ok(Self::Json),
            _ => Err("a path that ends in .html, .md or .json"),
        }
    }
}

/// The page, ready to be written to a file.
pub fn render(report: &Report, format: Format) -> String {
    match format {
        Format::Html => html::page(report),
        Format::Markdown => markdown::page(report),
        Format::Json => {
            let value = serde_json::json!({ "version": 1, "report": report });
            format!("{value:#}\n")
        }
    }
}

/// Text without control characters, which neither page may hold; line breaks become spaces.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c == '\n' || c == '\t' { ' ' } else { c })
        .filter(|c| !c.is_control())
        .collect()
}

/// Whether an address may become a link: `javascript:` and the like may not.
fn is_web(address: &str) -> bool {
    let lower = address.to_ascii_lowercase();
    lower.starts_with("https://") || lower.starts_with("http://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paths_ending_tells_the_format() {
        for (path, format) in [
            ("report.html", Format::Html),
            ("out/REPORT.HTM", Format::Html),
            ("a.b/report.v1.md", Format::Markdown),
            ("/x/y.json", Format::Json),
        ] {
            assert_eq!(Format::from_path(path), Ok(format), "{path}");
        }
        for path in ["", "report", "report.txt", "dir.html/report", "html"] {
            assert!(Format::from_path(path).is_err(), "{path}");
        }
    }

    #[test]
    fn only_web_addresses_become_links() {
        assert!(is_web("HTTPS://ci.example/1") && is_web("http://ci.example"));
        assert!(!is_web("javascript:alert(1)") && !is_web(" https://x") && !is_web("data:,x"));
    }
}
