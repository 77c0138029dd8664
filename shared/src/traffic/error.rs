//! What goes wrong with traffic managers.

use std::fmt;
use std::time::Duration;

use crate::value::show_duration;

/// Why something could not be done at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Nobody answers there.
    Unreachable {
        /// What was found.
        detail: String,
    },
    /// It is not permitted.
    Refused {
        /// What was found, and what to do.
        detail: String,
    },
    /// The backend, or the server in it, does not exist there.
    Unknown {
        /// Which one.
        what: String,
    },
    /// It is set up in a way that cannot carry a rollout.
    Unsuitable {
        /// What was found, what was expected, what to do.
        detail: String,
    },
    /// It was accepted, and reading back says otherwise.
    NotTaken {
        /// What was to be.
        wanted: String,
        /// What is.
        found: String,
    },
    /// The server that was to carry all traffic is down, so the other one was left where it was.
    NotServing {
        /// Which one.
        server: String,
    },
    /// No answer within the limit. Whether it was done is not known.
    Timeout {
        /// What was going on: `connecting`.
        doing: &'static str,
        /// The limit.
        limit: Duration,
    },
    /// An answer that cannot be read.
    Garbage {
        /// What was found.
        detail: String,
    },
    /// It was tried and failed there.
    Failed {
        /// What was said.
        detail: String,
    },
    /// The run was cancelled in the middle of it. Whether it was done is not known.
    Cancelled,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { detail } => write!(f, "unreachable: {detail}"),
            Self::Refused { detail } => write!(f, "not permitted: {detail}"),
            Self::Unknown { what } => write!(f, "there is no {what}"),
            Self::Unsuitable { detail } | Self::Failed { detail } => f.write_str(detail),
            Self::NotTaken { wanted, found } => {
                write!(f, "did not take effect: found {found}, expected {wanted}")
            }
            Self::NotServing { server } => write!(
                f,
                "{server} is down and was to carry all traffic: the other side keeps what it has"
            ),
            Self::Timeout { doing, limit } => {
                write!(f, "timed out after {} while {doing}", show_duration(*limit))
            }
            Self::Garbage { detail } => write!(f, "unreadable answer: {detail}"),
            Self::Cancelled => f.write_str("cancelled in the middle of it"),
        }
    }
}

/// What could not be done, where; and where it was done all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrafficError {
    /// Places and what went wrong there; never empty.
    pub faults: Vec<(String, Fault)>,
    /// Places where it was done.
    pub done: Vec<String>,
}

impl TrafficError {
    /// Something went wrong at the only place there is.
    pub fn at(place: impl Into<String>, fault: Fault) -> Self {
        Self {
            faults: vec![(place.into(), fault)],
            done: Vec::new(),
        }
    }

    /// Whether it may have been done nevertheless: nobody said no.
    pub fn is_open(&self) -> bool {
        let open = |fault: &Fault| {
            matches!(
                fault,
                Fault::Timeout { .. } | Fault::Garbage { .. } | Fault::Cancelled
            )
        };
        self.faults.iter().any(|(_, fault)| open(fault))
    }
}

impl fmt::Display for TrafficError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (place, fault)) in self.faults.iter().enumerate() {
            let between = if number == 0 { "" } else { "; " };
            write!(f, "{between}{place}: {fault}")?;
        }
        if !self.done.is_empty() {
            write!(f, "; done at {}", self.done.join(", "))?;
        }
        Ok(())
    }
}

impl std::error::Error for TrafficError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_is_wrong_where_and_where_nothing_is() {
        let limit = Duration::from_secs(2);
        let error = TrafficError {
            faults: vec![
                (
                    "/a.sock".into(),
                    Fault::Timeout {
                        doing: "connecting",
                        limit,
                    },
                ),
                (
                    "tcp://b:1".into(),
                    Fault::Unknown {
                        what: "server green in backend shop".into(),
                    },
                ),
            ],
            done: vec!["/c.sock".into()],
        };
        assert_eq!(
            error.to_string(),
            "/a.sock: timed out after 2s while connecting; \
             tcp://b:1: there is no server green in backend shop; done at /c.sock"
        );
        assert!(error.is_open());
        let refused = Fault::Refused {
            detail: "no".into(),
        };
        assert!(!TrafficError::at("x", refused).is_open());
    }
}
