//! The three things that are measured, and how their values are written.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::value::show_number;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Failed requests, in per cent of all; lower is better.
    ErrorRate,
    /// Time the service was up, in per cent; higher is better.
    Availability,
    /// Milliseconds to answer; lower is better.
    ResponseTime,
}

impl Metric {
    /// All three, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::ErrorRate, Self::Availability, Self::ResponseTime];

    /// The name in settings, JSON and columns.
    pub fn name(self) -> &'static str {
        match self {
            Self::ErrorRate => "error_rate",
            Self::Availability => "availability",
            Self::ResponseTime => "response_time",
        }
    }

    /// The name in a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::ErrorRate => "error rate",
            Self::Availability => "availability",
            Self::ResponseTime => "response time",
        }
    }

    /// A value of this metric with its unit: `1.5 %`, `150 ms`.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::ErrorRate | Self::Availability => format!("{} %", show_number(value)),
            Self::ResponseTime => format!("{} ms", show_number(value.round())),
        }
    }

    /// Whether `value` lies outside `limit`. A value on the limit is inside.
    pub fn outside(self, value: f64, limit: f64) -> bool {
        match self {
            Self::ErrorRate | Self::ResponseTime => value > limit,
            Self::Availability => value < limit,
        }
    }

    /// The sign between a value outside and its limit: `>` or `<`.
    pub fn sign(self) -> &'static str {
        match self {
            Self::ErrorRate | Self::ResponseTime => ">",
            Self::Availability => "<",
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_the_limit_is_inside() {
        for metric in Metric::ALL {
            assert!(!metric.outside(50.0, 50.0), "{metric}");
        }
        assert!(Metric::ErrorRate.outside(5.01, 5.0) && Metric::Availability.outside(98.99, 99.0));
    }
}
