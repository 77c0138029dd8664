//! Rules that no key can break alone.

use std::time::Duration;

use crate::metric::Metric;
use crate::value::show_duration;

use super::finding::{Finding, Step};
use super::{
    BlueGreen, Finish, MonitoringWindows, Policy, ProgressiveDeployment, TrafficSplitting,
};

/// Everything in a policy that contradicts something else in it.
pub(super) fn contradictions(policy: &Policy) -> Vec<Finding> {
    let mut found = Vec::new();
    warnings(policy, &mut found);
    stages(&policy.progressive_deployment, &mut found);
    waits(&policy.progressive_deployment, &mut found);
    windows(&policy.monitoring_windows, &mut found);
    let advanced = &policy.advanced;
    sides(&advanced.traffic_splitting, &mut found);
    swaps(
        &advanced.blue_green,
        &advanced.traffic_splitting,
        &mut found,
    );
    gates(policy, &mut found);
    found
}

fn finding(path: &[Step], found: impl Into<String>, expected: impl Into<String>) -> Finding {
    Finding {
        path: path.to_vec(),
        at_key: false,
        found: Some(found.into()),
        expected: expected.into(),
        hint: None,
    }
}

fn because(mut finding: Finding, hint: &str) -> Finding {
    finding.hint = Some(hint.to_owned());
    finding
}

fn warnings(policy: &Policy, found: &mut Vec<Finding>) {
    let (failing, warning) = (policy.failing_limits(), policy.warning_limits());
    for metric in Metric::ALL {
        if let (Some(fail), Some(warn)) = (failing.of(metric), warning.of(metric))
            && metric.outside(warn, fail)
        {
            let bound = match metric {
                Metric::ErrorRate | Metric::ResponseTime => "at most",
                Metric::Availability => "at least",
            };
            let path = ["alert_thresholds", "warning", metric.name()].map(Step::from);
            found.push(because(
                finding(
                    &path,
                    metric.show(warn),
                    format!("{bound} the failing limit, {}", metric.show(fail)),
                ),
                "a warning beyond the failing limit is never given",
            ));
        }
    }
}

fn stage_path(index: usize, key: &str) -> [Step; 4] {
    [
        "progressive_deployment".into(),
        "stages".into(),
        index.into(),
        key.into(),
    ]
}

fn stages(progressive: &ProgressiveDeployment, found: &mut Vec<Finding>) {
    for (index, pair) in progressive.stages.windows(2).enumerate() {
        let (before, here) = (pair[0].percentage, pair[1].percentage);
        if here <= before {
            let path = stage_path(index + 1, "percentage");
            let expected = format!("more than the stage before it, {before}");
            found.push(finding(&path, here.to_string(), expected));
        }
    }
    if let Some(last) = progressive.stages.last()
        && last.percentage < 100
    {
        let path = stage_path(progressive.stages.len() - 1, "percentage");
        found.push(because(
            finding(&path, last.percentage.to_string(), "100 in the last stage"),
            "a rollout that ends below it would leave two versions live for good",
        ));
    }
}

fn waits(progressive: &ProgressiveDeployment, found: &mut Vec<Finding>) {
    let (min, max) = (progressive.min_wait_time, progressive.max_wait_time);
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        let path = ["progressive_deployment", "min_wait_time"].map(Step::from);
        let expected = format!("at most max_wait_time, {}", show_duration(max));
        found.push(finding(&path, show_duration(min), expected));
        return;
    }
    for (index, stage) in progressive.stages.iter().enumerate() {
        let Some(wait) = stage.wait_time else {
            continue;
        };
        let bound = match (min, max) {
            (Some(min), _) if wait < min => {
                format!("at least min_wait_time, {}", show_duration(min))
            }
            (_, Some(max)) if wait > max => {
                format!("at most max_wait_time, {}", show_duration(max))
            }
            _ => continue,
        };
        let path = stage_path(index, "wait_time");
        found.push(finding(&path, show_duration(wait), bound));
    }
}

fn windows(windows: &MonitoringWindows, found: &mut Vec<Finding>) {
    let written: Vec<(&str, Duration)> = [
        ("short_term", windows.short_term),
        ("medium_term", windows.medium_term),
        ("long_term", windows.long_term),
    ]
    .into_iter()
    .filter_map(|(name, window)| Some((name, window?)))
    .collect();
    for pair in written.windows(2) {
        let ((shorter, least), (name, window)) = (pair[0], pair[1]);
        if window < least {
            let path = ["monitoring_windows", name].map(Step::from);
            let expected = format!("at least {shorter}, {}", show_duration(least));
            found.push(finding(&path, show_duration(window), expected));
        }
    }
}

fn splitting_path(key: &str) -> [Step; 3] {
    ["advanced", "traffic_splitting", key].map(Step::from)
}

fn sides(splitting: &TrafficSplitting, found: &mut Vec<Finding>) {
    let pools = &splitting.pools;
    if !pools.is_empty() && (pools.len() != 2 || pools[0] == pools[1]) {
        let path = splitting_path("pools");
        found.push(finding(&path, pools.join(", "), "two different servers"));
    }
    let stable = &splitting.stable_server;
    let canary = &splitting.canary_server;
    if !pools.is_empty() && (stable.is_some() || canary.is_some()) {
        found.push(because(
            finding(
                &splitting_path("pools"),
                pools.join(", "),
                "either pools or stable_server and canary_server",
            ),
            "pools take turns, the other two never do",
        ));
    }
    if let (Some(stable), Some(canary)) = (stable, canary)
        && stable == canary
    {
        let path = splitting_path("canary_server");
        found.push(finding(&path, canary, "another server than stable_server"));
    }
}

fn swaps(blue_green: &BlueGreen, splitting: &TrafficSplitting, found: &mut Vec<Finding>) {
    if blue_green.enabled == Some(true)
        && let Some(finish) = splitting.finish
        && finish != Finish::Swap
    {
        let path = splitting_path("finish");
        let expected = "swap, because advanced.blue_green.enabled is true";
        found.push(finding(&path, finish.word(), expected));
    }
}

fn gates(policy: &Policy, found: &mut Vec<Finding>) {
    let gates = &policy.advanced.quality_gates;
    for (index, gate) in gates.iter().enumerate() {
        if gates[..index].iter().any(|other| other.name == gate.name) {
            let path: [Step; 4] = [
                "advanced".into(),
                "quality_gates".into(),
                index.into(),
                "name".into(),
            ];
            found.push(finding(
                &path,
                &gate.name,
                "a name of its own for every gate",
            ));
        }
    }
}
