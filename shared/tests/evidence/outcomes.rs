//! The guarantees, exactly: the mean of E and the chance of a false alarm, summed over every outcome there is.

use shared::evidence::{Finding, Pair, Rule, Trial, Window};
use shared::split::Counts;

use super::{Limit, Promote, Regression, counts, pair};

/// Chances of 0, 1, 2 … failures.
type Chances = Vec<f64>;

/// n over k.
fn choose(n: u32, k: u32) -> f64 {
    (0..k)
        .map(|i| f64::from(n - i) / f64::from(i + 1))
        .product()
}

/// Of independent requests that fail with the chance `rate`.
fn binomial(requests: u32, rate: f64) -> Chances {
    let one = |x: u32| {
        let (failed, fine) = (
            i32::try_from(x).unwrap(),
            i32::try_from(requests - x).unwrap(),
        );
        choose(requests, x) * rate.powi(failed) * (1.0 - rate).powi(fine)
    };
    (0..=requests).map(one).collect()
}

/// Of requests in a burst: beta-binomial with the mean `rate` and the correlation `icc`, as Pólya's urn draws it.
fn burst(requests: u32, rate: f64, icc: f64) -> Chances {
    let weight = |mean: f64, drawn: u32| (1.0 - icc) * mean + icc * f64::from(drawn);
    let one = |x: u32| {
        let failed: f64 = (0..x).map(|i| weight(rate, i)).product();
        let fine: f64 = (0..requests - x).map(|i| weight(1.0 - rate, i)).product();
        let all: f64 = (0..requests).map(|i| weight(1.0, i)).product();
        choose(requests, x) * failed * fine / all
    };
    (0..=requests).map(one).collect()
}

/// Of `failing` requests that chance sends to one of the two sides.
fn hypergeometric(canary: u32, baseline: u32, failing: u32) -> Vec<(Pair, f64)> {
    let most = failing.min(canary);
    let ways = choose(canary + baseline, failing);
    (failing.saturating_sub(baseline)..=most)
        .map(|x| {
            let chance = choose(canary, x) * choose(baseline, failing - x) / ways;
            (both((canary, x), (baseline, failing - x)), chance)
        })
        .collect()
}

fn side((requests, failed): (u32, u32)) -> Counts {
    counts(requests.into(), failed.into())
}

fn both(canary: (u32, u32), baseline: (u32, u32)) -> Pair {
    pair(side(canary), side(baseline))
}

/// One side's counts with their chances.
fn single(chances: &[f64]) -> Vec<(Counts, f64)> {
    let requests = chances.len() as u64 - 1;
    (0..)
        .zip(chances)
        .map(|(x, chance)| (counts(requests, x), *chance))
        .collect()
}

/// Two independent sides' counts with their chances.
fn product(canary: &[f64], baseline: &[f64]) -> Vec<(Pair, f64)> {
    let (canary, baseline) = (single(canary), single(baseline));
    let pairs = canary
        .iter()
        .flat_map(|c| baseline.iter().map(move |b| (pair(c.0, b.0), c.1 * b.1)));
    pairs.collect()
}

/// The mean of `value` of the state that `step` makes of all sequences of one outcome a window.
fn mean<S: Clone, W: Copy>(
    state: &S,
    windows: &[Vec<(W, f64)>],
    step: &impl Fn(&mut S, W, usize),
    value: &impl Fn(&S) -> f64,
) -> f64 {
    let Some((first, rest)) = windows.split_first() else {
        return value(state);
    };
    let outcomes = first.iter().filter(|(_, chance)| *chance > 0.0);
    outcomes
        .map(|(window, chance)| {
            let mut next = state.clone();
            step(&mut next, *window, rest.len());
            chance * mean(&next, rest, step, value)
        })
        .sum()
}

const ICC: [f64; 3] = [0.0, 0.02, 1.0];

/// The mean of the regression's E; a stage begins before the last window.
fn regression(windows: &[Vec<(Pair, f64)>], allowed: f64, icc: f64) -> f64 {
    let step = |test: &mut Regression, window, left| {
        if left == 0 {
            test.begin_stage();
        }
        test.update(window, allowed, icc);
    };
    mean(&Regression::new(), windows, &step, &|test| {
        test.log_e().exp()
    })
}

#[test]
fn the_mean_of_the_regression_is_at_most_one_whatever_the_rates_are() {
    for allowed in [1.0, 1.5, 4.0] {
        for icc in ICC {
            for rate in [0.0, 1e-6, 0.01, 0.1, 0.5, 0.9, 1.0] {
                for part in [0.0, 0.3, 1.0] {
                    let canary = |rate: f64| (rate * allowed).min(1.0) * part;
                    // Another rate in every window, an outage of both sides among them.
                    let outage = 1.0 - rate / 2.0;
                    let windows = [
                        product(&binomial(3, canary(rate)), &binomial(4, rate)),
                        product(&binomial(2, canary(outage)), &binomial(3, outage)),
                        product(&binomial(4, canary(rate / 7.0)), &binomial(2, rate / 7.0)),
                    ];
                    let mean = regression(&windows, allowed, icc);
                    assert!(mean <= 1.0 + 1e-12, "{allowed} {icc} {rate} {part}: {mean}");
                }
            }
        }
    }
}

#[test]
fn the_mean_of_the_regression_is_at_most_one_for_very_unequal_sides() {
    for (canary, baseline) in [(1, 60), (60, 1), (30, 30), (5, 55)] {
        for rate in [1e-4, 0.01, 0.2, 0.7] {
            let windows = [product(&binomial(canary, rate), &binomial(baseline, rate))];
            let mean = regression(&windows, 1.0, 0.0);
            assert!(mean <= 1.0 + 1e-12, "{canary} {baseline} {rate}: {mean}");
        }
    }
}

#[test]
fn the_mean_of_the_regression_is_at_most_one_when_chance_deals_out_given_failures() {
    for failing in 0..=7 {
        for icc in ICC {
            let windows = [
                hypergeometric(3, 4, failing),
                hypergeometric(1, 6, 7 - failing),
                hypergeometric(5, 2, failing),
            ];
            let mean = regression(&windows, 1.0, icc);
            assert!(mean <= 1.0 + 1e-12, "{failing} {icc}: {mean}");
        }
    }
}

#[test]
fn the_mean_of_the_regression_grows_for_a_version_that_is_worse() {
    let windows = vec![product(&binomial(4, 0.6), &binomial(4, 0.1)); 3];
    assert!(regression(&windows, 1.0, 0.0) > 2.0);
    assert!(regression(&windows, 1.5, 0.02) > 1.5);
}

/// The mean of the limit's E; a stage begins before the last window.
fn limit(windows: &[Vec<(Counts, f64)>], limit: f64, icc: f64) -> f64 {
    let step = |test: &mut Limit, window, left| {
        if left == 0 {
            test.begin_stage();
        }
        test.update(window, limit, icc);
    };
    mean(&Limit::new(), windows, &step, &|test| test.log_e().exp())
}

#[test]
fn the_mean_of_the_limit_is_at_most_one_at_the_limit_and_below() {
    for p0 in [1e-9_f64, 0.001, 0.05, 0.4, 0.9, 0.98] {
        for icc in ICC {
            for part in [0.0, 0.5, 1.0] {
                let windows = [7, 1, 12].map(|n| single(&binomial(n, p0 * part)));
                let mean = limit(&windows, p0, icc);
                assert!(mean <= 1.0 + 1e-12, "{p0} {icc} {part}: {mean}");
            }
        }
        let windows = [7, 1, 12].map(|n| single(&binomial(n, (p0 * 3.0).min(0.99))));
        assert!(limit(&windows, p0, 0.0) > 1.0);
    }
}

/// The mean of the promote test's E.
fn promote(windows: &[Vec<(Counts, f64)>], p_max: f64, icc: f64) -> f64 {
    let step = |test: &mut Promote, window, _| test.update(window, p_max, icc);
    mean(&Promote::new(), windows, &step, &|test| test.log_e().exp())
}

#[test]
fn the_mean_of_the_promote_test_is_at_most_one_at_p_max_and_above() {
    for p_max in [1e-6_f64, 0.01, 0.1, 0.5, 0.9] {
        for over in [1.0, 1.5, 1.0 / p_max] {
            let rate = (p_max * over).min(1.0);
            for icc in ICC {
                let windows = [7, 1, 12].map(|n| single(&binomial(n, rate)));
                let mean = promote(&windows, p_max, icc);
                assert!(mean <= 1.0 + 1e-12, "{p_max} {rate} {icc}: {mean}");
            }
            // In bursts, too, when the rule knows of them.
            for icc in [0.001, 0.02, 0.3, 0.9].into_iter().filter(|_| p_max <= 0.5) {
                let windows = [9, 2, 25].map(|n| single(&burst(n, rate, icc)));
                let mean = promote(&windows, p_max, icc);
                assert!(mean <= 1.0 + 1e-12, "bursts {p_max} {rate} {icc}: {mean}");
            }
        }
        let windows = [7, 1, 12].map(|n| single(&binomial(n, p_max / 4.0)));
        assert!(promote(&windows, p_max, 0.0) > 1.0);
    }
}

/// A trial, and what it has found at any look so far.
#[derive(Clone)]
struct Watched {
    trial: Trial,
    bad: bool,
    good: bool,
}

/// The chances that it is ever called bad, and that it is ever called good.
fn ever(rule: &Rule, windows: &[Vec<(Window, f64)>]) -> (f64, f64) {
    let begin = Watched {
        trial: Trial::new(),
        bad: false,
        good: false,
    };
    let step = |watched: &mut Watched, window, _| {
        watched.trial.update(rule, window);
        match watched.trial.finding(rule) {
            Finding::Silent => {}
            Finding::Good { .. } => watched.good = true,
            Finding::Worse { .. } | Finding::OverLimit { .. } => watched.bad = true,
        }
    };
    (
        mean(&begin, windows, &step, &|watched| {
            f64::from(u8::from(watched.bad))
        }),
        mean(&begin, windows, &step, &|watched| {
            f64::from(u8::from(watched.good))
        }),
    )
}

fn beside(windows: Vec<(Pair, f64)>) -> Vec<(Window, f64)> {
    windows
        .into_iter()
        .map(|(pair, chance)| (Window::Beside(pair), chance))
        .collect()
}

fn alone(windows: Vec<(Counts, f64)>) -> Vec<(Window, f64)> {
    windows
        .into_iter()
        .map(|(counts, chance)| (Window::Alone(counts), chance))
        .collect()
}

#[test]
fn however_often_one_looks_a_healthy_version_is_called_bad_no_more_often_than_alpha() {
    let windows = |canary: f64, baseline: f64, alone_at: f64| {
        [
            beside(product(&binomial(4, canary), &binomial(4, baseline))),
            alone(single(&binomial(6, alone_at))),
            beside(product(
                &binomial(3, canary / 2.0),
                &binomial(5, baseline / 2.0),
            )),
            alone(single(&binomial(6, alone_at))),
        ]
    };
    for alpha in [0.01, 0.1, 0.3, 0.5] {
        let rule = Rule {
            alpha,
            beta: 0.05,
            allowed_factor: 1.0,
            limit: 0.1,
            p_max: None,
            icc: 0.0,
        };
        for rate in [0.02, 0.1, 0.3, 0.5, 0.8] {
            let (bad, _) = ever(&rule, &windows(rate, rate, 0.1));
            assert!(bad <= alpha, "{alpha} {rate}: {bad}");
        }
        // One that is bad is called so more often, by either test, where so few requests can tell.
        assert!(alpha < 0.1 || ever(&rule, &windows(1.0, 0.0, 0.0)).0 > alpha);
        assert!(ever(&rule, &windows(0.0, 0.0, 0.8)).0 > alpha);
    }
}

#[test]
fn however_often_one_looks_a_version_at_p_max_is_called_good_no_more_often_than_beta() {
    let mut highest: f64 = 0.0;
    for beta in [0.05, 0.2, 0.5] {
        let p_max = 0.2;
        let rule = Rule {
            alpha: 0.01,
            beta,
            allowed_factor: 1.0,
            limit: 0.9,
            p_max: Some(p_max),
            icc: 0.0,
        };
        for rate in [p_max, 0.3] {
            let windows = vec![alone(single(&binomial(9, rate))); 4];
            let (_, good) = ever(&rule, &windows);
            assert!(good <= beta, "{beta} {rate}: {good}");
            highest = highest.max(good / beta);
        }
    }
    assert!(highest > 0.3, "{highest}");
}
