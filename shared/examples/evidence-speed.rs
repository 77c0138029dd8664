//! What one update of a trial and one finding cost; `.ci/bench evidence` runs it.

use std::hint::black_box;
use std::io::{self, Write};
use std::time::Instant;

use shared::evidence::{Pair, Rule, Trial, Window};
use shared::split::Counts;

const ROUNDS: u32 = 1_000_000;
const TURNS: usize = 9;

const RULE: Rule = Rule {
    alpha: 0.01,
    beta: 0.05,
    allowed_factor: 1.0,
    limit: 0.01,
    p_max: Some(0.02),
    icc: 0.02,
};

fn window(round: u32, size: u64) -> (Counts, Counts) {
    let counts = |requests, part| Counts {
        requests,
        failed: requests * u64::from(round % 7) / part,
    };
    (counts(size, 900), counts(size * 9, 800))
}

/// Nanoseconds that one of `ROUNDS` takes: the fastest of some turns, since what else runs here only ever adds.
#[expect(clippy::disallowed_methods, reason = "it measures")]
fn nanoseconds(mut round: impl FnMut(u32)) -> f64 {
    let turns = (0..TURNS).map(|_| {
        let began = Instant::now();
        for number in 0..ROUNDS {
            round(number);
        }
        began.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS)
    });
    turns.fold(f64::INFINITY, f64::min)
}

/// An update with such a window, and a finding after it.
fn costs(window: impl Fn(u32) -> Window) -> (f64, f64) {
    let mut trial = Trial::new();
    let update = nanoseconds(|round| {
        trial.update(black_box(&RULE), black_box(window(round)));
        black_box(&mut trial);
    });
    let finding = nanoseconds(|_| {
        black_box(black_box(&trial).finding(black_box(&RULE)));
    });
    (update, finding)
}

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "| a window of | update, ns | finding, ns |\n|---|--:|--:|"
    )?;
    for (name, size) in [
        ("1,000 requests", 100),
        ("a thousand million requests", 100_000_000),
    ] {
        let (update, finding) = costs(|round| {
            let (canary, baseline) = window(round, size);
            Window::Beside(Pair { canary, baseline })
        });
        writeln!(
            out,
            "| {name}, both versions | {update:.0} | {finding:.0} |"
        )?;
        let (update, finding) = costs(|round| Window::Alone(window(round, size).0));
        writeln!(
            out,
            "| {name}, the new version alone | {update:.0} | {finding:.0} |"
        )?;
    }
    writeln!(
        out,
        "\nThe fastest of {TURNS} times {ROUNDS}, on one core, as the plugins are built. A trial is {} bytes and owns no memory.",
        size_of::<Trial>()
    )
}
