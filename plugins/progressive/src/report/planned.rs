//! What a run is about to do and to look at, said before it begins: who reads the log later has nothing else to hold
//! its lines against.

use std::time::Duration;

use shared::endpoint::Endpoint;
use shared::metric::Metric;
use shared::value::show_duration;

use crate::rollout::{Mode, Plan};

/// The lines of a plan, `now` after the run began; none for a run that only settles. `new` and `old` are the
/// addresses that are asked.
pub fn lines(plan: &Plan, new: &[Endpoint], old: Option<&Endpoint>, now: Duration) -> Vec<String> {
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
    vec![
        format!(
            "plan: {}, finish {}{soak}; deadline in {}",
            stages.join(", "),
            plan.finish.word(),
            show_duration(plan.deadline.saturating_sub(now)),
        ),
        format!(
            "asks {}{old}, at least every {}, at least {} times a stage",
            new.join(", "),
            show_duration(rules.interval),
            rules.min_samples,
        ),
        format!(
            "limits: {}; {} failures in a row within {}",
            each.join(", "),
            limits.consecutive_failures,
            show_duration(limits.failure_window),
        ),
    ]
}
