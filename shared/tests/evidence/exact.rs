//! ln E beside a table that was computed from the definitions with 60 digits.

use super::{Limit, Promote, Regression, counts, pair};

/// Written by `reference.py` beside it.
const REFERENCE: &str = include_str!("reference.csv");

/// One of the three tests.
enum Test {
    Regression(Regression),
    Limit(Limit),
    Promote(Promote),
}

impl Test {
    fn of(name: &str) -> Self {
        match name {
            "regression" => Self::Regression(Regression::new()),
            "limit" => Self::Limit(Limit::new()),
            "promote" => Self::Promote(Promote::new()),
            other => panic!("no test {other}"),
        }
    }

    fn step(&mut self, step: &str, setting: f64, icc: f64) {
        if step == "S" {
            match self {
                Self::Regression(test) => test.begin_stage(),
                Self::Limit(test) => test.begin_stage(),
                Self::Promote(_) => panic!("a promote test begins anew"),
            }
            return;
        }
        let (times, window) = step.split_once('x').unwrap();
        let parts: Vec<u64> = window
            .split(':')
            .map(|part| part.parse().unwrap())
            .collect();
        for _ in 0..times.parse::<u32>().unwrap() {
            match (&mut *self, parts.as_slice()) {
                (Self::Regression(test), &[n_c, x_c, n_b, x_b]) => {
                    test.update(pair(counts(n_c, x_c), counts(n_b, x_b)), setting, icc);
                }
                (Self::Limit(test), &[n, x]) => test.update(counts(n, x), setting, icc),
                (Self::Promote(test), &[n, x]) => test.update(counts(n, x), setting, icc),
                _ => panic!("{step}"),
            }
        }
    }

    fn log_e(&self) -> f64 {
        match self {
            Self::Regression(test) => test.log_e(),
            Self::Limit(test) => test.log_e(),
            Self::Promote(test) => test.log_e(),
        }
    }
}

#[test]
fn every_value_is_that_of_sixty_digits() {
    let (mut lines, mut wrong) = (0, Vec::new());
    for line in REFERENCE.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let &[name, setting, icc, steps, want] = fields.as_slice() else {
            panic!("{line}");
        };
        let number = |text: &str| text.parse::<f64>().unwrap();
        let (setting, icc, want) = (number(setting), number(icc), number(want));
        let mut test = Test::of(name);
        for step in steps.split(' ') {
            test.step(step, setting, icc);
        }
        let error = (test.log_e() - want).abs() / want.abs().max(1.0);
        // A value that is no number must not pass.
        if error.is_nan() || error > 1e-9 {
            wrong.push(format!("{error:.1e} {} {line}", test.log_e()));
        }
        lines += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(lines > 400, "only {lines} lines");
}
