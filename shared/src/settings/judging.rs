//! What measured values are held against: common to the plugins that judge.

use crate::metric::Metric;
use crate::policy::Policy;
use crate::settings::read::Reader;
use crate::threshold::{Limits, Thresholds};
use crate::value;

/// Reads what values are held against.
pub fn thresholds(read: &mut Reader, policy: &Policy) -> Thresholds {
    let default = Thresholds::default();
    let failing = policy.failing_limits();
    let warning = policy.warning_limits();
    let fail = Limits {
        error_rate: limit(
            read,
            "threshold_error_rate",
            failing.error_rate,
            default.fail.error_rate,
        ),
        availability: limit(
            read,
            "threshold_availability",
            failing.availability,
            default.fail.availability,
        ),
        response_time: limit_ms(
            read,
            "threshold_response_time",
            failing.response_time,
            default.fail.response_time,
        ),
    };
    let warn = Limits {
        error_rate: limit(
            read,
            "warning_error_rate",
            warning.error_rate,
            default.warn.error_rate,
        ),
        availability: limit(
            read,
            "warning_availability",
            warning.availability,
            default.warn.availability,
        ),
        response_time: limit_ms(
            read,
            "warning_response_time",
            warning.response_time,
            default.warn.response_time,
        ),
    };
    Thresholds {
        warn: within(read, &fail, &warn),
        fail,
        consecutive_failures: read
            .read("consecutive_failures", value::count_above_zero)
            .or(policy.rollback_thresholds.consecutive_failures)
            .unwrap_or(default.consecutive_failures),
        failure_window: read
            .read("failure_window", value::duration_above_zero)
            .or(policy.rollback_thresholds.failure_window)
            .unwrap_or(default.failure_window),
    }
}

fn limit(read: &mut Reader, name: &str, policy: Option<f64>, default: f64) -> f64 {
    read.read(name, value::percentage)
        .or(policy)
        .unwrap_or(default)
}

fn limit_ms(read: &mut Reader, name: &str, policy: Option<f64>, default: f64) -> f64 {
    let found = read
        .read(name, value::milliseconds)
        .map(|limit| limit.as_secs_f64() * 1000.0);
    found.or(policy).unwrap_or(default)
}

/// A warning limit looser than the failing one can never warn. One that was written is a mistake; one that was not
/// gives way.
fn within(read: &mut Reader, fail: &Limits, warn: &Limits) -> Limits {
    let mut tightest = |metric: Metric| {
        let (fail, warn) = (fail.of(metric), warn.of(metric));
        if !metric.outside(warn, fail) {
            return warn;
        }
        let name = format!("warning_{}", metric.name());
        if read.given(&name).is_some() {
            let side = if metric == Metric::Availability {
                "at or above"
            } else {
                "at or below"
            };
            read.refuse(
                &name,
                format!("a value {side} the failing limit of {}", metric.show(fail)),
            );
        }
        fail
    };
    Limits {
        error_rate: tightest(Metric::ErrorRate),
        availability: tightest(Metric::Availability),
        response_time: tightest(Metric::ResponseTime),
    }
}
