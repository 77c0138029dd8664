//! What holds for any counts to a thousand million and any settings in range.

use proptest::prelude::*;
use shared::evidence::{Finding, Pair, Rule, Trial, Window};
use shared::split::Counts;

use super::{Limit, Promote, Regression, counts, pair};

/// Counts of every magnitude, with rates of every magnitude.
fn some_counts() -> impl Strategy<Value = Counts> {
    (0.0..=9.0_f64, 0.0..=9.0_f64, any::<bool>()).prop_map(|(size, rarity, none)| {
        let requests = whole(10_f64.powf(size)) - 1;
        let failed = whole(10_f64.powf(size - rarity));
        counts(requests, if none { 0 } else { failed.min(requests) })
    })
}

fn whole(value: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "1 to a thousand million"
    )]
    let whole = value.round() as u64;
    whole
}

fn some_pair() -> impl Strategy<Value = Pair> {
    (some_counts(), some_counts()).prop_map(|(canary, baseline)| pair(canary, baseline))
}

fn some_icc() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(0.0),
        Just(1.0),
        0.0..=1.0_f64,
        (-6.0..0.0_f64).prop_map(|log| 10_f64.powf(log))
    ]
}

fn some_rate() -> impl Strategy<Value = f64> {
    prop_oneof![
        1e-3..0.98_f64,
        (-9.0..-0.01_f64).prop_map(|log| 10_f64.powf(log))
    ]
}

fn some_rule() -> impl Strategy<Value = Rule> {
    let factor = prop_oneof![Just(1.0), 1.0..=10.0_f64];
    (
        some_rate(),
        some_rate(),
        factor,
        some_rate(),
        proptest::option::of(some_rate()),
        some_icc(),
    )
        .prop_map(|(alpha, beta, allowed_factor, limit, p_max, icc)| Rule {
            alpha,
            beta,
            allowed_factor,
            limit,
            p_max,
            icc,
        })
}

fn some_window() -> impl Strategy<Value = Window> {
    prop_oneof![
        3 => some_pair().prop_map(Window::Beside),
        1 => some_counts().prop_map(Window::Alone),
    ]
}

/// Windows, and whether a stage begins before each.
fn course() -> impl Strategy<Value = Vec<(Window, bool)>> {
    proptest::collection::vec((some_window(), proptest::bool::weighted(0.1)), 1..25)
}

fn go(trial: &mut Trial, rule: &Rule, windows: &[(Window, bool)]) {
    for (window, begins) in windows {
        if *begins {
            trial.begin_stage();
        }
        trial.update(rule, *window);
    }
}

/// Not lower, but for rounding.
fn at_least(high: f64, low: f64) -> bool {
    high >= low - 1e-9 * low.abs().max(1.0)
}

fn regression(windows: &[(Pair, bool)], rule: &Rule) -> f64 {
    let mut test = Regression::new();
    for (window, begins) in windows {
        if *begins {
            test.begin_stage();
        }
        test.update(*window, rule.allowed_factor, rule.icc);
    }
    test.log_e()
}

fn limit(windows: &[(Pair, bool)], rule: &Rule) -> f64 {
    let mut test = Limit::new();
    for (window, begins) in windows {
        if *begins {
            test.begin_stage();
        }
        test.update(window.canary, rule.limit, rule.icc);
    }
    test.log_e()
}

fn promote(windows: &[(Pair, bool)], rule: &Rule) -> f64 {
    let mut test = Promote::new();
    for (window, _) in windows {
        test.update(window.canary, rule.p_max.unwrap_or(0.01), rule.icc);
    }
    test.log_e()
}

/// One failure more, where a request is left that can fail.
fn worse(counts: &mut Counts) {
    counts.failed = (counts.failed + 1).min(counts.requests);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_failure_more_of_the_canary_never_speaks_for_it(
        mut windows in proptest::collection::vec((some_pair(), proptest::bool::weighted(0.1)), 1..15),
        place in any::<prop::sample::Index>(),
        rule in some_rule(),
    ) {
        let before = [regression(&windows, &rule), limit(&windows, &rule), promote(&windows, &rule)];
        worse(&mut place.get_mut(&mut windows).0.canary);
        prop_assert!(at_least(regression(&windows, &rule), before[0]));
        prop_assert!(at_least(limit(&windows, &rule), before[1]));
        prop_assert!(at_least(before[2], promote(&windows, &rule)));
    }

    #[test]
    fn one_failure_more_of_the_baseline_never_speaks_against_the_canary(
        mut windows in proptest::collection::vec((some_pair(), proptest::bool::weighted(0.1)), 1..15),
        place in any::<prop::sample::Index>(),
        rule in some_rule(),
    ) {
        let before = regression(&windows, &rule);
        worse(&mut place.get_mut(&mut windows).0.baseline);
        prop_assert!(at_least(before, regression(&windows, &rule)));
    }

    #[test]
    fn a_request_more_without_a_failure_never_speaks_against_the_canary(
        mut windows in proptest::collection::vec((some_pair(), Just(false)), 1..15),
        place in any::<prop::sample::Index>(),
        rule in some_rule(),
    ) {
        // With bursts a window's weight depends on its size, too.
        let rule = Rule { icc: 0.0, ..rule };
        let before = [limit(&windows, &rule), promote(&windows, &rule)];
        place.get_mut(&mut windows).0.canary.requests += 1;
        // The window that was empty laid no bet before.
        if windows.iter().all(|(window, _)| window.canary.requests > 1) {
            prop_assert!(at_least(before[0], limit(&windows, &rule)));
        }
        prop_assert!(at_least(promote(&windows, &rule), before[1]));
    }

    #[test]
    fn no_value_is_ever_anything_but_a_number(windows in course(), rule in some_rule()) {
        let mut trial = Trial::new();
        go(&mut trial, &rule, &windows);
        let text = serde_json::to_string(&trial).unwrap();
        prop_assert!(!text.contains("null"), "{}", text);
        let pairs: Vec<(Pair, bool)> = windows.iter().map(|(window, begins)| match window {
            Window::Beside(pair) => (*pair, *begins),
            Window::Alone(canary) => (pair(*canary, Counts::default()), *begins),
        }).collect();
        prop_assert!(regression(&pairs, &rule).is_finite());
        prop_assert!(limit(&pairs, &rule).is_finite());
        prop_assert!(promote(&pairs, &rule).is_finite());
    }

    #[test]
    fn no_count_is_too_large_to_be_judged(
        all in proptest::collection::vec(any::<[u64; 4]>(), 1..10),
        rule in some_rule(),
    ) {
        let mut trial = Trial::new();
        let most = Window::Beside(pair(counts(u64::MAX, u64::MAX), counts(u64::MAX, 0)));
        for [a, b, c, d] in all {
            // More failures than requests are possible: a proxy tries again.
            trial.update(&rule, Window::Beside(pair(counts(a, b), counts(c, d))));
            trial.update(&rule, Window::Alone(counts(d, c)));
            trial.update(&rule, most);
            let _ = trial.finding(&rule);
        }
        prop_assert!(!serde_json::to_string(&trial).unwrap().contains("null"));
    }

    #[test]
    fn a_trial_that_was_written_down_has_the_same_future(
        before in course(), after in course(), rule in some_rule(),
    ) {
        let mut trial = Trial::new();
        go(&mut trial, &rule, &before);
        let mut read: Trial = serde_json::from_str(&serde_json::to_string(&trial).unwrap()).unwrap();
        prop_assert_eq!(read, trial);
        go(&mut trial, &rule, &after);
        go(&mut read, &rule, &after);
        prop_assert_eq!(read, trial);
        prop_assert_eq!(read.finding(&rule), trial.finding(&rule));
    }

    #[test]
    fn a_window_cut_in_two_says_the_same_to_the_promote_test(
        (a, b) in (some_counts(), some_counts()), rule in some_rule(),
    ) {
        let rule = Rule { icc: 0.0, ..rule };
        let nothing = Counts::default();
        let whole = counts(a.requests + b.requests, a.failed + b.failed);
        let whole = promote(&[(pair(whole, nothing), false)], &rule);
        let cut = promote(&[(pair(a, nothing), false), (pair(b, nothing), false)], &rule);
        prop_assert!(at_least(cut, whole) && at_least(whole, cut), "{} {}", cut, whole);
    }

    #[test]
    fn a_window_cut_in_two_loses_no_more_than_the_bet_that_the_cut_lays(
        window in some_pair(), failed in (0.0..=1.0_f64, 0.0..=1.0_f64), rule in some_rule(),
    ) {
        let rule = Rule { icc: 0.0, ..rule };
        // Both halves have the same proportion of requests; failures fall as they like.
        let twice = |one: Counts| counts(one.requests * 2, one.failed);
        let whole = pair(twice(window.canary), twice(window.baseline));
        let part = |one: Counts, share: f64| {
            #[expect(clippy::cast_precision_loss, reason = "at most a thousand million")]
            let part = whole_part(one.failed as f64 * share);
            (counts(one.requests, part), counts(one.requests, one.failed - part))
        };
        let (c, b) = (part(window.canary, failed.0), part(window.baseline, failed.1));
        let cut = regression(&[(pair(c.0, b.0), false), (pair(c.1, b.1), false)], &rule);
        let whole = regression(&[(whole, false)], &rule);
        // Half of the mass is bet at the beginning, a fiftieth of what is left at each window.
        let laid = 0.5 * 0.98 * 0.02;
        prop_assert!(whole > 700.0 || at_least((cut.exp() + laid).ln(), whole), "{} {}", cut, whole);
    }
}

fn whole_part(value: f64) -> u64 {
    whole(value.floor())
}

#[test]
fn a_trial_owns_no_memory() {
    // What is `Copy` owns nothing, and what an update is given and keeps is an array on the stack.
    fn owns_nothing<T: Copy>() -> usize {
        size_of::<T>()
    }
    assert!(owns_nothing::<Trial>() <= 256);
}

#[test]
fn a_failure_more_makes_a_difference() {
    let rule = Rule {
        alpha: 0.01,
        beta: 0.05,
        allowed_factor: 1.0,
        limit: 0.05,
        p_max: Some(0.01),
        icc: 0.0,
    };
    let windows = |canary, baseline| [(pair(counts(100, canary), counts(900, baseline)), false)];
    assert!(regression(&windows(4, 5), &rule) > regression(&windows(3, 5), &rule));
    assert!(regression(&windows(4, 5), &rule) > regression(&windows(4, 6), &rule));
    assert!(limit(&windows(9, 5), &rule) > limit(&windows(8, 5), &rule));
    assert!(promote(&windows(0, 5), &rule) > promote(&windows(1, 5), &rule));
}

#[test]
fn a_request_that_failed_three_times_failed_once() {
    let rule = Rule {
        alpha: 0.01,
        beta: 0.05,
        allowed_factor: 1.0,
        limit: 0.05,
        p_max: Some(0.01),
        icc: 0.0,
    };
    for failed in [11, 30, u64::MAX] {
        let (much, all) = (
            [(pair(counts(10, failed), counts(90, 1)), false)],
            [(pair(counts(10, 10), counts(90, 1)), false)],
        );
        assert_eq!(
            regression(&much, &rule).to_bits(),
            regression(&all, &rule).to_bits()
        );
        assert_eq!(limit(&much, &rule).to_bits(), limit(&all, &rule).to_bits());
        assert_eq!(
            promote(&much, &rule).to_bits(),
            promote(&all, &rule).to_bits()
        );
    }
}

#[test]
fn a_version_that_breaks_late_in_a_day_of_watching_is_seen_at_once() {
    let rule = Rule {
        alpha: 0.01,
        beta: 0.05,
        allowed_factor: 1.0,
        limit: 0.05,
        p_max: None,
        icc: 0.0,
    };
    let mut trial = Trial::new();
    for _ in 0..8640 {
        trial.update(&rule, Window::Beside(pair(counts(10, 0), counts(90, 1))));
    }
    trial.update(&rule, Window::Beside(pair(counts(10, 10), counts(90, 1))));
    trial.update(&rule, Window::Beside(pair(counts(10, 10), counts(90, 1))));
    assert!(matches!(trial.finding(&rule), Finding::Worse { .. }));
}

#[test]
fn either_test_that_rolls_back_has_half_of_alpha() {
    let (canary, baseline) = (counts(40, 9), counts(360, 4));
    let rule = Rule {
        alpha: 0.01,
        beta: 0.05,
        allowed_factor: 1.0,
        limit: 0.05,
        p_max: None,
        icc: 0.0,
    };
    let mut trials = [Trial::new(); 2];
    trials[0].update(&rule, Window::Beside(pair(canary, baseline)));
    trials[1].update(&rule, Window::Alone(canary));
    let windows = [(pair(canary, baseline), false)];
    let odds = [
        regression(&windows, &rule).exp(),
        limit(&windows, &rule).exp(),
    ];
    for (trial, odds) in trials.iter().zip(odds) {
        let at = |alpha| trial.finding(&Rule { alpha, ..rule });
        assert_eq!(at(1.9 / odds), Finding::Silent);
        assert!(matches!(
            at(2.1 / odds),
            Finding::Worse { .. } | Finding::OverLimit { .. }
        ));
    }
}

#[test]
fn what_one_stage_showed_to_be_good_does_not_count_for_the_next() {
    let rule = Rule {
        alpha: 0.01,
        beta: 0.05,
        allowed_factor: 1.0,
        limit: 0.05,
        p_max: Some(0.01),
        icc: 0.0,
    };
    let mut trial = Trial::new();
    trial.update(&rule, Window::Alone(counts(1000, 0)));
    assert!(matches!(trial.finding(&rule), Finding::Good { .. }));
    trial.begin_stage();
    assert_eq!(trial.finding(&rule), Finding::Silent);
    assert_eq!(trial.seen.canary, counts(1000, 0));
}
