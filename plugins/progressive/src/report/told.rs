//! The message for people and the written report, from the same facts.

use std::time::Duration;

use shared::chart::Series;
use shared::ci::Ci;
use shared::exit::Exit;
use shared::message::{Message, Outcome};
use shared::metric::Metric;
use shared::page::{Report, Table};
use shared::record::Subject;
use shared::sample::Sample;
use shared::threshold::Thresholds;
use shared::tick::Tick;

use super::verdict;
use crate::rollout::{Cause, Ending, Way};

pub(super) const PLUGIN: &str = "plugin-progressive";

/// What both tell.
#[derive(Debug, Clone)]
pub struct Told {
    outcome: Outcome,
    word: &'static str,
    title: String,
    reasons: Vec<String>,
    next: Option<String>,
    facts: Vec<(String, String)>,
    links: Vec<(String, String)>,
}

/// The exit code that an ending comes to if the rest of it works.
pub fn expected_exit(ending: &Ending) -> Exit {
    match ending.way {
        _ if ending.is_stuck() => Exit::NeedsPerson,
        Way::Hold if matches!(ending.cause, Cause::Inconclusive { .. }) => Exit::Inconclusive,
        Way::Hold | Way::Leave => Exit::NeedsPerson,
        Way::Accept | Way::Back | Way::Nothing => ending.cause.exit(),
    }
}

/// What is told of an ending; `masked` hides secrets.
pub fn told(
    subject: &Subject,
    ci: &Ci,
    ending: &Ending,
    exit: Exit,
    masked: impl Fn(&str) -> String,
) -> Told {
    let word = verdict::word(ending, exit);
    let outcome = match (exit, &ending.cause) {
        (Exit::Passed, Cause::Success { warnings }) if !warnings.is_empty() => Outcome::Warning,
        // Somebody killed a run: that is worth a word, and no success.
        (Exit::Passed, Cause::Unfinished { .. } | Cause::Unrecorded { .. })
        | (Exit::Cancelled, _) => Outcome::Warning,
        (Exit::Passed, _) => Outcome::Success,
        _ => Outcome::Failure,
    };
    let why = match &ending.cause {
        Cause::Success { warnings } if warnings.is_empty() => vec![ending.cause.to_string()],
        cause => cause.why(),
    };
    let own = subject
        .commit
        .clone()
        .map(|commit| ("commit".to_owned(), commit));
    let fact = |name: &str, value: &String| (name.to_owned(), value.clone());
    let facts = [
        fact("deployment", &subject.deployment_id),
        fact("repository", &subject.repo),
        fact("environment", &subject.environment),
    ];
    Told {
        outcome,
        word,
        title: title(word, subject),
        reasons: why.iter().map(|text| masked(text)).collect(),
        next: verdict::next(ending, exit).map(str::to_owned),
        facts: facts.into_iter().chain(own).collect(),
        links: links(ci),
    }
}

/// The title of a message and of an incident.
pub(super) fn title(word: &str, subject: &Subject) -> String {
    let word = word.to_lowercase();
    format!("rollout {word}: {} {}", subject.repo, subject.environment)
}

/// Where a person can look further.
pub fn links(ci: &Ci) -> Vec<(String, String)> {
    let named = [("pipeline", &ci.pipeline_url), ("commit", &ci.commit_url)];
    let link = |(name, address): (&str, &Option<String>)| {
        address.clone().map(|address| (name.to_owned(), address))
    };
    named.into_iter().filter_map(link).collect()
}

impl Told {
    /// How it ended, for those who are told.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The same with the address of the incident, where there is one.
    #[must_use]
    pub fn with_incident(mut self, address: Option<&str>) -> Self {
        let link = address.map(|address| ("incident".to_owned(), address.to_owned()));
        self.links.extend(link);
        self
    }

    /// The message for the channels.
    pub fn message(&self) -> Message {
        Message {
            outcome: self.outcome,
            plugin: PLUGIN.to_owned(),
            title: self.title.clone(),
            reasons: self.reasons.clone(),
            facts: self.facts.clone(),
            links: self.links.clone(),
            next: self.next.clone(),
        }
    }

    /// The report for the file.
    pub fn report(
        self,
        tables: Vec<Table>,
        charts: Vec<Series>,
        timeline: Vec<String>,
        verdict: String,
    ) -> Report {
        Report {
            plugin: PLUGIN.to_owned(),
            title: self.title,
            outcome: self.outcome,
            word: self.word.to_owned(),
            verdict,
            reasons: self.reasons,
            next: self.next,
            facts: self.facts,
            links: self.links,
            tables,
            charts,
            timeline,
        }
    }
}

/// The measured values of a run against their limits; nothing where one look was all.
pub fn charts(seen: &[Tick], thresholds: &Thresholds) -> Vec<Series> {
    let series = Metric::ALL.into_iter().map(|metric| Series {
        metric,
        limit: thresholds.fail.of(metric),
        points: points(seen, metric),
    });
    series.filter(|series| series.points.len() > 1).collect()
}

/// The worst value of each look, by the time since the first.
fn points(seen: &[Tick], metric: Metric) -> Vec<(Duration, f64)> {
    let began = seen.first().map_or(Duration::ZERO, |tick| tick.started);
    let worst = |tick: &Tick| {
        let values = tick.samples.iter().flat_map(Sample::measured);
        let values = values.filter(|value| value.metric == metric);
        let values = values.map(|value| value.value);
        values.reduce(|a, b| if metric.outside(a, b) { a } else { b })
    };
    let points = seen.iter().filter_map(|tick| {
        let since = tick.started.saturating_sub(began);
        Some((since, worst(tick)?))
    });
    points.collect()
}
