//! The gamma distribution's function, from its series.

/// Terms of the series at most: many times what any shape below needs.
const TERMS: u32 = 10_000;

/// The chance that a gamma variable of this shape (above 0) and scale 1 is at most `x`.
///
/// ```text
/// P(a, x) = xᵃ·e⁻ˣ/Γ(a+1) · Σ xⁿ / ((a+1)·…·(a+n))
/// ```
///
/// Source: Abramowitz, Stegun, "Handbook of mathematical functions", 6.5.29.
pub(super) fn below(shape: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    // So far out that what is missing is no number any more.
    if x > shape + 40.0 * (shape.sqrt() + 1.0) {
        return 1.0;
    }
    let (mut term, mut sum) = (1.0, 1.0);
    for n in 1..TERMS {
        term *= x / (shape + f64::from(n));
        sum += term;
        if term < 1e-14 * sum {
            break;
        }
    }
    let log = shape * x.ln() - x - log_gamma(shape + 1.0) + sum.ln();
    log.exp().min(1.0)
}

/// ln Γ of 1 and more, by Stirling's series from 16 on.
fn log_gamma(z: f64) -> f64 {
    let (mut z, mut less) = (z, 0.0);
    while z < 16.0 {
        less += z.ln();
        z += 1.0;
    }
    let square = z * z;
    let series = (1.0 - (1.0 - 2.0 / (7.0 * square)) / (30.0 * square)) / (12.0 * z);
    (z - 0.5) * z.ln() - z + 0.5 * std::f64::consts::TAU.ln() + series - less
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) {
        assert!(
            (found - expected).abs() < 1e-10,
            "{found}, expected {expected}"
        );
    }

    #[test]
    fn the_logarithm_is_that_of_the_factorials_and_of_a_half() {
        near(log_gamma(1.0), 0.0);
        near(log_gamma(6.0), 120_f64.ln());
        near(log_gamma(1.5), (std::f64::consts::PI.sqrt() / 2.0).ln());
        near(log_gamma(21.0), 2_432_902_008_176_640_000_f64.ln());
    }

    #[test]
    fn shape_one_is_the_exponential_and_whole_shapes_are_poisson_tails() {
        for x in [1e-6_f64, 0.1, 1.0, 7.0, 30.0] {
            near(below(1.0, x), 1.0 - (-x).exp());
            near(below(3.0, x), 1.0 - (-x).exp() * (1.0 + x + x * x / 2.0));
        }
        // A χ² of one degree of freedom: P(χ² ≤ 1) = 0.6827 as of the normal distribution.
        near(below(0.5, 0.5), 0.682_689_492_137_086);
    }

    #[test]
    fn what_is_far_out_is_sure_and_nothing_is_impossible() {
        assert_eq!((below(2.0, 0.0), below(2.0, -1.0)), (0.0, 0.0));
        near(below(0.1, 1e9), 1.0);
        let great = below(1e6, 1e6);
        assert!((great - 0.5).abs() < 1e-3, "{great}");
        assert!(below(1e-3, 1e-30) > 0.9);
    }
}
