//! What holds whatever happens.

use std::time::Duration;

use plugin_progressive::rollout::{
    Action, Lease, Mode, OnInconclusive, Outcome, Phase, Plan, Reach, Step, next,
};
use proptest::prelude::*;
use shared::exit::Exit;
use shared::intent::At;
use shared::split::{Share, Side};

use crate::chance::{Chance, Turn, plans, play, tapes};
use crate::world::{World, s, share, start};

fn is_recorded(turn: &Turn) -> bool {
    turn.state.reach == Reach::Recorded
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn traffic_ends_restored_or_judged_good_or_a_person_is_called(plan in plans(), tape in tapes()) {
        let played = play(&plan, Chance::new(tape));
        let share = played.world.share;
        let moved = played.turns.iter().any(|turn| matches!(turn.step, Step::Set { .. }));
        let ended_well = match played.exit {
            Exit::NeedsPerson => played.last.share.is_some() || played.last.reach < Reach::Written,
            Exit::Passed => matches!(played.last.intent.at, At::Succeeded { share: left } if left == share)
                || share == Share::NONE || plan.mode != Mode::Roll,
            Exit::Busy => played.turns.iter().any(|turn| matches!(turn.facts.lease, Lease::Foreign { .. })) || !moved,
            Exit::Inconclusive => plan.on_inconclusive == OnInconclusive::Hold || share == Share::NONE,
            Exit::Bad | Exit::Cancelled | Exit::Bug => share == Share::NONE || !moved,
            Exit::Refused => share == Share::NONE || !moved || plan.settle_to == Some(Side::Canary),
            Exit::TimedOut => false,
        };
        prop_assert!(ended_well, "exit {:?} with {share} at {:?}", played.exit, played.last);
    }

    #[test]
    fn a_share_only_rises_until_the_snapshot_is_void(plan in plans(), tape in tapes()) {
        let played = play(&plan, Chance::new(tape));
        let mut highest = Share::NONE;
        for turn in &played.turns {
            if let Step::Set { share, .. } = turn.step {
                if turn.state.reach == Reach::Written {
                    prop_assert!(share >= highest, "{share} after {highest}");
                    highest = share;
                }
                // After a promote the only share is none: all for the stable side, which has the new version.
                prop_assert!(turn.state.reach < Reach::Void || share == Share::NONE);
            }
        }
    }

    #[test]
    fn from_promoting_on_the_snapshot_is_never_restored(plan in plans(), tape in tapes()) {
        let played = play(&plan, Chance::new(tape));
        let mut is_void = false;
        for turn in &played.turns {
            prop_assert!(!is_void || !matches!(turn.step, Step::Restore(_)));
            let promoting = matches!(&turn.step, Step::Journal(intent) if intent.at == At::Promoting);
            is_void |= promoting && turn.facts.outcome == Outcome::Done;
        }
    }

    #[test]
    fn after_the_recorded_success_nothing_moves_and_after_the_release_nothing_comes(plan in plans(), tape in tapes()) {
        let played = play(&plan, Chance::new(tape));
        let mut is_released = false;
        for turn in &played.turns {
            prop_assert!(!is_released, "{:?} after the release", turn.step);
            if is_recorded(turn) {
                let harmless = matches!(turn.step, Step::Notify | Step::Release | Step::Pause(_));
                prop_assert!(harmless, "{:?} after the success", turn.step);
            }
            is_released |= turn.step == Step::Release && turn.facts.outcome == Outcome::Done;
        }
        if played.last.reach == Reach::Recorded {
            prop_assert_eq!(played.exit, Exit::Passed);
        }
    }

    #[test]
    fn every_forward_write_is_journalled_just_before_it_and_made_under_a_sure_lease(plan in plans(), tape in tapes()) {
        let played = play(&plan, Chance::new(tape));
        for pair in played.turns.windows(2) {
            let (before, turn) = (&pair[0], &pair[1]);
            if !matches!(turn.state.phase, Phase::Acting(_)) {
                continue;
            }
            let wanted = match &turn.step {
                Step::Set { share, .. } if turn.state.reach == Reach::Void => {
                    prop_assert_eq!(*share, Share::NONE);
                    At::Returning
                }
                Step::Set { share, .. } => At::Moving { to: *share },
                Step::Hook { action: Action::Deploy, .. } => At::Deploying,
                Step::Hook { action: Action::Promote, .. } => At::Promoting,
                other => return Err(TestCaseError::fail(format!("{other:?} is no forward write"))),
            };
            let journalled = matches!(&before.step, Step::Journal(intent) if intent.at == wanted);
            prop_assert!(journalled, "{:?} after {:?}", turn.step, before.step);
            prop_assert_eq!(&turn.lease_when_decided, &Lease::Good);
        }
    }

    #[test]
    fn a_dry_run_and_a_refusal_write_nothing(plan in plans(), tape in tapes()) {
        let played = play(&plan, Chance::new(tape));
        let writes = |step: &Step| matches!(
            step,
            Step::Hook { .. } | Step::Set { .. } | Step::Restore(_) | Step::Flags(_)
                | Step::Succeed { .. } | Step::Incident | Step::Recover(_) | Step::Notify
        );
        let wrote = played.turns.iter().any(|turn| writes(&turn.step));
        let settled = played.last.settled.is_some() || plan.settle_to.is_some();
        let journalled = played.turns.iter().any(|turn| matches!(turn.step, Step::Journal(_)));
        prop_assert!(!plan.is_dry() || !journalled);
        if plan.is_dry() || (played.exit == Exit::Refused && !settled) {
            prop_assert!(!wrote, "exit {:?}", played.exit);
        }
    }

    /// SIGKILL at any step, before or after its effect: the next run settles it.
    #[test]
    fn what_a_killed_run_leaves_is_settled_by_the_next(
        plan in plans(), tape in tapes(), at in 0_usize..60, after in any::<bool>()
    ) {
        let mut plan = plan;
        plan.mode = Mode::Roll;
        plan.settle_to = None;
        let world = killed(&plan, tape, at, after);
        let found = world.share;
        let died_at = world.journal.as_ref().map(|intent| intent.at);
        plan.mode = Mode::Settle;
        let mut next_run = Chance::new(Vec::new());
        next_run.world = World { now: s(0), ..world };
        let played = play(&plan, next_run);
        let share = played.world.share;
        match died_at {
            Some(At::Held | At::Promoting) => {
                prop_assert!(played.exit == Exit::NeedsPerson || share == Share::NONE);
                let wrote = played.turns.iter().any(|turn| matches!(turn.step, Step::Set { .. } | Step::Restore(_)));
                prop_assert!(!wrote);
            }
            Some(At::Succeeded { .. }) => prop_assert_eq!(share, found),
            // Somebody else moved it.
            None | Some(At::Closed | At::Deploying) if share > Share::NONE => {
                prop_assert_eq!(played.exit, Exit::Refused);
            }
            _ => {
                prop_assert_eq!(share, Share::NONE);
                prop_assert_eq!(played.exit, Exit::Passed);
            }
        }
    }
}

/// The world that a run leaves that dies at its step `at`, before its effect or after it.
fn killed(plan: &Plan, tape: Vec<u8>, at: usize, after: bool) -> World {
    let mut chance = Chance::new(tape);
    let (mut state, mut step) = start(plan, &chance.world);
    for _ in 0..at {
        if matches!(step, Step::Finish(_)) {
            break;
        }
        let facts = chance.facts(&step);
        (state, step) = next(plan, state, facts);
    }
    if after {
        chance.world.effect(&step);
    }
    chance.world
}

#[test]
fn the_world_of_chance_reaches_every_kind_of_end() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut exits: Vec<u8> = Vec::new();
    let mut reached: Vec<Reach> = Vec::new();
    for _ in 0..1500 {
        let plan = plans().new_tree(&mut runner).unwrap().current();
        let tape = tapes().new_tree(&mut runner).unwrap().current();
        let played = play(&plan, Chance::new(tape));
        exits.push(played.exit.code());
        reached.push(played.last.reach);
    }
    for code in [0, 1, 2, 3, 4, 5, 70, 143] {
        assert!(exits.contains(&code), "no run ended with {code}");
    }
    for reach in [
        Reach::Idle,
        Reach::Begun,
        Reach::Deployed,
        Reach::Written,
        Reach::Void,
        Reach::Recorded,
    ] {
        assert!(reached.contains(&reach), "no run reached {reach:?}");
    }
}

#[test]
fn no_share_ever_leaves_both_sides_without_traffic() {
    // By construction: one share says both sides, and there is none outside of 0 to 100.
    for percent in 0..=100 {
        let canary = share(percent).percent();
        assert_eq!(u32::from(canary) + u32::from(100 - canary), 100);
    }
    assert!(Share::new(101).is_none());
    assert!(s(1) > Duration::ZERO);
}
