//! What a rollout is to do: settings as meant. A value of these types cannot be wrong in itself.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::policy::Finish;
use shared::split::{Share, Side};

use crate::stage::Rules;

/// A share of the traffic, and how long it is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// The canary's share; 0 is a preview that nobody but the probes sees.
    pub share: Share,
    /// How long it is watched.
    pub wait: Duration,
}

/// Stages in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stages(Vec<Stage>);

impl Stages {
    /// Stages whose shares rise and end at 100 %; `None` for any others.
    pub fn new(stages: Vec<Stage>) -> Option<Self> {
        let rise = stages
            .windows(2)
            .all(|pair| pair.first().map(|s| s.share) < pair.last().map(|s| s.share));
        let ends = stages.last().is_some_and(|last| last.share == Share::ALL);
        (rise && ends).then_some(Self(stages))
    }

    /// All of them.
    pub fn all(&self) -> &[Stage] {
        &self.0
    }

    /// The time from the beginning of the stage at `from` to the end of the last, without extensions.
    pub fn time_from(&self, from: usize) -> Duration {
        self.0.iter().skip(from).map(|stage| stage.wait).sum()
    }
}

/// What the run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Moving traffic.
    Roll,
    /// Only settling what an earlier run left.
    Settle,
    /// Walking the whole plan, reading everything and writing nothing.
    Dry {
        /// Whether rows are written, marked as dry runs.
        record: bool,
    },
}

/// What to do with a stage that is inconclusive to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnInconclusive {
    /// Traffic goes back.
    Rollback,
    /// Traffic stays for a person to decide.
    Hold,
    /// The rollout goes on.
    Promote,
}

impl OnInconclusive {
    /// The word in the settings.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rollback => "rollback",
            Self::Hold => "hold",
            Self::Promote => "promote",
        }
    }
}

/// When traffic goes back by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutBack {
    /// Whenever the rollout does not succeed.
    Always,
    /// Only when the run is cancelled (`auto_rollback_on_failure: false`): a failure is held for a person.
    OnCancel,
    /// Never (`skip_rollback`).
    Never,
}

/// What the deployment script or webhook is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hooks {
    /// Whether there is one at all.
    pub any: bool,
    /// Whether its `deploy` is run.
    pub deploy: bool,
    /// Whether a feature-flag webhook is told of every share.
    pub flags: bool,
}

/// Guards that somebody lifted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lifted {
    /// A commit that was rolled back may be deployed again.
    pub hold: bool,
    /// A freeze does not stop it.
    pub freeze: bool,
}

/// The whole plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Whose rollout.
    pub deployment_id: String,
    /// The commit it brings.
    pub commit: Option<String>,
    /// What the run is for.
    pub mode: Mode,
    /// Where it goes.
    pub stages: Stages,
    /// What stages are judged by.
    pub rules: Rules,
    /// Good looks in a row that the canary needs before its first share, and the stable side before it gets its
    /// traffic back; at least 1.
    pub healthy_threshold: u32,
    /// The longest that either is waited for.
    pub proving_max: Duration,
    /// When all of it must be over, since the run began.
    pub deadline: Duration,
    /// What becomes of an inconclusive stage.
    pub on_inconclusive: OnInconclusive,
    /// When traffic goes back.
    pub put_back: PutBack,
    /// What becomes of the traffic after the last stage.
    pub finish: Finish,
    /// How long the end is watched before it counts as a success; 0 is not at all.
    pub soak: Duration,
    /// Where a share belongs that no record explains.
    pub settle_to: Option<Side>,
    /// What else is called.
    pub hooks: Hooks,
    /// The longest wait for open requests on a side that gets no new ones; 0 is none.
    pub drain: Duration,
    /// Guards that somebody lifted.
    pub lifted: Lifted,
}

impl Plan {
    /// The time that the stages from `from` on and the soak take without extensions.
    pub fn needs_from(&self, from: usize) -> Duration {
        self.stages.time_from(from) + self.soak
    }

    /// Until when the stage at `place` may be extended: the later ones must still fit, and its verdict must fall
    /// before the deadline does.
    pub fn latest(&self, place: usize) -> Duration {
        let rest = self.needs_from(place + 1) + 2 * self.rules.interval;
        self.deadline.saturating_sub(rest)
    }

    /// Whether nothing is written.
    pub fn is_dry(&self) -> bool {
        matches!(self.mode, Mode::Dry { .. })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use shared::threshold::Thresholds;

    use super::*;

    /// One stage, after which traffic stays.
    pub(crate) fn plan() -> Plan {
        let wait = Duration::from_secs(60);
        let stage = Stage {
            share: Share::ALL,
            wait,
        };
        Plan {
            deployment_id: "d1".to_owned(),
            commit: None,
            mode: Mode::Roll,
            stages: Stages::new(vec![stage]).unwrap(),
            rules: Rules {
                thresholds: Thresholds::default(),
                evidence: shared::evidence::Rules::of(
                    shared::evidence::Rule {
                        alpha: 0.01,
                        beta: 0.05,
                        allowed_factor: 1.0,
                        limit: 0.01,
                        p_max: None,
                        icc: 0.0,
                    },
                    false,
                ),
                interval: wait,
                min_samples: 1,
                bursts: false,
                max_wait: None,
                counted_by: None,
                known_by_counts: false,
            },
            healthy_threshold: 1,
            proving_max: wait,
            deadline: wait,
            on_inconclusive: OnInconclusive::Rollback,
            put_back: PutBack::Always,
            finish: Finish::Stay,
            soak: Duration::ZERO,
            settle_to: None,
            hooks: Hooks {
                any: false,
                deploy: false,
                flags: false,
            },
            drain: Duration::ZERO,
            lifted: Lifted::default(),
        }
    }

    fn stages(shares: &[u8]) -> Option<Stages> {
        let wait = Duration::from_secs(60);
        let stage = |p: &u8| Share::new(*p).map(|share| Stage { share, wait });
        Stages::new(shares.iter().filter_map(stage).collect())
    }

    #[test]
    fn stages_rise_and_end_at_a_hundred() {
        assert!(stages(&[10, 25, 100]).is_some() && stages(&[0, 100]).is_some());
        for wrong in [&[10, 50][..], &[], &[50, 25, 100], &[50, 50, 100]] {
            assert_eq!(stages(wrong), None, "{wrong:?}");
        }
        let two = stages(&[50, 100]).unwrap();
        assert_eq!(two.time_from(1), Duration::from_secs(60));
    }
}
