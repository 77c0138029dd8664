//! SIGKILL and SIGTERM after every effect that others can see of a rollout: whatever the next run finds, traffic ends
//! on a version that was judged good, and nothing is done twice.

mod case;
mod effects;
mod scene;
mod worlds;

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use case::{Case, Left, Reached};
use effects::Effects;
use scene::{FIRST, Kind, Scene};
use testbed::backend::Manner;
use testbed::relay::Passage;
use worlds::{Wrong, each};

/// From the signal to the last command that brings traffic back.
const RESTORED_WITHIN: Duration = Duration::from_secs(2);

#[test]
fn a_clean_rollout_has_the_same_effects_each_time() {
    let kinds = [
        "UPDATE deployment_leases SET token",
        "INSERT health_checks",
        "INSERT deployment_rollouts state=moving-10",
        "INSERT deployments status=in_progress",
        "set server shop/green weight 10",
        "INSERT progressive_deployments stage=3 status=passed",
        "INSERT deployments status=success, INSERT version_markers",
        "INSERT deployment_parts part=notify",
        "UPDATE deployment_leases SET deployment_id",
    ];
    let of_swap = ["POST /slack", "state=pending", "state=success"];
    let of_promote = [
        "POST /deploy action=deploy",
        "POST /flags action=update-traffic percent=50",
        "POST /deploy action=promote",
        "INSERT deployment_rollouts state=returning",
        "POST /people",
    ];
    for (kind, more) in [(Kind::Swap, &of_swap[..]), (Kind::Promote, &of_promote)] {
        let [once, again] = [(); 2].map(|()| recorded(kind));
        assert_eq!(once.0, again.0);
        for name in kinds.iter().chain(more) {
            assert!(once.within(once.0.len(), name), "{name}: {:#?}", once.0);
        }
    }
}

#[test]
fn what_sigkill_leaves_after_any_effect_is_settled_and_nothing_is_done_twice() {
    for kind in [Kind::Swap, Kind::Promote] {
        let clean = recorded(kind);
        let kills = each(1..=clean.0.len(), |number| {
            killed(&Case::new(kind, &clean, number))
        });
        assert_eq!(kills, clean.0.len());
    }
}

#[test]
fn sigterm_after_any_effect_restores_within_two_seconds() {
    for kind in [Kind::Swap, Kind::Promote] {
        let clean = recorded(kind);
        let table = Mutex::new(String::new());
        let signals = each(1..=clean.0.len(), |number| {
            let again = || terminated(&Case::new(kind, &clean, number), &table);
            // On a busy machine a second try tells slow from unlucky.
            let mut ended = again();
            if ended.restored.is_some_and(|took| took > RESTORED_WITHIN) {
                ended = again();
            }
            let late = ended.restored.filter(|took| *took > RESTORED_WITHIN);
            ended
                .wrong
                .extend(late.map(|took| format!("restored after {took:?}")));
            ended.wrong
        });
        assert_eq!(signals, clean.0.len());
        // Not `println!`, which lints forbid; it is shown with --nocapture.
        let table = table.into_inner().unwrap();
        std::io::stdout().write_all(table.as_bytes()).unwrap();
    }
}

#[test]
fn what_sigkill_leaves_around_any_command_is_settled_from_the_journal_alone() {
    let clean = recorded(Kind::Journal);
    assert!(clean.0.iter().all(|name| name.starts_with("set server ")));
    for passage in [Passage::FreezeBefore, Passage::FreezeAfter] {
        let kills = each(1..=clean.0.len(), |number| {
            let case = Case::new(Kind::Journal, &clean, number);
            kill(&case, passage);
            let mut wrong = Wrong::default();
            if number.is_multiple_of(2) {
                wrong.hold("settle", case.settle(), 0);
            }
            wrong.hold("second", case.second(), 0);
            wrong.told(&case, case.wrong(&BACK))
        });
        assert_eq!(kills, 6);
    }
}

#[test]
fn what_sigkill_leaves_of_a_rollback_is_done_by_the_next_run() {
    let scene = Scene::start(Kind::Swap).failing();
    scene.bring(FIRST, &scene.green);
    scene.run(FIRST, &[]).with(1, "ROLLED BACK");
    assert_eq!(scene.live(), "live before");
    let bad = Effects::of(&scene.desk.exchanges());
    for told in ["/issues", "part=incident", "state=failure"] {
        assert!(bad.within(bad.0.len(), told), "{told}: {:#?}", bad.0);
    }
    let restored = |name: &String| *name == "set server shop/blue weight 100";
    let first = bad.0.iter().position(restored).unwrap() + 1;
    let kills = each(first..=bad.0.len(), |number| {
        killed_in_rollback(&Case::of_bad(Kind::Swap, &bad, number))
    });
    assert_eq!(kills, bad.0.len() + 1 - first);
}

/// What is left of a rollout that was only put back.
const BACK: Left<'_> = Left {
    status: Some("cancelled"),
    told: 1,
    word: "settled",
    taken_back: true,
    held: false,
};

/// The effects of a clean rollout.
fn recorded(kind: Kind) -> Effects {
    let scene = Scene::start(kind);
    scene.bring(FIRST, &scene.green);
    scene.run(FIRST, &[]).with(0, "PASSED");
    assert_eq!(scene.live(), FIRST.commit);
    Effects::of(&scene.desk.exchanges())
}

/// Ends the first deployment's run at its effect.
fn kill(case: &Case, passage: Passage) {
    let ended = case.until(passage).signal("-KILL").wait();
    assert_eq!(ended.code, None);
    case.scene.desk.thaw();
}

/// Kills the first deployment's run after an effect, runs the next pipeline, and gives what is wrong then.
fn killed(case: &Case) -> Vec<String> {
    kill(case, Passage::FreezeAfter);
    let mut wrong = Wrong::default();
    let needs_person = case.reached() == Reached::Promoting;
    let code = if needs_person { 4 } else { 0 };
    if case.number.is_multiple_of(2) {
        wrong.hold("settle", case.settle(), code);
    } else {
        case.scene.free_lease();
    }
    wrong.hold("second", case.second(), code);
    if needs_person {
        by_hand(case, &mut wrong);
    }
    let (status, told) = match case.reached() {
        Reached::Nothing => (None, 0),
        Reached::Begun => (Some("cancelled"), 1),
        // Nobody knows what became of it.
        Reached::Promoting => (Some("in_progress"), 0),
        Reached::Returning => (Some("unverified"), 1),
        // Whoever dies after the success and before he tells of it leaves it untold.
        Reached::Succeeded => (Some("success"), usize::from(case.has_told())),
    };
    let left = Left {
        status,
        told,
        word: if case.reached() == Reached::Succeeded {
            "passed"
        } else {
            "settled"
        },
        taken_back: case.reached() == Reached::Begun,
        held: false,
    };
    wrong.told(case, case.wrong(&left))
}

/// The same while it goes back from a version that it has judged bad.
fn killed_in_rollback(case: &Case) -> Vec<String> {
    kill(case, Passage::FreezeAfter);
    let mut wrong = Wrong::default();
    if case.number.is_multiple_of(2) {
        wrong.hold("settle", case.settle(), 0);
        assert_eq!(case.scene.live(), "live before", "{}", case.name());
    } else {
        case.scene.free_lease();
    }
    case.scene.desk.rule(|_| Passage::Forward);
    case.scene.green.behave(Manner::Healthy);
    wrong.hold("second", case.second(), 0);
    let done = |part: &str| case.clean.within(case.number, part);
    // Traffic goes back before anything is written, so a judgement can die with its run.
    let judged = done("state=rolling_back");
    let status = if judged { "rolled_back" } else { "cancelled" };
    // What was told and not noted is told again: rather twice than never.
    let told_twice = done("POST /slack") && !done("part=notify");
    let left = Left {
        status: Some(status),
        told: if told_twice { 2 } else { 1 },
        word: "",
        taken_back: false,
        held: judged,
    };
    wrong.told(case, case.wrong(&left))
}

/// What a person does about a stable side of which nobody knows what it runs: brings it the version that passed every
/// stage, and gives it its traffic.
fn by_hand(case: &Case, wrong: &mut Wrong) {
    let scene = &case.scene;
    assert_eq!(scene.live(), FIRST.commit, "{}", case.name());
    scene.blue.deploy(FIRST.commit);
    scene.weigh(100, 0);
    wrong.hold("settle by hand", case.settle(), 0);
    wrong.hold("second by hand", case.second(), 0);
}

/// How a run ended that was told to.
struct Terminated {
    wrong: Vec<String>,
    /// From the signal to the last command to the proxy; nothing where there was none to be.
    restored: Option<Duration>,
}

/// Sends SIGTERM after an effect, and runs the next pipeline.
fn terminated(case: &Case, table: &Mutex<String>) -> Terminated {
    let scene = &case.scene;
    let running = case.until(Passage::FreezeAfter);
    let sent = now();
    let running = running.signal("-TERM");
    scene.desk.thaw();
    let ended = running.wait();
    let reached = case.reached();
    let (code, word) = match reached {
        Reached::Nothing | Reached::Begun => (143, "CANCELLED"),
        Reached::Promoting | Reached::Returning => (4, "HELD"),
        Reached::Succeeded => (0, "PASSED"),
    };
    let mut wrong = Wrong::default();
    wrong.hold("step", ended.code.unwrap_or(-1), code);
    let begins = format!("{word} (exit {code}): ");
    assert!(
        ended.verdict().starts_with(&begins),
        "{}: {}",
        case.name(),
        ended.log
    );
    let live = match reached {
        Reached::Nothing | Reached::Begun => "live before",
        _ => FIRST.commit,
    };
    assert_eq!(scene.live(), live, "{}: {}", case.name(), ended.log);
    let restored = case.last_move().filter(|_| reached == Reached::Begun);
    let restored = restored.map(|at| at.saturating_duration_since(sent));
    writeln!(
        table.lock().unwrap(),
        "{:<110} exit {code:>3}  {}",
        case.name(),
        restored.map_or("nothing to restore".to_owned(), |took| format!(
            "restored in {took:?}"
        ))
    )
    .unwrap();
    let held = reached == Reached::Promoting || (code == 4 && scene.weights() != (100, 0));
    wrong.hold("second", case.second(), if held { 4 } else { 0 });
    if held {
        by_hand(case, &mut wrong);
    }
    let status = match reached {
        // Before the traffic is read nothing has begun.
        Reached::Nothing if case.number == 1 => None,
        Reached::Nothing | Reached::Begun => Some("cancelled"),
        Reached::Promoting | Reached::Returning => Some("held"),
        Reached::Succeeded => Some("success"),
    };
    let left = Left {
        status,
        told: usize::from(status.is_some()),
        word: &word.to_lowercase(),
        taken_back: reached == Reached::Begun,
        held: false,
    };
    Terminated {
        wrong: wrong.told(case, case.wrong(&left)),
        restored,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the relay notes times by the same clock"
)]
fn now() -> Instant {
    Instant::now()
}
