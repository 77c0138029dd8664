//! What the tests come to on plain figures.

use super::*;

const RULE: Rule = Rule {
    alpha: 0.01,
    beta: 0.05,
    allowed_factor: 1.0,
    limit: 0.05,
    p_max: Some(0.01),
    icc: 0.0,
};

fn counts(requests: u64, failed: u64) -> Counts {
    Counts { requests, failed }
}

fn beside(canary: (u64, u64), baseline: (u64, u64)) -> Window {
    Window::Beside(Pair {
        canary: counts(canary.0, canary.1),
        baseline: counts(baseline.0, baseline.1),
    })
}

#[test]
fn a_dead_canary_is_found_at_the_first_window() {
    let mut trial = Trial::new();
    trial.update(&RULE, beside((10, 10), (90, 0)));
    assert!(matches!(trial.finding(&RULE), Finding::Worse { .. }));
}

#[test]
fn an_outage_of_both_sides_says_nothing() {
    let mut trial = Trial::new();
    for _ in 0..100 {
        trial.update(&RULE, beside((100, 60), (900, 540)));
        assert_eq!(trial.finding(&RULE), Finding::Silent);
    }
}

#[test]
fn without_a_baseline_the_limit_decides() {
    let mut trial = Trial::new();
    trial.update(&RULE, Window::Alone(counts(60, 20)));
    assert!(matches!(trial.finding(&RULE), Finding::OverLimit { .. }));
    // An old one that is asked nothing may be dead.
    let mut trial = Trial::new();
    trial.update(&RULE, beside((60, 20), (0, 0)));
    assert_eq!(trial.finding(&RULE), Finding::Silent);
}

#[test]
fn without_a_failure_about_three_divided_by_the_rate_are_enough_to_promote() {
    let after = |requests| {
        let mut trial = Trial::new();
        trial.update(&RULE, Window::Alone(counts(requests, 0)));
        trial.finding(&RULE)
    };
    assert_eq!(after(250), Finding::Silent);
    assert!(matches!(after(450), Finding::Good { .. }));
}

#[test]
fn a_trial_that_was_written_down_goes_on_as_if_it_had_not_been() {
    let mut trial = Trial::new();
    trial.update(&RULE, beside((100, 3), (900, 5)));
    let text = serde_json::to_string(&trial).unwrap();
    let mut read: Trial = serde_json::from_str(&text).unwrap();
    assert_eq!(read, trial);
    read.begin_stage();
    trial.begin_stage();
    assert_eq!(read, trial);
}
