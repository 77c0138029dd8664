//! A stage under every kind of look.

use super::*;
use jiff::Timestamp;
use shared::sample::{Answer, Phases, Role, Sample};
use shared::tick::{Judged, Tick, judge_named};

pub(super) fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn rule() -> evidence::Rule {
    evidence::Rule {
        alpha: 0.01,
        beta: 0.05,
        allowed_factor: 1.0,
        limit: 0.01,
        p_max: None,
        icc: 0.0,
    }
}

pub(super) fn rules() -> Rules {
    Rules {
        thresholds: Thresholds::default(),
        evidence: evidence::Rules::of(rule(), false),
        interval: s(10),
        min_samples: 3,
        bursts: false,
        max_wait: None,
        counted_by: None,
        known_by_counts: false,
    }
}

fn tick(at: u64, role: Role, outcome: Result<Answer, Vec<Reason>>) -> Tick {
    let sample = Sample {
        endpoint: "http://canary/".into(),
        role,
        at: Timestamp::UNIX_EPOCH,
        phases: Phases::default(),
        outcome,
    };
    let samples = vec![sample];
    let judged = judge_named(&samples, &Thresholds::default());
    Tick {
        started: s(at),
        ended: s(at),
        samples,
        judged,
    }
}

fn rate(error_rate: f64) -> Answer {
    Answer {
        error_rate: Some(error_rate),
        ..Answer::default()
    }
}

/// `.` good, `x` failing, `o` both sides failing, `-` no value from the metrics source, `!` the integrity check
/// failed, `m` an error rate of 9 %.
pub(super) fn look(at: u64, word: char) -> Look {
    let down = || Err(vec![Reason::Unhealthy]);
    let no_value = Reason::NoValue {
        query: "q".into(),
        detail: "empty result".into(),
    };
    let new = match word {
        '.' => tick(at, Role::Health, Ok(rate(0.0))),
        '-' => tick(at, Role::Metrics, Err(vec![no_value])),
        '!' => tick(at, Role::Integrity, down()),
        'm' => tick(at, Role::Health, Ok(rate(9.0))),
        _ => tick(at, Role::Health, down()),
    };
    let baseline = if word == 'o' { down() } else { Ok(rate(0.0)) };
    let share = Ok(shared::split::Share::new(10).unwrap());
    Look::new(new, Some(tick(at, Role::Health, baseline)), None, share)
}

pub(super) fn watch(word: &str, step: u64) -> Watch {
    let times = (0..).map(|n| n * step);
    of_looks(times.zip(word.chars()).map(|(t, c)| look(t, c)))
}

/// A span of a minute with these looks.
fn of_looks(looks: impl IntoIterator<Item = Look>) -> Watch {
    let mut watch = Watch::open(s(0), s(60));
    looks.into_iter().for_each(|look| watch.push(look));
    watch
}

fn call(word: &str, step: u64, now: u64) -> Call {
    watch(word, step).call(&rules(), s(now), s(1000))
}

pub(super) fn bad(call: &Call) -> Option<Rule> {
    match call {
        Call::Bad { rule, .. } => Some(*rule),
        Call::Wait | Call::Passed { .. } | Call::Inconclusive { .. } => None,
    }
}

#[test]
fn three_failures_in_a_row_end_it_and_two_do_not() {
    assert_eq!(bad(&call("..xxx", 10, 40)), Some(Rule::InARow));
    assert_eq!(call("..xx", 10, 30), Call::Wait);
    assert_eq!(call("..xx.x", 10, 50), Call::Wait);
}

#[test]
fn a_metric_outside_its_limit_three_times_in_a_row_ends_it_however_slowly() {
    let thresholds = Thresholds {
        failure_window: s(1),
        ..Thresholds::default()
    };
    let slow = Rules {
        thresholds,
        ..rules()
    };
    let judged = watch("mmm", 10).call(&slow, s(20), s(1000));
    assert_eq!(bad(&judged), Some(Rule::Repeated { times: 3 }));
    assert_eq!(watch(".mm", 10).call(&slow, s(20), s(1000)), Call::Wait);
    assert_eq!(watch("xxx", 10).call(&slow, s(20), s(1000)), Call::Wait);
}

#[test]
fn one_failed_integrity_check_ends_it() {
    assert_eq!(bad(&call(".!", 10, 10)), Some(Rule::Integrity));
}

#[test]
fn a_shared_outage_counts_for_nothing_and_stops_the_time() {
    assert_eq!(call("oooooo", 10, 55), Call::Wait);
    assert_eq!(call("ooooooooo", 10, 90), Call::Wait);
    assert_eq!(call("..oo..", 10, 60), Call::Wait);
    let passed = Call::Passed { warnings: vec![] };
    assert_eq!(call("..oo.....", 10, 80), passed);
    assert_eq!(bad(&call("xxoox", 1, 4)), Some(Rule::InARow));
}

#[test]
fn evidence_ends_it_at_any_look() {
    let mut watch = watch("..", 10);
    watch.seen[1].evidence = Evidence::Rollback {
        reasons: vec![Reason::Unhealthy],
    };
    let judged = watch.call(&rules(), s(10), s(1000));
    assert_eq!(bad(&judged), Some(Rule::Evidence));
}

#[test]
fn it_passes_at_its_end_and_not_before() {
    assert_eq!(call("......", 10, 59), Call::Wait);
    assert_eq!(call("......", 10, 60), Call::Wait);
    let passed = Call::Passed { warnings: vec![] };
    assert_eq!(call(".......", 10, 60), passed);
}

#[test]
fn one_failure_among_seven_is_a_warning() {
    let warnings = vec![Reason::SomeFailed {
        failures: 1,
        attempts: 7,
    }];
    assert_eq!(call("...x...", 10, 60), Call::Passed { warnings });
}

#[test]
fn the_mean_of_a_reported_metric_fails_it_at_its_end() {
    assert_eq!(bad(&call("mm.mm.m", 10, 60)), Some(Rule::Whole));
}

#[test]
fn nothing_but_scattered_failures_fail_it() {
    assert_eq!(bad(&call("xxx", 31, 93)), Some(Rule::Whole));
}

#[test]
fn without_samples_it_is_extended_and_then_inconclusive() {
    let at = |now, latest| watch("-------", 10).call(&rules(), s(now), s(latest));
    assert_eq!(at(60, 61), Call::Wait);
    let needed = Reason::TooFew {
        samples: 0,
        needed: 3,
    };
    let inconclusive = Call::Inconclusive {
        reasons: vec![needed],
    };
    assert_eq!(at(60, 60), inconclusive);
    let short = Rules {
        max_wait: Some(s(60)),
        ..rules()
    };
    let judged = watch("-------", 10).call(&short, s(60), s(1000));
    assert_eq!(judged, inconclusive);
}

#[test]
fn evidence_for_the_version_passes_what_too_few_looks_would_not() {
    let mut watch = watch("-------", 10);
    watch.seen[6].evidence = Evidence::Promote;
    let judged = watch.call(&rules(), s(60), s(60));
    assert_eq!(judged, Call::Passed { warnings: vec![] });
}

#[test]
fn the_interval_shrinks_where_the_samples_would_not_fit() {
    let mut short = watch(".", 1);
    short.wait = s(6);
    assert_eq!(short.due(&rules()), s(2));
    assert_eq!(watch(".", 1).due(&rules()), s(10));
}

#[test]
fn it_wakes_for_the_next_look_or_for_its_end() {
    let watch = watch("......", 11);
    assert_eq!(watch.wakes(&rules(), s(56)), s(60));
    assert_eq!(watch.wakes(&rules(), s(61)), s(65));
}

#[test]
fn a_summary_tells_what_was_seen() {
    let sum = Summary::of(
        2,
        shared::split::Share::ALL,
        &watch(".mo-", 10),
        Ended::Failed,
        s(40),
    );
    assert_eq!((sum.looks, sum.failed, sum.outages), (2, 1, 1));
    assert_eq!(sum.mean(shared::metric::Metric::ErrorRate), Some(4.5));
    assert_eq!(sum.took, s(40));
}

#[test]
fn a_look_that_says_nothing_breaks_no_row_of_good_ones_silently() {
    assert_eq!(watch("x..", 1).good_in_a_row(), 2);
    assert_eq!(watch("..-", 1).good_in_a_row(), 0);
    assert!(matches!(look(0, '!').new.judged, Judged::Critical { .. }));
}

type Answered<'a> = (&'a str, Role, Result<Answer, Vec<Reason>>);

fn several(at: u64, answers: &[Answered<'_>]) -> Look {
    let samples: Vec<Sample> = answers
        .iter()
        .map(|(endpoint, role, outcome)| Sample {
            endpoint: (*endpoint).into(),
            role: *role,
            at: Timestamp::UNIX_EPOCH,
            phases: Phases::default(),
            outcome: outcome.clone(),
        })
        .collect();
    let mut look = look(at, '.');
    look.new.judged = judge_named(&samples, &Thresholds::default());
    look.new.samples = samples;
    look
}

#[test]
fn a_span_ends_well_on_a_good_look_only() {
    assert!(matches!(call(".......", 10, 60), Call::Passed { .. }));
    assert_eq!(call("......x", 10, 60), Call::Wait);
    assert_eq!(call("......xx", 10, 70), Call::Wait);
    assert_eq!(bad(&call("......xxx", 10, 80)), Some(Rule::InARow));
    assert!(matches!(call("......xx.", 10, 80), Call::Passed { .. }));
    // A look that says nothing does not make the one before it good.
    assert_eq!(call("......x-", 10, 70), Call::Wait);
}

#[test]
fn failures_too_slow_for_a_row_end_a_span_without_a_verdict_and_not_well() {
    let slow = Watch {
        wait: s(200),
        ..watch(".....xxx", 40)
    };
    let at = |now, latest| slow.call(&rules(), s(now), s(latest));
    assert_eq!(at(300, 1000), Call::Wait);
    let Call::Inconclusive { reasons } = at(300, 300) else {
        panic!("{:?}", at(300, 300))
    };
    assert_eq!(
        reasons[0].to_string(),
        "http://canary/ : the service calls itself unhealthy"
    );
}

#[test]
fn a_missing_value_does_not_excuse_a_service_that_fails_beside_it() {
    let no_value = Reason::NoValue {
        query: "q".into(),
        detail: "empty result".into(),
    };
    let mut both = several(
        0,
        &[
            ("http://canary/", Role::Health, Err(vec![Reason::Unhealthy])),
            ("http://metrics/", Role::Metrics, Err(vec![no_value])),
        ],
    );
    assert_eq!(both.kind(), Kind::Failing);
    both.baseline = None;
    assert_eq!(both.kind(), Kind::Failing);
}

#[test]
fn a_version_is_proven_by_a_health_endpoint_that_named_it() {
    let named = || {
        Ok(Answer {
            version: Some("c0ffee".into()),
            ..Answer::default()
        })
    };
    let proven = |answers: &[_]| several(0, answers).proves_version();
    assert!(proven(&[("http://canary/", Role::Health, named())]));
    assert!(!proven(&[("http://metrics/", Role::Metrics, named())]));
    let unnamed = ("http://b/", Role::Health, Ok(rate(0.0)));
    assert!(!proven(&[("http://a/", Role::Health, named()), unnamed]));
}

#[test]
fn a_mean_is_held_against_its_limit_from_min_samples_on() {
    let spread = |word| {
        let watch = Watch {
            wait: s(20),
            ..watch(word, 10)
        };
        watch.call(&rules(), s(20), s(20))
    };
    // 9 %, 9 % and 0 % are 6 % on three samples.
    assert_eq!(bad(&spread("mm.")), Some(Rule::Whole));
    assert_eq!(bad(&spread("m-.")), None);
}

#[test]
fn breaches_of_different_endpoints_are_no_row() {
    let slow = Rules {
        thresholds: Thresholds {
            failure_window: s(1),
            ..Thresholds::default()
        },
        ..rules()
    };
    let of = |endpoints: [&str; 3]| {
        let times = [0, 10, 20].into_iter().zip(endpoints);
        let seen = times.map(|(at, name)| several(at, &[(name, Role::Health, Ok(rate(9.0)))]));
        let watch = of_looks(seen);
        bad(&watch.call(&slow, s(20), s(1000)))
    };
    assert_eq!(of(["http://a/"; 3]), Some(Rule::Repeated { times: 3 }));
    assert_eq!(of(["http://a/", "http://b/", "http://a/"]), None);
}

#[test]
fn a_summary_tells_the_worst_of_several_endpoints() {
    for rates in [(1.0, 4.0), (4.0, 1.0)] {
        let seen = several(
            0,
            &[
                ("http://a/", Role::Health, Ok(rate(rates.0))),
                ("http://b/", Role::Health, Ok(rate(rates.1))),
            ],
        );
        let watch = of_looks([seen]);
        let all = shared::split::Share::ALL;
        let sum = Summary::of(1, all, &watch, Ended::Passed, s(10));
        assert_eq!(sum.mean(shared::metric::Metric::ErrorRate), Some(4.0));
    }
}
