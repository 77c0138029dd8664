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

/// Nanoseconds a round: the middle of some turns.
#[expect(clippy::disallowed_methods, reason = "it measures")]
fn nanoseconds(window: impl Fn(u32) -> Window) -> f64 {
    let mut turns = [0.0; TURNS];
    for turn in &mut turns {
        let mut trial = Trial::new();
        let began = Instant::now();
        for round in 0..ROUNDS {
            trial.update(black_box(&RULE), black_box(window(round)));
            black_box(trial.finding(black_box(&RULE)));
        }
        *turn = began.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS);
    }
    turns.sort_unstable_by(f64::total_cmp);
    turns[TURNS / 2]
}

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "| one window and its finding | nanoseconds |\n|---|--:|"
    )?;
    for (name, size) in [
        ("1,000 requests", 100),
        ("a thousand million requests", 100_000_000),
    ] {
        let both = nanoseconds(|round| {
            let (canary, baseline) = window(round, size);
            Window::Beside(Pair { canary, baseline })
        });
        writeln!(out, "| {name}, both versions | {both:.0} |")?;
        let one = nanoseconds(|round| Window::Alone(window(round, size).0));
        writeln!(out, "| {name}, the new version alone | {one:.0} |")?;
    }
    writeln!(
        out,
        "\nThe middle of {TURNS} times {ROUNDS} windows, on one core. A trial is {} bytes and owns no memory.",
        size_of::<Trial>()
    )
}
