//! Rules of deciding: each leads its own rollout, looks at what was counted and may end it.

mod argo;
mod consecutive;
mod flagger;
mod kayenta;
mod ours;
mod study;

use shared::evidence::Pair;
use shared::split::Counts;

pub use argo::Argo;
pub use consecutive::Consecutive;
pub use flagger::Flagger;
pub use kayenta::Kayenta;
pub use ours::{Ours, Settings};
pub use study::{Carry, Study};

/// The new version's shares, 0 to 1, one stage after the other.
pub const STAGES: [f64; 3] = [0.1, 0.25, 0.5];
/// How many checks a stage has.
pub const CHECKS: u32 = 20;
/// How many checks a rollout of these stages has.
pub const ALL_CHECKS: u32 = 60;

/// A rule that leads a rollout.
pub trait Rule {
    /// How many checks the rollout is planned to take.
    fn checks(&self) -> u32 {
        ALL_CHECKS
    }

    /// The new version's share in the next check, 0 to 1; nothing once it has all the traffic.
    fn share(&self) -> Option<f64>;

    /// One check later. Whether to roll back now.
    fn look(&mut self, seen: Option<Pair>) -> bool;

    /// The stages that were shown to be good, with the number of checks it took, from 1.
    fn accepted(&self) -> [Option<u32>; 3] {
        [None; 3]
    }
}

/// Where a rollout of the three stages stands.
#[derive(Debug, Clone, Copy, Default)]
struct Steps {
    done: u32,
}

impl Steps {
    fn stage(self) -> usize {
        (self.done / CHECKS) as usize
    }

    fn share(self) -> Option<f64> {
        STAGES.get(self.stage()).copied()
    }

    /// How many checks of this stage are done.
    fn in_stage(self) -> u32 {
        self.done % CHECKS
    }
}

/// The failed share of some requests; nothing without a request.
fn rate(counts: Counts) -> Option<f64> {
    let real = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    (counts.requests > 0).then(|| real(counts.failed) / real(counts.requests))
}

#[cfg(test)]
fn pair(canary: (u64, u64), baseline: (u64, u64)) -> Pair {
    let counts = |(requests, failed)| Counts { requests, failed };
    Pair {
        canary: counts(canary),
        baseline: counts(baseline),
    }
}
