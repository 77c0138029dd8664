//! What the project promises of its decisions, over ten thousand seeded rollouts a cell.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test must fail it")]

use shared::evidence::Rule;
use simulation::board::Board;
use simulation::cell::Cell;
use simulation::grid::{BAD, DEFAULT, HEALTHY, Judge, P_MAX, PASTS, RUNS, TRAFFIC};
use simulation::world::{BASE, Canary, ICC, Scenario, Trouble};

/// The tests without any damping: nothing but α keeps their false rollbacks rare.
const UNDAMPED: Rule = Rule {
    icc: 0.0,
    ..DEFAULT
};
/// What a team with bursts is told to set.
const GUARDED: Rule = Rule {
    allowed_factor: 1.5,
    icc: ICC,
    ..DEFAULT
};

fn play(scenarios: &[Scenario], judges: &[Judge]) -> Board {
    let judges: Vec<(String, Judge)> = judges
        .iter()
        .map(|judge| (format!("{judge:?}"), *judge))
        .collect();
    Board::play(scenarios, &judges, RUNS)
}

fn with(trouble: Trouble, among: &[Scenario]) -> Scenario {
    let mut of = among.iter().filter(|scenario| scenario.trouble == trouble);
    *of.find(|scenario| matches!(scenario.canary, Canary::Times(1.0 | 10.0)))
        .unwrap()
}

/// Every cell of the board with what a failed test needs to know of it.
fn each(board: &Board, check: impl Fn(&str, u32, &Cell)) {
    for (row, scenario) in board.scenarios.iter().enumerate() {
        for (column, (judge, _)) in board.judges.iter().enumerate() {
            for (requests, cell) in TRAFFIC.into_iter().zip(board.cells(row, column)) {
                check(
                    &format!("{}, {requests} requests, {judge}: {cell:?}", scenario.name),
                    requests,
                    cell,
                );
            }
        }
    }
}

/// At most this part of the rollouts.
fn share(of: f64) -> f64 {
    of * f64::from(RUNS)
}

#[test]
fn a_healthy_version_is_rolled_back_in_at_most_alpha_of_the_rollouts_whatever_goes_on() {
    let independent = &HEALTHY[..5];
    assert!(
        independent
            .iter()
            .all(|scenario| scenario.trouble != Trouble::Bursts)
    );
    let board = play(independent, &[Judge::Ours(DEFAULT), Judge::Ours(UNDAMPED)]);
    each(&board, |what, _, cell| {
        assert!(f64::from(cell.falsely) <= share(DEFAULT.alpha), "{what}");
    });
}

#[test]
fn a_version_exactly_as_bad_as_allowed_is_rolled_back_in_at_most_alpha_of_the_rollouts() {
    let allowed = Scenario {
        name: "1.5× the errors",
        canary: Canary::Times(1.5),
        trouble: Trouble::None,
    };
    let board = play(
        &[allowed],
        &[Judge::Ours(Rule {
            allowed_factor: 1.5,
            ..UNDAMPED
        })],
    );
    each(&board, |what, _, cell| {
        assert!(f64::from(cell.found) <= share(DEFAULT.alpha), "{what}");
    });
}

#[test]
fn failures_in_bursts_roll_back_at_most_two_per_cent_with_the_guard_and_by_default() {
    let bursts = with(Trouble::Bursts, &HEALTHY);
    let board = play(&[bursts], &[Judge::Ours(GUARDED), Judge::Ours(DEFAULT)]);
    each(&board, |what, _, cell| {
        assert!(f64::from(cell.falsely) <= share(0.02), "{what}");
    });
}

#[test]
fn what_is_learned_of_bursts_costs_no_promise_and_brings_three_times_the_errors_early() {
    let learned = PASTS.map(|windows| Judge::Learned(DEFAULT, windows));
    let rare = |what: &str, _, cell: &Cell| {
        assert!(f64::from(cell.falsely) <= share(0.02), "{what}");
    };
    each(&play(&[with(Trouble::Bursts, &HEALTHY)], &learned), rare);
    each(&play(&[with(Trouble::None, &HEALTHY)], &learned[2..]), rare);
    let three = BAD[2];
    assert_eq!(three.canary, Canary::Times(3.0));
    let board = play(
        &[three],
        &[Judge::Ours(DEFAULT), Judge::Learned(DEFAULT, 300)],
    );
    for traffic in 2..TRAFFIC.len() {
        let [guessed, learned] = [0, 1].map(|judge| board.cells(0, judge)[traffic].clone());
        assert!(f64::from(learned.found) >= share(0.999), "{learned:?}");
        let (late, early) = (guessed.median_check.unwrap(), learned.median_check.unwrap());
        assert!(3 * early < late, "{early} instead of {late}");
    }
}

#[test]
fn a_dead_version_is_found_within_two_checks() {
    let dead = BAD[0];
    assert_eq!(dead.canary, Canary::Dead);
    let board = play(&[dead], &[Judge::Ours(DEFAULT), Judge::Ours(GUARDED)]);
    each(&board, |what, requests, cell| {
        assert_eq!(cell.found, RUNS, "{what}");
        if requests >= 100 {
            assert!(f64::from(cell.found_by(2)) >= share(0.999), "{what}");
            assert!(cell.median_check.unwrap() <= 2, "{what}");
        }
    });
}

#[test]
fn ten_times_the_errors_are_found_and_no_later_than_by_flagger_where_that_is_right_about_the_healthy()
 {
    let troubles = [
        Trouble::None,
        Trouble::Lag,
        Trouble::Resets,
        Trouble::Missing,
        Trouble::Bursts,
    ];
    let bad = troubles.map(|trouble| with(trouble, &BAD));
    let healthy = troubles.map(|trouble| with(trouble, &HEALTHY));
    let (ours, flagger) = (
        play(&bad, &[Judge::Ours(DEFAULT)]),
        play(&bad, &[Judge::Flagger]),
    );
    each(&ours, |what, requests, cell| {
        if requests >= 1000 {
            assert!(f64::from(cell.found) >= share(0.99), "{what}");
        }
    });
    let right = play(&healthy, &[Judge::Flagger]);
    let mut compared = 0;
    for (row, scenario) in bad.iter().enumerate() {
        for traffic in 0..TRAFFIC.len() {
            let of = |board: &Board| board.cells(row, 0)[traffic].clone();
            if f64::from(of(&right).falsely) > share(0.01) {
                continue;
            }
            let late = |board: &Board| of(board).median_check.unwrap_or(u32::MAX);
            assert!(
                late(&ours) <= late(&flagger),
                "{} {traffic}: {:?} {:?}",
                scenario.name,
                of(&ours),
                of(&flagger)
            );
            compared += 1;
        }
    }
    assert!(
        compared >= 4,
        "{compared} cells in which there was something to compare with"
    );
}

#[test]
fn a_version_at_the_rate_that_must_not_be_accepted_is_accepted_in_at_most_beta_of_the_stages() {
    let at_p_max = Scenario {
        name: "exactly at p_max",
        canary: Canary::Times(P_MAX / BASE),
        trouble: Trouble::None,
    };
    // Allowed to be as much worse as it is, so that no rollback comes before an acceptance.
    let allowing = Rule {
        allowed_factor: 2.0 * P_MAX / BASE,
        ..UNDAMPED
    };
    let board = play(&[at_p_max], &[Judge::Ours(allowing)]);
    let mut accepted = 0;
    each(&board, |what, _, cell| {
        for stage in cell.accepted {
            assert!(f64::from(stage) <= share(DEFAULT.beta), "{what}");
        }
    });
    for cell in board.cells(0, 0) {
        accepted += cell.accepted[2];
    }
    assert!(
        accepted > 0,
        "nothing was ever accepted: the promise was not tried"
    );
}
