//! One tick: every endpoint probed once, judged together. Pure.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::reason::Reason;
use crate::sample::{Health, Role, Sample};
use crate::threshold::Thresholds;

/// What one tick came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "judged", rename_all = "snake_case")]
pub enum Judged {
    /// Every endpoint gave a good answer within the limits.
    Good {
        /// Values between the warning and the failing limits, a service that calls itself degraded.
        warnings: Vec<Reason>,
    },
    /// Some endpoint gave none.
    Bad {
        /// Why.
        reasons: Vec<Reason>,
    },
    /// The integrity check failed: no second chance.
    Critical {
        /// Why.
        reasons: Vec<Reason>,
    },
}

impl Judged {
    /// Whether this is a good tick.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Good { .. })
    }

    /// Its reasons or warnings.
    pub fn reasons(&self) -> &[Reason] {
        match self {
            Self::Good { warnings } => warnings,
            Self::Bad { reasons } | Self::Critical { reasons } => reasons,
        }
    }
}

/// One tick as it is remembered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tick {
    /// When it began, since the run began.
    pub started: Duration,
    /// When it ended, since the run began.
    pub ended: Duration,
    /// What was measured.
    pub samples: Vec<Sample>,
    /// What it came to.
    pub judged: Judged,
}

/// Judges the samples of one tick. With several of them every reason names its endpoint.
pub fn judge(samples: &[Sample], thresholds: &Thresholds) -> Judged {
    judge_as(samples, thresholds, samples.len() > 1)
}

/// The same, each reason with its endpoint's name: where there is more than one side, a reason alone does not say
/// whose it is.
pub fn judge_named(samples: &[Sample], thresholds: &Thresholds) -> Judged {
    judge_as(samples, thresholds, true)
}

fn judge_as(samples: &[Sample], thresholds: &Thresholds, names: bool) -> Judged {
    let mut reasons = Vec::new();
    let mut warnings = Vec::new();
    let mut critical = false;
    for sample in samples {
        let (failures, cautions) = judge_one(sample, thresholds);
        critical |= sample.role == Role::Integrity && !failures.is_empty();
        let placed = |reason: Reason| {
            if names {
                reason.at(&sample.endpoint)
            } else {
                reason
            }
        };
        // What is critical decides, so it comes first.
        let place = if sample.role == Role::Integrity {
            0
        } else {
            reasons.len()
        };
        reasons.splice(place..place, failures.into_iter().map(placed));
        warnings.extend(cautions.into_iter().map(placed));
    }
    match (critical, reasons.is_empty()) {
        (true, _) => Judged::Critical { reasons },
        (false, false) => Judged::Bad { reasons },
        (false, true) => Judged::Good { warnings },
    }
}

/// The failures and warnings of one sample.
pub fn judge_one(sample: &Sample, thresholds: &Thresholds) -> (Vec<Reason>, Vec<Reason>) {
    let answer = match &sample.outcome {
        Ok(answer) => answer,
        Err(reasons) => return (reasons.clone(), Vec::new()),
    };
    let mut judged = thresholds.judge(&sample.measured());
    match answer.health {
        Some(Health::Unhealthy) => judged.failures.insert(0, Reason::Unhealthy),
        Some(Health::Degraded) => judged.warnings.insert(0, Reason::Degraded),
        Some(Health::Healthy) | None => {}
    }
    (judged.failures, judged.warnings)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::sample::{Answer, Phases};

    /// A sample of `role` with this outcome, answered in 10 ms.
    pub(crate) fn sample(role: Role, outcome: Result<Answer, Vec<Reason>>) -> Sample {
        let phases = Phases {
            total: Duration::from_millis(10),
            ..Phases::default()
        };
        let at = jiff::Timestamp::UNIX_EPOCH;
        Sample {
            endpoint: format!("http://{role:?}/").to_lowercase(),
            role,
            at,
            phases,
            outcome,
        }
    }

    /// An answer that reports this error rate.
    pub(crate) fn answer(error_rate: f64) -> Answer {
        Answer {
            error_rate: Some(error_rate),
            ..Answer::default()
        }
    }

    #[test]
    fn one_failed_integrity_check_is_critical_and_named_first() {
        let samples = [
            sample(Role::Health, Ok(answer(9.0))),
            sample(Role::Integrity, Err(vec![Reason::Unhealthy])),
        ];
        let Judged::Critical { reasons } = judge(&samples, &Thresholds::default()) else {
            panic!("not critical")
        };
        assert_eq!(
            reasons[0].to_string(),
            "http://integrity/ : the service calls itself unhealthy"
        );
        assert_eq!(reasons.len(), 2);
    }

    #[test]
    fn the_words_of_the_service_count() {
        let with = |health| {
            judge(
                &[sample(
                    Role::Health,
                    Ok(Answer {
                        health: Some(health),
                        ..answer(0.0)
                    }),
                )],
                &Thresholds::default(),
            )
        };
        assert_eq!(with(Health::Healthy), Judged::Good { warnings: vec![] });
        assert_eq!(
            with(Health::Degraded),
            Judged::Good {
                warnings: vec![Reason::Degraded]
            }
        );
        assert_eq!(
            with(Health::Unhealthy),
            Judged::Bad {
                reasons: vec![Reason::Unhealthy]
            }
        );
    }

    #[test]
    fn a_slow_answer_fails_however_fast_it_calls_itself() {
        let mut slow = sample(
            Role::Health,
            Ok(Answer {
                response_time: Some(1.0),
                ..Answer::default()
            }),
        );
        slow.phases.total = Duration::from_millis(2001);
        let Judged::Bad { reasons } = judge(&[slow], &Thresholds::default()) else {
            panic!("not bad")
        };
        assert_eq!(
            reasons[0].to_string(),
            "response time 2001 ms > limit 2000 ms (measured)"
        );
    }

    #[test]
    fn a_good_integrity_check_decides_nothing() {
        let samples = [
            sample(Role::Health, Ok(answer(0.0))),
            sample(Role::Integrity, Ok(Answer::default())),
        ];
        assert_eq!(
            judge(&samples, &Thresholds::default()),
            Judged::Good { warnings: vec![] }
        );
        let warned = [
            sample(Role::Health, Ok(answer(9.0))),
            sample(Role::Integrity, Ok(answer(4.0))),
        ];
        assert!(matches!(
            judge(&warned, &Thresholds::default()),
            Judged::Bad { .. }
        ));
    }
}
