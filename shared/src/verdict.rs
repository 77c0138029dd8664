//! A verdict with its reasons.

use serde::Serialize;

use crate::reason::Reason;

/// What the evidence says. Never a bool: too little evidence is an answer of its own.
#[must_use]
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Every limit holds.
    Pass {
        /// Values between a warning limit and a failing one, and the like. They notify and do not fail.
        warnings: Vec<Reason>,
    },
    /// A limit is broken.
    Fail {
        /// Why, the deciding reason first.
        reasons: Vec<Reason>,
    },
    /// The data did not suffice for either.
    Inconclusive {
        /// What was missing.
        reasons: Vec<Reason>,
    },
}

impl Verdict {
    /// The reasons, or the warnings of a pass.
    pub fn reasons(&self) -> &[Reason] {
        match self {
            Self::Pass { warnings } => warnings,
            Self::Fail { reasons } | Self::Inconclusive { reasons } => reasons,
        }
    }
}
