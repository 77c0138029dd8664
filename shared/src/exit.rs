//! Exit codes, the same in all three plugins.

use std::process::{ExitCode, Termination};

/// How a run ends. Where several apply, [`Exit::NeedsPerson`] beats [`Exit::Cancelled`] beats [`Exit::Bad`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: passed, or nothing had to be done.
    Passed,
    /// 1: the verdict is bad; everything that had to be put back was put back.
    Bad,
    /// 2: settings, policy, preflight or a refusal; nothing was touched.
    Refused,
    /// 3: inconclusive; the data never sufficed.
    Inconclusive,
    /// 4: could not put it back, or holds it deliberately: a person is needed.
    NeedsPerson,
    /// 5: the lease is another run's, a freeze is on, or this commit is held.
    Busy,
    /// 70: a bug of ours.
    Bug,
    /// 124: timed out waiting.
    TimedOut,
    /// 143: cancelled; traffic restored.
    Cancelled,
}

impl Exit {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 9] = [
        Self::Passed,
        Self::Bad,
        Self::Refused,
        Self::Inconclusive,
        Self::NeedsPerson,
        Self::Busy,
        Self::Bug,
        Self::TimedOut,
        Self::Cancelled,
    ];

    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Bad => 1,
            Self::Refused => 2,
            Self::Inconclusive => 3,
            Self::NeedsPerson => 4,
            Self::Busy => 5,
            Self::Bug => 70,
            Self::TimedOut => 124,
            Self::Cancelled => 143,
        }
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self.code())
    }
}
