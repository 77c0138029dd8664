//! The lines of the log while the run goes on.

use std::time::Duration;

use shared::metric::Metric;
use shared::reason::Reason;
use shared::sample::{Phases, Sample};
use shared::threshold::Thresholds;
use shared::value::show_duration;

use crate::course::Leg;
use crate::tick::{Judged, Tick};

/// What is about to happen, and for how long.
pub fn leg(leg: &Leg) -> String {
    match leg {
        Leg::Check(check) => match check.retries {
            0 => "checking once, without retries".to_owned(),
            n => format!("checking, with up to {n} retries"),
        },
        Leg::Wait(wait) => {
            let goal = match wait.healthy_threshold {
                1 => "a good answer".to_owned(),
                n => format!("{n} good answers in a row"),
            };
            let whole = show_duration(wait.max_wait);
            format!(
                "waiting up to {whole} for {goal}{}",
                after(wait.pace.initial_delay)
            )
        }
        Leg::Watch(watch) => {
            let whole = show_duration(watch.window);
            format!("watching for {whole}{}", after(watch.pace.initial_delay))
        }
    }
}

fn after(delay: Duration) -> String {
    if delay.is_zero() {
        String::new()
    } else {
        format!(", first probe after {}", show_duration(delay))
    }
}

/// The limits in force.
pub fn limits(thresholds: &Thresholds) -> String {
    let each = Metric::ALL.map(|metric| {
        let (fail, warn) = (thresholds.fail.of(metric), thresholds.warn.of(metric));
        let side = side(metric);
        format!(
            "{metric} {side} {} (warns beyond {})",
            metric.show(fail),
            metric.show(warn)
        )
    });
    let (failures, window) = (
        thresholds.consecutive_failures,
        show_duration(thresholds.failure_window),
    );
    format!(
        "limits: {}; {failures} failures in a row within {window}",
        each.join(", ")
    )
}

/// The sign between a metric and the limit that it has to hold.
pub(super) fn side(metric: Metric) -> &'static str {
    if metric == Metric::Availability {
        "≥"
    } else {
        "≤"
    }
}

/// The state of a tick in one word.
pub fn state(judged: &Judged) -> &'static str {
    match judged {
        Judged::Good { warnings } if warnings.is_empty() => "healthy",
        Judged::Good { .. } => "warning",
        Judged::Bad { .. } => "failing",
        Judged::Critical { .. } => "critical",
    }
}

/// The line for a tick that is unlike the one before it: old and new state, value and limit. `None` where nothing
/// changed but the figures.
pub fn transition(before: Option<&Tick>, tick: &Tick) -> Option<String> {
    let (old, new) = (before.map(|tick| state(&tick.judged)), state(&tick.judged));
    if before.is_some_and(|before| {
        old == Some(new) && alike(before.judged.reasons(), tick.judged.reasons())
    }) {
        return None;
    }
    let from = old.unwrap_or("unknown");
    let change = if from == new {
        new.to_owned()
    } else {
        format!("{from} → {new}")
    };
    let reasons = tick.judged.reasons();
    Some(if reasons.is_empty() {
        change
    } else {
        format!("{change}: {}", joined(reasons))
    })
}

/// How many reasons a line names.
const REASONS_SHOWN: usize = 8;

/// Reasons as a part of a line. With dozens of endpoints nobody would find the end of it, where it says how many
/// failures in a row there were: the middle is counted instead. The records hold all of them.
pub fn joined(reasons: &[Reason]) -> String {
    let text = |reasons: &[Reason]| {
        let each: Vec<String> = reasons.iter().map(ToString::to_string).collect();
        each.join("; ")
    };
    match reasons {
        [first @ .., last] if first.len() >= REASONS_SHOWN => {
            let (shown, left) = first.split_at(REASONS_SHOWN - 1);
            format!("{}; and {} more; {last}", text(shown), left.len())
        }
        few => text(few),
    }
}

/// Whether two lists of reasons differ in nothing but their figures.
fn alike(a: &[Reason], b: &[Reason]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_kind(a, b))
}

fn same_kind(old: &Reason, new: &Reason) -> bool {
    match (old, new) {
        (
            Reason::At { endpoint, reason },
            Reason::At {
                endpoint: other,
                reason: inner,
            },
        ) => endpoint == other && same_kind(reason, inner),
        (
            Reason::Limit { measured, .. },
            Reason::Limit {
                measured: other, ..
            },
        ) => measured.metric == other.metric,
        _ => std::mem::discriminant(old) == std::mem::discriminant(new),
    }
}

/// Everything that one probe saw, for `log_level: debug`.
pub fn probe(sample: &Sample) -> String {
    let outcome = match &sample.outcome {
        Ok(answer) => answer.status.map_or_else(
            || "answered".to_owned(),
            |status| format!("status {status}"),
        ),
        Err(reasons) => reasons
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; "),
    };
    format!(
        "probe {} : {outcome} in {}",
        sample.endpoint,
        phases(&sample.phases)
    )
}

fn phases(phases: &Phases) -> String {
    let named = [
        ("name", phases.resolve),
        ("connect", phases.connect),
        ("TLS", phases.tls),
        ("first byte", phases.first_byte),
    ];
    let parts: Vec<String> = named
        .into_iter()
        .filter_map(|(name, time)| Some(format!("{name} {}", fine(time?))))
        .collect();
    if parts.is_empty() {
        fine(phases.total)
    } else {
        format!("{} ({})", fine(phases.total), parts.join(", "))
    }
}

/// Milliseconds with one decimal, because a connection on the same host takes less than one.
pub(super) fn fine(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1000.0;
    if millis < 10.0 {
        format!("{millis:.1} ms")
    } else {
        format!("{millis:.0} ms")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::tests::ticks;

    #[test]
    fn of_many_reasons_the_middle_is_counted() {
        let many = |n: usize| {
            let mut all = vec![Reason::Degraded; n];
            all.push(Reason::NoneGood { attempts: 3 });
            joined(&all)
        };
        assert_eq!(many(7).matches("degraded").count(), 7);
        assert!(!many(7).contains("more"));
        let line = many(300);
        assert_eq!(line.matches("degraded").count(), 7);
        assert!(
            line.ends_with("; and 293 more; all 3 attempts failed"),
            "{line}"
        );
    }

    #[test]
    fn only_changes_are_lines() {
        let seen = ticks(".xx.", 0, 1);
        assert_eq!(transition(None, &seen[0]).unwrap(), "unknown → healthy");
        assert_eq!(
            transition(Some(&seen[0]), &seen[1]).unwrap(),
            "healthy → failing: the service calls itself unhealthy"
        );
        assert_eq!(transition(Some(&seen[1]), &seen[2]), None);
        assert_eq!(
            transition(Some(&seen[2]), &seen[3]).unwrap(),
            "failing → healthy"
        );
    }

    #[test]
    fn another_reason_in_the_same_state_is_a_line() {
        let mut seen = ticks("xx", 0, 1);
        seen[1].judged = Judged::Bad {
            reasons: vec![Reason::Body {
                detail: "is empty".into(),
            }],
        };
        assert_eq!(
            transition(Some(&seen[0]), &seen[1]).unwrap(),
            "failing: is empty"
        );
    }
}
