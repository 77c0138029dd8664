//! What follows from a cause: the exit code, the rows, who is told what.

use shared::deployment::Status;
use shared::exit::Exit;
use shared::intent::Left;

use super::cause::{Cause, Place, Refusal};

impl Cause {
    /// The exit code where everything that had to be put back was put back.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Success { .. }
            | Self::Settled(_)
            | Self::DryRun
            | Self::Unfinished { .. }
            | Self::Unrecorded { .. } => Exit::Passed,
            Self::Left {
                left: Left::Occupied,
                ..
            }
            | Self::Refused(_) => Exit::Refused,
            Self::Left { .. } => Exit::NeedsPerson,
            Self::Bad { .. }
            | Self::Unreadable { .. }
            | Self::Deadline { .. }
            | Self::Abort { .. }
            | Self::Withdrawn { .. }
            | Self::Pushed { .. }
            | Self::Failed { .. } => Exit::Bad,
            Self::Inconclusive { .. } => Exit::Inconclusive,
            Self::Cancelled => Exit::Cancelled,
            Self::Busy(_) => Exit::Busy,
            Self::Bug(_) => Exit::Bug,
        }
    }

    /// Whether the version itself was judged bad, so that its commit is held. An abort is somebody's judgement. A
    /// stable side that does not come up after a promote says nothing against a version that passed every stage.
    pub fn blames_version(&self) -> bool {
        match self {
            Self::Bad { place, .. } => *place != Place::Promoted,
            Self::Abort { .. } => true,
            Self::Unfinished { blamed, .. } => *blamed,
            _ => false,
        }
    }

    /// Whether an incident is opened. Who asks for an abort opens it himself.
    pub fn opens_incident(&self) -> bool {
        match self {
            Self::Bad { .. }
            | Self::Unreadable { .. }
            | Self::Deadline { .. }
            | Self::Pushed { .. }
            | Self::Failed { .. }
            | Self::Inconclusive { .. }
            | Self::Bug(_) => true,
            Self::Unfinished { blamed, .. } => *blamed,
            Self::Success { .. }
            | Self::Settled(_)
            | Self::DryRun
            | Self::Unrecorded { .. }
            | Self::Left { .. }
            | Self::Cancelled
            | Self::Abort { .. }
            | Self::Withdrawn { .. }
            | Self::Refused(_)
            | Self::Busy(_) => false,
        }
    }

    /// The deployment's status where traffic is back or was never moved.
    pub fn status(&self, was_written: bool) -> Status {
        match self {
            Self::Success { .. } => Status::Success,
            Self::Unrecorded { .. } => Status::Unverified,
            Self::Cancelled => Status::Cancelled,
            // Whoever killed it did not say that the version is bad.
            Self::Unfinished { why, .. } if why.is_empty() => Status::Cancelled,
            _ if was_written => Status::RolledBack,
            _ => Status::Failed,
        }
    }

    /// Whether this is the end of a run that never began: no rows, no word to anybody.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Refused(_) | Self::Busy(_) | Self::Left { .. } | Self::DryRun | Self::Settled(_)
        )
    }

    /// Each reason as a sentence, the deciding one first.
    pub fn why(&self) -> Vec<String> {
        match self {
            Self::Bad {
                place,
                rule,
                reasons,
            } => std::iter::once(format!("{place}: {rule}"))
                .chain(reasons.iter().map(ToString::to_string))
                .collect(),
            Self::Inconclusive { place, reasons } => {
                let all: Vec<String> = reasons.iter().map(ToString::to_string).collect();
                vec![format!("{place}: {}", all.join("; "))]
            }
            Self::Success { warnings } => warnings.iter().map(ToString::to_string).collect(),
            Self::Unfinished { of, why, .. } => std::iter::once(format!(
                "the rollout of {of} ended without putting traffic back"
            ))
            .chain(why.clone())
            .collect(),
            Self::Refused(Refusal::Preflight(all)) => all.clone(),
            other => vec![other.to_string()],
        }
    }
}
