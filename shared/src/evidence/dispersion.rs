//! How much failures come in bursts, estimated from a history.

use super::{gamma, sound};
use crate::split::Counts;

/// The windows without which nothing is said.
const WINDOWS: f64 = 30.0;

/// The failures without which nothing is said: with fewer, one burst or none is luck.
const FAILURES: f64 = 10.0;

/// The highest icc that is learned: at 0.05 a window of a thousand requests counts like one of ten. What seems to come in
/// greater bursts were outages that nobody knew of, and must not make a rollout blind.
const HIGHEST: f64 = 0.05;

/// How seldom a history may look as even as this one where failures do come in the bursts that are ruled out.
const LUCK: f64 = 0.01;

/// So many times at which something was known to be wrong are no habit.
const TROUBLES: usize = 1;

/// The correlation of two requests of one window that failures are weighed with, from the windows of a history in which
/// nothing was known to be wrong. `troubles`: how often something was, so that windows were left out; `guess`: what
/// holds without a history. At most 0.05.
///
/// It is an upper bound. The estimate itself is too low every second time, and with the few failures of some windows
/// often by far, which breaks the promise that bursts roll back next to nothing.
///
/// The estimate is the ANOVA estimator of the intraclass correlation of binary data: with windows of `nᵢ` requests and
/// rates `rᵢ`, `N = Σnᵢ`, mean rate `r`,
///
/// ```text
/// between = Σ nᵢ·(rᵢ−r)² / (k−1),   within = Σ nᵢ·rᵢ·(1−rᵢ) / (N−k),   n₀ = (N − Σnᵢ²/N) / (k−1)
/// icc     = (between − within) / (between + (n₀−1)·within),   at least 0
/// ```
///
/// The bound is the highest ρ at which `between` would be so low in 1 % of all histories. There it is
/// `s² = r·(1−r)·(1 + (n₀−1)·ρ)` in the mean, and distributed about as `s²·χ²/ν`. Few windows hold most of the failures
/// where they come in bursts, so that ν is far below `k−1`: with a beta distribution of the rates, `a = r·(1−ρ)/ρ`,
/// `b = (1−r)·(1−ρ)/ρ`,
///
/// ```text
/// κ = κ_beta(a, b)·(n₀·ρ·r·(1−r)/s²)² + 1/(n₀·s²),   ν = (k−1) / (1 + κ/2)      (that the variances are equal)
/// κ_beta = 6·((a−b)²·(a+b+1) − a·b·(a+b+2)) / (a·b·(a+b+2)·(a+b+3))
/// bound  = max { ρ : P(χ²_ν ≤ ν·between/s²) ≥ 1 % }
/// ```
///
/// A history that shows little makes nobody more careful than no history: the bound is at most the guess, or the
/// estimate where that is higher. What was known to be wrong once can happen anywhere; where it was so again and again,
/// it may have been the bursts themselves that were left out, and nothing below the guess is believed.
///
/// `None` for fewer than 30 windows with requests, fewer than 10 failures, and where no window has a second request or
/// all requests failed. A rate that drifts over the history counts as bursts, which errs on the careful side.
///
/// Sources: Ridout, Demétrio, Firth, "Estimating intraclass correlation for binary data", Biometrics 55 (1999),
/// 137–148; Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics Bulletin 2
/// (1946), 110–114. What comes of it is simulated: `shared/simulation`.
pub fn icc(history: &[Counts], troubles: usize, guess: f64) -> Option<f64> {
    let spread = Spread::of(history)?;
    let seen = spread.estimate();
    let bound = spread.bound().min(seen.max(guess)).min(HIGHEST);
    Some(if troubles > TROUBLES {
        bound.max(guess)
    } else {
        bound
    })
}

/// How failures are spread over the windows of a history.
struct Spread {
    /// How many windows.
    windows: f64,
    /// The rate of all of them, above 0 and below 1.
    rate: f64,
    between: f64,
    within: f64,
    /// n₀, the requests of a typical window.
    typical: f64,
}

impl Spread {
    /// Absent where there is too little to tell.
    fn of(history: &[Counts]) -> Option<Self> {
        let windows = || {
            let all = history.iter().map(|window| sound(*window));
            all.filter(|(requests, _)| *requests > 0.0)
        };
        let (mut k, mut all, mut failed, mut squares) = (0.0, 0.0, 0.0, 0.0);
        for (requests, failures) in windows() {
            k += 1.0;
            all += requests;
            failed += failures;
            squares += requests * requests;
        }
        if k < WINDOWS || failed < FAILURES || all <= k || failed >= all {
            return None;
        }
        let rate = failed / all;
        let (mut between, mut within) = (0.0, 0.0);
        for (requests, failures) in windows() {
            let own = failures / requests;
            between += requests * (own - rate) * (own - rate);
            within += failures * (1.0 - own);
        }
        Some(Self {
            windows: k,
            rate,
            between: between / (k - 1.0),
            within: within / (all - k),
            typical: (all - squares / all) / (k - 1.0),
        })
    }

    /// At least 0, at most 1.
    fn estimate(&self) -> f64 {
        let Self {
            between, within, ..
        } = self;
        let icc = (between - within) / (between + (self.typical - 1.0) * within);
        if icc.is_finite() {
            icc.clamp(0.0, 1.0)
        } else {
            1.0
        }
    }

    /// The highest correlation that is not ruled out; [`HIGHEST`] where that is higher.
    fn bound(&self) -> f64 {
        let (mut low, mut high) = (self.estimate().min(HIGHEST), HIGHEST);
        if self.chance(high) >= LUCK {
            return high;
        }
        // Enough halvings for any digit that is ever shown.
        for _ in 0..40 {
            let middle = f64::midpoint(low, high);
            if self.chance(middle) >= LUCK {
                low = middle;
            } else {
                high = middle;
            }
        }
        high
    }

    /// How likely it is that the windows differ so little if this is the correlation: above 0, below 1.
    fn chance(&self, icc: f64) -> f64 {
        let (r, n) = (self.rate, self.typical);
        let one = r * (1.0 - r);
        let variance = one * (1.0 + (n - 1.0) * icc);
        let weight = (1.0 - icc) / icc;
        let (a, b) = (r * weight, (1.0 - r) * weight);
        let sum = a + b;
        let skew = (a - b) * (a - b) * (sum + 1.0) - a * b * (sum + 2.0);
        let of_rates = 6.0 * skew / (a * b * (sum + 2.0) * (sum + 3.0));
        let share = n * icc * one / variance;
        let kurtosis = of_rates * share * share + 1.0 / (n * variance);
        let freedom = (self.windows - 1.0) / (1.0 + kurtosis.max(0.0) / 2.0);
        let ratio = self.between / variance;
        gamma::below(freedom / 2.0, freedom / 2.0 * ratio)
    }
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

    const GUESS: f64 = 0.02;

    fn learned(history: &[Counts]) -> Option<f64> {
        icc(history, 0, GUESS)
    }

    fn estimate(history: &[Counts]) -> f64 {
        Spread::of(history).unwrap().estimate()
    }

    #[test]
    fn the_correlation_of_simulated_bursts_is_estimated() {
        let mut luck = Luck(2026);
        for (rate, said) in [(0.005, 0.02), (0.05, 0.02), (0.05, 0.1), (0.3, 0.005)] {
            let found: Vec<f64> = (0..50)
                .map(|_| estimate(&history(&mut luck, 200, rate, said)))
                .collect();
            let mean = found.iter().sum::<f64>() / 50.0;
            assert!(
                (mean - said).abs() < 0.2 * said,
                "rate {rate}: {said} found as {mean}"
            );
        }
    }

    #[test]
    fn bursts_are_hardly_ever_learned_to_be_smaller_than_they_are() {
        let mut luck = Luck(5);
        for windows in [30, 60, 300] {
            let low = (0..120)
                .filter(|_| {
                    let history = history(&mut luck, windows, 0.01, GUESS);
                    learned(&history).is_some_and(|icc| icc < 0.99 * GUESS)
                })
                .count();
            assert!(low <= 4, "{windows} windows: {low} of 120");
        }
    }

    #[test]
    fn the_more_windows_without_bursts_the_less_is_allowed_for_them() {
        let mut luck = Luck(7);
        for rate in [0.005, 0.05] {
            let found = [30, 300, 3000].map(|windows| {
                let history = history(&mut luck, windows, rate, 0.0);
                learned(&history).unwrap()
            });
            assert!(found[0] >= found[1] && found[1] > found[2], "{found:?}");
            assert!(found[0] <= GUESS && found[1] < 0.005, "{found:?}");
            assert!(found[2] < 0.001, "rate {rate}: {found:?}");
        }
    }

    #[test]
    fn a_history_of_too_few_windows_or_failures_says_nothing() {
        let some = counts(100, 1);
        assert_eq!(learned(&[some; 29]), None);
        assert!(learned(&[some; 30]).is_some());
        let mut rare = [counts(100, 0); 60];
        rare[..9].fill(some);
        assert_eq!(learned(&rare), None);
        rare[9] = some;
        assert!(learned(&rare).is_some());
        // Windows without a request are none.
        let mut idle = vec![some; 29];
        idle.resize(60, counts(0, 0));
        assert_eq!(learned(&idle), None);
        assert_eq!(learned(&[counts(1, 1); 60]), None);
        assert_eq!(learned(&[counts(50, 50); 60]), None);
    }

    #[test]
    fn nothing_that_is_learned_is_below_nothing_or_blinds() {
        // Evener than chance.
        let even = learned(&[counts(100, 5); 60]).unwrap();
        assert!((0.0..0.02).contains(&even), "{even}");
        // All of a window or none: an outage that nobody knew of.
        let mut all_or_none = [counts(100, 0); 60];
        all_or_none[..7].fill(counts(100, 100));
        assert!(estimate(&all_or_none) > 0.99);
        assert_eq!(learned(&all_or_none), Some(HIGHEST));
        let most = counts(u64::MAX, u64::MAX / 3);
        assert!(learned(&[most; 40]).is_some_and(f64::is_finite));
    }

    #[test]
    fn what_was_wrong_again_and_again_may_have_been_the_bursts() {
        let even = history(&mut Luck(3), 300, 0.05, 0.0);
        assert!(icc(&even, 1, GUESS) < Some(0.005));
        assert_eq!(icc(&even, 2, GUESS), Some(GUESS));
    }

    #[test]
    fn four_windows_come_to_what_the_formula_gives_by_hand() {
        // Ten times (20, 1), (20, 3), (20, 0), (20, 4): r = 0.1, between = 10·20·(0.0025·2 + 0.01·2)/39 = 5/39,
        // within = 10·(0.95 + 3·0.85 + 4·0.8)/760 = 67/760, n0 = (800 − 20)/39 = 20.
        let history = [[1, 3, 0, 4].map(|failed| counts(20, failed)); 10].concat();
        let (between, within) = (5.0 / 39.0, 67.0 / 760.0);
        let want = (between - within) / (between + 19.0 * within);
        assert!((estimate(&history) - want).abs() < 1e-12);
    }

    #[test]
    fn the_chance_of_a_history_is_that_of_simulated_ones() {
        // How often the windows differ by less than the middle of what they are said to: about as often as said.
        let mut luck = Luck(11);
        let mut found: Vec<f64> = (0..400)
            .map(|_| Spread::of(&history(&mut luck, 30, 0.05, GUESS)).unwrap())
            .map(|spread| spread.chance(GUESS))
            .collect();
        found.sort_by(f64::total_cmp);
        for (place, chance) in [(40, 0.1), (200, 0.5), (360, 0.9)] {
            assert!(
                (found[place] - chance).abs() < 0.12,
                "{chance}: {}",
                found[place]
            );
        }
    }
}
