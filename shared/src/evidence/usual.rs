//! What is usual here: the rate that earlier windows show, with a bound that it hardly exceeds.

use super::{Against, real};
use crate::split::Counts;

/// The part of α that the bound takes: with it the old version's rate may be above the bound after all.
const PART: f64 = 0.1;

/// The least rate that is called usual: a day without a failure does not promise one without any.
const LEAST: f64 = 1e-6;

/// Windows without those in which something was known to be wrong, and how often that was: those in a row are once.
pub fn untroubled<T>(windows: impl IntoIterator<Item = (T, bool)>) -> (Vec<T>, usize) {
    let (mut left, mut troubles, mut was_troubled) = (Vec::new(), 0, false);
    for (window, is_troubled) in windows {
        if !is_troubled {
            left.push(window);
        } else if !was_troubled {
            troubles += 1;
        }
        was_troubled = is_troubled;
    }
    (left, troubles)
}

/// What is left of α for the tests that use the bound. The chance of a false rollback is at most that of the bound
/// being too low plus that of a test, and both together are α.
pub fn alpha_left(alpha: f64) -> f64 {
    alpha * (1.0 - PART)
}

/// The upper bound `p0` of the rate behind these windows, and the requests that say so; absent where there are none.
///
/// ```text
/// p0 = max { p : (n/φ)·KL(x/n ‖ p) ≤ ln(1/δ) },   δ = α/10,   φ = 1 + 2·icc·m
/// KL(a ‖ p) = a·ln(a/p) + (1−a)·ln((1−a)/(1−p)),   m = Σnᵢ²/n, the requests of a typical window
/// ```
///
/// For independent requests that is Chernoff's bound, and so the true rate is above `p0` with a chance of at most δ.
/// Failures that come in bursts count for less by φ. It says what *was* usual: a service whose clients change in between
/// is not held to it by anything but this assumption.
pub fn usual(windows: &[Counts], alpha: f64, icc: f64) -> Option<Against> {
    let mut of = Counts::default();
    for window in windows {
        super::add(&mut of, *window);
    }
    if of.requests == 0 {
        return None;
    }
    let all = real(of.requests);
    let squares: f64 = windows.iter().map(|w| real(w.requests).powi(2)).sum();
    let phi = 1.0 + 2.0 * icc * squares / all;
    let rate = (real(of.failed) / all).min(1.0);
    let room = -(alpha * PART).ln() * phi / all;
    let limit = highest(rate, room).max(LEAST);
    Some(Against::Usual { limit, of })
}

/// The highest p with KL(rate ‖ p) ≤ room, by halving: KL grows with p above the rate.
fn highest(rate: f64, room: f64) -> f64 {
    let (mut low, mut high) = (rate, 1.0);
    // As many halvings as a float has digits.
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if distance(rate, middle) <= room {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// KL(a ‖ p), how far a rate is from what another one gives.
pub(super) fn distance(a: f64, p: f64) -> f64 {
    let part = |a: f64, p: f64| if a > 0.0 { a * (a / p).ln() } else { 0.0 };
    part(a, p) + part(1.0 - a, 1.0 - p)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(windows: &[(u64, u64)], alpha: f64, icc: f64) -> Option<f64> {
        let counts = |(requests, failed): &(u64, u64)| Counts {
            requests: *requests,
            failed: *failed,
        };
        let windows: Vec<Counts> = windows.iter().map(counts).collect();
        usual(&windows, alpha, icc).map(|against| match against {
            Against::Usual { limit, .. } => limit,
            _ => panic!("no history"),
        })
    }

    #[test]
    fn without_requests_nothing_is_usual() {
        assert_eq!(bound(&[], 0.01, 0.0), None);
        assert_eq!(bound(&[(0, 0)], 0.01, 0.0), None);
    }

    #[test]
    fn without_a_failure_the_bound_is_the_rule_of_seven() {
        // 1 − δ^(1/n), exactly: ln(1/0.001) = 6.9.
        let found = bound(&[(1000, 0)], 0.01, 0.0).unwrap();
        let exact = 1.0 - 0.001_f64.powf(0.001);
        assert!((found - exact).abs() < 1e-9, "{found} {exact}");
    }

    #[test]
    fn the_bound_is_above_the_rate_and_comes_nearer_with_more_requests() {
        let bounds = [100, 1000, 10_000, 1_000_000].map(|n| bound(&[(n, n / 100)], 0.01, 0.0));
        for pair in bounds.windows(2) {
            assert!(pair[0] > pair[1] && pair[1] > Some(0.01), "{bounds:?}");
        }
        assert!(bounds[3] < Some(0.0105));
    }

    #[test]
    fn failures_in_bursts_and_a_smaller_chance_of_error_widen_it() {
        let windows = [(1000, 30), (1000, 0), (1000, 0)];
        let plain = bound(&windows, 0.01, 0.0);
        assert!(bound(&windows, 0.01, 0.02) > plain);
        assert!(bound(&windows, 0.001, 0.0) > plain);
    }

    #[test]
    fn every_count_has_a_bound() {
        for (requests, failed) in [
            (1, 0),
            (1, 1),
            (10, 10),
            (u64::MAX, 0),
            (u64::MAX, u64::MAX),
        ] {
            let found = bound(&[(requests, failed)], 0.01, 0.0).unwrap();
            assert!(
                found > 0.0 && found <= 1.0,
                "{failed} of {requests}: {found}"
            );
        }
    }

    /// P(X ≤ x) for a binomial, exactly enough.
    fn below(n: u64, x: u64, p: f64) -> f64 {
        let mut term = (real(n) * (-p).ln_1p()).exp();
        let mut sum = term;
        for k in 0..x {
            term *= real(n - k) / real(k + 1) * p / (1.0 - p);
            sum += term;
        }
        sum
    }

    #[test]
    fn a_rate_at_the_bound_would_hardly_ever_have_shown_so_few_failures() {
        for (n, x) in [(200, 0), (200, 3), (500, 20), (1000, 5)] {
            let at = bound(&[(n, x)], 0.01, 0.0).unwrap();
            // Without a failure the bound is exact.
            assert!(below(n, x, at) <= 0.001 + 1e-9, "{x} of {n}");
        }
    }
}
