//! The verdict: the last line, alone, with where the traffic is and what to do next.

use shared::evidence::{Pair, rate};
use shared::exit::Exit;
use shared::intent::Left;
use shared::metric::Metric;
use shared::policy::Finish;
use shared::reason::Reason;
use shared::split::Counts;
use shared::threshold::Thresholds;

use super::lines;
use crate::rollout::{Busy, Cause, Ending, Plan, Reach, Refusal, State, Way};
use crate::stage::{Rule, Summary};

/// The word of an ending.
pub fn word(ending: &Ending, exit: Exit) -> &'static str {
    match (exit, &ending.cause, ending.way) {
        (
            Exit::Passed,
            Cause::Settled(_) | Cause::Unfinished { .. } | Cause::Unrecorded { .. },
            _,
        ) => "SETTLED",
        (Exit::Passed, Cause::DryRun, _) => "DRY RUN",
        (Exit::Passed, Cause::Success { warnings }, _) if !warnings.is_empty() => {
            "PASSED WITH WARNINGS"
        }
        (Exit::Passed, ..) => "PASSED",
        (Exit::Bad, _, Way::Back) => "ROLLED BACK",
        (Exit::Cancelled, cause, Way::Back) if *cause != Cause::Cancelled => "ROLLED BACK",
        (Exit::Bad, ..) => "FAILED",
        (Exit::Refused, ..) => "REFUSED",
        (Exit::Inconclusive, ..) => "INCONCLUSIVE",
        (Exit::NeedsPerson, ..) if ending.is_stuck() => "STUCK",
        (Exit::NeedsPerson, ..) => "HELD",
        (Exit::Busy, ..) => "BUSY",
        (Exit::Bug, ..) => "BUG",
        (Exit::TimedOut, ..) => "TIMED OUT",
        (Exit::Cancelled, ..) => "CANCELLED",
    }
}

/// The last line.
pub fn line(plan: &Plan, state: &State, ending: &Ending, exit: Exit) -> String {
    let why = match &ending.cause {
        cause @ Cause::Success { warnings } => {
            let seen = passed(&state.results, &plan.rules.thresholds);
            let but = match &warnings[..] {
                [] => String::new(),
                _ => format!(", but: {}", cause.why().join("; ")),
            };
            format!("{cause}{seen}{but}")
        }
        cause => cause.why().join("; "),
    };
    let first = match (&ending.cause, &state.settled) {
        // What could not be put back is not settled, and who only settles says so already.
        (Cause::Settled(_) | Cause::Unfinished { .. } | Cause::Unrecorded { .. }, _)
        | (_, None) => None,
        (_, Some(of)) => Some(format!("What {of} left was settled first")),
    };
    let traffic = traffic(plan, state, ending).map(|text| format!("Traffic: {text}"));
    let missing = lines::not_done(ending).map(|text| text.replacen('n', "N", 1));
    let next = next(ending, exit).map(|text| format!("Next: {text}"));
    let parts: Vec<String> = [first, traffic, missing, next]
        .into_iter()
        .flatten()
        .map(|part| format!(". {part}"))
        .collect();
    let code = exit.code();
    format!(
        "{} (exit {code}): {why}{}",
        word(ending, exit),
        parts.concat()
    )
}

/// What a success rests on: the worst stage of each metric against its limit, and on how much.
fn passed(results: &[Summary], limits: &Thresholds) -> String {
    let looks: u32 = results.iter().map(|stage| stage.looks).sum();
    let failed: u32 = results.iter().map(|stage| stage.failed).sum();
    let worst = |metric: Metric| {
        let values = results.iter().filter_map(|stage| stage.mean(metric));
        let worst = values.reduce(|a, b| if metric.outside(b, a) { b } else { a })?;
        let (value, limit) = (metric.show(worst), metric.show(limits.fail.of(metric)));
        Some(format!(", worst {metric} {value} (limit {limit})"))
    };
    let metrics: String = Metric::ALL.into_iter().filter_map(worst).collect();
    let counts = results.iter().filter_map(|stage| stage.counts);
    let counts = counts.reduce(Pair::plus).map(|all| all.canary);
    let counts = counts.filter(|canary| canary.requests > 0);
    let counts = counts.map_or_else(String::new, |canary| {
        let Counts { requests, failed } = canary;
        format!(
            ", {failed} of {requests} of its requests failed ({})",
            rate(canary)
        )
    });
    format!(" on {looks} looks, {failed} failed{metrics}{counts}")
}

/// Where the traffic is, as far as anybody knows.
pub(super) fn traffic(plan: &Plan, state: &State, ending: &Ending) -> Option<String> {
    let share = state.share.map(|share| share.to_string());
    let share = share.unwrap_or_else(|| "an unknown share".to_owned());
    if ending.is_stuck() {
        let text = if matches!(ending.cause, Cause::Success { .. }) {
            format!("the canary side has {share}, and the success could not be recorded")
        } else {
            format!(
                "it could not be put where it belongs, the canary was last known to have {share}"
            )
        };
        return Some(text);
    }
    match (&ending.cause, ending.way) {
        (Cause::Success { .. }, _) => Some(match plan.finish {
            Finish::Promote => "all on the stable side, which has the new version".to_owned(),
            Finish::Swap => {
                "all on the other pool, which is the stable side from now on".to_owned()
            }
            Finish::Stay => "all on the canary side".to_owned(),
        }),
        (Cause::Busy(Busy::LeaseLost { .. }), _) => Some(format!(
            "left to the other run, the canary was last known to have {share}"
        )),
        (Cause::Settled(_) | Cause::Left { .. }, Way::Nothing) => {
            Some(format!("the canary has {share}"))
        }
        (_, Way::Back) if state.reach < Reach::Written => Some("never moved".to_owned()),
        (_, Way::Back) => Some(format!("put back, the canary has {share}")),
        (_, Way::Hold | Way::Leave) => Some(format!("left as it is, the canary has {share}")),
        (_, Way::Accept) => Some(format!("left where it was moved, the canary has {share}")),
        (_, Way::Nothing) => None,
    }
}

/// What to do next; nothing after a success.
pub fn next(ending: &Ending, exit: Exit) -> Option<&'static str> {
    if ending.is_stuck() {
        return Some("bring the traffic where it belongs by hand, then run with settle: true");
    }
    match &ending.cause {
        Cause::Success { warnings } if warnings.is_empty() => None,
        Cause::Success { .. } => Some("have a look before it becomes a failure"),
        Cause::Settled(_) | Cause::Unfinished { .. } | Cause::Unrecorded { .. } => None,
        Cause::DryRun => Some("run without dry_run"),
        Cause::Left { left, .. } => Some(way_out(*left)),
        Cause::Busy(Busy::CommitHeld(_)) => Some("deploy another commit, or set override: hold"),
        Cause::Busy(Busy::Frozen(_)) => Some("wait until it is over, or set override: freeze"),
        Cause::Busy(Busy::Lease { .. } | Busy::LeaseLost { .. }) => Some(
            "wait for the other run, then start this one again; if it is dead, its lease ends within a minute of its death",
        ),
        Cause::Refused(Refusal::DoesNotFit { .. }) => {
            Some("shorten the stages, or raise deadline and the pipeline's time-out")
        }
        Cause::Refused(Refusal::Unexplained(_)) => {
            Some("set settle_to: stable or canary, whichever side the traffic belongs to")
        }
        Cause::Refused(Refusal::Spent { .. }) => {
            Some("start a new pipeline, or give this one a deployment_id of its own")
        }
        Cause::Refused(Refusal::NoLease(_)) => Some(
            "bring the database back first: without it nobody knows who else is moving traffic",
        ),
        Cause::Refused(_) => Some("put that right and start again"),
        Cause::Bug(_) => Some("report it with this log"),
        Cause::Cancelled if exit == Exit::Cancelled => None,
        _ if matches!(exit, Exit::NeedsPerson) || ending.way == Way::Hold => {
            Some("look which side is well and move the traffic there")
        }
        Cause::Withdrawn { .. } => {
            Some("ask who moved it, or what reloaded, before the next rollout")
        }
        Cause::Pushed { .. } => Some("find what moves it: another pipeline, or a person"),
        Cause::Unreadable { .. } => {
            Some("look at the traffic manager, not at the new version; then start again")
        }
        Cause::Failed { .. } => Some("put that right and start again"),
        Cause::Deadline { outage: true, .. } => {
            Some("look for what both versions need and what fails: a database, a network, a host")
        }
        Cause::Deadline { .. } => {
            Some("look what took so long; shorten the stages, or raise deadline and the time-out")
        }
        Cause::Abort { .. } => Some("ask who wanted it"),
        Cause::Inconclusive { reasons, .. } => Some(way_on(reasons)),
        Cause::Bad {
            rule: Rule::NeverGood,
            ..
        } => Some(
            "see whether the new version was deployed and answers at this address, then its own log",
        ),
        _ => Some("look at the new version's own log"),
    }
}

fn way_on(reasons: &[Reason]) -> &'static str {
    let outage = |one: &Reason| {
        matches!(
            one,
            Reason::Outage { .. } | Reason::BothOver { .. } | Reason::SharedOutage
        )
    };
    let uncounted = |one: &Reason| matches!(one, Reason::Uncounted { .. });
    if reasons.iter().any(outage) {
        "look for what both versions need and what fails: a database, a network, a host"
    } else if reasons.iter().any(uncounted) {
        "see why it does not tell, by its address and by what it is asked, or name another source with count_by"
    } else if reasons
        .iter()
        .any(|one| matches!(one, Reason::Unshown { .. }))
    {
        "watch longer, send more traffic, or raise p_max"
    } else {
        "watch longer, send more traffic, or lower min_samples"
    }
}

fn way_out(left: Left) -> &'static str {
    match left {
        Left::Held => "move its traffic where it belongs, or run plugin-rollback; then run again",
        Left::HalfPromoted => {
            "look which version the stable side runs, bring it to the wanted one, give it its traffic, then run again"
        }
        Left::Occupied => {
            "bring the live version to the stable side and give it its traffic, or use pools that take turns"
        }
    }
}
