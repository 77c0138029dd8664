//! The message for people and the written report, from the same facts.

use shared::chart::Series;
use shared::message::{Message, Outcome};
use shared::metric::Metric;
use shared::page::{Report, Table};
use shared::record::{Subject, Window};
use shared::threshold::Thresholds;

use crate::rows;
use crate::tick::Tick;

/// What both tell.
#[derive(Debug, Clone)]
pub struct Told<'a> {
    /// Whose deployment.
    pub subject: &'a Subject,
    /// How it ended.
    pub outcome: Outcome,
    /// The verdict's word: `FAILED`.
    pub word: &'a str,
    /// What was done: `health check`, `deployment`.
    pub what: &'a str,
    /// Why.
    pub reasons: Vec<String>,
    /// What to do.
    pub next: Option<String>,
    /// The pipeline and the commit, where they can be looked at.
    pub links: Vec<(String, String)>,
}

impl Told<'_> {
    fn title(&self) -> String {
        format!(
            "{} {}: {} {}",
            self.what,
            self.word.to_lowercase(),
            self.subject.repo,
            self.subject.environment
        )
    }

    fn facts(&self) -> Vec<(String, String)> {
        let mut facts = vec![
            ("deployment".to_owned(), self.subject.deployment_id.clone()),
            ("repository".to_owned(), self.subject.repo.clone()),
            ("environment".to_owned(), self.subject.environment.clone()),
        ];
        facts.extend(
            self.subject
                .commit
                .clone()
                .map(|commit| ("commit".to_owned(), commit)),
        );
        facts
    }

    /// The log's last line without what stands beside it on the page: the word, the reasons, what to do next.
    fn without_repeats(&self, verdict: &str) -> String {
        let rest = verdict
            .strip_prefix(self.word)
            .unwrap_or(verdict)
            .trim_start();
        let rest = rest.split(". Next: ").next().unwrap_or(rest);
        let code = rest.split(':').next().unwrap_or(rest);
        let kept = if self.reasons.is_empty() { rest } else { code };
        kept.to_owned()
    }

    /// The message for the channels. A window with checks in it is a fact, too.
    pub fn message(&self, windows: &[Window]) -> Message {
        let mut facts = self.facts();
        for window in windows.iter().filter(|window| window.checks > 0) {
            facts.push((
                format!("last {}", window.label),
                format!("{} of {} checks good", window.good, window.checks),
            ));
        }
        Message {
            outcome: self.outcome,
            plugin: "plugin-health".to_owned(),
            title: self.title(),
            reasons: self.reasons.clone(),
            facts,
            links: self.links.clone(),
            next: self.next.clone(),
        }
    }

    /// The report for the file: the message's facts with tables, charts and the timeline.
    pub fn report(
        &self,
        ticks: &[Tick],
        thresholds: &Thresholds,
        tables: Vec<Table>,
        timeline: &[String],
        verdict: &str,
    ) -> Report {
        Report {
            plugin: "plugin-health".to_owned(),
            title: self.title(),
            outcome: self.outcome,
            word: self.word.to_owned(),
            verdict: self.without_repeats(verdict),
            reasons: self.reasons.clone(),
            next: self.next.clone(),
            facts: self.facts(),
            links: self.links.clone(),
            tables,
            charts: charts(ticks, thresholds),
            timeline: timeline.to_vec(),
        }
    }
}

/// The measured values of a run against their limits; nothing where one tick was all.
pub fn charts(ticks: &[Tick], thresholds: &Thresholds) -> Vec<Series> {
    let series = Metric::ALL.into_iter().map(|metric| Series {
        metric,
        limit: thresholds.fail.of(metric),
        points: rows::series(ticks, metric),
    });
    series.filter(|series| series.points.len() > 1).collect()
}
