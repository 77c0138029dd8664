//! The grid: which worlds and which rules.

use shared::evidence;

use crate::past::learned;
use crate::rule::{Argo, Carry, Consecutive, Flagger, Kayenta, Ours, Rule, Settings, Study};
use crate::world::{Canary, Scenario, Trouble};

/// Where every stream of chance begins.
pub const SEED: u64 = 2026;
/// Rollouts a cell.
pub const RUNS: u32 = 10_000;
/// Requests a check, of both sides.
pub const TRAFFIC: [u32; 4] = [20, 100, 1_000, 10_000];

/// The rate that a version must be shown to stay below to be accepted.
pub const P_MAX: f64 = 0.02;

/// What the plugin judges by where nothing is set, and what must be shown. The limit is not asked where there is a
/// baseline.
pub const DEFAULT: evidence::Rule = evidence::Rule {
    p_max: Some(P_MAX),
    ..evidence::Rule::DEFAULT
};

const fn row(name: &'static str, canary: Canary, trouble: Trouble) -> Scenario {
    Scenario {
        name,
        canary,
        trouble,
    }
}

/// Worlds in which every rollback is wrong.
pub const HEALTHY: [Scenario; 6] = [
    row("healthy", Canary::Times(1.0), Trouble::None),
    row("outage of both sides", Canary::Times(1.0), Trouble::Outage),
    row("counters two checks late", Canary::Times(1.0), Trouble::Lag),
    row("counter resets", Canary::Times(1.0), Trouble::Resets),
    row("missing answers", Canary::Times(1.0), Trouble::Missing),
    row("failures in bursts", Canary::Times(1.0), Trouble::Bursts),
];

/// Worlds in which the new version is worse.
pub const BAD: [Scenario; 8] = [
    row("dead", Canary::Dead, Trouble::None),
    row("10× the errors", Canary::Times(10.0), Trouble::None),
    row("3× the errors", Canary::Times(3.0), Trouble::None),
    row(
        "10× from the middle on",
        Canary::LaterTimes(10.0),
        Trouble::None,
    ),
    row(
        "10×, counters two checks late",
        Canary::Times(10.0),
        Trouble::Lag,
    ),
    row("10×, counter resets", Canary::Times(10.0), Trouble::Resets),
    row(
        "10×, missing answers",
        Canary::Times(10.0),
        Trouble::Missing,
    ),
    row(
        "10×, failures in bursts",
        Canary::Times(10.0),
        Trouble::Bursts,
    ),
];

/// A rule that a rollout can be begun with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Judge {
    /// The project's.
    Ours(evidence::Rule),
    /// The same with a guess at bursts that is learned from so many recorded windows of the environment.
    Learned(evidence::Rule, u32),
    /// Its two-sample test with open constants: what becomes of the evidence, α, ρ0, icc.
    Study(Carry, f64, f64, f64),
    /// Flagger's.
    Flagger,
    /// Argo Rollouts'.
    Argo,
    /// Three in a row.
    Consecutive,
    /// Mann-Whitney as Kayenta uses it.
    Kayenta,
}

impl Judge {
    /// A rollout's own, for a source with this trouble and so many requests a check. The seed makes its past.
    pub fn rule(&self, trouble: Trouble, requests: u32, seed: u64) -> Box<dyn Rule> {
        let ours = |rule| {
            let laggy = trouble == Trouble::Lag;
            Box::new(Ours::new(Settings { rule, laggy }))
        };
        match *self {
            Self::Ours(rule) => ours(rule),
            Self::Learned(rule, windows) => {
                let icc = learned(trouble, windows, requests, seed);
                ours(evidence::Rule {
                    icc: icc.unwrap_or(rule.icc),
                    ..rule
                })
            }
            Self::Study(carry, alpha, allowed, icc) => {
                Box::new(Study::new(carry, alpha, allowed, icc))
            }
            Self::Flagger => Box::new(Flagger::default()),
            Self::Argo => Box::new(Argo::default()),
            Self::Consecutive => Box::new(Consecutive::default()),
            Self::Kayenta => Box::new(Kayenta::default()),
        }
    }
}

/// The rules side by side, the project's first.
pub fn judges() -> Vec<(String, Judge)> {
    let guarded = evidence::Rule {
        allowed_factor: 1.5,
        ..DEFAULT
    };
    let judges = [
        ("this project", Judge::Ours(DEFAULT)),
        ("… allowing 1.5×", Judge::Ours(guarded)),
        ("Flagger", Judge::Flagger),
        ("Argo Rollouts", Judge::Argo),
        ("three in a row", Judge::Consecutive),
        ("Mann-Whitney (Kayenta)", Judge::Kayenta),
    ];
    judges.map(|(name, judge)| (name.to_owned(), judge)).into()
}

/// The project's rule with other allowed factors and other guesses at how much failures come in bursts.
pub fn guards() -> Vec<(String, Judge)> {
    let mut guards = Vec::new();
    for allowed_factor in [1.0, 1.5] {
        for icc in [0.0, 0.005, 0.01, 0.02] {
            let judge = Judge::Ours(evidence::Rule {
                allowed_factor,
                icc,
                ..DEFAULT
            });
            guards.push((format!("factor {allowed_factor}, icc {icc}"), judge));
        }
    }
    guards
}

/// How many recorded windows there are to learn from, in three environments.
pub const PASTS: [u32; 3] = [30, 60, 300];

/// The project's rule without a history and with one.
pub fn learners() -> Vec<(String, Judge)> {
    let mut learners = vec![("guessed: 0.02".to_owned(), Judge::Ours(DEFAULT))];
    learners.extend(PASTS.map(|windows| {
        let name = format!("learned from {windows} windows");
        (name, Judge::Learned(DEFAULT, windows))
    }));
    learners
}

/// What may become of the evidence when a stage begins, all else as it is by default.
pub fn carries() -> Vec<(String, Judge)> {
    let study = |carry| {
        Judge::Study(
            carry,
            DEFAULT.alpha / 2.0,
            DEFAULT.allowed_factor,
            DEFAULT.icc,
        )
    };
    let onset = |stage, check| study(Carry::Onset { stage, check });
    let carries = [
        ("begun anew each stage, α/3 each", study(Carry::Restart)),
        ("kept, all bet at the start", study(Carry::Plain)),
        ("kept, half bet a stage, 2 % a check", onset(0.5, 0.02)),
        ("kept, half bet a stage, 5 % a check", onset(0.5, 0.05)),
        ("kept, 80 % bet a stage, 2 % a check", onset(0.8, 0.02)),
    ];
    carries.map(|(name, judge)| (name.to_owned(), judge)).into()
}
