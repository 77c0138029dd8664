//! What an incident says: one per deployment, found again by a hidden marker, the same on every forge.
//!
//! Text that came from outside (an answer of the service, a script's output, a commit's subject) is shown letter for
//! letter and means nothing to the forge: it mentions nobody, refers to nothing and commands nothing.

mod body;
mod harmless;
mod template;

use jiff::Timestamp;

use crate::chart::Series;
use crate::policy::Severity;
use crate::secret::url_encoded;

pub use harmless::harmless;
pub use template::Template;

/// The longest title that every forge takes, in characters.
const TITLE_MAX: usize = 250;

/// What an incident is about: there is one for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// `owner/name`.
    pub repo: String,
    /// The environment.
    pub environment: String,
    /// The deployment's name.
    pub deployment: String,
}

impl Key {
    /// The hidden line by which the incident is found again. It holds no letter that could end it early.
    pub fn marker(&self) -> String {
        format!("<!-- deployment-incident:v1 key={} -->", self.text())
    }

    /// The hidden line of a comment, by which it is not written twice.
    pub fn note_marker(&self, note: &str) -> String {
        let (key, note) = (self.text(), url_encoded(note));
        format!("<!-- deployment-incident-note:v1 key={key} note={note} -->")
    }

    fn text(&self) -> String {
        let repo: Vec<String> = self.repo.split('/').map(url_encoded).collect();
        let (environment, deployment) = (
            url_encoded(&self.environment),
            url_encoded(&self.deployment),
        );
        format!("{}/{environment}/{deployment}", repo.join("/"))
    }
}

/// Something that a person has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Who: `whoever is on call`.
    pub who: String,
    /// What.
    pub what: String,
}

/// An incident, whole. What is empty is left out of its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// What it is about.
    pub key: Key,
    /// Which of the things that can be told of one deployment this is, such as `rollback`: the same is not told twice.
    pub note: String,
    /// The plugin that speaks: `plugin-rollback`.
    pub plugin: String,
    /// One line: `rollout rolled back: acme/shop production`.
    pub title: String,
    /// How bad it is.
    pub severity: Severity,
    /// What happened, in a sentence or two.
    pub what: String,
    /// When.
    pub at: Timestamp,
    /// The bad commit.
    pub commit: Option<String>,
    /// Measured against limit, one sentence each.
    pub reasons: Vec<String>,
    /// Names and values: the commit gone back to, the stage, the windows.
    pub facts: Vec<(String, String)>,
    /// Measured values against their limits.
    pub charts: Vec<Series>,
    /// What the log said, one line each.
    pub timeline: Vec<String>,
    /// What was done.
    pub done: Vec<String>,
    /// What was not done, and why.
    pub not_done: Vec<String>,
    /// Who must do what.
    pub tasks: Vec<Task>,
    /// Names and addresses: the pipeline, the commits.
    pub links: Vec<(String, String)>,
}

impl Incident {
    /// The issue's title, without anything that a forge would act on.
    pub fn issue_title(&self) -> String {
        shortened(&harmless(&one_line(&self.title)), TITLE_MAX)
    }

    /// The issue's text, in at most `bytes_max` bytes, with the markers of the incident and of this note.
    pub fn issue_body(&self, template: Option<&Template>, bytes_max: usize) -> String {
        let markers = format!(
            "{}\n{}",
            self.key.marker(),
            self.key.note_marker(&self.note)
        );
        body::with_marker(self, template, &markers, bytes_max)
    }

    /// The same as a comment on an issue that is there already.
    pub fn comment(&self, bytes_max: usize) -> String {
        let marker = self.key.note_marker(&self.note);
        body::with_marker(self, None, &marker, bytes_max)
    }
}

/// The comment that says a service is well again.
pub fn recovery(key: &Key, what: &str, links: &[(String, String)], note: &str) -> String {
    let links: Vec<String> = links
        .iter()
        .map(|(name, address)| body::link(name, address))
        .collect();
    let what = body::shown(what, 2000);
    let marker = key.note_marker(note);
    [format!("**Recovered.** {what}"), links.join("\n"), marker]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("\n\n")
}

/// Text on one line, without control characters.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words
        .join(" ")
        .chars()
        .filter(|c| !c.is_control())
        .collect()
}

/// At most `most` characters, with `…` where something was cut off.
fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(environment: &str, deployment: &str) -> Key {
        Key {
            repo: "acme/shop".into(),
            environment: environment.into(),
            deployment: deployment.into(),
        }
    }

    #[test]
    fn a_marker_is_one_for_each_deployment_and_cannot_be_ended_early() {
        assert_eq!(
            key("production", "acme-shop-8").marker(),
            "<!-- deployment-incident:v1 key=acme/shop/production/acme-shop-8 -->"
        );
        assert_ne!(key("a", "b/c").marker(), key("a/b", "c").marker());
        let hostile = key("x --> @all", "a\nb").marker();
        assert_eq!(hostile.matches("-->").count(), 1);
        assert!(!hostile.contains('\n'));
    }

    #[test]
    fn a_marker_of_a_note_is_not_the_marker_of_the_incident() {
        let key = key("production", "8");
        assert!(!key.note_marker("rollback").contains(&key.marker()));
        assert_ne!(key.note_marker("a"), key.note_marker("b"));
    }
}
