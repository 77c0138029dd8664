//! A cause as a sentence.

use std::fmt;

use shared::intent::Left;
use shared::value::show_duration;

use super::cause::{Busy, Cause, Effect, Place, Refusal, Settled};
use super::ending::Task;
use crate::stage::Rule;

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Success { .. } => write!(f, "every stage passed"),
            Self::Settled(Settled::Nothing) => write!(f, "nothing was left to settle"),
            Self::Settled(Settled::Rollout(of)) => write!(f, "what {of} left is settled"),
            Self::Settled(Settled::Moved(to)) => {
                write!(
                    f,
                    "no record explains the canary's share: to {to}, as settle_to says"
                )
            }
            Self::DryRun => write!(f, "the whole plan was walked and nothing was written"),
            Self::Unrecorded { of } => write!(
                f,
                "the rollout of {of} ended with its version live on both sides and no recorded success"
            ),
            Self::Left { of, left } => match left {
                Left::Held => write!(f, "traffic is held since the rollout of {of}"),
                Left::HalfPromoted => write!(
                    f,
                    "the rollout of {of} ended while the stable side got the new version: nobody knows what runs there"
                ),
                Left::Occupied => write!(
                    f,
                    "the canary side carries all traffic since the success of {of}"
                ),
            },
            Self::Unreadable {
                place,
                times,
                detail,
            } => write!(
                f,
                "{place}: the traffic manager could not be read {times} times in a row: {detail}"
            ),
            Self::Deadline { at, outage: false } => {
                write!(
                    f,
                    "the deadline passed, {} after this step began",
                    show_duration(*at)
                )
            }
            Self::Deadline { at, outage: true } => write!(
                f,
                "the deadline passed, {} after this step began, in an outage that the baseline shared",
                show_duration(*at)
            ),
            Self::Cancelled => write!(f, "the run was cancelled"),
            Self::Abort { by } => write!(f, "{by} asked for an end"),
            Self::Withdrawn { expected, found } => write!(
                f,
                "somebody moved traffic towards the stable side: found {found}, expected {expected}"
            ),
            Self::Pushed { expected, found } => write!(
                f,
                "somebody moves traffic towards the canary: found {found}, expected {expected}"
            ),
            Self::Failed { effect, detail } => write!(f, "{effect}: {detail}"),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Busy(busy) => busy.fmt(f),
            Self::Bug(what) => write!(f, "a bug of ours: {what}"),
            Self::Bad { .. } | Self::Inconclusive { .. } | Self::Unfinished { .. } => {
                f.write_str(&self.why().join("; "))
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Preflight(all) => f.write_str(&all.join("; ")),
            Self::DoesNotFit { needs, left } => write!(
                f,
                "the stages take {} and only {} are left",
                show_duration(*needs),
                show_duration(*left)
            ),
            Self::NoLease(detail) => write!(f, "the lease could not be asked for: {detail}"),
            Self::NoPast(detail) => {
                write!(f, "nothing tells what happened here before: {detail}")
            }
            Self::NoReading(detail) => write!(f, "the traffic could not be read: {detail}"),
            Self::Spent { id, status } => {
                write!(
                    f,
                    "the deployment {id} is over, its record says {status} and stays so"
                )
            }
            Self::Unexplained(Some(share)) => {
                write!(f, "the canary has {share} and no record explains why")
            }
            Self::Unexplained(None) => {
                write!(f, "the weights are no share and no record explains why")
            }
            Self::SettledToCanary => write!(
                f,
                "the canary side has all traffic now, as settle_to said: no side is left to roll out to"
            ),
        }
    }
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lease { by, pipeline } => {
                write!(f, "{by} holds the lease")?;
                match pipeline {
                    Some(pipeline) => write!(f, ": {pipeline}"),
                    None => Ok(()),
                }
            }
            Self::LeaseLost { by } => write!(f, "{by} took the lease over"),
            Self::Frozen(why) => write!(f, "a freeze is on: {why}"),
            Self::CommitHeld(why) => write!(f, "this commit is held: {why}"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BeforeFirst => write!(f, "before its first share"),
            Self::Stage { number, share } => write!(f, "stage {number} ({share})"),
            Self::Promoted => write!(f, "stable side after promote"),
            Self::Soak => write!(f, "soak"),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integrity => write!(f, "the integrity check failed"),
            Self::InARow => write!(f, "too many failures in a row"),
            Self::Repeated { times } => write!(f, "outside a limit {times} times in a row"),
            Self::Evidence => write!(f, "worse than luck explains"),
            Self::Whole => write!(f, "outside a limit over the whole of it"),
            Self::NeverGood => write!(f, "not good in time"),
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal => write!(f, "the intent could not be journalled"),
            Self::Deploy => write!(f, "deploy failed"),
            Self::Set { to } => write!(f, "the share of {to} did not take effect"),
            Self::Promote => write!(f, "promote failed"),
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Restore => "putting traffic back",
            Self::Set(_) => "setting the share",
            Self::Journal(_) => "the journal",
            Self::Stage => "the stage's row",
            Self::Flags => "the feature flags",
            Self::Drain => "waiting for open requests",
            Self::Script => "the script's rollback",
            Self::Record => "the deployment's row",
            Self::Succeed => "recording the success",
            Self::Incident => "the incident",
            Self::Recover => "closing the incident",
            Self::Notify => "telling people",
            Self::Release => "giving the lease back",
        })
    }
}
