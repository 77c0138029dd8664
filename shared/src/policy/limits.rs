//! The limits that the sections give together.

use crate::metric::Metric;
use crate::threshold::Limits;

use super::{MetricLimits, Policy};

/// A limit for each metric, where the policy gives one. Units as in [`Limits`].
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct GivenLimits {
    /// Per cent of failed requests.
    pub error_rate: Option<f64>,
    /// Per cent of time available.
    pub availability: Option<f64>,
    /// Milliseconds to answer.
    pub response_time: Option<f64>,
}

impl GivenLimits {
    /// The limit of one metric.
    pub fn of(&self, metric: Metric) -> Option<f64> {
        match metric {
            Metric::ErrorRate => self.error_rate,
            Metric::Availability => self.availability,
            Metric::ResponseTime => self.response_time,
        }
    }

    /// The limits, with those of `default` where the policy gives none.
    pub fn or(&self, default: &Limits) -> Limits {
        Limits {
            error_rate: self.error_rate.unwrap_or(default.error_rate),
            availability: self.availability.unwrap_or(default.availability),
            response_time: self.response_time.unwrap_or(default.response_time),
        }
    }
}

impl MetricLimits {
    fn given(&self) -> GivenLimits {
        GivenLimits {
            error_rate: self.error_rate,
            availability: self.availability,
            response_time: self.response_time.map(|limit| limit.as_secs_f64() * 1000.0),
        }
    }
}

impl Policy {
    /// Beyond these a deployment is bad: per metric the stricter of `rollback_thresholds` and
    /// `alert_thresholds.critical`.
    pub fn failing_limits(&self) -> GivenLimits {
        let rollback = MetricLimits {
            error_rate: self.rollback_thresholds.error_rate,
            availability: self.rollback_thresholds.availability,
            response_time: self.rollback_thresholds.response_time,
        };
        let (rollback, critical) = (rollback.given(), self.alert_thresholds.critical.given());
        let stricter = |metric: Metric| match (rollback.of(metric), critical.of(metric)) {
            (Some(a), Some(b)) => Some(if metric.outside(a, b) { b } else { a }),
            (a, b) => a.or(b),
        };
        GivenLimits {
            error_rate: stricter(Metric::ErrorRate),
            availability: stricter(Metric::Availability),
            response_time: stricter(Metric::ResponseTime),
        }
    }

    /// Beyond these people are told: `alert_thresholds.warning`.
    pub fn warning_limits(&self) -> GivenLimits {
        self.alert_thresholds.warning.given()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::threshold::Thresholds;

    #[test]
    fn the_stricter_of_rollback_and_critical_counts_for_each_metric_alone() {
        let mut policy = Policy::default();
        policy.rollback_thresholds.error_rate = Some(5.0);
        policy.rollback_thresholds.availability = Some(99.9);
        policy.rollback_thresholds.response_time = Some(Duration::from_secs(3));
        policy.alert_thresholds.critical = MetricLimits {
            error_rate: Some(4.0),
            availability: Some(99.0),
            response_time: None,
        };
        let limits = policy.failing_limits();
        assert_eq!(limits.error_rate, Some(4.0));
        assert_eq!(limits.availability, Some(99.9));
        assert_eq!(limits.response_time, Some(3000.0));
    }

    #[test]
    fn what_the_policy_does_not_limit_keeps_its_default() {
        let mut policy = Policy::default();
        policy.alert_thresholds.warning.error_rate = Some(1.0);
        assert_eq!(policy.failing_limits(), GivenLimits::default());
        let defaults = Thresholds::default().warn;
        let limits = policy.warning_limits().or(&defaults);
        assert_eq!(
            limits,
            Limits {
                error_rate: 1.0,
                ..defaults
            }
        );
    }
}
