//! What a rollout was judged by, and what it is judged by now.

use std::time::Duration;

use shared::evidence::{self, Rule};
use shared::metric::Metric;
use shared::threshold::{Limits, Thresholds};
use shared::value::{show_duration, show_number};

use super::Record;
use crate::rollout::{OnInconclusive, Outline, Plan, Stage};
use crate::stage::Rules;

/// The source of counts where nobody counted.
pub const NOBODY: &str = "nobody";

/// What a run was judged by, and what was planned.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// The rules.
    pub rules: Rules,
    /// The plan.
    pub outline: Outline,
}

/// The settings of now that say how looks are judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Judging {
    /// The limits.
    pub thresholds: Thresholds,
    /// How counted requests are weighed, α whole.
    pub rule: Rule,
    /// Whether the policy says how much failures come in bursts: then no history does.
    pub icc_is_said: bool,
    /// With fewer usable looks than this a stage is inconclusive.
    pub min_samples: u32,
    /// The longest time a stage may be watched.
    pub max_wait: Option<Duration>,
    /// Good looks in a row that the canary needs before its first share.
    pub healthy_threshold: u32,
    /// What becomes of an inconclusive stage.
    pub on_inconclusive: OnInconclusive,
}

impl Terms {
    /// The plan as it was; `None` where it is none.
    pub(super) fn recorded(&self, deployment_id: &str, is_dry: bool) -> Option<Plan> {
        self.outline.plan(deployment_id, self.rules.clone(), is_dry)
    }

    /// The plan as it was, judged by these settings. How often was looked, by whom requests were counted and how much
    /// of α went to what is a matter of how the looks were made.
    #[must_use]
    pub fn judged_by(&self, now: &Judging) -> Self {
        let recorded = &self.rules;
        let tells_slow = recorded.evidence.slow.is_some();
        let knows_usual = self.outline.knows_usual;
        Self {
            rules: Rules {
                thresholds: now.thresholds.clone(),
                evidence: evidence::Rules::spent(now.rule, tells_slow, knows_usual),
                interval: recorded.interval,
                min_samples: now.min_samples,
                bursts: recorded.bursts,
                max_wait: now.max_wait,
                counted_by: recorded.counted_by.clone(),
                known_by_counts: recorded.known_by_counts,
            },
            outline: Outline {
                healthy_threshold: now.healthy_threshold,
                on_inconclusive: now.on_inconclusive,
                ..self.outline.clone()
            },
        }
    }
}

/// Every rule that is another one, with its value before and after.
pub fn differences(before: &Terms, after: &Terms) -> Vec<String> {
    let (old, new) = (&before.rules, &after.rules);
    let limits = |prefix: &'static str, of: fn(&Thresholds) -> &Limits| {
        Metric::ALL.map(|metric| {
            let shown = |rules: &Rules| metric.show(of(&rules.thresholds).of(metric));
            (
                format!("{prefix}_{}", metric.name()),
                shown(old),
                shown(new),
            )
        })
    };
    let one = |name: &str, of: &dyn Fn(&Terms) -> String| (name.to_owned(), of(before), of(after));
    let weighed =
        |of: fn(&Rule) -> f64| move |terms: &Terms| show_number(of(&terms.rules.evidence.failed));
    let rules = [
        one("consecutive_failures", &|t| {
            t.rules.thresholds.consecutive_failures.to_string()
        }),
        one("failure_window", &|t| {
            show_duration(t.rules.thresholds.failure_window)
        }),
        // Shared in the same way on both sides, so that it is another one exactly where its parts are.
        one("alpha", &|t| show_exact(whole_alpha(t))),
        one("beta", &weighed(|rule| rule.beta)),
        one("allowed_factor", &weighed(|rule| rule.allowed_factor)),
        one("p_max", &|t| {
            let p_max = t.rules.evidence.failed.p_max;
            p_max.map_or("none".to_owned(), |p| {
                format!("{} %", show_number(100.0 * p))
            })
        }),
        one("icc", &weighed(|rule| rule.icc)),
        one("min_samples", &|t| t.rules.min_samples.to_string()),
        one("max_wait_time", &|t| {
            t.rules.max_wait.map_or("none".to_owned(), show_duration)
        }),
        one("healthy_threshold", &|t| {
            t.outline.healthy_threshold.to_string()
        }),
        one("on_inconclusive", &|t| {
            t.outline.on_inconclusive.word().to_owned()
        }),
    ];
    limits("threshold", |all| &all.fail)
        .into_iter()
        .chain(limits("warning", |all| &all.warn))
        .chain(rules)
        .filter(|(_, old, new)| old != new)
        .map(|(name, old, new)| format!("{name} {old} → {new}"))
        .collect()
}

/// α before it was shared.
fn whole_alpha(terms: &Terms) -> f64 {
    let evidence = &terms.rules.evidence;
    let both = evidence.slow.map_or(0.0, |slow| slow.alpha) + evidence.failed.alpha;
    if terms.outline.knows_usual {
        both / evidence::alpha_left(1.0)
    } else {
        both
    }
}

/// With as many digits as anybody writes.
fn show_exact(value: f64) -> String {
    let text = format!("{value:.8}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The settings of now that say how looks are made: they were made already, so that nothing follows from these but a
/// word where they are others. Absent is what nobody says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Aside {
    /// `stages` and `wait_time`, by the name under which they were written.
    pub stages: Option<(String, Vec<Stage>)>,
    /// `interval`.
    pub interval: Option<(String, Duration)>,
    /// `soak`.
    pub soak: Option<(String, Duration)>,
    /// `latency_limit`.
    pub latency_limit: Option<(String, Option<Duration>)>,
    /// `count_by`: the source that it names, or [`NOBODY`].
    pub count_by: Option<(String, String)>,
    /// Endpoints, as looks name them.
    pub endpoints: Vec<(String, String)>,
}

impl Aside {
    /// The names of those that are others than what was recorded.
    pub fn unlike(&self, record: &Record) -> Vec<&str> {
        let Some(terms) = record.attempts.last().map(|last| &last.terms) else {
            return Vec::new();
        };
        let outline = &terms.outline;
        let source = record.source().unwrap_or(NOBODY).to_owned();
        let asked: Vec<&str> = record.endpoints().collect();
        let others = self.endpoints.iter();
        let others = others.filter(|(_, endpoint)| !asked.contains(&endpoint.as_str()));
        [
            name(self.stages.as_ref(), &outline.stages),
            name(self.interval.as_ref(), &terms.rules.interval),
            name(self.soak.as_ref(), &outline.soak),
            name(self.latency_limit.as_ref(), &outline.slow_over),
            name(self.count_by.as_ref(), &source),
        ]
        .into_iter()
        .flatten()
        .chain(others.map(|(name, _)| name.as_str()))
        .collect()
    }
}

/// The name of a setting that says something else than was recorded.
fn name<'s, T: PartialEq>(said: Option<&'s (String, T)>, recorded: &T) -> Option<&'s str> {
    let (name, said) = said?;
    (said != recorded).then_some(name.as_str())
}
