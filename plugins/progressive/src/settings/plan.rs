//! The plan: what the settings and the policy say of the rollout itself.

use std::time::Duration;

use jiff::Timestamp;
use shared::policy::{Finish, Policy};
use shared::record::Subject;
use shared::settings::environment::Environment;
use shared::settings::judging;
use shared::settings::read::{Reader, choice};
use shared::split::Side;
use shared::value;

use super::given::switch;
use super::{HookSettings, Sides, Traffic, analysis, lifted, stages};
use crate::rollout::{Hooks, Mode, OnInconclusive, Plan, PutBack};
use crate::stage::Rules;

/// Ten minutes before Woodpecker's default time-out.
const DEADLINE: Duration = Duration::from_secs(50 * 60);
/// After a failure the next look comes after at most this long.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// What is known already.
pub(super) struct Told<'a> {
    pub(super) subject: &'a Subject,
    pub(super) mode: Mode,
    pub(super) traffic: Option<&'a Traffic>,
    pub(super) hook: &'a HookSettings,
    pub(super) environment: &'a Environment,
    pub(super) now: Timestamp,
}

pub(super) fn plan(read: &mut Reader, policy: &Policy, told: &Told) -> Option<Plan> {
    let checks = &policy.health_checks;
    let interval = read.read("interval", value::duration_above_zero);
    let interval = interval
        .or(checks.interval)
        .unwrap_or(Duration::from_secs(30));
    let healthy_threshold = healthy_threshold(read);
    let min_samples = min_samples(read, policy);
    let thresholds = judging::thresholds(read, policy);
    let rules = Rules {
        evidence: analysis::rules(read, policy, &thresholds),
        thresholds,
        interval,
        bursts: false,
        min_samples,
        max_wait: policy.progressive_deployment.max_wait_time,
        counted_by: None,
        known_by_counts: false,
    };
    let soak = read.read("soak", value::duration);
    let stages = stages::stages(read, policy);
    let finish = finish(read, policy, told);
    Some(Plan {
        deployment_id: told.subject.deployment_id.clone(),
        commit: told.subject.commit.clone(),
        mode: told.mode,
        rules,
        healthy_threshold,
        proving_max: proving_max(read, policy, interval, healthy_threshold),
        deadline: deadline(read, told),
        on_inconclusive: on_inconclusive(read),
        put_back: put_back(read, policy),
        soak: soak.or(own_soak(policy)).unwrap_or_default(),
        settle_to: settle_to(read),
        hooks: hooks(read, policy, told),
        drain: policy
            .advanced
            .graceful_shutdown
            .drain_time
            .unwrap_or_default(),
        lifted: lifted(read),
        stages: stages?,
        finish: finish?,
    })
}

pub(super) fn healthy_threshold(read: &mut Reader) -> u32 {
    let said = read.read("healthy_threshold", value::count_above_zero);
    said.unwrap_or(1)
}

pub(super) fn min_samples(read: &mut Reader, policy: &Policy) -> u32 {
    let said = read.read("min_samples", value::count_above_zero);
    said.or(policy.analysis.min_samples).unwrap_or(3)
}

/// The soak of pools that take turns is theirs alone.
fn own_soak(policy: &Policy) -> Option<Duration> {
    let pools = &policy.advanced.blue_green;
    pools.soak.filter(|_| pools.enabled == Some(true))
}

/// A version may take its time to start, and then some answers.
fn proving_max(read: &mut Reader, policy: &Policy, interval: Duration, good: u32) -> Duration {
    let checks = &policy.health_checks;
    let delay = read.read("initial_delay", value::duration);
    let delay = delay
        .or(checks.initial_delay)
        .unwrap_or(Duration::from_secs(30));
    let retries = read.read("retries", value::count).or(checks.max_retries);
    let looks = retries.unwrap_or(3).saturating_add(good);
    delay.saturating_add(interval.min(PAUSE_MAX).saturating_mul(looks))
}

/// From the pipeline's start, which may be some steps ago, to the run's own clock.
fn deadline(read: &mut Reader, told: &Told) -> Duration {
    let whole = read.read("deadline", value::duration_above_zero);
    let whole = whole.unwrap_or(DEADLINE);
    let started = told.environment.get("CI_PIPELINE_STARTED");
    let started = started
        .and_then(|text| text.trim().parse::<i64>().ok())
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .filter(|started| *started > Timestamp::UNIX_EPOCH);
    let passed = started.map_or(Duration::ZERO, |started| {
        Duration::try_from(told.now.duration_since(started)).unwrap_or_default()
    });
    whole.saturating_sub(passed)
}

pub(super) fn on_inconclusive(read: &mut Reader) -> OnInconclusive {
    let all = [
        OnInconclusive::Rollback,
        OnInconclusive::Hold,
        OnInconclusive::Promote,
    ];
    let words = all.map(|one| (one.word(), one));
    let said = read.read("on_inconclusive", |text| {
        choice(text, &words, "rollback, hold or promote")
    });
    said.unwrap_or(OnInconclusive::Rollback)
}

fn put_back(read: &mut Reader, policy: &Policy) -> PutBack {
    let auto = read.read("auto_rollback_on_failure", value::boolean);
    let auto = auto.or(policy.progressive_deployment.auto_rollback_on_failure);
    match (switch(read, "skip_rollback"), auto.unwrap_or(true)) {
        (true, _) => PutBack::Never,
        (false, false) => PutBack::OnCancel,
        (false, true) => PutBack::Always,
    }
}

fn settle_to(read: &mut Reader) -> Option<Side> {
    let words = [("stable", Side::Stable), ("canary", Side::Canary)];
    read.read("settle_to", |text| choice(text, &words, "stable or canary"))
}

fn hooks(read: &mut Reader, policy: &Policy, told: &Told) -> Hooks {
    let any = told.hook.hook.is_some();
    let deploy = switch(read, "run_deploy");
    if deploy && !any && !hook_is_given(read) {
        read.refuse(
            "run_deploy",
            "a deployment_script or deployment_webhook beside it",
        );
    }
    Hooks {
        any,
        deploy,
        flags: policy.advanced.feature_flags.webhook.is_some(),
    }
}

fn hook_is_given(read: &Reader) -> bool {
    let names = ["deployment_script", "deployment_webhook"];
    names.iter().any(|name| read.given(name).is_some())
}

/// *stay* only when it is said: a reload would bring the old version back.
fn finish(read: &mut Reader, policy: &Policy, told: &Told) -> Option<Finish> {
    let words: Vec<_> = Finish::ALL.iter().map(|one| (one.word(), *one)).collect();
    let said = read.read("finish", |text| {
        choice(text, &words, "promote, swap or stay")
    });
    if said.is_none() && read.given("finish").is_some() {
        return None;
    }
    let said = said.or(policy.advanced.traffic_splitting.finish);
    let pools = matches!(
        told.traffic,
        Some(Traffic::Haproxy {
            sides: Sides::Pools(_),
            ..
        })
    );
    let hook = hook_is_given(read);
    let swaps = policy.advanced.blue_green.enabled == Some(true);
    if told.mode == Mode::Settle {
        return Some(said.unwrap_or(Finish::Stay));
    }
    if swaps && !pools && told.traffic.is_some() {
        let expected = "two servers that take turns, such as blue,green, because the policy's blue_green is enabled";
        read.refuse("pools", expected);
        return None;
    }
    let wrong = match said {
        Some(Finish::Swap) if !pools => Some("pools beside it, two servers that take turns"),
        Some(Finish::Promote) if !hook => {
            Some("a deployment_script or deployment_webhook beside it")
        }
        Some(Finish::Promote | Finish::Stay) if pools => {
            Some("swap, because pools take turns: whichever carries the traffic is the stable side")
        }
        None if !pools && !hook && told.traffic.is_some_and(|one| *one != Traffic::None) => Some(
            "promote with a deployment_script or deployment_webhook, swap with pools, or stay, which leaves all \
             traffic on the canary side until the proxy is reloaded",
        ),
        _ => None,
    };
    if let Some(expected) = wrong {
        read.refuse("finish", expected);
        return None;
    }
    Some(said.unwrap_or(match (pools, hook) {
        (true, _) => Finish::Swap,
        (false, true) => Finish::Promote,
        (false, false) => Finish::Stay,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::settings::raw::Raw;

    #[test]
    fn the_deadline_counts_from_the_pipelines_start() {
        let pair = ("CI_PIPELINE_STARTED".into(), "1000".into());
        let environment = Environment::of([pair]);
        let raw = Raw::default();
        let subject = Subject {
            repo: "a/b".into(),
            environment: "production".into(),
            deployment_id: "d1".into(),
            commit: None,
            build_id: None,
        };
        let hook = HookSettings {
            hook: None,
            secret: None,
            script_env: Vec::new(),
            variables: Vec::new(),
        };
        let at = |now: i64, environment: &Environment| {
            let told = Told {
                subject: &subject,
                mode: Mode::Roll,
                traffic: None,
                hook: &hook,
                environment,
                now: Timestamp::from_second(now).unwrap(),
            };
            deadline(&mut Reader::new(&raw), &told)
        };
        assert_eq!(at(1600, &environment), Duration::from_secs(40 * 60));
        assert_eq!(at(1000 + 3000, &environment), Duration::ZERO);
        // A clock that runs behind the server's gives no more time.
        assert_eq!(at(900, &environment), DEADLINE);
        assert_eq!(at(1600, &Environment::default()), DEADLINE);
    }
}
