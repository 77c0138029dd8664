//! How many requests it takes to see something.

use std::fmt::Write as _;

use shared::evidence::{Finding, Pair, Rule, Trial, Window};
use shared::split::Counts;

use crate::runs::{Luck, RULE, USUAL};

/// Requests of the new and of the old version in one check.
const CHECK: (u32, u32) = (10, 90);

/// Seconds between two checks.
const SECONDS: u32 = 10;

/// Simulated rollouts a row.
const ROLLOUTS: usize = 201;

/// Checks after which a rollout is over.
const MOST: u32 = 5000;

/// What a version must be like to be found within how many requests.
pub(crate) fn sight() -> String {
    let mut out = String::from(
        "| of the new version's requests fail | half of such versions are found within | nine of ten within | \
         at 10 requests a second |\n|---|--:|--:|--:|\n",
    );
    for (name, rate) in [
        ("1 % (twice as many)", 2.0 * USUAL),
        ("1.5 % (three times)", 3.0 * USUAL),
        ("5 % (ten times)", 10.0 * USUAL),
        ("all (dead)", 1.0),
    ] {
        let checks = checks(rate);
        let (half, most) = (checks[ROLLOUTS / 2], checks[ROLLOUTS * 9 / 10]);
        let all = CHECK.0 + CHECK.1;
        let _ = writeln!(
            out,
            "| {name} | {} requests | {} requests | {} |",
            thousands(rounded(half * all)),
            thousands(rounded(most * all)),
            time(rounded(most * SECONDS)),
        );
    }
    out
}

/// After how many checks each of the simulated rollouts is rolled back, the fewest first.
fn checks(rate: f64) -> Vec<u32> {
    let mut luck = Luck(2026);
    let mut found: Vec<u32> = (0..ROLLOUTS).map(|_| check(&mut luck, rate)).collect();
    found.sort_unstable();
    found
}

fn check(luck: &mut Luck, rate: f64) -> u32 {
    let mut trial = Trial::new();
    for check in 1..=MOST {
        let window = Pair {
            canary: luck.counts(CHECK.0, rate),
            baseline: luck.counts(CHECK.1, USUAL),
        };
        trial.update(&RULE, Window::Beside(window));
        if matches!(trial.finding(&RULE), Finding::Worse { .. }) {
            return check;
        }
    }
    MOST
}

/// How many requests without a failure show that a rate is below `p_max`.
pub(crate) fn promotion() -> String {
    let mut out =
        String::from("| `p_max` | requests of the new version without a failure |\n|--:|--:|\n");
    for percent in [0.1, 0.5, 1.0, 2.0, 5.0] {
        let rule = Rule {
            p_max: Some(percent / 100.0),
            ..RULE
        };
        let _ = writeln!(out, "| {percent} % | {} |", thousands(flawless(&rule)));
    }
    out
}

/// The fewest requests without a failure that are enough, check by check.
fn flawless(rule: &Rule) -> u32 {
    let window = Counts {
        requests: CHECK.0.into(),
        failed: 0,
    };
    let mut trial = Trial::new();
    let mut requests = 0;
    while !matches!(trial.finding(rule), Finding::Good { .. }) {
        trial.update(rule, Window::Alone(window));
        requests += CHECK.0;
    }
    requests
}

/// Two digits that say something, rounded up.
fn rounded(number: u32) -> u32 {
    let step = 10_u32.pow((number.max(1).ilog10()).saturating_sub(1));
    number.div_ceil(step) * step
}

/// 12345 as 12,345.
fn thousands(number: u32) -> String {
    if number < 1000 {
        return number.to_string();
    }
    format!("{},{:03}", thousands(number / 1000), number % 1000)
}

fn time(seconds: u32) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{:.1} h", f64::from(seconds) / 3600.0),
    }
}
