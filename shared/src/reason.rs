//! Why a verdict came out as it did, as data; rendered here and nowhere else.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::evidence::{Pair, Weighed, rate};
use crate::split::Counts;
use crate::threshold::Measured;
use crate::value::{show_duration, show_number};

/// The step of a request that a time-out or failure belongs to, named as blackbox probes name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Looking the host's name up.
    Resolve,
    /// Opening the TCP connection.
    Connect,
    /// The TLS handshake.
    Tls,
    /// Sending the request.
    Send,
    /// Waiting for the status line and headers.
    FirstByte,
    /// Reading the body.
    Transfer,
    /// The whole of it.
    Total,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "resolving the name",
            Self::Connect => "connecting",
            Self::Tls => "shaking hands for TLS",
            Self::Send => "sending the request",
            Self::FirstByte => "waiting for the headers",
            Self::Transfer => "reading the body",
            Self::Total => "making the whole request",
        })
    }
}

/// One reason. `Display` gives the sentence, without the endpoint's name and without a full stop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reason {
    /// A measured value lies outside a limit.
    Limit {
        /// The value with its source and sample size.
        measured: Measured,
        /// The limit it was held against.
        limit: f64,
    },
    /// The service calls itself degraded.
    Degraded,
    /// The service calls itself unhealthy.
    Unhealthy,
    /// The name could not be resolved.
    Unresolved {
        /// What the resolver said.
        detail: String,
    },
    /// Nothing accepted the connection, or it broke.
    Unreachable {
        /// Where it broke.
        phase: Phase,
        /// What the system said, such as "connection refused".
        detail: String,
    },
    /// A time limit passed.
    Timeout {
        /// What was going on.
        phase: Phase,
        /// The limit.
        limit: Duration,
    },
    /// The TLS handshake failed for a reason that a certificate explains.
    Certificate {
        /// Such as "certificate has expired".
        detail: String,
    },
    /// The status is not among those expected.
    Status {
        /// What came.
        found: u16,
        /// What was expected, as written: `200-299`.
        expected: String,
    },
    /// A redirect could not be followed.
    Redirect {
        /// Such as "more than 5 redirects" or "back to a page already visited".
        detail: String,
    },
    /// The answer breaks the protocol: bad headers, a truncated body, a wrong length.
    Malformed {
        /// What is wrong with it.
        detail: String,
    },
    /// The body is longer than what is read.
    BodyTooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The body is not what the endpoint must answer.
    Body {
        /// What was wrong, with what was expected.
        detail: String,
    },
    /// A field of the answer is missing or impossible.
    Field {
        /// The field's name or JSON pointer.
        field: String,
        /// What is wrong with it: "is missing", "is the text \"1.5\", expected a number".
        detail: String,
    },
    /// Another version than the expected one answered.
    Version {
        /// What was expected.
        expected: String,
        /// What answered; absent when the answer names no version.
        found: Option<String>,
    },
    /// The answer's time stamp is older than allowed.
    Stale {
        /// How old it is.
        age: Duration,
        /// How old it may be.
        limit: Duration,
    },
    /// A metrics source gave no usable value.
    NoValue {
        /// The query or field.
        query: String,
        /// Such as "empty result", "NaN", "3 series, expected 1".
        detail: String,
    },
    /// This many attempts in a row failed.
    Consecutive {
        /// How many failed.
        failures: u32,
        /// How many are allowed to, at most, minus one.
        limit: u32,
        /// From the start of the first to the start of the last.
        within: Duration,
        /// The window they were counted in.
        window: Duration,
    },
    /// No attempt was good.
    NoneGood {
        /// How many were made.
        attempts: u32,
    },
    /// Some attempts failed, too few or too scattered to fail the whole.
    SomeFailed {
        /// How many failed.
        failures: u32,
        /// Of how many.
        attempts: u32,
    },
    /// Too few samples to judge.
    TooFew {
        /// How many there are.
        samples: u32,
        /// How many are needed.
        needed: u32,
    },
    /// The old version failed with the new one to the end, so nothing is known of either.
    SharedOutage,
    /// Good answers in a row, fewer than were asked for.
    NotSettled {
        /// The longest run of good answers at the end.
        good: u32,
        /// How many were asked for.
        needed: u32,
    },
    /// Counted requests weigh against the version.
    Weighed {
        /// Which, and how much.
        weighed: Weighed,
    },
    /// Counted requests do not show yet that the version is as good as it must be.
    Unshown {
        /// The new version's requests in this stage.
        canary: Counts,
        /// The rate of failures that it must be shown to stay below, in per cent.
        p_max: f64,
    },
    /// Who should have counted requests never did.
    Uncounted {
        /// Who, such as `prometheus`.
        source: String,
        /// What came instead.
        detail: String,
    },
    /// Too few of the new version's requests were counted, where nothing else tells what it is like.
    TooFewCounted {
        /// How many were.
        counted: u64,
        /// How many are needed.
        needed: u32,
    },
    /// Both versions were over the limit to the end, so that it says nothing about either.
    BothOver {
        /// Their requests.
        pair: Pair,
    },
    /// The old version was over its own limit, so that the new one's counts say nothing.
    Outage {
        /// The old version's requests.
        baseline: Counts,
    },
    /// A reason at an endpoint, where several are probed.
    At {
        /// The endpoint, without its secrets.
        endpoint: String,
        /// What happened there.
        reason: Box<Reason>,
    },
}

impl Reason {
    /// The same reason with the endpoint's name before it.
    #[must_use]
    pub fn at(self, endpoint: &str) -> Self {
        Self::At {
            endpoint: endpoint.to_owned(),
            reason: Box::new(self),
        }
    }

    /// The sentence of a reason that rests on counted requests.
    fn of_counts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unshown { canary, p_max } => write!(
                f,
                "canary {} of {} failed ({}), which does not show yet that it stays below p_max, {} %",
                canary.failed,
                canary.requests,
                rate(*canary),
                show_number(*p_max)
            ),
            Self::Uncounted { source, detail } => {
                write!(
                    f,
                    "{source} told nothing of the canary's requests: {detail}"
                )
            }
            Self::TooFewCounted { counted, needed } => write!(
                f,
                "{counted} of the canary's requests were counted, needed at least {needed}"
            ),
            Self::BothOver { pair } => write!(
                f,
                "stable {} of {} failed ({}), over the limit itself, and canary {} of {} ({}): neither is judged by it; if \
                 that is usual here, raise threshold_error_rate and lower threshold_availability",
                pair.baseline.failed,
                pair.baseline.requests,
                rate(pair.baseline),
                pair.canary.failed,
                pair.canary.requests,
                rate(pair.canary)
            ),
            Self::Outage { baseline } => write!(
                f,
                "stable {} of {} failed ({}), over the limit itself: an outage of both says nothing about either",
                baseline.failed,
                baseline.requests,
                rate(*baseline)
            ),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit { measured: m, limit } => {
                let (value, limit) = (m.metric.show(m.value), m.metric.show(*limit));
                write!(f, "{} {value} {} limit {limit}", m.metric, m.metric.sign())?;
                match m.samples {
                    1 => write!(f, " ({})", m.source),
                    n => write!(f, " (mean of {n} samples, {})", m.source),
                }
            }
            Self::Degraded => write!(f, "the service calls itself degraded"),
            Self::Unhealthy => write!(f, "the service calls itself unhealthy"),
            Self::Unresolved { detail } => {
                write!(f, "the host's name could not be resolved: {detail}")
            }
            Self::Unreachable { phase, detail } => write!(f, "{detail} while {phase}"),
            Self::Timeout { phase, limit } => write!(
                f,
                "no answer within {} while {phase}",
                show_duration(*limit)
            ),
            Self::Certificate { detail } => write!(f, "TLS refused: {detail}"),
            Self::Status { found, expected } => write!(f, "status {found}, expected {expected}"),
            Self::Redirect { detail } | Self::Body { detail } => f.write_str(detail),
            Self::Malformed { detail } => write!(f, "malformed answer: {detail}"),
            Self::BodyTooLarge { limit } => write!(f, "the body is over {limit} bytes"),
            Self::Field { field, detail } => write!(f, "field {field} {detail}"),
            Self::Version {
                expected,
                found: Some(found),
            } => write!(f, "version {found} answered, expected {expected}"),
            Self::Version {
                expected,
                found: None,
            } => write!(f, "the answer names no version, expected {expected}"),
            Self::Stale { age, limit } => {
                write!(
                    f,
                    "the answer is {} old, allowed are {}",
                    show_duration(*age),
                    show_duration(*limit)
                )
            }
            Self::NoValue { query, detail } => write!(f, "no usable value from {query}: {detail}"),
            Self::Consecutive {
                failures,
                limit,
                within,
                window,
            } => write!(
                f,
                "{failures} failed attempts in a row within {} (limit {limit} within {})",
                show_duration(*within),
                show_duration(*window)
            ),
            Self::NoneGood { attempts: 1 } => write!(f, "the one attempt failed"),
            Self::NoneGood { attempts } => write!(f, "all {attempts} attempts failed"),
            Self::SomeFailed { failures, attempts } => {
                write!(f, "{failures} of {attempts} attempts failed")
            }
            Self::TooFew { samples, needed } => write!(
                f,
                "{samples} usable samples, at least {needed} are needed to judge"
            ),
            Self::SharedOutage => {
                write!(
                    f,
                    "the old version failed with it: an outage of both says nothing about either"
                )
            }
            Self::NotSettled { good, needed } => {
                write!(f, "{good} good answers in a row, {needed} were asked for")
            }
            Self::Weighed { weighed } => weighed.fmt(f),
            Self::Unshown { .. }
            | Self::Uncounted { .. }
            | Self::TooFewCounted { .. }
            | Self::BothOver { .. }
            | Self::Outage { .. } => self.of_counts(f),
            Self::At { endpoint, reason } => write!(f, "{endpoint} : {reason}"),
        }
    }
}
