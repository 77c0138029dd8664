//! The lines of the log while the run goes on: old and new state, value and limit.

use shared::evidence::{Weighed, rate};
use shared::metric::Metric;
use shared::policy::Finish;
use shared::reason::Reason;
use shared::threshold::Thresholds;
use shared::tick::Judged;
use shared::value::show_duration;

use crate::rollout::{Cause, Change, Ending, Phase, Plan, State, Way, What, Write};
use crate::stage::{Ended, Evidence, Kind, Look, Summary};

/// Where a rollout was before a decision, for the line about where it is after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    place: String,
    /// Stages whose end has been told.
    results: usize,
    was_ending: bool,
    /// The power of ten of the odds that were told of this span.
    told: Option<u32>,
    is_shown: bool,
}

impl Mark {
    /// Where it is.
    pub fn of(plan: &Plan, state: &State) -> Self {
        // The end of a stage is told when the rollout leaves it, not while it is recorded.
        let untold = usize::from(matches!(state.phase, Phase::Recording(_)));
        Self {
            place: place(plan, state),
            results: state.results.len().saturating_sub(untold),
            was_ending: matches!(state.phase, Phase::Ending(_)),
            told: seen(state).filter_map(decade).max(),
            is_shown: is_shown(state),
        }
    }

    /// The line for what counted requests say by now, where they say something new: odds at each power of ten, once,
    /// and that the version is shown to be good enough. `None` where they do not.
    pub fn evidence(&self, plan: &Plan, state: &State) -> Option<String> {
        let place = place(plan, state);
        if place != self.place {
            return None;
        }
        let newest = seen(state).next_back()?;
        if let (false, true, Some(weighed)) = (self.is_shown, is_shown(state), newest.weighed) {
            let canary = weighed.stage.canary;
            let text = format!(
                "{place}: canary {} of {} failed ({}), which shows that it stays below p_max",
                canary.failed,
                canary.requests,
                rate(canary)
            );
            return Some(text);
        }
        let weighed = newest.weighed?;
        (decade(newest) > self.told).then(|| format!("{place}: {weighed}"))
    }

    /// The line for a state that is elsewhere; `None` where it is not.
    pub fn transition(&self, plan: &Plan, state: &State) -> Option<String> {
        let new = place(plan, state);
        if new == self.place {
            return None;
        }
        let over = state.results.get(self.results..).and_then(<[_]>::last);
        let over = over.map(|summary| figures(summary, &plan.rules.thresholds));
        let why = match &state.phase {
            Phase::Ending(ending) if self.was_ending => not_done(ending),
            Phase::Ending(Ending {
                cause: Cause::Success { .. },
                ..
            }) => over,
            Phase::Ending(ending) => Some(ending.cause.why().join("; ")),
            _ => over,
        };
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        Some(format!("{} → {new}{why}", self.place))
    }
}

/// The looks of the span that is watched.
fn seen(state: &State) -> impl DoubleEndedIterator<Item = &Look> {
    let span = match &state.phase {
        Phase::Watching(span) | Phase::Correcting { span, .. } => Some(span),
        _ => None,
    };
    span.into_iter().flat_map(|span| span.watch.seen())
}

fn is_shown(state: &State) -> bool {
    seen(state)
        .next_back()
        .is_some_and(|look| look.evidence == Evidence::Promote)
}

/// The power of ten of the odds against the version at a look, from 10 to 1 on: what is less, every version shows now
/// and then.
fn decade(look: &Look) -> Option<u32> {
    let log_e = look
        .weighed
        .as_ref()
        .map(|weighed: &Weighed| weighed.log_e)?;
    let tens = (log_e / std::f64::consts::LN_10).floor();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "1 to 6"
    )]
    let decade = tens.min(6.0) as u32;
    (tens >= 1.0).then_some(decade)
}

/// What was given up, in words; nothing where everything was done.
pub fn not_done(ending: &Ending) -> Option<String> {
    let failed: Vec<String> = ending.failed.iter().map(ToString::to_string).collect();
    (!failed.is_empty()).then(|| format!("not done: {}", failed.join(", ")))
}

fn place(plan: &Plan, state: &State) -> String {
    let of = plan.stages.all().len();
    let numbered = |at: usize| {
        let share = plan.stages.all().get(at).map(|stage| stage.share);
        let share = share.map(|share| format!(" ({share})")).unwrap_or_default();
        format!("stage {} of {of}{share}", at + 1)
    };
    match &state.phase {
        Phase::Preflight => "preflight".to_owned(),
        Phase::Leasing => "asking for the lease".to_owned(),
        Phase::LookingBack => "looking back".to_owned(),
        Phase::Reading(_) => "reading the traffic".to_owned(),
        Phase::Journaling(write) | Phase::Acting(write) => match write {
            Write::Deploy => "deploying".to_owned(),
            Write::Move { stage: at } => format!("moving to {}", numbered(*at)),
            Write::Promote => "promoting".to_owned(),
            Write::Return => "giving the stable side its traffic".to_owned(),
        },
        Phase::Announcing { stage: at, .. } => numbered(*at),
        Phase::Watching(span) | Phase::Recording(span) => match span.what {
            What::First => "proving the canary".to_owned(),
            What::Stage(at) => numbered(at),
            What::Promoted => "proving the stable side".to_owned(),
            What::Soak => "soak".to_owned(),
        },
        Phase::Correcting { to, .. } => format!("setting the share back to {to}"),
        Phase::Draining => "draining the stable side".to_owned(),
        Phase::Planning { .. } => "dry run".to_owned(),
        Phase::Ending(ending) => ending_place(ending).to_owned(),
    }
}

fn ending_place(ending: &Ending) -> &'static str {
    match (&ending.cause, ending.way) {
        _ if ending.is_over() => "over",
        (Cause::Success { .. }, _) => "recording the success",
        (Cause::Unfinished { .. } | Cause::Unrecorded { .. } | Cause::Settled(_), _) => "settling",
        (_, Way::Back) => "rolling back",
        (_, Way::Hold | Way::Leave) => "holding",
        (_, Way::Accept) => "standing back",
        (_, Way::Nothing) => "ending",
    }
}

/// A stage in a line: how it ended, on how much, against which limits.
pub fn figures(summary: &Summary, thresholds: &Thresholds) -> String {
    let ended = match summary.ended {
        Ended::Passed => "passed",
        Ended::Failed => "failed",
        Ended::Inconclusive => "inconclusive",
        Ended::CutOff => "cut off",
    };
    let looks = match summary.looks {
        1 => "1 look".to_owned(),
        n => format!("{n} looks"),
    };
    let mut parts = vec![format!("{ended} on {looks}")];
    if summary.failed > 0 {
        parts.push(format!("{} failed", summary.failed));
    }
    if summary.outages > 0 {
        parts.push(format!("{} in a shared outage", summary.outages));
    }
    let values = Metric::ALL.into_iter().filter_map(|metric| {
        let (value, limit) = (summary.mean(metric)?, thresholds.fail.of(metric));
        Some(format!(
            "{metric} {} (limit {})",
            metric.show(value),
            metric.show(limit)
        ))
    });
    parts.extend(values);
    if let Some(counts) = summary.counts {
        let (new, old) = (counts.canary, counts.baseline);
        parts.push(format!(
            "{} of {} requests failed ({})",
            new.failed,
            new.requests,
            rate(new)
        ));
        if old.requests > 0 {
            parts.push(format!(
                "stable {} of {} ({})",
                old.failed,
                old.requests,
                rate(old)
            ));
        }
    }
    if let Some(slow) = summary.slow {
        let (new, old) = (slow.canary, slow.baseline);
        let beside = if old.requests > 0 {
            format!(" beside {}", rate(old))
        } else {
            String::new()
        };
        parts.push(format!("{} slow ({}){beside}", new.failed, rate(new)));
    }
    parts.join(", ")
}

/// The line for a look that is unlike the one before it; `None` where nothing changed.
pub fn look(before: Option<&Look>, look: &Look) -> Option<String> {
    let (old, new) = (before.map(state_of), state_of(look));
    if old == Some(new) {
        return None;
    }
    let is_shared = look.kind() == Kind::Shared;
    let outage = look
        .counts
        .as_ref()
        .filter(|counts| counts.outage && is_shared);
    let outage = outage.map(|counts| Reason::Outage {
        baseline: counts.failed.pair().baseline,
    });
    let reasons: Vec<String> = look
        .new
        .judged
        .reasons()
        .iter()
        .chain(&outage)
        .map(ToString::to_string)
        .collect();
    let from = old.unwrap_or("unknown");
    Some(if reasons.is_empty() {
        format!("new version {from} → {new}")
    } else {
        format!("new version {from} → {new}: {}", reasons.join("; "))
    })
}

fn state_of(look: &Look) -> &'static str {
    match (look.kind(), &look.new.judged) {
        (_, Judged::Critical { .. }) => "critical",
        (Kind::Good, Judged::Good { warnings }) if !warnings.is_empty() => "warning",
        (Kind::Good, _) if look.better => "healthy, unlike the baseline",
        (Kind::Good, _) => "healthy",
        (Kind::Failing, _) => "failing",
        (Kind::Shared, Judged::Good { .. }) => "healthy beside a failing baseline",
        (Kind::Shared, _) => "failing with the baseline",
        (Kind::Blind, _) => "without a value",
    }
}

/// A change that a dry run does not make.
pub fn change(change: &Change) -> String {
    match change {
        Change::Settle { of } => format!("would first settle {of}"),
        Change::Deploy => "would deploy to the canary side".to_owned(),
        Change::Move { from, to, wait } => {
            format!(
                "would move the canary from {from} to {to} and watch it for {}",
                show_duration(*wait)
            )
        }
        Change::Promote => {
            "would bring the new version to the stable side and give it all traffic".to_owned()
        }
        Change::Swap => "would leave the pools in exchanged places".to_owned(),
        Change::Stay => "would leave all traffic on the canary side".to_owned(),
        Change::Soak(time) => format!("would watch the end for {}", show_duration(*time)),
        Change::Record => "would record the success and move the marker".to_owned(),
    }
}

/// What the end of a rollout means for a reload of the traffic manager; nothing where it means nothing.
pub fn reload_note(finish: Finish, manager: &str) -> Option<String> {
    match finish {
        Finish::Promote => None,
        Finish::Swap | Finish::Stay => Some(format!(
            "a reload of {manager} may bring its configured weights back, and with them the old version: persist the \
             weights"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_promote_outlives_a_reload() {
        assert_eq!(reload_note(Finish::Promote, "haproxy"), None);
        let note = reload_note(Finish::Stay, "haproxy").unwrap();
        assert!(note.starts_with("a reload of haproxy may bring"), "{note}");
    }
}
