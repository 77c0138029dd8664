//! What the records of an environment hold before a rollout begins: windows of the old version under the same traffic.

use shared::evidence;
use shared::split::Counts;
use shared::threshold::Thresholds;

use crate::rule::{CHECKS, STAGES};
use crate::world::{Canary, Scenario, Trouble, World};

/// The correlation that a rollout learns from so many recorded windows, made by rollouts of healthy versions through
/// the three stages; nothing where they do not tell. Windows in which the old version was over its limit are not
/// looked at, as the plugin does it.
pub fn learned(trouble: Trouble, windows: u32, requests: u32, seed: u64) -> Option<f64> {
    let scenario = Scenario {
        name: "past",
        canary: Canary::Times(1.0),
        trouble: match trouble {
            Trouble::Bursts => Trouble::Bursts,
            _ => Trouble::None,
        },
    };
    // Another stream of chance than that of the rollout.
    let mut world = World::new(scenario, requests, windows, !seed);
    let limits = Thresholds::default();
    let all = (0..windows).map(|check| {
        let stage = (check / CHECKS) as usize % STAGES.len();
        let counts = world.check(STAGES[stage]).truth.baseline;
        (counts, evidence::is_over(counts, &limits))
    });
    let (left, troubles) = evidence::untroubled::<Counts>(all);
    evidence::icc(&left, troubles, evidence::Rule::DEFAULT.icc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_past_is_the_same_for_a_seed_and_another_one_for_another() {
        let past = |seed| learned(Trouble::None, 300, 1000, seed);
        assert_eq!(past(1), past(1));
        assert_ne!(past(1), past(2));
    }

    #[test]
    fn bursts_and_their_absence_are_told_apart_and_few_windows_tell_nothing() {
        let past = |trouble, windows| learned(trouble, windows, 1000, 3);
        assert!(past(Trouble::None, 300) < Some(0.002));
        assert!(past(Trouble::Bursts, 300) >= Some(0.02));
        assert_eq!(past(Trouble::None, 20), None);
    }
}
