//! One rollout of one rule in one world.

use crate::rule::Rule;
use crate::world::{Scenario, World};

/// No rollout of any rule takes longer.
const CHECKS_MOST: u32 = 200;

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The check that rolled back, 0 is the first.
    pub rolled_back: Option<u32>,
    /// The first check in which the new version was bad.
    pub bad_from: u32,
    /// Requests of the new version that failed until traffic was back, or until the rollout's end.
    pub failed_requests: u64,
    /// The checks it took to accept each stage, from 1.
    pub accepted: [Option<u32>; 3],
}

/// Plays it to its end.
pub fn play(rule: &mut dyn Rule, scenario: Scenario, requests: u32, seed: u64) -> Outcome {
    let mut world = World::new(scenario, requests, rule.checks(), seed);
    let mut outcome = Outcome {
        rolled_back: None,
        bad_from: world.bad_from(),
        failed_requests: 0,
        accepted: [None; 3],
    };
    for check in 0..CHECKS_MOST {
        let Some(share) = rule.share() else { break };
        let counted = world.check(share);
        outcome.failed_requests += counted.truth.canary.failed;
        if rule.look(counted.seen) {
            outcome.rolled_back = Some(check);
            break;
        }
    }
    outcome.accepted = rule.accepted();
    outcome
}
