//! Weighing counted requests: what a look adds, and what all of them come to.

use shared::evidence::{Counted, Pair, Trials, Window};
use shared::reason::Reason;
use shared::split::Share;

use super::sums::{Sums, plus};
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
    watch.relate(look);
    let sums = &watch.sums;
    if let Some(counted) = &look.counts {
        let counted = Counted {
            failed: look.weighed_window(counted.failed),
            slow: counted.slow.map(|slow| look.weighed_window(slow)),
            ..counted.clone()
        };
        trials.update(&rules.evidence, &counted, sums.used(look));
    }
    // Nobody but the probes comes to a version without a share.
    let asked = asked == Asked::Yes && look.share != Ok(Share::NONE);
    let missing = asked.then(|| missing(sums, look, rules)).flatten();
    let unshown = |reason| Evidence::Unshown { reason };
    let last = look.counts.as_ref().or(sums.last.as_ref());
    // Where nobody counted, nothing was weighed.
    let Some(against) = last.map(|counted| counted.against) else {
        look.evidence = missing.map_or(Evidence::Silent, unshown);
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
    look.evidence = match (missing, weighing.is_shown.filter(|_| asked)) {
        _ if weighing.is_bad => Evidence::Rollback {
            reasons: vec![Reason::Weighed {
                weighed: weighing.most,
            }],
        },
        (Some(reason), _) => unshown(reason),
        (None, Some(true)) => Evidence::Promote,
        (None, Some(false)) => unshown(Reason::Unshown {
            canary: sums.showing_with(look),
            p_max: 100.0 * rules.evidence.failed.p_max.unwrap_or_default(),
        }),
        (None, None) => Evidence::Silent,
    };
    look.weighed = Some(weighing.most);
}

/// What is missing of the new version's requests before anything can be said of it: that anybody counts at all, and, where
/// they alone tell what it is like, the least number of them.
fn missing(sums: &Sums, look: &Look, rules: &Rules) -> Option<Reason> {
    if let Some(source) = &rules.counted_by
        && look.counts.is_none()
        && sums.last.is_none()
    {
        let said = look.uncounted.as_ref().or(sums.uncounted.as_ref());
        return Some(Reason::Uncounted {
            source: source.clone(),
            detail: said
                .map_or("nothing was ever counted", String::as_str)
                .to_owned(),
        });
    }
    let counted = sums.showing_with(look).requests;
    let needed = rules.min_samples;
    (rules.known_by_counts && counted < u64::from(needed))
        .then_some(Reason::TooFewCounted { counted, needed })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shared::evidence::{Against, Rule, Rules as Evidences};
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
        let looks = (0_u64..).step_by(10).zip(windows).map(|(at, window)| Look {
            counts: Some(counted(*window)),
            ..look(at, '.')
        });
        of(looks, rules, asked)
    }

    /// The same with all the traffic.
    fn alone(rules: &Rules, windows: &[Pair]) -> Watch {
        let looks = (0_u64..).step_by(10).zip(windows).map(|(at, window)| Look {
            counts: Some(counted(*window)),
            share: Ok(Share::ALL),
            ..look(at, '.')
        });
        of(looks, rules, Asked::Yes)
    }

    /// A stage of a minute with these looks, weighed one after the other.
    fn of(looks: impl Iterator<Item = Look>, rules: &Rules, asked: Asked) -> Watch {
        let mut watch = Watch::open(s(0), s(60));
        let mut trials = Trials::default();
        for mut look in looks {
            weigh(&mut trials, &watch, &mut look, rules, asked);
            watch.push(look);
        }
        watch
    }

    fn is_rolled_back(watch: &Watch) -> bool {
        let rolls = |look: &Look| matches!(look.evidence, Evidence::Rollback { .. });
        watch.seen.iter().any(rolls)
    }

    fn inconclusive(call: &Call) -> String {
        let Call::Inconclusive { reasons } = call else {
            panic!("{call:?}")
        };
        reasons
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; ")
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
            let mut watch = alone(&rules(), &windows);
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
            let mut watch = alone(&rules, &windows);
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

    fn counting() -> Rules {
        Rules {
            counted_by: Some("prometheus".to_owned()),
            ..rules()
        }
    }

    /// A stage whose source never told anything.
    fn silent(share: Share, rules: &Rules, asked: Asked) -> Watch {
        let looks = (0_u64..=60).step_by(10).map(|at| Look {
            uncounted: (at == 10).then(|| "connection refused".to_owned()),
            share: Ok(share),
            ..look(at, '.')
        });
        of(looks, rules, asked)
    }

    #[test]
    fn a_stage_that_nobody_counted_is_not_passed_where_somebody_should_have() {
        let tenth = Share::new(10).unwrap();
        let p_max = Rules {
            counted_by: counting().counted_by,
            ..asking(0.01)
        };
        for rules in [counting(), p_max] {
            let watch = silent(tenth, &rules, Asked::Yes);
            assert_eq!(watch.call(&rules, s(60), s(100)), Call::Wait);
            assert_eq!(
                inconclusive(&called(&watch, &rules)),
                "prometheus told nothing of the canary's requests: connection refused"
            );
        }
        let passed = Call::Passed { warnings: vec![] };
        let preview = silent(Share::NONE, &counting(), Asked::Yes);
        assert_eq!(called(&preview, &counting()), passed);
        let soak = silent(Share::ALL, &counting(), Asked::No);
        assert_eq!(called(&soak, &counting()), passed);
        assert_eq!(
            called(&silent(tenth, &rules(), Asked::Yes), &rules()),
            passed
        );
        // One window is enough, whatever comes after it.
        let looks = (0_u64..=60).step_by(10).map(|at| Look {
            counts: (at == 20).then(|| counted(pair((10, 0), (90, 0)))),
            ..look(at, '.')
        });
        let watch = of(looks, &counting(), Asked::Yes);
        assert_eq!(called(&watch, &counting()), passed);
    }

    #[test]
    fn a_canary_that_is_known_by_counts_alone_needs_requests_and_not_looks() {
        let known = Rules {
            known_by_counts: true,
            min_samples: 20,
            ..counting()
        };
        let none = weighed(&known, &[pair((0, 0), (90, 0)); 7], Asked::Yes);
        assert_eq!(
            inconclusive(&called(&none, &known)),
            "0 of the canary's requests were counted, needed at least 20"
        );
        let passed = Call::Passed { warnings: vec![] };
        let enough = weighed(&known, &[pair((3, 0), (90, 0)); 7], Asked::Yes);
        assert_eq!(called(&enough, &known), passed);
        // With an endpoint of its own the looks are the samples.
        let probed = weighed(&counting(), &[pair((0, 0), (90, 0)); 7], Asked::Yes);
        assert_eq!(called(&probed, &counting()), passed);
    }

    #[test]
    fn nothing_is_learnt_against_a_canary_that_has_the_load_of_a_dead_stable_side() {
        let windows = [pair((100, 4), (0, 0)); 20];
        let watch = weighed(&rules(), &windows[..7], Asked::Yes);
        assert!(!is_rolled_back(&weighed(&rules(), &windows, Asked::Yes)));
        assert_eq!(called(&watch, &rules()), Call::Passed { warnings: vec![] });
        assert!(is_rolled_back(&alone(&rules(), &windows)));
        // Nor with all the traffic while the stable side's own probe fails.
        let dead = |probe: char| {
            let looks = (0_u64..).step_by(10).take(20).map(move |at| Look {
                counts: Some(counted(windows[0])),
                share: Ok(Share::ALL),
                baseline: Some(look(at, probe).new),
                ..look(at, '.')
            });
            is_rolled_back(&of(looks, &rules(), Asked::Yes))
        };
        assert!(dead('.') && !dead('x'));
    }

    #[test]
    fn a_broken_stable_side_does_not_keep_out_what_mends_it() {
        // One in ten of the old version's requests fails, and none of the new one's.
        let mends = weighed(&rules(), &[pair((20, 0), (180, 18)); 9], Asked::Yes);
        let kinds: Vec<Kind> = mends.seen.iter().map(Look::kind).collect();
        assert_eq!(kinds[..2], [Kind::Shared, Kind::Good]);
        assert!(kinds[1..].iter().all(|kind| *kind == Kind::Good));
        let passed = Call::Passed { warnings: vec![] };
        assert_eq!(mends.call(&rules(), s(80), s(80)), passed);
        // One that fails as often suffers with it: frozen to the end.
        let suffers = weighed(&rules(), &[pair((20, 2), (180, 18)); 9], Asked::Yes);
        assert!(suffers.seen.iter().all(|look| look.kind() == Kind::Shared));
        let longest = Rules {
            max_wait: Some(s(80)),
            ..rules()
        };
        let text = inconclusive(&suffers.call(&longest, s(80), s(80)));
        assert!(
            text.starts_with("stable 162 of 1620 failed (10 %), over the limit itself, and canary 18 of 180 (10 %)"),
            "{text}"
        );
        assert!(text.contains("raise threshold_error_rate"), "{text}");
        // An outage of its own that is over says nothing of the next one.
        let after = [
            pair((20, 0), (180, 18)),
            pair((20, 0), (180, 18)),
            pair((20, 0), (180, 0)),
            pair((20, 10), (180, 90)),
        ];
        let again = weighed(&rules(), &after, Asked::Yes);
        assert_eq!(again.seen[3].kind(), Kind::Shared);
    }

    #[test]
    fn a_preview_that_nobody_comes_to_is_not_frozen_by_the_stable_sides_requests() {
        let looks = (0_u64..=60).step_by(10).map(|at| Look {
            counts: Some(counted(pair((0, 0), (180, 18)))),
            share: Ok(Share::NONE),
            ..look(at, '.')
        });
        let watch = of(looks, &rules(), Asked::Yes);
        assert_eq!(called(&watch, &rules()), Call::Passed { warnings: vec![] });
    }

    #[test]
    fn a_stages_rate_is_excused_by_a_worse_stable_side_and_by_no_equal_one() {
        // No window alone tells that the old version is over its limit.
        let call = |canary| {
            let watch = weighed(&rules(), &[pair((200, canary), (18, 3)); 7], Asked::Yes);
            assert!(watch.seen.iter().all(|look| look.kind() == Kind::Good));
            called(&watch, &rules())
        };
        assert_eq!(call(10), Call::Passed { warnings: vec![] });
        assert!(inconclusive(&call(33)).contains("neither is judged by it"));
    }

    #[test]
    fn an_outage_of_both_is_not_held_against_what_must_be_shown() {
        let asking = asking(0.01);
        let (good, outage) = (pair((100, 0), (900, 0)), pair((100, 40), (900, 360)));
        let windows = [
            good, outage, outage, outage, good, good, good, good, good, good,
        ];
        let watch = weighed(&asking, &windows, Asked::Yes);
        let Evidence::Unshown { reason } = &watch.seen[3].evidence else {
            panic!("{:?}", watch.seen[3].evidence)
        };
        assert!(
            reason.to_string().starts_with("canary 0 of 100 failed"),
            "{reason}"
        );
        assert_eq!(
            watch.call(&asking, s(90), s(90)),
            Call::Passed { warnings: vec![] }
        );
        // What mends a broken production can be shown, too.
        let mends = weighed(&asking, &[pair((100, 0), (900, 90)); 10], Asked::Yes);
        assert_eq!(mends.seen[9].evidence, Evidence::Promote);
    }

    #[test]
    fn slow_requests_with_nothing_beside_them_are_shown_and_not_weighed() {
        let both = Rules {
            evidence: Evidences::of(rule(), true),
            ..rules()
        };
        let looks = |share: Share, slow: Pair| {
            let looks = (0_u64..=60).step_by(10).map(move |at| Look {
                counts: Some(Counted {
                    slow: Some(Window::Beside(slow)),
                    ..counted(pair((slow.canary.requests, 0), (slow.baseline.requests, 0)))
                }),
                share: Ok(share),
                ..look(at, '.')
            });
            of(looks, &both, Asked::Yes)
        };
        let all = looks(Share::ALL, pair((1000, 60), (0, 0)));
        assert_eq!(called(&all, &both), Call::Passed { warnings: vec![] });
        assert_eq!(all.sums.slow.map(|slow| slow.canary.failed), Some(420));
        let half = Share::new(50).unwrap();
        assert!(!is_rolled_back(&looks(half, pair((500, 30), (500, 30)))));
        assert!(is_rolled_back(&looks(half, pair((500, 90), (500, 30)))));
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
