//! What a run is about to do and to look at, said before it begins: who reads the log later has nothing else to hold
//! its lines against.

use std::time::Duration;

use shared::endpoint::Endpoint;
use shared::evidence::{Rule, odds};
use shared::metric::Metric;
use shared::value::{show_duration, show_number};

use crate::rollout::{Mode, Plan};

/// The lines of a plan, `now` after the run began; none for a run that only settles. `new` and `old` are the
/// addresses that are asked; `counts` says whether somebody counts requests.
pub fn lines(
    plan: &Plan,
    (new, old): (&[Endpoint], Option<&Endpoint>),
    counts: bool,
    now: Duration,
) -> Vec<String> {
    if plan.mode == Mode::Settle {
        return Vec::new();
    }
    let stages = plan.stages.all().iter();
    let stages: Vec<String> = stages
        .map(|stage| format!("{} for {}", stage.share, show_duration(stage.wait)))
        .collect();
    let soak = match plan.soak {
        Duration::ZERO => String::new(),
        soak => format!(", soak {}", show_duration(soak)),
    };
    let (rules, limits) = (&plan.rules, &plan.rules.thresholds);
    let each: Vec<String> = Metric::ALL
        .into_iter()
        .map(|metric| format!("{metric} {}", metric.show(limits.fail.of(metric))))
        .collect();
    let new: Vec<String> = new.iter().map(ToString::to_string).collect();
    let old = old.map_or_else(String::new, |old| format!(", beside {old}"));
    let (looks, needs) = if rules.known_by_counts {
        let needs = format!(
            ", and counts at least {} requests of the canary",
            rules.min_samples
        );
        (rules.min_looks(), needs)
    } else {
        (rules.min_samples, String::new())
    };
    let mut lines = vec![
        format!(
            "plan: {}, finish {}{soak}; deadline in {}",
            stages.join(", "),
            plan.finish.word(),
            show_duration(plan.deadline.saturating_sub(now)),
        ),
        format!(
            "asks {}{old}, at least every {}, at least {} times a stage{needs}",
            new.join(", "),
            show_duration(rules.interval),
            looks,
        ),
        format!(
            "limits: {}; {} failures in a row within {}",
            each.join(", "),
            limits.consecutive_failures,
            show_duration(limits.failure_window),
        ),
    ];
    lines.extend(counts.then(|| evidence(&rules.evidence.failed)));
    lines
}

fn evidence(rule: &Rule) -> String {
    let allowed = match rule.allowed_factor {
        times if times > 1.0 => format!(
            "more than {} times as bad as the old one",
            show_number(times)
        ),
        _ => "worse than the old one beside it".to_owned(),
    };
    let shown = rule.p_max.map_or_else(String::new, |p_max| {
        let percent = show_number(100.0 * p_max);
        format!("; a stage passes once the version is shown to stay below {percent} %")
    });
    format!(
        "evidence: counted requests put the traffic back at {} that the version is {allowed}, or without an old one \
         that it is over {} %{shown}",
        odds(rule.bar()),
        show_number(100.0 * rule.limit)
    )
}
