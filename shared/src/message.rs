//! What is told to people, before it takes the form of a channel.

use serde::Serialize;

/// How a step ended, for those who are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All well.
    Success,
    /// Well, with warnings.
    Warning,
    /// Not well.
    Failure,
}

impl Outcome {
    /// The word in `notify_on`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }
}

/// A message, whole: every channel shows as much of it as it can.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// How it ended.
    pub outcome: Outcome,
    /// The plugin that speaks: `plugin-health`.
    pub plugin: String,
    /// One line: `health check failed: acme/shop production`.
    pub title: String,
    /// Why, one sentence each: value, limit, sample size, source.
    pub reasons: Vec<String>,
    /// Names and values: deployment, commit, environment, windows.
    pub facts: Vec<(String, String)>,
    /// Names and addresses: the pipeline, the commit.
    pub links: Vec<(String, String)>,
    /// What to do next, if there is something.
    pub next: Option<String>,
}

impl Message {
    /// The value of a fact, by its name.
    pub fn fact(&self, name: &str) -> Option<&str> {
        let found = self.facts.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}
