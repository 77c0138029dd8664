//! What ends a stage before its time.

use shared::reason::Reason;
use shared::threshold::Thresholds;
use shared::tick::{Judged, Tick};
use shared::window::decided;

use super::{Evidence, Kind, Look, Rule};

/// The rule that is broken by now, if one is, with its reasons.
///
/// Looks that say nothing about the new version neither count nor interrupt a row: a shared outage does not wash away
/// the failures around it.
pub(super) fn bad(seen: &[Look], thresholds: &Thresholds) -> Option<(Rule, Vec<Reason>)> {
    let last = seen.last()?;
    if let Judged::Critical { reasons } = &last.new.judged {
        return Some((Rule::Integrity, reasons.clone()));
    }
    if let Evidence::Rollback { reasons } = &last.evidence {
        return Some((Rule::Evidence, reasons.clone()));
    }
    if last.kind() != Kind::Failing {
        return None;
    }
    let speaking = |look: &&Look| matches!(look.kind(), Kind::Good | Kind::Failing);
    let ticks = || seen.iter().filter(speaking).map(|look| &look.new);
    if let Some(verdict) = decided(ticks(), thresholds) {
        return Some((Rule::InARow, verdict.reasons().to_vec()));
    }
    let times = thresholds.consecutive_failures.max(1);
    let repeated = repeated(ticks(), times, thresholds);
    (!repeated.is_empty()).then_some((Rule::Repeated { times }, repeated))
}

/// The breaches of the last look that every one of the last `times` looks had. No window: a metric that is outside
/// its limit every minute is as bad as one that is so every second.
fn repeated<'t>(
    ticks: impl DoubleEndedIterator<Item = &'t Tick>,
    times: u32,
    thresholds: &Thresholds,
) -> Vec<Reason> {
    let times = usize::try_from(times).unwrap_or(usize::MAX);
    let row: Vec<&Tick> = ticks.rev().take(times).collect();
    let Some((last, before)) = row.split_first().filter(|_| row.len() == times) else {
        return Vec::new();
    };
    let everywhere = |breach: &Reason| {
        before
            .iter()
            .all(|tick| breaches(tick, thresholds).any(|other| same_place(breach, &other)))
    };
    breaches(last, thresholds).filter(everywhere).collect()
}

fn breaches(tick: &Tick, thresholds: &Thresholds) -> impl Iterator<Item = Reason> {
    tick.samples.iter().flat_map(|sample| {
        let judged = thresholds.judge(&sample.measured());
        judged
            .failures
            .into_iter()
            .map(|reason| reason.at(&sample.endpoint))
    })
}

/// Whether two breaches are of one metric of one endpoint from one source.
fn same_place(a: &Reason, b: &Reason) -> bool {
    match (a, b) {
        (
            Reason::At { endpoint, reason },
            Reason::At {
                endpoint: other,
                reason: second,
            },
        ) => endpoint == other && same_place(reason, second),
        (Reason::Limit { measured: m, .. }, Reason::Limit { measured: n, .. }) => {
            m.metric == n.metric && m.source == n.source
        }
        _ => false,
    }
}
