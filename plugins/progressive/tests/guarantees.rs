//! What the project promises of its decisions, kept by the functions that a rollout decides with: looks are weighed and the
//! stage is called, one look after the other, over a thousand seeded rollouts of each kind.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test must fail it")]

use std::time::Duration;

use plugin_progressive::stage::{Asked, Call, Look, Rules, Watch, weigh};
use shared::evidence::{self, Against, Counted, Rule, Trials, Window};
use shared::split::Share;
use shared::threshold::Thresholds;
use shared::tick::{Judged, Tick};
use simulation::grid::{BAD, HEALTHY};
use simulation::rule::ALL_CHECKS;
use simulation::world::{Canary, Scenario, Trouble, World};

/// Rollouts of each kind.
const RUNS: u32 = 1000;
/// Requests of both sides from look to look.
const TRAFFIC: u32 = 1000;
const INTERVAL: Duration = Duration::from_secs(10);
/// A stage of twenty looks.
const WAIT: Duration = Duration::from_secs(200);

/// How many rollouts ended how.
#[derive(Debug, Default)]
struct Ends {
    passed: u32,
    bad: u32,
    inconclusive: u32,
    /// Looks until the bad ones were found, of each.
    looks: Vec<u32>,
}

fn rules() -> Rules {
    Rules {
        thresholds: Thresholds::default(),
        evidence: evidence::Rules::spent(Rule::DEFAULT, false, false),
        interval: INTERVAL,
        min_samples: 3,
        bursts: false,
        max_wait: None,
        counted_by: Some("haproxy".to_owned()),
        known_by_counts: false,
    }
}

/// A look whose probes are well, whatever clients get.
fn look(now: Duration, share: Share, counts: Option<Counted>) -> Look {
    let good = Tick {
        started: now,
        ended: now,
        samples: Vec::new(),
        judged: Judged::Good {
            warnings: Vec::new(),
        },
    };
    Look::new(good.clone(), Some(good), counts, Ok(share))
}

fn play(scenario: Scenario, rules: &Rules, seed: u64, ends: &mut Ends) {
    // The outage of a shared one is over before the canary has all the traffic: then nothing is beside it.
    let mut world = World::new(scenario, TRAFFIC, ALL_CHECKS, seed);
    let (mut trials, mut now, mut looks) = (Trials::default(), Duration::ZERO, 0);
    for percent in [10_u8, 25, 50, 100] {
        let share = Share::new(percent).unwrap();
        if percent > 10 {
            trials.begin_stage();
        }
        let mut watch = Watch::open(now, WAIT);
        let latest = now + 3 * WAIT;
        loop {
            let check = world.check(f64::from(percent) / 100.0);
            let counted = check.seen.map(|pair| {
                let (window, limits) = (Window::Beside(pair), &rules.thresholds);
                Counted::new("haproxy", window, None, Against::Beside, limits)
            });
            let mut look = look(now, share, counted);
            weigh(&mut trials, &watch, &mut look, rules, Asked::Yes);
            watch.push(look);
            looks += 1;
            match watch.call(rules, now, latest) {
                Call::Wait => now += INTERVAL,
                Call::Passed { .. } => break,
                Call::Bad { .. } => {
                    ends.bad += 1;
                    ends.looks.push(looks);
                    return;
                }
                Call::Inconclusive { .. } => {
                    ends.inconclusive += 1;
                    return;
                }
            }
        }
        now += INTERVAL;
    }
    ends.passed += 1;
}

fn played(scenario: Scenario) -> Ends {
    let (rules, mut ends) = (rules(), Ends::default());
    for seed in 0..RUNS {
        play(scenario, &rules, u64::from(seed), &mut ends);
    }
    ends
}

/// At most this part of the rollouts.
fn share(of: f64) -> f64 {
    of * f64::from(RUNS)
}

#[test]
fn a_healthy_version_is_rolled_back_in_at_most_alpha_of_the_rollouts_and_seldom_left_undecided() {
    for scenario in HEALTHY {
        let ends = played(scenario);
        let allowed = if scenario.trouble == Trouble::Bursts {
            0.02
        } else {
            Rule::DEFAULT.alpha
        };
        let what = format!("{}: {ends:?}", scenario.name);
        assert!(f64::from(ends.bad) <= share(allowed), "{what}");
        assert!(f64::from(ends.inconclusive) <= share(0.03), "{what}");
        assert_eq!(ends.passed + ends.bad + ends.inconclusive, RUNS);
    }
}

#[test]
fn a_dead_version_is_found_at_once_and_one_with_ten_times_the_errors_nearly_always() {
    let mut found = 0;
    for scenario in BAD {
        let ends = played(scenario);
        let what = format!("{}: {} of {RUNS}", scenario.name, ends.bad);
        match scenario.canary {
            Canary::Dead => {
                assert_eq!(ends.bad, RUNS, "{what}");
                assert!(ends.looks.iter().all(|looks| *looks <= 2), "{what}");
                found += 1;
            }
            Canary::Times(times) if times >= 10.0 => {
                assert!(f64::from(ends.bad) >= share(0.99), "{what}");
                found += 1;
            }
            Canary::Times(_) | Canary::LaterTimes(_) => {}
        }
    }
    assert!(found >= 2, "neither was played");
}
