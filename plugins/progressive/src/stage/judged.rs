//! What the samples of one look come to.

use shared::evidence::{beyond_luck, breaches, limit};
use shared::sample::Sample;
use shared::split::Counts;
use shared::tick::{Judged, judge_named};

use super::Rules;

/// Judges the samples of one side; `burst` is what the look's own requests came to, where it made many.
///
/// A look at which more of its own requests failed than luck explains is a failing one, whatever its probe said.
pub fn judged(samples: &[Sample], burst: Option<Counts>, rules: &Rules) -> Judged {
    let limits = &rules.thresholds;
    let judged = judge_named(samples, limits);
    let bad = burst
        .filter(|all| beyond_luck(*all, limit(limits), rules.evidence.failed.alpha, 1.0))
        .map(|all| breaches(all, limits, ""))
        .filter(|reasons| !reasons.is_empty() && judged.is_good());
    bad.map_or(judged, |reasons| Judged::Bad { reasons })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::tests::{look, rules};

    fn of(word: char, burst: Option<(u64, u64)>) -> Judged {
        let burst = burst.map(|(requests, failed)| Counts { requests, failed });
        judged(&look(0, word).new.samples, burst, &rules())
    }

    #[test]
    fn requests_that_fail_beyond_luck_make_a_good_probe_a_failing_look() {
        assert!(of('.', None).is_good());
        assert!(of('.', Some((100, 1))).is_good());
        let Judged::Bad { reasons } = of('.', Some((100, 20))) else {
            panic!("20 of 100")
        };
        assert!(reasons[0].to_string().contains("20 of 100 requests failed"));
    }

    #[test]
    fn no_request_excuses_a_probe_that_failed() {
        assert_eq!(of('x', Some((100, 0))), of('x', None));
        assert_eq!(of('x', Some((100, 50))), of('x', None));
        assert!(matches!(of('!', Some((100, 50))), Judged::Critical { .. }));
    }
}
