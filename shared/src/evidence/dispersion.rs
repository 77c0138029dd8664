//! How much failures come in bursts, estimated from a history.

use super::sound;
use crate::split::Counts;

/// The windows without which nothing is said.
const WINDOWS: usize = 30;

/// The failures without which nothing is said: with fewer, one burst or none is luck.
const FAILURES: f64 = 10.0;

/// The highest estimate, below 1.
const HIGHEST: f64 = 0.999_999;

/// The correlation of two requests of one window, from windows of a history in which nothing was known to be wrong.
///
/// The ANOVA estimator of the intraclass correlation of binary data, by the method of moments: with windows of `nᵢ`
/// requests and rates `rᵢ`, `N = Σnᵢ`, mean rate `r`,
///
/// ```text
/// between = Σ nᵢ·(rᵢ−r)² / (k−1),   within = Σ nᵢ·rᵢ·(1−rᵢ) / (N−k),   n₀ = (N − Σnᵢ²/N) / (k−1)
/// icc     = (between − within) / (between + (n₀−1)·within),   at least 0, below 1
/// ```
///
/// `None` for fewer than 30 windows with requests, fewer than 10 failures, and where no window has a second request or
/// all requests failed. A rate that drifts over the history counts as bursts, which errs on the careful side.
///
/// Source: Ridout, Demétrio, Firth, "Estimating intraclass correlation for binary data", Biometrics 55 (1999),
/// 137–148.
pub fn icc(history: &[Counts]) -> Option<f64> {
    let windows = || {
        let all = history.iter().map(|window| sound(*window));
        all.filter(|(requests, _)| *requests > 0.0)
    };
    if windows().count() < WINDOWS {
        return None;
    }
    let (mut k, mut all, mut failed, mut squares) = (0.0, 0.0, 0.0, 0.0);
    for (requests, failures) in windows() {
        k += 1.0;
        all += requests;
        failed += failures;
        squares += requests * requests;
    }
    if failed < FAILURES || all <= k || failed >= all {
        return None;
    }
    let mean = failed / all;
    let (mut between, mut within) = (0.0, 0.0);
    for (requests, failures) in windows() {
        let rate = failures / requests;
        between += requests * (rate - mean) * (rate - mean);
        within += failures * (1.0 - rate);
    }
    let (between, within) = (between / (k - 1.0), within / (all - k));
    let typical = (all - squares / all) / (k - 1.0);
    let icc = (between - within) / (between + (typical - 1.0) * within);
    icc.is_finite().then_some(icc.clamp(0.0, HIGHEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A generator of numbers from 0 to 1 that always gives the same ones (splitmix64).
    struct Luck(u64);

    impl Luck {
        fn next(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let high = u32::try_from((z ^ (z >> 31)) >> 32).unwrap();
            f64::from(high) / 4_294_967_296.0
        }
    }

    /// A beta-binomial window, exactly, by Pólya's urn: each outcome makes its like a little likelier.
    fn window(luck: &mut Luck, requests: u32, rate: f64, icc: f64) -> Counts {
        let mut failed = 0_u32;
        for drawn in 0..requests {
            let weight = (1.0 - icc) * rate + icc * f64::from(failed);
            if luck.next() * (1.0 - icc + icc * f64::from(drawn)) < weight {
                failed += 1;
            }
        }
        Counts {
            requests: requests.into(),
            failed: failed.into(),
        }
    }

    fn history(luck: &mut Luck, windows: u32, rate: f64, icc: f64) -> Vec<Counts> {
        // Windows of many sizes, as traffic has them.
        let sizes = (0..windows).map(|n| 50 + 37 * (n % 11));
        sizes.map(|size| window(luck, size, rate, icc)).collect()
    }

    fn counts(requests: u64, failed: u64) -> Counts {
        Counts { requests, failed }
    }

    #[test]
    fn the_correlation_of_simulated_bursts_is_found_again() {
        let mut luck = Luck(2026);
        for (rate, said) in [(0.005, 0.02), (0.05, 0.02), (0.05, 0.1), (0.3, 0.005)] {
            let found: Vec<f64> = (0..50)
                .map(|_| icc(&history(&mut luck, 200, rate, said)).unwrap())
                .collect();
            let mean = found.iter().sum::<f64>() / 50.0;
            assert!(
                (mean - said).abs() < 0.2 * said,
                "rate {rate}: {said} found as {mean}"
            );
        }
    }

    #[test]
    fn independent_failures_have_next_to_none() {
        let mut luck = Luck(7);
        for rate in [0.005, 0.05, 0.5] {
            let found = icc(&history(&mut luck, 400, rate, 0.0)).unwrap();
            assert!(found < 0.001, "rate {rate}: {found}");
        }
    }

    #[test]
    fn a_history_of_too_few_windows_or_failures_says_nothing() {
        let some = counts(100, 1);
        assert_eq!(icc(&[some; 29]), None);
        assert!(icc(&[some; 30]).is_some());
        let mut rare = [counts(100, 0); 60];
        rare[..9].fill(some);
        assert_eq!(icc(&rare), None);
        rare[9] = some;
        assert!(icc(&rare).is_some());
        // Windows without a request are none.
        let mut idle = vec![some; 29];
        idle.resize(60, counts(0, 0));
        assert_eq!(icc(&idle), None);
        assert_eq!(icc(&[counts(1, 1); 60]), None);
        assert_eq!(icc(&[counts(50, 50); 60]), None);
    }

    #[test]
    fn an_estimate_is_never_below_nothing_nor_all() {
        // Evener than chance.
        assert_eq!(icc(&[counts(100, 5); 60]), Some(0.0));
        // All of a window or none.
        let mut all_or_none = [counts(100, 0); 60];
        all_or_none[..7].fill(counts(100, 100));
        let found = icc(&all_or_none).unwrap();
        assert!(found > 0.99 && found < 1.0, "{found}");
        let most = counts(u64::MAX, u64::MAX / 3);
        assert!(icc(&[most; 40]).is_some_and(f64::is_finite));
    }

    #[test]
    fn four_windows_come_to_what_the_formula_gives_by_hand() {
        // Ten times (20, 1), (20, 3), (20, 0), (20, 4): r = 0.1, between = 10·20·(0.0025·2 + 0.01·2)/39 = 5/39,
        // within = 10·(0.95 + 3·0.85 + 4·0.8)/760 = 67/760, n0 = (800 − 20)/39 = 20.
        let history = [[1, 3, 0, 4].map(|failed| counts(20, failed)); 10].concat();
        let (between, within) = (5.0 / 39.0, 67.0 / 760.0);
        let want = (between - within) / (between + 19.0 * within);
        assert!((icc(&history).unwrap() - want).abs() < 1e-12);
    }
}
