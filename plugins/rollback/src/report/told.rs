//! The message for people and the written report, from the same facts.

use shared::ci::Ci;
use shared::exit::Exit;
use shared::message::{Message, Outcome};
use shared::page::{Report, Table};
use shared::record::Subject;

use super::verdict::{self, Came};
use crate::plan::Plan;

const PLUGIN: &str = "plugin-rollback";

/// What both tell.
pub struct Told<'a> {
    /// Whose rollback.
    pub subject: &'a Subject,
    /// The pipeline.
    pub ci: &'a Ci,
    /// The plan.
    pub plan: &'a Plan,
    /// What came of it so far.
    pub came: &'a Came,
    /// Why.
    pub reason: &'a str,
}

impl Told<'_> {
    /// How it ended, for those who are told: a rollback that is whole is still no good news.
    pub fn outcome(&self) -> Outcome {
        match self.came.exit(self.plan) {
            Exit::Passed | Exit::Cancelled => Outcome::Warning,
            _ => Outcome::Failure,
        }
    }

    fn title(&self) -> String {
        let word = verdict::word(self.came.exit(self.plan)).to_lowercase();
        format!("{word}: {} {}", self.subject.repo, self.subject.environment)
    }

    fn reasons(&self) -> Vec<String> {
        let mut reasons = vec![self.reason.to_owned()];
        reasons.extend(verdict::reasons(self.plan, self.came));
        reasons
    }

    fn facts(&self) -> Vec<(String, String)> {
        let done: Vec<&str> = self.came.done.iter().map(|(word, _)| *word).collect();
        let fact = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        vec![
            fact("deployment", &self.plan.bad.id),
            fact("repository", &self.subject.repo),
            fact("environment", &self.subject.environment),
            fact("bad commit", &self.plan.bad.commit),
            fact("good commit", &self.plan.target.commit),
            fact("found by", &self.plan.target.source.words()),
            fact("done", &done.join(", ")),
        ]
    }

    fn links(&self) -> Vec<(String, String)> {
        let link = |name: &str, address: &Option<String>| {
            address.clone().map(|address| (name.to_owned(), address))
        };
        let links = [
            link("pipeline", &self.ci.pipeline_url),
            link("commit", &self.ci.commit_url),
        ];
        links.into_iter().flatten().collect()
    }

    fn next(&self) -> Option<String> {
        verdict::next(self.plan, self.came).map(str::to_owned)
    }

    /// The message for the channels; `masked` hides secrets.
    pub fn message(&self, masked: impl Fn(&str) -> String) -> Message {
        Message {
            outcome: self.outcome(),
            plugin: PLUGIN.to_owned(),
            title: self.title(),
            reasons: self.reasons().iter().map(|text| masked(text)).collect(),
            facts: self.facts(),
            links: self.links(),
            next: self.next(),
        }
    }

    /// The report for the file.
    pub fn report(&self, timeline: Vec<String>, verdict: String) -> Report {
        Report {
            plugin: PLUGIN.to_owned(),
            title: self.title(),
            outcome: self.outcome(),
            word: verdict::word(self.came.exit(self.plan)).to_owned(),
            verdict,
            reasons: self.reasons(),
            next: self.next(),
            facts: self.facts(),
            links: self.links(),
            tables: vec![self.table()],
            charts: Vec::new(),
            timeline,
        }
    }

    /// A part a row: done, done before, or not done and why.
    fn table(&self) -> Table {
        let row = |part: &str, state: &str, note: &str| {
            vec![part.to_owned(), state.to_owned(), note.to_owned()]
        };
        let before = self
            .plan
            .done
            .iter()
            .map(|part| row(part, "done before", ""));
        let done = self.came.done.iter();
        let done = done.map(|(part, note)| row(part, "done", note.as_deref().unwrap_or_default()));
        let not = self.plan.blocked.iter().chain(&self.came.failed);
        let not = not.map(|block| row(block.part, "NOT DONE", &block.why));
        Table {
            title: "parts".to_owned(),
            header: ["part", "state", "note"].map(str::to_owned).to_vec(),
            rows: before.chain(done).chain(not).collect(),
        }
    }
}
