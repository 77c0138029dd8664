//! Mann-Whitney as Kayenta's judge uses it: one analysis at each stage's end, over the error rates of its checks.
//!
//! The canary is bad where the lower end of the two-sided 98 per cent confidence interval of the shift between the two
//! series (normal approximation with corrections for ties and continuity) is above a quarter of its estimate. A check
//! without a request has no rate and is left out.

use shared::evidence::Pair;

use super::{CHECKS, Rule, Steps, rate};

/// The normal distribution's quantile at 0.99.
const QUANTILE: f64 = 2.326_347_874_040_841;
const TOLERANCE: f64 = 0.25;

/// One rollout.
#[derive(Debug, Clone, Default)]
pub struct Kayenta {
    steps: Steps,
    canary: Vec<f64>,
    baseline: Vec<f64>,
}

impl Rule for Kayenta {
    fn share(&self) -> Option<f64> {
        self.steps.share()
    }

    fn look(&mut self, seen: Option<Pair>) -> bool {
        self.steps.done += 1;
        if let Some(pair) = seen {
            self.canary.extend(rate(pair.canary));
            self.baseline.extend(rate(pair.baseline));
        }
        if self.steps.in_stage() != 0 {
            return false;
        }
        let bad = higher(&self.canary, &self.baseline);
        self.canary.clear();
        self.baseline.clear();
        bad
    }
}

/// Whether the canary's series is classified as higher.
fn higher(canary: &[f64], baseline: &[f64]) -> bool {
    // The interval's lower end is above 0 only if the test at no shift says so: most series are done here.
    if canary.is_empty() || baseline.is_empty() || statistic(canary, baseline, 0.0) <= QUANTILE {
        return false;
    }
    shift(canary, baseline, QUANTILE) > TOLERANCE * shift(canary, baseline, 0.0).abs()
}

/// The shift of the canary's values at which the statistic falls to `quantile`.
fn shift(canary: &[f64], baseline: &[f64], quantile: f64) -> f64 {
    let least = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = |values: &[f64]| values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (mut low, mut high) = (
        least(canary) - most(baseline),
        most(canary) - least(baseline),
    );
    if statistic(canary, baseline, low) <= quantile {
        return low;
    }
    // The statistic falls as the shift grows; rates differ by more than 2^-30 where they differ.
    for _ in 0..30 {
        let middle = f64::midpoint(low, high);
        if statistic(canary, baseline, middle) > quantile {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

/// The standardised rank sum of `canary` less `shift` among both; 0 where all values are equal.
fn statistic(canary: &[f64], baseline: &[f64], shift: f64) -> f64 {
    let mut all = [(0.0, false); 2 * CHECKS as usize];
    let shifted = canary.iter().map(|value| (value - shift, true));
    let others = baseline.iter().map(|value| (*value, false));
    let mut count = 0;
    for (place, value) in all.iter_mut().zip(shifted.chain(others)) {
        *place = value;
        count += 1;
    }
    let all = &mut all[..count];
    all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (mut ranks, mut ties, mut done) = (0.0, 0.0, 0.0);
    for same in all.chunk_by(|a, b| (a.0 - b.0).abs() < f64::EPSILON) {
        let size = length(same.len());
        let of_canary = length(same.iter().filter(|(_, canary)| *canary).count());
        ranks += of_canary * (done + f64::midpoint(size, 1.0));
        ties += size * size * size - size;
        done += size;
    }
    let (n, m) = (length(canary.len()), length(baseline.len()));
    let off = ranks - n * (n + 1.0) / 2.0 - n * m / 2.0;
    let variance = n * m / 12.0 * (n + m + 1.0 - ties / ((n + m) * (n + m - 1.0)));
    let corrected = if off.abs() < 0.25 {
        0.0
    } else {
        off - 0.5_f64.copysign(off)
    };
    if variance > 0.0 {
        corrected / variance.sqrt()
    } else {
        0.0
    }
}

fn length(of: usize) -> f64 {
    f64::from(u32::try_from(of).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statistic_is_the_textbooks() {
        // R: wilcox.test(c(5,6,7,8,9), 1:5, exact = FALSE): W = 24.5, p = 0.01597; |z| = 2.4101.
        let canary = [5.0, 6.0, 7.0, 8.0, 9.0];
        let z = statistic(&canary, &[1.0, 2.0, 3.0, 4.0, 5.0], 0.0);
        let variance: f64 = 25.0 / 12.0 * (11.0 - 6.0 / 90.0);
        assert!((z - 11.5 / variance.sqrt()).abs() < 1e-12, "{z}");
        assert!(statistic(&[1.0; 5], &[1.0; 5], 0.0).abs() < 1e-12);
    }

    #[test]
    fn the_estimate_is_the_median_of_differences() {
        let shift = shift(
            &[11.0, 12.0, 13.5, 14.0, 15.0],
            &[1.0, 2.0, 3.0, 4.0, 5.0],
            0.0,
        );
        assert!((shift - 10.0).abs() < 0.6, "{shift}");
    }

    #[test]
    fn series_that_users_complained_of_pass() {
        // Errors [0,1,2,1,0,0] against zeros.
        assert!(!higher(&[0.0, 0.01, 0.02, 0.01, 0.0, 0.0], &[0.0; 6]));
    }

    #[test]
    fn a_clear_shift_is_high() {
        let canary: Vec<f64> = (0..20).map(|i| 0.05 + f64::from(i) * 0.001).collect();
        let baseline: Vec<f64> = (0..20).map(|i| 0.005 + f64::from(i) * 0.0001).collect();
        assert!(higher(&canary, &baseline));
        assert!(!higher(&baseline, &canary));
    }
}
