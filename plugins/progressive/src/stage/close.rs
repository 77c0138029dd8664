//! Judging a stage whose time is over and that nothing ended early.

use shared::metric::Metric;
use shared::reason::Reason;
use shared::split::Counts;
use shared::threshold::{Measured, Thresholds};
use shared::tick::{Judged, Tick};
use shared::verdict::Verdict;
use shared::window::{counted, means};

use super::{Evidence, Kind, Look, Rules};

/// The verdict on the whole of it.
///
/// Reported and measured values are held against the limits by their means. Rates that we count are held against them
/// only where the sample can carry it: ten probes with one failure are not "90 %, roll back".
pub(super) fn verdict(seen: &[Look], rules: &Rules) -> Verdict {
    let speaking: Vec<&Look> = seen
        .iter()
        .filter(|look| matches!(look.kind(), Kind::Good | Kind::Failing))
        .collect();
    let ticks = || speaking.iter().map(|look| &look.new);
    let attempts = count(speaking.len());
    let failures = count(
        speaking
            .iter()
            .filter(|l| l.kind() == Kind::Failing)
            .count(),
    );
    let Means {
        broken,
        warnings,
        thin,
    } = held(ticks(), rules);
    let mut reasons = broken;
    reasons.extend(counted(attempts.max(1), failures, &rules.thresholds));
    let counts = seen.last().and_then(|look| look.counts);
    reasons.extend(counts.iter().flat_map(|c| rates(c.new, &rules.thresholds)));
    let enough = attempts >= rules.min_samples;
    if enough && failures == attempts {
        // Failures too scattered for a row, and nothing good among them.
        reasons.push(Reason::NoneGood { attempts });
    }
    if !reasons.is_empty() {
        return Verdict::Fail { reasons };
    }
    let promoted = seen
        .last()
        .is_some_and(|look| look.evidence == Evidence::Promote);
    let mut missing = thin;
    if !enough {
        missing.push(Reason::TooFew {
            samples: attempts,
            needed: rules.min_samples,
        });
    }
    if !missing.is_empty() && !promoted {
        return Verdict::Inconclusive { reasons: missing };
    }
    let mut warnings = warnings;
    if failures > 0 {
        warnings.push(Reason::SomeFailed { failures, attempts });
    }
    if ticks().any(degraded) {
        warnings.push(Reason::Degraded);
    }
    Verdict::Pass { warnings }
}

#[derive(Default)]
struct Means {
    broken: Vec<Reason>,
    warnings: Vec<Reason>,
    thin: Vec<Reason>,
}

fn held<'t>(ticks: impl Iterator<Item = &'t Tick>, rules: &Rules) -> Means {
    let mut held = Means::default();
    for ((endpoint, _, _), mean) in means(ticks) {
        let named = |reason: Reason| reason.at(&endpoint);
        let judged = rules.thresholds.judge(std::slice::from_ref(&mean));
        let failures = judged.failures.into_iter().map(named);
        if mean.samples < rules.min_samples {
            held.thin.extend(failures);
        } else {
            held.broken.extend(failures);
            held.warnings.extend(judged.warnings.into_iter().map(named));
        }
    }
    held
}

/// The rates of counted requests that are outside their limits, where there are enough requests to say so.
fn rates(counts: Counts, thresholds: &Thresholds) -> Vec<Reason> {
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^53 requests")]
    let (all, failed) = (counts.requests as f64, counts.failed as f64);
    let share = 100.0 * failed / all;
    let source = format!(
        "counted: {} of {} requests failed",
        counts.failed, counts.requests
    );
    let limits = [
        (Metric::ErrorRate, share, thresholds.fail.error_rate),
        (
            Metric::Availability,
            100.0 - share,
            100.0 - thresholds.fail.availability,
        ),
    ];
    limits
        .into_iter()
        .filter(|(_, _, room)| all * room >= 100.0)
        .filter_map(|(metric, value, _)| {
            let limit = thresholds.fail.of(metric);
            let measured = Measured {
                metric,
                value,
                samples: 1,
                source: source.clone(),
            };
            metric
                .outside(value, limit)
                .then_some(Reason::Limit { measured, limit })
        })
        .collect()
}

fn degraded(tick: &Tick) -> bool {
    fn is(reason: &Reason) -> bool {
        match reason {
            Reason::At { reason, .. } => is(reason),
            other => *other == Reason::Degraded,
        }
    }
    matches!(&tick.judged, Judged::Good { warnings } if warnings.iter().any(is))
}

pub(super) fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
