//! What was played is recorded as a rollout records it, and played again from that.

use std::time::Duration;

use jiff::Timestamp;
use plugin_progressive::replay::{
    Aside, Course, End, Judging, NOBODY, Reading, Record, Row, course, differences,
};
use plugin_progressive::report::replayed;
use plugin_progressive::rollout::{
    Cause, Mode, OnInconclusive, Outcome, Outline, Phase, Plan, Stage, Stages, State, Step, What,
    next,
};
use plugin_progressive::rows;
use plugin_progressive::stage::{Rule, judged};
use proptest::prelude::*;
use shared::exit::Exit;
use shared::table::aligned;

use crate::chance::plans;
use crate::world::{World, look, plan, s, share, start};

/// Far more than any run takes.
const STEPS_MAX: usize = 3000;

/// A rollout that was played, with its rows as the records hold them.
struct Played {
    rows: Vec<Row>,
    cause: Cause,
    /// The number of the last look.
    looks: i32,
    now: Duration,
}

/// Plays a plan with looks that are drawn.
fn play(plan: &Plan, mut draw: impl FnMut(Duration) -> Drawn) -> Played {
    let mut world = World::new();
    let (mut state, mut step) = start(plan, &world);
    let mut reading = Reading::default();
    let (mut rows, mut looks, mut cancelled) = (Vec::new(), 0, false);
    for _ in 0..STEPS_MAX {
        if let Phase::Ending(ending) = &state.phase {
            let cause = ending.cause.clone();
            let now = world.now;
            return Played {
                rows,
                cause,
                looks,
                now,
            };
        }
        world.effect(&step);
        let outcome = match &step {
            Step::Look(_) => {
                let drawn = draw(world.now);
                world.share = drawn.share.map_or(world.share, share);
                cancelled |= drawn.cancels;
                let seen = drawn.is_read.then_some(world.share);
                let mut look = look(world.now, drawn.word, seen);
                for tick in std::iter::once(&mut look.new).chain(&mut look.baseline) {
                    tick.judged = judged(&tick.samples, None, &plan.rules);
                }
                if let Some(counts) = &mut look.counts {
                    counts.judge(&plan.rules.thresholds);
                    counts.icc = drawn.icc;
                }
                looks += 1;
                rows.push(recorded(plan, &state, &look, looks, &mut reading));
                Outcome::Looked(Box::new(look))
            }
            step => world.good(step),
        };
        let mut facts = world.facts(outcome);
        facts.cancelled = cancelled;
        (state, step) = next(plan, state, facts);
    }
    panic!("no end after {STEPS_MAX} steps")
}

fn recorded(
    plan: &Plan,
    state: &State,
    look: &plugin_progressive::stage::Look,
    number: i32,
    reading: &mut Reading,
) -> Row {
    let Phase::Watching(span) = &state.phase else {
        panic!("a look at nothing")
    };
    let outline = Outline::of(plan, None, false);
    let row = rows::look(look, span, number, plan, outline);
    // The records hold text.
    let text = serde_json::to_string(&row).unwrap();
    let row = serde_json::from_str(&text).unwrap();
    let at = Timestamp::from_second(1_700_000_000).unwrap() + look.new.ended;
    reading.row(at, row, None).unwrap()
}

/// What a look shows.
struct Drawn {
    word: char,
    /// Where somebody moves the share to.
    share: Option<u8>,
    is_read: bool,
    cancels: bool,
    /// How much failures come in bursts, as a history says.
    icc: Option<f64>,
}

fn good(word: char) -> Drawn {
    Drawn {
        word,
        share: None,
        is_read: true,
        cancels: false,
        icc: None,
    }
}

/// Looks in this order, the last again and again.
fn words(words: &str) -> impl FnMut(Duration) -> Drawn {
    let mut left = words.chars().collect::<Vec<_>>().into_iter();
    let mut last = '.';
    move |_| {
        last = left.next().unwrap_or(last);
        good(last)
    }
}

fn tape(mut bytes: Vec<u8>, cancels: bool) -> impl FnMut(Duration) -> Drawn {
    let only = bytes.pop().filter(|byte| *byte < 120);
    move |_| {
        let all = b"......xom-!wvdcCOl";
        let mut byte = || bytes.pop().unwrap_or(255);
        let (what, drift, read, cancel) = (byte(), byte(), byte(), byte());
        let word = match only.filter(|_| what % 4 != 0) {
            Some(0..=20) => '-',
            Some(21..=40) => 'o',
            Some(_) => '.',
            None if what == 255 => '.',
            None => char::from(all[usize::from(what) % all.len()]),
        };
        Drawn {
            word,
            share: (drift < 3).then_some(cancel % 101),
            is_read: read >= 8,
            cancels: cancels && cancel < 12,
            icc: None,
        }
    }
}

/// The settings of now that are those of a plan.
fn judging(plan: &Plan) -> Judging {
    Judging {
        thresholds: plan.rules.thresholds.clone(),
        rule: plan.rules.evidence.failed,
        icc_is_said: false,
        min_samples: plan.rules.min_samples,
        max_wait: plan.rules.max_wait,
        healthy_threshold: plan.healthy_threshold,
        on_inconclusive: plan.on_inconclusive,
    }
}

fn again(rows: &[Row], now: Option<&Judging>) -> Course {
    course(&Record::of(rows.to_vec()), "d1", now).unwrap()
}

fn cause(course: &Course) -> Option<&Cause> {
    match &course.end {
        End::Over { cause, .. } => Some(cause),
        End::RecordEnds { .. } => None,
    }
}

/// A plan that watches something.
fn tame(mut plan: Plan) -> Plan {
    if plan.mode == Mode::Settle {
        plan.mode = Mode::Roll;
    }
    plan.commit = None;
    plan
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_replay_by_the_same_rules_ends_as_the_rollout_did_at_the_same_look(
        plan in plans().prop_map(tame),
        bytes in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let played = play(&plan, tape(bytes, false));
        if !played.rows.is_empty() {
            for now in [None, Some(&judging(&plan))] {
                let course = again(&played.rows, now);
                prop_assert_eq!(cause(&course), Some(&played.cause));
                prop_assert_eq!(course.at.look, Some(played.looks));
                let since = course.at.at.duration_since(Timestamp::from_second(1_700_000_000).unwrap());
                prop_assert_eq!(since.unsigned_abs(), played.now);
            }
        }
    }

    #[test]
    fn a_run_that_was_cancelled_is_undecided_and_nothing_is_made_up_for_it(
        plan in plans().prop_map(tame),
        bytes in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let played = play(&plan, tape(bytes, true));
        if !played.rows.is_empty() {
            let course = again(&played.rows, None);
            let wanted = Some(&played.cause).filter(|cause| **cause != Cause::Cancelled);
            // What the last look before a cancel decided is decided.
            prop_assert!(cause(&course) == wanted || wanted.is_none(), "{:?}", course.end);
            prop_assert_eq!(course.at.look, Some(played.looks));
        }
    }

    #[test]
    fn whatever_the_rules_a_replay_ends_and_sees_no_look_twice(
        plan in plans().prop_map(tame),
        other in plans(),
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        failures in 1_u32..5,
        samples in 1_u32..9,
        error_rate in 0.1_f64..20.0,
    ) {
        let played = play(&plan, tape(bytes, true));
        let mut now = judging(&plan);
        now.thresholds.consecutive_failures = failures;
        now.thresholds.fail.error_rate = error_rate;
        now.min_samples = samples;
        now.on_inconclusive = other.on_inconclusive;
        now.healthy_threshold = failures;
        if !played.rows.is_empty() {
            let course = again(&played.rows, Some(&now));
            let seen: Vec<i32> = course.passages.iter().filter_map(|one| one.look).collect();
            prop_assert!(seen.is_sorted() && course.at.look <= Some(played.looks));
            let recorded = again(&played.rows, None);
            let (exit, text) = replayed::verdict(&recorded, &course, None);
            prop_assert!(text.contains(&format!("(exit {})", exit.code())), "{}", text);
            prop_assert!(!aligned(&replayed::table(&recorded, &course)).is_empty());
        }
    }
}

/// Four failed looks in a row end the second stage.
fn failing() -> (Plan, Played) {
    let mut plan = plan();
    plan.rules.interval = s(10);
    plan.rules.thresholds.consecutive_failures = 4;
    let played = play(&plan, words("........xx..x"));
    (plan, played)
}

#[test]
fn a_tighter_rule_ends_it_sooner_and_says_when_and_by_how_much() {
    let (plan, played) = failing();
    let tight = Judging {
        thresholds: shared::threshold::Thresholds {
            consecutive_failures: 2,
            ..plan.rules.thresholds.clone()
        },
        ..judging(&plan)
    };
    let (old, new) = (again(&played.rows, None), again(&played.rows, Some(&tight)));
    let Some(Cause::Bad { rule, .. }) = cause(&new) else {
        panic!("{:?}", new.end)
    };
    assert_eq!((*rule, new.at.look), (Rule::InARow, Some(10)));
    assert_eq!(old.at.look, Some(played.looks));
    let (exit, text) = replayed::verdict(&old, &new, None);
    assert_eq!(exit, Exit::Bad);
    let wanted = "WOULD ROLL BACK (exit 1): stage 2 (100 %): ";
    assert!(text.starts_with(wanted), "{text}");
    let when = "; at 22:14:30Z, 1m 10s after the first share, at look 10: 1m sooner than recorded. Next: if sooner";
    assert!(text.contains(when), "{text}");
}

#[test]
fn a_looser_rule_goes_on_beyond_the_record_and_nothing_is_pretended() {
    let (plan, played) = failing();
    let mut loose = judging(&plan);
    loose.thresholds.consecutive_failures = 9;
    let (old, new) = (again(&played.rows, None), again(&played.rows, Some(&loose)));
    assert!(matches!(
        new.end,
        End::RecordEnds {
            what: What::Stage(1),
            ..
        }
    ));
    let (exit, text) = replayed::verdict(&old, &new, None);
    assert_eq!(exit, Exit::Inconclusive);
    let wanted = "UNDECIDED (exit 3): the record ends at 22:15:30Z, 2m 10s after the first share, at look 16: by these \
                  rules it would not have ended there, and stage 2 (100 %) would have been watched on. Next: ";
    assert!(text.starts_with(wanted), "{text}");
    let text = aligned(&replayed::table(&old, &new));
    assert_eq!(
        text,
        "watched           share  looks  failed  as recorded                now\n\
         the canary alone  –      1      0       passed 22:13:20Z, look 1   passed 22:13:20Z, look 1\n\
         stage 1           10 %   7      0       passed 22:14:20Z, look 8   passed 22:14:20Z, look 8\n\
         stage 2           100 %  8      6       FAILED 22:15:30Z, look 16  undecided 22:15:30Z, look 16\n"
    );
}

#[test]
fn limits_are_held_against_what_was_measured_and_not_against_what_was_said_of_it() {
    let mut plan = plan();
    plan.rules.interval = s(10);
    // An error rate of 9 % that a loose limit lets through.
    plan.rules.thresholds.fail.error_rate = 20.0;
    plan.rules.thresholds.warn.error_rate = 20.0;
    let played = play(&plan, words("..mmmm...."));
    let old = again(&played.rows, None);
    let mut now = judging(&plan);
    now.thresholds.fail.error_rate = 5.0;
    let new = again(&played.rows, Some(&now));
    assert!(
        matches!(cause(&old), Some(Cause::Success { .. })),
        "{:?}",
        old.end
    );
    let Some(Cause::Bad { rule, .. }) = cause(&new) else {
        panic!("{:?}", new.end)
    };
    assert_eq!((*rule, new.at.look), (Rule::InARow, Some(5)));
    let (exit, text) = replayed::verdict(&old, &new, None);
    assert_eq!(exit, Exit::Bad);
    assert!(
        text.contains("sooner than recorded, where it was recorded that it passed"),
        "{text}"
    );
}

#[test]
fn evidence_is_weighed_anew_and_what_clients_had_sent_is_told() {
    let mut plan = plan();
    plan.stages = Stages::new(vec![
        Stage {
            share: share(10),
            wait: s(60),
        },
        Stage {
            share: share(100),
            wait: s(60),
        },
    ])
    .unwrap();
    let played = play(&plan, words(".w"));
    let old = again(&played.rows, None);
    assert!(matches!(
        cause(&old),
        Some(Cause::Bad {
            rule: Rule::Evidence,
            ..
        })
    ));
    let text = replayed::as_recorded(&old, Some("haproxy"));
    let wanted = "as recorded it was rolled back at 22:13:20Z, 0ms after the first share, at look 2, when clients had \
                  sent it 500 requests: stage 1 (10 %): worse than luck explains; canary 40 of 500";
    assert!(text.starts_with(wanted), "{text}");
    let mut now = judging(&plan);
    now.rule.allowed_factor = 500.0;
    now.rule.limit = 0.5;
    now.thresholds.fail.availability = 50.0;
    now.thresholds.fail.error_rate = 50.0;
    assert!(matches!(
        again(&played.rows, Some(&now)).end,
        End::RecordEnds { .. }
    ));
    let differences = differences(
        &Record::of(played.rows.clone()).attempts[0].terms,
        &Record::of(played.rows).attempts[0].terms.judged_by(&now),
    );
    let wanted = [
        "threshold_error_rate 5 % → 50 %",
        "threshold_availability 99 % → 50 %",
        "allowed_factor 1 → 500",
    ];
    assert_eq!(differences, wanted);
}

#[test]
fn what_an_outage_of_both_is_depends_on_the_limits_of_now() {
    let mut plan = plan();
    plan.rules.interval = s(10);
    plan.rules.thresholds.fail.availability = 30.0;
    plan.rules.thresholds.warn.availability = 30.0;
    plan.rules.thresholds.fail.error_rate = 70.0;
    plan.rules.evidence.failed.limit = 0.7;
    let played = play(&plan, words("O"));
    assert!(
        matches!(played.cause, Cause::Success { .. }),
        "{}",
        played.cause
    );
    let mut now = judging(&plan);
    now.thresholds = shared::threshold::Thresholds::default();
    let outages =
        |course: &Course| -> u32 { course.passages.iter().map(|one| one.summary.outages).sum() };
    let (old, new) = (again(&played.rows, None), again(&played.rows, Some(&now)));
    assert_eq!(outages(&old), 0);
    assert!(outages(&new) > 3 && cause(&new).is_none(), "{:?}", new.end);
}

#[test]
fn a_policy_that_says_how_failures_come_in_bursts_beats_the_history() {
    let plan = plan();
    let played = play(&plan, |_| Drawn {
        icc: Some(0.9),
        ..good('w')
    });
    let mut now = judging(&plan);
    let history = again(&played.rows, Some(&now));
    assert_eq!(history.at.look, Some(played.looks));
    now.icc_is_said = true;
    let said = again(&played.rows, Some(&now));
    assert!(matches!(
        cause(&said),
        Some(Cause::Bad {
            rule: Rule::Evidence,
            ..
        })
    ));
    assert!(
        said.at.look < history.at.look,
        "{:?} {:?}",
        said.at,
        history.at
    );
}

#[test]
fn rules_that_would_have_watched_for_longer_are_undecided_where_the_stage_was_left() {
    let plan = plan();
    let played = play(&plan, words("."));
    let mut now = judging(&plan);
    now.min_samples = 40;
    let new = again(&played.rows, Some(&now));
    assert!(
        matches!(
            new.end,
            End::RecordEnds {
                what: What::Stage(0),
                ..
            }
        ),
        "{:?}",
        new.end
    );
    // To promote what is inconclusive needs the end of its time, too.
    now.on_inconclusive = OnInconclusive::Promote;
    assert!(cause(&again(&played.rows, Some(&now))).is_none());
}

#[test]
fn a_run_that_was_killed_and_begun_again_is_judged_on() {
    let mut plan = plan();
    plan.rules.interval = s(10);
    let killed = play(&plan, |now| Drawn {
        cancels: now >= s(20),
        ..good('l')
    });
    let second = play(&plan, words("l"));
    let rows = |later: i64| -> Vec<Row> {
        let moved = second.rows.iter().cloned().map(|mut row| {
            row.at += jiff::SignedDuration::from_secs(later);
            row
        });
        killed.rows.iter().cloned().chain(moved).collect()
    };
    let all = rows(3600);
    let record = Record::of(all.clone());
    assert_eq!(record.attempts.len(), 2);
    let alone = again(&second.rows, None);
    let both = again(&all, None);
    assert_eq!((both.at.attempt, alone.at.attempt), (2, 1));
    let (Some(Cause::Bad { reasons, .. }), true) = (cause(&both), both.at.look < alone.at.look)
    else {
        panic!("{both:?} beside {alone:?}")
    };
    assert!(reasons[0].to_string().contains(" before)"), "{reasons:?}");
    let text = aligned(&replayed::table(&both, &both));
    assert!(
        text.contains("run 1: stage 1 ") && text.contains("run 2: stage 1 "),
        "{text}"
    );
    // Also where both came no further than to their first look.
    let firsts = all.iter().filter(|row| row.number == 1).cloned();
    assert_eq!(Record::of(firsts.collect()).attempts.len(), 2);
    // A record that is written down twice is the same record.
    let doubled: Vec<Row> = all
        .iter()
        .flat_map(|row| [row.clone(), row.clone()])
        .collect();
    assert_eq!(Record::of(doubled), record);
}

#[test]
fn a_dry_run_proves_the_canary_and_is_left_out_where_there_is_more() {
    let mut dry = plan();
    dry.mode = Mode::Dry { record: true };
    let walked = play(&dry, words("xx."));
    let course = again(&walked.rows, None);
    assert_eq!(cause(&course), Some(&Cause::DryRun));
    let (exit, text) = replayed::verdict(&course, &course, None);
    assert_eq!(exit, Exit::Passed);
    let wanted = "WOULD PASS (exit 0): the canary proved itself; a dry run watches no stage; at ";
    assert!(text.starts_with(wanted), "{text}");
    let real = play(&plan(), words("."));
    let both = Record::of([walked.rows, real.rows.clone()].concat());
    assert!(both.leaves_dry_runs);
    assert_eq!(both.attempts, Record::of(real.rows).attempts);
}

#[test]
fn looks_that_were_never_recorded_are_counted() {
    let mut rows = play(&plan(), words(".")).rows;
    rows.remove(2);
    rows.remove(0);
    assert_eq!(Record::of(rows).attempts[0].missing, 2);
}

#[test]
fn settings_that_cannot_be_replayed_are_named_where_they_were_others() {
    let plan = plan();
    let record = Record::of(play(&plan, words(".c")).rows);
    let named = |name: &str| name.to_owned();
    let same = Aside {
        stages: Some((named("stages"), plan.stages.all().to_vec())),
        interval: Some((named("interval"), s(30))),
        soak: Some((named("soak"), s(0))),
        latency_limit: None,
        count_by: Some((named("count_by"), named("haproxy"))),
        endpoints: vec![(named("canary_endpoint"), named("http://canary/"))],
    };
    assert!(same.unlike(&record).is_empty());
    assert!(Aside::default().unlike(&record).is_empty());
    let others = Aside {
        stages: Some((named("stages"), plan.stages.all()[1..].to_vec())),
        interval: Some((named("interval"), s(5))),
        soak: Some((named("soak"), s(1))),
        latency_limit: Some((named("latency_limit"), Some(s(1)))),
        count_by: Some((named("count_by"), named(NOBODY))),
        endpoints: vec![(named("canary_endpoint"), named("http://other/"))],
    };
    let all = [
        "stages",
        "interval",
        "soak",
        "latency_limit",
        "count_by",
        "canary_endpoint",
    ];
    assert_eq!(others.unlike(&record), all);
}
