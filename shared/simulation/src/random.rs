//! Chance with a seed: xoshiro256++ and exact samples of the distributions that traffic is made of.
//!
//! Sources: Blackman, Vigna, "Scrambled linear pseudorandom number generators" (2021); Marsaglia, Tsang, "A simple
//! method for generating gamma variables" (2000); Ahrens, Dieter, "Computer methods for sampling from gamma, beta,
//! Poisson and binomial distributions" (1974) for the binomial by order statistics.

/// Up to this mean a binomial is found by walking up from 0.
const WALK_MOST: f64 = 30.0;

/// A stream of chance that is the same for the same seed, on every machine.
#[derive(Debug, Clone)]
pub struct Random {
    state: [u64; 4],
}

impl Random {
    /// A stream of its own for each seed.
    pub fn new(seed: u64) -> Self {
        let mut mixed = seed;
        Self {
            state: std::array::from_fn(|_| split_mix(&mut mixed)),
        }
    }

    fn next(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// From 0 to below 1, evenly.
    pub fn uniform(&mut self) -> f64 {
        f64::from_bits(0x3ff0_0000_0000_0000 | self.next() >> 12) - 1.0
    }

    /// 0 to below `end`, evenly. `end`: above 0.
    pub fn below(&mut self, end: u32) -> u32 {
        // The high half times `end`: of its 2^32 values some stand for one number more often, by 1 in 2^32/end.
        let wide = (self.next() >> 32) * u64::from(end);
        u32::try_from(wide >> 32).unwrap_or(0)
    }

    /// How many of `n` happen, each with the chance `p`.
    pub fn binomial(&mut self, n: u32, p: f64) -> u32 {
        if p > 0.5 {
            return n - self.binomial(n, 1.0 - p);
        }
        let (mut n, mut p, mut sure) = (n, p, 0);
        // Of n even draws the i-th smallest is a beta: it tells on which side of p all below or all above it lie.
        while f64::from(n) * p > WALK_MOST {
            let i = n / 2 + 1;
            let split = self.beta(f64::from(i), f64::from(n + 1 - i));
            if split <= p {
                sure += i;
                n -= i;
                p = (p - split) / (1.0 - split);
            } else {
                n = i - 1;
                p /= split;
            }
        }
        sure + self.walk(n, p)
    }

    /// A binomial by inversion. `p` may be anything here, the mean is small.
    fn walk(&mut self, n: u32, p: f64) -> u32 {
        if n == 0 || p <= 0.0 {
            return 0;
        }
        if p > 0.5 {
            return n - self.walk(n, 1.0 - p);
        }
        let odds = p / (1.0 - p);
        let mut chance = (f64::from(n) * (-p).ln_1p()).exp();
        let mut left = self.uniform();
        for x in 0..n {
            if left < chance {
                return x;
            }
            left -= chance;
            chance *= odds * f64::from(n - x) / f64::from(x + 1);
        }
        n
    }

    /// Between 0 and 1, with the mean `a/(a+b)`. Both above 0.
    pub fn beta(&mut self, a: f64, b: f64) -> f64 {
        let (x, y) = (self.gamma(a), self.gamma(b));
        if x + y > 0.0 { x / (x + y) } else { 0.0 }
    }

    fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            return self.gamma(shape + 1.0) * (1.0 - self.uniform()).powf(1.0 / shape);
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && (1.0 - self.uniform()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    fn normal(&mut self) -> f64 {
        loop {
            let (u, v) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let s = u * u + v * v;
            if s > 0.0 && s < 1.0 {
                return u * (-2.0 * s.ln() / s).sqrt();
            }
        }
    }
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and variance of many draws.
    fn moments(mut draw: impl FnMut() -> f64) -> (f64, f64) {
        let draws: Vec<f64> = (0..200_000).map(|_| draw()).collect();
        let mean = draws.iter().sum::<f64>() / 200_000.0;
        let spread = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
        (mean, spread / 200_000.0)
    }

    #[test]
    fn binomials_have_their_mean_and_variance() {
        let mut random = Random::new(1);
        for (n, p) in [
            (1, 0.3),
            (20, 0.1),
            (900, 0.005),
            (500, 0.5),
            (9000, 0.6),
            (10_000, 0.97),
        ] {
            let (mean, variance) = moments(|| f64::from(random.binomial(n, p)));
            let (n, expected) = (f64::from(n), f64::from(n) * p);
            let deviation = (n * p * (1.0 - p)).sqrt();
            assert!(
                (mean - expected).abs() < 5.0 * deviation / 447.0,
                "{n} {p}: {mean}"
            );
            assert!(
                (variance / deviation.powi(2) - 1.0).abs() < 0.03,
                "{n} {p}: {variance}"
            );
        }
    }

    #[test]
    fn what_is_sure_or_impossible_is_no_chance() {
        let mut random = Random::new(2);
        for n in [0, 1, 77, 10_000] {
            assert_eq!((random.binomial(n, 0.0), random.binomial(n, 1.0)), (0, n));
        }
    }

    #[test]
    fn small_binomials_have_their_distribution() {
        let mut random = Random::new(3);
        let mut seen = [0_u32; 4];
        for _ in 0..100_000 {
            seen[random.binomial(3, 0.2) as usize] += 1;
        }
        for (count, chance) in seen.into_iter().zip([0.512, 0.384, 0.096, 0.008]) {
            assert!(
                (f64::from(count) / 100_000.0 - chance).abs() < 0.008,
                "{seen:?}"
            );
        }
    }

    #[test]
    fn betas_have_their_mean_and_variance_also_where_they_cling_to_zero() {
        let mut random = Random::new(4);
        for (a, b) in [(0.245, 48.755), (2.0, 3.0), (451.0, 450.0)] {
            let (mean, variance) = moments(|| random.beta(a, b));
            let expected = a * b / ((a + b) * (a + b) * (a + b + 1.0));
            assert!(
                (mean - a / (a + b)).abs() < 5.0 * expected.sqrt() / 447.0,
                "{a} {b}: {mean}"
            );
            assert!(
                (variance / expected - 1.0).abs() < 0.06,
                "{a} {b}: {variance}"
            );
        }
    }

    #[test]
    fn a_seed_is_a_stream() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            (random.next(), random.below(7), random.uniform().to_bits())
        };
        assert_eq!(draw(5), draw(5));
        assert_ne!(draw(5), draw(6));
        let mut random = Random::new(7);
        assert!((0..1000).all(|_| random.below(3) < 3));
    }
}
