//! How many requests a look makes where our own probes are counted. Pure.

use std::time::Duration;

use shared::split::Share;

use super::Rules;

/// So many answers of the canary are expected in a stage where nothing but its share leads requests to it. That none of
/// them comes has a chance of e⁻³⁰ at most; of ten probes at 10 % it is 35 %.
const EXPECTED: u32 = 30;

/// The most requests of one look: a probe is no load test.
const MOST: u32 = 5000;

/// Looks that a span of this length has, at least.
fn looks(wait: Duration, rules: &Rules) -> u32 {
    let interval = rules.interval_of(wait).as_millis().max(1);
    u32::try_from(wait.as_millis() / interval)
        .unwrap_or(u32::MAX)
        .saturating_add(1)
}

/// The requests of one look at a version that has its own address: all looks together are the least sample.
pub fn own(wait: Duration, rules: &Rules) -> u32 {
    let each = rules.min_samples.div_ceil(looks(wait, rules));
    each.clamp(1, MOST)
}

/// The requests of one look at a service of which the canary has this share: in all looks together the canary is
/// expected to answer at least 30 of them, and as many as the least sample asks for.
pub fn shared(share: Share, wait: Duration, rules: &Rules) -> u32 {
    whole(share, rules)
        .div_ceil(looks(wait, rules))
        .clamp(1, MOST)
}

/// The requests that show what is usual before a stage with this share begins: as many as it will make itself.
pub fn before(share: Share, rules: &Rules) -> u32 {
    whole(share, rules).clamp(1, MOST)
}

fn whole(share: Share, rules: &Rules) -> u32 {
    let percent = u32::from(share.percent()).max(1);
    let expected = EXPECTED.max(rules.min_samples);
    expected.saturating_mul(100).div_ceil(percent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::some_plan;

    fn rules(min_samples: u32, interval: u64) -> Rules {
        Rules {
            min_samples,
            interval: Duration::from_secs(interval),
            bursts: true,
            ..some_plan().rules
        }
    }

    #[test]
    fn a_dead_canary_cannot_hide_behind_its_share() {
        for percent in [1, 5, 10, 25, 50, 100] {
            for (wait, interval) in [(300, 30), (60, 30), (600, 5), (30, 60)] {
                let (share, wait) = (Share::new(percent).unwrap(), Duration::from_secs(wait));
                let rules = rules(3, interval);
                let requests = shared(share, wait, &rules) * looks(wait, &rules);
                let missed = (1.0 - f64::from(percent) / 100.0).powf(f64::from(requests));
                assert!(missed < 1e-13, "{percent} %: {requests} requests, {missed}");
            }
        }
        // Ten single probes, as a look each half minute would make them.
        assert!(0.9_f64.powi(10) > 0.34);
    }

    #[test]
    fn a_look_makes_its_part_of_the_stages_sample() {
        let share = Share::new(10).unwrap();
        let wait = Duration::from_secs(300);
        assert_eq!(shared(share, wait, &rules(3, 30)), 28);
        assert_eq!(before(share, &rules(3, 30)), 300);
        assert_eq!(own(wait, &rules(1100, 30)), 100);
        assert_eq!(own(wait, &rules(3, 30)), 1);
        assert_eq!(
            shared(Share::new(1).unwrap(), wait, &rules(1_000_000, 30)),
            MOST
        );
    }
}
