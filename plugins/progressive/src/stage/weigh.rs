//! Weighing counted requests: what a look adds, and what all of them come to.

use shared::evidence::{Pair, Trials, Window};
use shared::reason::Reason;
use shared::split::Share;

use super::sums::plus;
use super::{Evidence, Look, Rules, Watch};

/// Whether a span can only be passed by a version that is shown to be good enough, where the rules say how good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// It is a stage.
    Yes,
    /// It is the time after the last one.
    No,
}

/// Weighs a look before it is added to the span: the trials learn what it counted, and it is told what all of that
/// comes to.
pub fn weigh(trials: &mut Trials, watch: &Watch, look: &mut Look, rules: &Rules, asked: Asked) {
    if let Some(counted) = &look.counts {
        trials.update(&rules.evidence, counted);
    }
    let sums = &watch.sums;
    let last = look.counts.as_ref().or(sums.last.as_ref());
    // Where nobody counted, nothing was weighed.
    let Some(against) = last.map(|counted| counted.against) else {
        return;
    };
    let with = |sum: Option<Pair>, more: Option<Window>| {
        more.map_or(sum, |more| Some(plus(sum, more)))
            .unwrap_or_default()
    };
    let new = look.counts.as_ref();
    let failed = with(sums.failed, new.map(|counted| counted.failed));
    let slow = with(sums.slow, new.and_then(|counted| counted.slow));
    let weighing = trials.weigh(&rules.evidence, against, failed, slow);
    // Nobody but the probes comes to a version without a share.
    let asked = asked == Asked::Yes && look.share != Ok(Share::NONE);
    look.evidence = match weighing.is_shown.filter(|_| asked) {
        _ if weighing.is_bad => Evidence::Rollback {
            reasons: vec![Reason::Weighed {
                weighed: weighing.most,
            }],
        },
        Some(true) => Evidence::Promote,
        Some(false) => Evidence::Unshown {
            reason: Reason::Unshown {
                canary: failed.canary,
                p_max: 100.0 * rules.evidence.failed.p_max.unwrap_or_default(),
            },
        },
        None => Evidence::Silent,
    };
    look.weighed = Some(weighing.most);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shared::evidence::{Against, Counted, Rule, Rules as Evidences};
    use shared::split::Counts;
    use shared::threshold::Thresholds;

    use super::*;
    use crate::stage::tests::{bad, look, rule, rules, s, watch};
    use crate::stage::{Call, Kind, Rule as By};

    fn pair(canary: (u64, u64), baseline: (u64, u64)) -> Pair {
        let counts = |(requests, failed)| Counts { requests, failed };
        Pair {
            canary: counts(canary),
            baseline: counts(baseline),
        }
    }

    fn counted(pair: Pair) -> Counted {
        let limits = Thresholds::default();
        Counted::new(
            "haproxy",
            Window::Beside(pair),
            None,
            Against::Beside,
            &limits,
        )
    }

    /// A stage of a minute whose looks counted this, weighed one after the other.
    fn weighed(rules: &Rules, windows: &[Pair], asked: Asked) -> Watch {
        let mut watch = Watch::open(s(0), s(60));
        let mut trials = Trials::default();
        for (at, window) in (0_u64..).step_by(10).zip(windows) {
            let mut look = look(at, '.');
            look.counts = Some(counted(*window));
            weigh(&mut trials, &watch, &mut look, rules, asked);
            watch.push(look);
        }
        watch
    }

    fn called(watch: &Watch, rules: &Rules) -> Call {
        watch.call(rules, s(60), s(60))
    }

    fn asking(p_max: f64) -> Rules {
        let whole = Rule {
            p_max: Some(p_max),
            ..rule()
        };
        Rules {
            evidence: Evidences::of(whole, false),
            ..rules()
        }
    }

    #[test]
    fn sums_are_made_of_windows() {
        let watch = weighed(
            &rules(),
            &[pair((10, 1), (90, 0)), pair((20, 0), (80, 1))],
            Asked::No,
        );
        assert_eq!(watch.counted(), Some(pair((30, 1), (170, 1))));
        assert_eq!(Watch::open(s(0), s(60)).counted(), None);
    }

    #[test]
    fn a_version_that_is_worse_than_the_one_beside_it_ends_the_stage_at_once() {
        let watch = weighed(
            &rules(),
            &[pair((20, 0), (180, 0)), pair((20, 12), (180, 1))],
            Asked::Yes,
        );
        assert_eq!(bad(&watch.call(&rules(), s(10), s(60))), Some(By::Evidence));
        let Evidence::Rollback { reasons } = &watch.seen[1].evidence else {
            panic!("{:?}", watch.seen[1])
        };
        let text = reasons[0].to_string();
        assert!(
            text.starts_with("canary 12 of 40 failed (30 %), stable 1 of 360"),
            "{text}"
        );
    }

    #[test]
    fn an_outage_of_both_is_no_evidence_and_counts_for_no_limit() {
        let outage = pair((20, 12), (180, 108));
        let good = pair((20, 0), (180, 0));
        let watch = weighed(
            &rules(),
            &[good, good, good, outage, outage, good, good, good, good],
            Asked::Yes,
        );
        assert_eq!(watch.seen[4].kind(), Kind::Shared);
        assert_eq!(watch.call(&rules(), s(60), s(60)), Call::Wait);
        let passed = Call::Passed { warnings: vec![] };
        assert_eq!(watch.call(&rules(), s(80), s(80)), passed);
        assert_eq!(watch.counted(), Some(pair((180, 24), (1620, 216))));
        assert_eq!(
            watch.sums.speaking().map(|(sum, _)| sum.canary.failed),
            Some(0)
        );
    }

    #[test]
    fn an_outage_that_no_window_alone_can_tell_fails_nobody_either() {
        // Eighteen requests say nothing of a limit of 5 %; seven times as many do.
        let watch = weighed(&rules(), &[pair((20, 3), (18, 3)); 7], Asked::Yes);
        assert!(watch.seen.iter().all(|look| look.kind() == Kind::Good));
        let Call::Inconclusive { reasons } = called(&watch, &rules()) else {
            panic!("{:?}", called(&watch, &rules()))
        };
        assert!(
            reasons[0]
                .to_string()
                .starts_with("stable 21 of 126 failed"),
            "{reasons:?}"
        );
    }

    #[test]
    fn a_rate_over_its_limit_fails_the_stage_where_luck_does_not_explain_it() {
        let with = |all, failed| {
            let mut windows = vec![pair((0, 0), (0, 0)); 6];
            windows.push(pair((all, failed), (0, 0)));
            let mut watch = weighed(&rules(), &windows, Asked::Yes);
            // What ends a stage early is another matter.
            watch
                .seen
                .iter_mut()
                .for_each(|look| look.evidence = Evidence::Silent);
            called(&watch, &rules())
        };
        assert!(matches!(with(0, 0), Call::Passed { .. }));
        assert!(matches!(with(10, 1), Call::Passed { .. }));
        assert!(matches!(with(100, 1), Call::Passed { .. }));
        for (all, failed) in [(20, 2), (100, 2), (1000, 15)] {
            let Call::Inconclusive { reasons } = with(all, failed) else {
                panic!("{failed} of {all}")
            };
            assert!(
                reasons[0].to_string().contains("which luck explains"),
                "{reasons:?}"
            );
        }
        for (all, failed) in [(100, 8), (1000, 30), (10_000, 160)] {
            assert_eq!(
                bad(&with(all, failed)),
                Some(By::Whole),
                "{failed} of {all}"
            );
        }
    }

    #[test]
    fn bursts_are_more_luck_than_single_failures() {
        let windows = [pair((1000, 30), (0, 0)); 7];
        let call = |icc| {
            let whole = Rule { icc, ..rule() };
            let rules = Rules {
                evidence: Evidences::of(whole, false),
                ..rules()
            };
            let mut watch = weighed(&rules, &windows, Asked::Yes);
            watch
                .seen
                .iter_mut()
                .for_each(|look| look.evidence = Evidence::Silent);
            bad(&called(&watch, &rules))
        };
        assert_eq!((call(0.0), call(0.02)), (Some(By::Whole), None));
    }

    #[test]
    fn what_must_be_shown_is_missing_until_it_is() {
        let asking = asking(0.01);
        let few = weighed(&asking, &[pair((10, 0), (90, 0)); 7], Asked::Yes);
        assert_eq!(few.call(&asking, s(60), s(100)), Call::Wait);
        let Call::Inconclusive { reasons } = called(&few, &asking) else {
            panic!("{:?}", called(&few, &asking))
        };
        assert_eq!(
            reasons[0].to_string(),
            "canary 0 of 70 failed (0 %), which does not show yet that it stays below p_max, 1 %"
        );
        let many = weighed(&asking, &[pair((100, 0), (900, 0)); 7], Asked::Yes);
        assert_eq!(many.seen[6].evidence, Evidence::Promote);
        assert_eq!(called(&many, &asking), Call::Passed { warnings: vec![] });
        // Shown early, it is watched to the end all the same.
        assert_eq!(many.call(&asking, s(30), s(100)), Call::Wait);
    }

    #[test]
    fn nothing_must_be_shown_after_the_last_stage_without_a_share_or_without_counts() {
        let asking = asking(0.01);
        let after = weighed(&asking, &[pair((10, 0), (0, 0)); 7], Asked::No);
        assert_eq!(called(&after, &asking), Call::Passed { warnings: vec![] });
        let mut preview = look(0, '.');
        preview.share = Ok(Share::NONE);
        preview.counts = Some(counted(pair((0, 0), (90, 0))));
        let watched = Watch::open(Duration::ZERO, s(60));
        weigh(
            &mut Trials::default(),
            &watched,
            &mut preview,
            &asking,
            Asked::Yes,
        );
        assert_eq!(preview.evidence, Evidence::Silent);
        let mut uncounted = look(0, '.');
        weigh(
            &mut Trials::default(),
            &watched,
            &mut uncounted,
            &asking,
            Asked::Yes,
        );
        assert_eq!(
            (uncounted.evidence, uncounted.weighed),
            (Evidence::Silent, None)
        );
    }

    #[test]
    fn a_look_that_nobody_could_count_at_keeps_what_was_known() {
        let mut trials = Trials::default();
        let mut seen = watch("", 1);
        let mut first = look(0, '.');
        first.counts = Some(counted(pair((20, 12), (180, 1))));
        weigh(&mut trials, &seen, &mut first, &rules(), Asked::Yes);
        seen.push(first);
        let known = trials.clone();
        let mut second = look(10, '.');
        weigh(&mut trials, &seen, &mut second, &rules(), Asked::Yes);
        assert_eq!(trials, known);
        assert!(matches!(second.evidence, Evidence::Rollback { .. }));
    }

    #[test]
    fn a_probe_that_fails_while_the_old_ones_is_well_is_excused_by_no_count() {
        let outage = pair((20, 12), (180, 108));
        let mut look = look(0, 'x');
        look.counts = Some(counted(outage));
        assert_eq!(look.kind(), Kind::Failing);
        look.baseline = None;
        assert_eq!(look.kind(), Kind::Shared);
    }
}
