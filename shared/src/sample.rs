//! What one probe of one endpoint yielded.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::metric::Metric;
use crate::reason::Reason;
use crate::tally::Totals;
use crate::threshold::Measured;

/// What an endpoint is probed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The service's health.
    Health,
    /// A source of metrics beside it.
    Metrics,
    /// Data integrity: one failure is critical.
    Integrity,
}

/// The word a service says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// All is well.
    Healthy,
    /// It works, with something amiss: a warning.
    Degraded,
    /// It does not work: a failure.
    Unhealthy,
}

/// How long each phase of a request took. Absent where a phase did not happen: no TLS on `http://`, no first byte
/// when nothing answered. With redirects each phase is the sum over the hops.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phases {
    /// Looking the name up.
    pub resolve: Option<Duration>,
    /// Opening the connection.
    pub connect: Option<Duration>,
    /// The TLS handshake.
    pub tls: Option<Duration>,
    /// From the request sent to the headers read.
    pub first_byte: Option<Duration>,
    /// From the start to the end of the body.
    pub total: Duration,
}

/// A usable answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The HTTP status; absent for `tcp://` and for metric queries.
    pub status: Option<u16>,
    /// What the service says of itself; absent when it says nothing, which counts as healthy.
    pub health: Option<Health>,
    /// Per cent, 0 to 100, as reported.
    pub error_rate: Option<f64>,
    /// Per cent, 0 to 100, as reported.
    pub availability: Option<f64>,
    /// Milliseconds, as reported.
    pub response_time: Option<f64>,
    /// The version the answer names, when `expect_version` asks for one.
    pub version: Option<String>,
    /// What it has counted since it began to count, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totals: Option<Totals>,
}

/// One probe of one endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The endpoint, without its secrets.
    pub endpoint: String,
    /// What it was probed for.
    pub role: Role,
    /// When the probe began, by the wall clock.
    pub at: Timestamp,
    /// How long it took, in phases.
    pub phases: Phases,
    /// The answer, or every reason why there is none that can be used.
    pub outcome: Result<Answer, Vec<Reason>>,
}

impl Sample {
    /// The metrics of this sample as values to hold against limits: what the answer reports, and for a health
    /// endpoint the measured response time beside it.
    pub fn measured(&self) -> Vec<Measured> {
        let Ok(answer) = &self.outcome else {
            return Vec::new();
        };
        let reported = [
            (Metric::ErrorRate, answer.error_rate),
            (Metric::Availability, answer.availability),
            (Metric::ResponseTime, answer.response_time),
        ];
        let mut values: Vec<Measured> = reported
            .into_iter()
            .filter_map(|(metric, value)| {
                Some(Measured {
                    metric,
                    value: value?,
                    samples: 1,
                    source: "reported".into(),
                })
            })
            .collect();
        if self.role == Role::Health {
            let value = self.phases.total.as_secs_f64() * 1000.0;
            values.push(Measured {
                metric: Metric::ResponseTime,
                value,
                samples: 1,
                source: "measured".into(),
            });
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_health_endpoints_own_time_is_held_against_the_limit() {
        let measured = |role| {
            let sample = Sample {
                endpoint: "http://a/".into(),
                role,
                at: Timestamp::UNIX_EPOCH,
                phases: Phases::default(),
                outcome: Ok(Answer {
                    error_rate: Some(1.0),
                    ..Answer::default()
                }),
            };
            let of = |value: Measured| (value.metric, value.source);
            sample.measured().into_iter().map(of).collect::<Vec<_>>()
        };
        let reported = (Metric::ErrorRate, "reported".to_owned());
        let own = (Metric::ResponseTime, "measured".to_owned());
        assert_eq!(measured(Role::Health), [reported.clone(), own]);
        for role in [Role::Metrics, Role::Integrity] {
            assert_eq!(measured(role), std::slice::from_ref(&reported), "{role:?}");
        }
    }
}
