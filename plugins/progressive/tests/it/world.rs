//! A small world in which a rollout is played: what traffic does, what probes see, what fails. Time moves only when
//! the rollout waits.

use std::time::Duration;

use jiff::Timestamp;
use plugin_progressive::rollout::{
    Action, Facts, Guards, Hooks, Lease, Lifted, Mode, OnInconclusive, Outcome, Phase, Plan,
    PutBack, Reading, Row, Stage, Stages, State, Step, Taken, What, next,
};
use plugin_progressive::stage::{Look, Rules};
use shared::evidence::{self, Against, Counted, Pair, Window};
use shared::intent::Intent;
use shared::policy::Finish;
use shared::reason::Reason;
use shared::sample::{Answer, Phases, Role, Sample};
use shared::split::{Counts, Share, Snapshot};
use shared::threshold::Thresholds;
use shared::tick::{Tick, judge_named};

pub(crate) fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn share(percent: u8) -> Share {
    Share::new(percent).unwrap()
}

pub(crate) fn snapshot(percent: u8) -> Snapshot {
    Snapshot {
        manager: "haproxy".to_owned(),
        share: share(percent),
        detail: serde_json::Value::Null,
    }
}

/// How failed requests are weighed: with the defaults, and no burst.
pub(crate) fn rule() -> evidence::Rule {
    evidence::Rule {
        alpha: 0.01,
        beta: 0.05,
        allowed_factor: 1.0,
        limit: 0.01,
        p_max: None,
        icc: 0.0,
    }
}

/// Two stages of a minute each, looked at every 30 seconds; traffic stays on the canary side.
pub(crate) fn plan() -> Plan {
    let stage = |percent, wait| Stage {
        share: share(percent),
        wait: s(wait),
    };
    Plan {
        deployment_id: "d1".to_owned(),
        commit: Some("c0ffee".to_owned()),
        mode: Mode::Roll,
        stages: Stages::new(vec![stage(10, 60), stage(100, 60)]).unwrap(),
        rules: Rules {
            thresholds: Thresholds::default(),
            evidence: evidence::Rules::of(rule(), false),
            interval: s(30),
            min_samples: 2,
            bursts: false,
            max_wait: None,
            counted_by: None,
            known_by_counts: false,
        },
        healthy_threshold: 1,
        proving_max: s(60),
        deadline: s(600),
        on_inconclusive: OnInconclusive::Rollback,
        put_back: PutBack::Always,
        finish: Finish::Stay,
        soak: s(0),
        settle_to: None,
        hooks: Hooks {
            any: false,
            deploy: false,
            flags: false,
        },
        drain: s(0),
        lifted: Lifted::default(),
    }
}

/// What a look is like: `.` good, `x` the new version failing, `o` both failing, `m` an error rate of 9 %, `d`
/// degraded, `-` no value from the metrics source, `!` the integrity check failed, `v` good, and the answer names the
/// version. Good by its probes, and counted: `w` 40 of 500 requests failed beside 4 of 4500, `c` 2 of 500 beside 18 of
/// 4500, `C` none of 500 beside 4500, `O` 250 of 500 beside 2250 of 4500, `l` 2 of 100 beside 3 of 900, `b` none of 500 beside 450 of 4500.
pub(crate) fn look(now: Duration, word: char, share: Option<Share>) -> Look {
    let share = share.ok_or_else(|| "connection refused".to_owned());
    let bad = || Err(vec![Reason::Unhealthy]);
    let good = |error_rate| {
        Ok(Answer {
            error_rate: Some(error_rate),
            version: (word == 'v').then(|| "c0ffee".to_owned()),
            health: (word == 'd').then_some(shared::sample::Health::Degraded),
            ..Answer::default()
        })
    };
    let no_value = Reason::NoValue {
        query: "errors".to_owned(),
        detail: "empty result".to_owned(),
    };
    let new = match word {
        'x' | 'o' => tick(now, "canary", Role::Health, bad()),
        'm' => tick(now, "canary", Role::Health, good(9.0)),
        '-' => tick(now, "metrics", Role::Metrics, Err(vec![no_value])),
        '!' => tick(now, "integrity", Role::Integrity, bad()),
        _ => tick(now, "canary", Role::Health, good(0.5)),
    };
    let baseline = if word == 'o' { bad() } else { good(0.5) };
    let old = tick(now, "stable", Role::Health, baseline);
    Look::new(new, Some(old), counted(word), share)
}

fn counted(word: char) -> Option<Counted> {
    let counts = |requests, failed| Counts { requests, failed };
    let (canary, baseline) = match word {
        'w' => (counts(500, 40), counts(4500, 4)),
        'c' => (counts(500, 2), counts(4500, 18)),
        'C' => (counts(500, 0), counts(4500, 0)),
        'O' => (counts(500, 250), counts(4500, 2250)),
        'l' => (counts(100, 2), counts(900, 3)),
        'b' => (counts(500, 0), counts(4500, 450)),
        _ => return None,
    };
    let window = Window::Beside(Pair { canary, baseline });
    let limits = Thresholds::default();
    Some(Counted::new(
        "haproxy",
        window,
        None,
        Against::Beside,
        &limits,
    ))
}

fn tick(now: Duration, host: &str, role: Role, outcome: Result<Answer, Vec<Reason>>) -> Tick {
    let phases = Phases {
        total: Duration::from_millis(20),
        ..Phases::default()
    };
    let samples = vec![Sample {
        endpoint: format!("http://{host}/"),
        role,
        at: Timestamp::UNIX_EPOCH,
        phases,
        outcome,
    }];
    let judged = judge_named(&samples, &Thresholds::default());
    Tick {
        started: now,
        ended: now,
        samples,
        judged,
    }
}

/// The name under which scripts speak of a step; none for waits.
pub(crate) fn name(step: &Step) -> &'static str {
    match step {
        Step::Preflight => "preflight",
        Step::Acquire => "acquire",
        Step::LookBack => "look-back",
        Step::ReadTraffic { .. } => "read",
        Step::Journal(_) => "journal",
        Step::Hook { action, .. } => match action {
            Action::Deploy => "deploy",
            Action::Promote => "promote",
            Action::Rollback => "rollback",
        },
        Step::Set { .. } => "set",
        Step::Restore(_) => "restore",
        Step::Drain { .. } => "drain",
        Step::Flags(_) => "flags",
        Step::Look(_) => "look",
        Step::Sleep(_) => "sleep",
        Step::Pause(_) => "pause",
        Step::Record(Row::StageBegan { .. } | Row::StageEnded(_)) => "record-stage",
        Step::Record(_) => "record",
        Step::Succeed { .. } => "succeed",
        Step::Incident => "incident",
        Step::Recover(_) => "recover",
        Step::Notify => "notify",
        Step::Release => "release",
        Step::Say(_) => "say",
        Step::Finish(_) => "finish",
    }
}

/// What is being looked at: `first`, `stage2`, `promoted`, `soak`.
pub(crate) fn watched(state: &State) -> String {
    match &state.phase {
        Phase::Watching(span) => match span.what {
            What::First => "first".to_owned(),
            What::Stage(place) => format!("stage{}", place + 1),
            What::Promoted => "promoted".to_owned(),
            What::Soak => "soak".to_owned(),
        },
        _ => String::new(),
    }
}

/// The traffic and the journal, as they really are.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) now: Duration,
    pub(crate) share: Share,
    pub(crate) journal: Option<Intent>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            now: s(0),
            share: Share::NONE,
            journal: None,
        }
    }

    /// The effect of a step that takes place.
    pub(crate) fn effect(&mut self, step: &Step) {
        match step {
            Step::Set { share, .. } => self.share = *share,
            Step::Restore(snapshot) => self.share = snapshot.share,
            Step::Journal(intent) | Step::Succeed { intent, .. } => {
                self.journal = Some((**intent).clone());
            }
            Step::Sleep(wait) | Step::Pause(wait) => self.now += *wait,
            _ => {}
        }
    }

    /// What a step comes to where all is well.
    pub(crate) fn good(&self, step: &Step) -> Outcome {
        match step {
            Step::Preflight => Outcome::Preflight(Ok(Guards::default())),
            Step::Acquire => Outcome::Lease(Taken::Ours),
            Step::LookBack => Outcome::Past(Ok(self.journal.clone())),
            Step::ReadTraffic { .. } => Outcome::Traffic(Ok(Reading {
                share: Some(self.share),
                snapshot: snapshot(self.share.percent()),
            })),
            Step::Look(_) => Outcome::Looked(Box::new(look(self.now, '.', Some(self.share)))),
            Step::Sleep(_) | Step::Pause(_) => Outcome::Slept,
            _ => Outcome::Done,
        }
    }

    pub(crate) fn facts(&self, outcome: Outcome) -> Facts {
        Facts {
            now: self.now,
            cancelled: false,
            abort: None,
            lease: Lease::Good,
            outcome,
        }
    }
}

/// Decides the first step of a run.
pub(crate) fn start(plan: &Plan, world: &World) -> (State, Step) {
    next(plan, State::new(plan), world.facts(Outcome::Began))
}
