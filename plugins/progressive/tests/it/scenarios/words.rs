//! The words of the scenarios: plans and answers read, steps written.

use std::time::Duration;

use plugin_progressive::rollout::{
    Action, Guards, Mode, OnInconclusive, Outcome, Plan, PutBack, Reading, Row, Stage, Stages,
    Step, Taken,
};
use shared::intent::{At, Intent};
use shared::policy::Finish;
use shared::split::{Share, Side};
use shared::value;

use crate::world::{World, s, share, snapshot};

pub(crate) fn seconds(text: &str) -> Duration {
    value::duration(text).unwrap()
}

/// One `key=value` of a plan.
pub(crate) fn plan(plan: &mut Plan, word: &str) {
    let (key, text) = word.split_once('=').unwrap();
    match key {
        "stages" => plan.stages = stages(text),
        "interval" => plan.rules.interval = seconds(text),
        "consecutive_failures" => {
            plan.rules.thresholds.consecutive_failures = text.parse().unwrap();
        }
        "min_samples" => plan.rules.min_samples = text.parse().unwrap(),
        "p_max" => {
            plan.rules.evidence.failed.p_max = Some(value::percentage(text).unwrap() / 100.0);
        }
        "counted_by" => plan.rules.counted_by = Some(text.to_owned()),
        "max_wait" => plan.rules.max_wait = Some(seconds(text)),
        "healthy_threshold" => plan.healthy_threshold = text.parse().unwrap(),
        "deadline" => plan.deadline = seconds(text),
        "soak" => plan.soak = seconds(text),
        "drain" => plan.drain = seconds(text),
        "finish" => {
            let found = Finish::ALL.iter().find(|finish| finish.word() == text);
            plan.finish = *found.unwrap();
            plan.hooks.any |= plan.finish == Finish::Promote;
        }
        "hooks" => plan.hooks.any = text == "true",
        "run_deploy" => {
            plan.hooks.any = true;
            plan.hooks.deploy = text == "true";
        }
        "flags" => plan.hooks.flags = text == "true",
        "override" => {
            plan.lifted.hold = text.contains("hold");
            plan.lifted.freeze = text.contains("freeze");
        }
        _ => choice(plan, key, text),
    }
}

fn choice(plan: &mut Plan, key: &str, text: &str) {
    match (key, text) {
        ("dry_run", "true") => plan.mode = Mode::Dry { record: false },
        ("dry_run", "record") => plan.mode = Mode::Dry { record: true },
        ("settle", "true") => plan.mode = Mode::Settle,
        ("settle_to", "stable") => plan.settle_to = Some(Side::Stable),
        ("settle_to", "canary") => plan.settle_to = Some(Side::Canary),
        ("on_inconclusive", "hold") => plan.on_inconclusive = OnInconclusive::Hold,
        ("on_inconclusive", "promote") => plan.on_inconclusive = OnInconclusive::Promote,
        ("skip_rollback", "true") => plan.put_back = PutBack::Never,
        ("auto_rollback_on_failure", "false") => plan.put_back = PutBack::OnCancel,
        (key, text) => panic!("no such setting: {key}={text}"),
    }
}

/// `10:60s,100:60s`.
fn stages(text: &str) -> Stages {
    let stage = |part: &str| {
        let (percent, wait) = part.split_once(':').unwrap();
        Stage {
            share: share(percent.parse().unwrap()),
            wait: seconds(wait),
        }
    };
    Stages::new(text.split(',').map(stage).collect()).unwrap()
}

/// What a script says that a step comes to.
pub(crate) fn outcome(key: &str, answer: &str, world: &World) -> Outcome {
    let (kind, rest) = answer.split_once(' ').unwrap_or((answer, ""));
    let rest = rest.to_owned();
    let reading = |share| {
        let snapshot = snapshot(world.share.percent());
        Outcome::Traffic(Ok(Reading { share, snapshot }))
    };
    match (key, kind) {
        ("preflight", "wrong") => Outcome::Preflight(Err(vec![rest])),
        ("preflight", "frozen") => Outcome::Preflight(Ok(Guards {
            frozen: Some(rest),
            ..Guards::default()
        })),
        ("preflight", "held") => Outcome::Preflight(Ok(Guards {
            held: Some(rest),
            ..Guards::default()
        })),
        ("preflight", "spent") => Outcome::Preflight(Ok(Guards {
            spent: Some(rest),
            ..Guards::default()
        })),
        ("preflight", "incidents") => Outcome::Preflight(Ok(Guards {
            incidents: rest.split(' ').map(str::to_owned).collect(),
            ..Guards::default()
        })),
        ("incident", "skipped") => Outcome::Skipped,
        ("preflight", "before") => Outcome::Preflight(Ok(Guards {
            before: rest
                .split(' ')
                .filter_map(shared::intent::Part::of)
                .collect(),
            ..Guards::default()
        })),
        ("acquire", "none") => Outcome::Lease(Taken::Unneeded),
        ("acquire", "theirs") => {
            let (by, pipeline) = rest.split_once(' ').unwrap();
            Outcome::Lease(Taken::Theirs {
                by: by.to_owned(),
                pipeline: Some(pipeline.to_owned()),
            })
        }
        ("acquire", "unreachable") => Outcome::Lease(Taken::Unreachable { detail: rest }),
        ("past", "unknown") => Outcome::Past(Err(rest)),
        ("traffic", "unreadable") => Outcome::Traffic(Err(rest)),
        ("traffic", "no-share") => reading(None),
        ("traffic", "stuck") => reading(Some(share(rest.parse().unwrap()))),
        (key, kind) => panic!("no such answer: {key} {kind}"),
    }
}

/// `d0 moving:25`, `d0 rolling-back blamed`, `d0 held`, `d0 succeeded:100`; `same` where it brought this commit.
pub(crate) fn past(deployment: &str, words: &[&str]) -> Intent {
    let (word, percent) = words[0].split_once(':').unwrap_or((words[0], "0"));
    let to: Share = share(percent.parse().unwrap());
    let at = match word {
        "deploying" => At::Deploying,
        "moving" => At::Moving { to },
        "promoting" => At::Promoting,
        "returning" => At::Returning,
        "rolling-back" => At::RollingBack,
        "held" => At::Held,
        "closed" => At::Closed,
        "succeeded" => At::Succeeded { share: to },
        other => panic!("no such place: {other}"),
    };
    let blamed = words.contains(&"blamed");
    Intent {
        at,
        snapshot: Some(snapshot(0)),
        blamed,
        why: blamed
            .then(|| "error rate 9 % > limit 5 %".to_owned())
            .into_iter()
            .collect(),
        ..Intent::begun(deployment, words.contains(&"same").then_some("c0ffee"))
    }
}

/// A step in a line.
pub(crate) fn step(step: &Step) -> String {
    match step {
        Step::Preflight => "preflight".to_owned(),
        Step::Acquire => "ask for the lease".to_owned(),
        Step::LookBack => "look back".to_owned(),
        Step::ReadTraffic { sides } => match sides {
            None => "read the traffic".to_owned(),
            Some(_) => "read the traffic, with the sides as they were".to_owned(),
        },
        Step::Journal(intent) => {
            let at = match intent.at {
                At::Begun => "begun".to_owned(),
                At::Deploying => "deploying".to_owned(),
                At::Moving { to } => format!("moving to {to}"),
                At::Promoting => "promoting".to_owned(),
                At::Returning => "returning".to_owned(),
                At::RollingBack => "rolling back".to_owned(),
                At::Held => "held".to_owned(),
                At::Closed => "closed".to_owned(),
                At::Succeeded { share } => format!("succeeded at {share}"),
            };
            format!("journal {}: {at}", intent.deployment_id)
        }
        Step::Hook { action, attempt } => match (action, attempt) {
            (action @ (Action::Deploy | Action::Promote | Action::Rollback), 1) => {
                format!("script {}", action.word())
            }
            (action, n) => format!("script {} (attempt {n})", action.word()),
        },
        Step::Set { share, stage } => format!("set {share} (stage {stage})"),
        Step::Restore(snapshot) => format!("restore {}", snapshot.share),
        Step::Drain { side, limit } => {
            format!("drain {side:?} for {}", value::show_duration(*limit)).to_lowercase()
        }
        Step::Flags(share) => format!("flags {share}"),
        Step::Look(side) => format!("look at {side:?}").to_lowercase(),
        Step::Sleep(_) | Step::Pause(_) => "wait".to_owned(),
        Step::Record(row) => record(row),
        Step::Succeed { verified, .. } => {
            let proof = if *verified { "verified" } else { "unverified" };
            format!("record the success ({proof})")
        }
        Step::Incident => "open the incident".to_owned(),
        Step::Recover(of) => format!("close the incidents of {}", of.join(", ")),
        Step::Notify => "tell people".to_owned(),
        Step::Release => "release the lease".to_owned(),
        Step::Say(_) => "say".to_owned(),
        Step::Finish(exit) => format!("finish with {}", exit.code()),
    }
}

fn record(row: &Row) -> String {
    match row {
        Row::StageBegan { number, share } => format!("record stage {number} at {share}"),
        Row::StageEnded(summary) => {
            format!("record stage {} {:?}", summary.number, summary.ended).to_lowercase()
        }
        Row::Deployment {
            status,
            hold: false,
            ..
        } => format!("record {}", status.word()),
        Row::Deployment { status, .. } => format!("record {} and hold the commit", status.word()),
        Row::DryRun => "record the dry run".to_owned(),
    }
}

#[test]
fn durations_of_a_plan_are_read_as_settings_are() {
    assert_eq!(seconds("1m30s"), s(90));
}
