//! Limits, and holding a set of values against them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::metric::Metric;
use crate::reason::Reason;

/// A limit for each metric. Percentages are 0 to 100, the response time is in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Per cent of failed requests.
    pub error_rate: f64,
    /// Per cent of time available.
    pub availability: f64,
    /// Milliseconds to answer.
    pub response_time: f64,
}

impl Limits {
    /// The limit of one metric.
    pub fn of(&self, metric: Metric) -> f64 {
        match metric {
            Metric::ErrorRate => self.error_rate,
            Metric::Availability => self.availability,
            Metric::ResponseTime => self.response_time,
        }
    }
}

/// Everything a verdict is held against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// Outside these is a failure.
    pub fail: Limits,
    /// Outside these, but inside `fail`, is a warning.
    pub warn: Limits,
    /// This many failed attempts in a row, within `failure_window`, are a failure. At least 1.
    pub consecutive_failures: u32,
    /// The window for `consecutive_failures`, from the start of the first attempt to the start of the last, inclusive.
    pub failure_window: Duration,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            fail: Limits {
                error_rate: 5.0,
                availability: 99.0,
                response_time: 2000.0,
            },
            warn: Limits {
                error_rate: 3.0,
                availability: 99.5,
                response_time: 1500.0,
            },
            consecutive_failures: 3,
            failure_window: Duration::from_secs(60),
        }
    }
}

/// One measured value and where it came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// What was measured.
    pub metric: Metric,
    /// The value, in the metric's unit.
    pub value: f64,
    /// How many samples stand behind the value.
    pub samples: u32,
    /// Who said so: `reported by https://…`, `measured`.
    pub source: String,
}

/// Failures and warnings that measured values give.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judged {
    /// Values outside the failing limits.
    pub failures: Vec<Reason>,
    /// Values outside the warning limits only.
    pub warnings: Vec<Reason>,
}

impl Thresholds {
    /// Holds values against the limits. A value on a limit passes it.
    pub fn judge(&self, measured: &[Measured]) -> Judged {
        let mut judged = Judged::default();
        for value in measured {
            let (fail, warn) = (self.fail.of(value.metric), self.warn.of(value.metric));
            if value.metric.outside(value.value, fail) {
                judged.failures.push(Reason::Limit {
                    measured: value.clone(),
                    limit: fail,
                });
            } else if value.metric.outside(value.value, warn) {
                judged.warnings.push(Reason::Limit {
                    measured: value.clone(),
                    limit: warn,
                });
            }
        }
        judged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(metric: Metric, value: f64) -> Measured {
        Measured {
            metric,
            value,
            samples: 1,
            source: "measured".into(),
        }
    }

    #[test]
    fn each_metric_fails_warns_and_passes_at_its_default_limits() {
        let cases = [
            (Metric::ErrorRate, 5.0, 5.01, 3.0),
            (Metric::Availability, 99.0, 98.99, 99.5),
            (Metric::ResponseTime, 2000.0, 2001.0, 1500.0),
        ];
        for (metric, warns, fails, passes) in cases {
            let count = |value| {
                let judged = Thresholds::default().judge(&[measured(metric, value)]);
                (judged.failures.len(), judged.warnings.len())
            };
            assert_eq!(
                (count(fails), count(warns), count(passes)),
                ((1, 0), (0, 1), (0, 0)),
                "{metric}"
            );
        }
    }
}
