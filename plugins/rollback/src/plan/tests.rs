//! The plan's tests, and the facts that the tests of its rooms start from.

use shared::deployment::Status;
use shared::intent::{At, Intent};
use shared::split::Share;

use super::facts::{Kind, Lifted, Occasion, Reach, Row, Source};
use super::*;

pub(crate) const BAD: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
pub(crate) const GOOD: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

pub(crate) fn asked() -> Asked {
    Asked {
        deployment_id: "d1".into(),
        id_said: false,
        commit: Some(BAD.into()),
        commit_said: false,
        occasion: Occasion::Pipeline,
        on_rollback: false,
        previous: None,
        strategy: Strategy::Auto,
        lifted: Lifted::default(),
        hook: true,
        endpoint: true,
        incident: false,
        status: false,
        pull_requests: false,
        waits: false,
    }
}

pub(crate) fn row(id: &str, kind: Kind, status: Status, commit: &str) -> Row {
    Row {
        id: id.into(),
        status: Some(status),
        kind,
        commit: Some(commit.into()),
        previous: None,
        reason: None,
    }
}

pub(crate) fn known(rows: Vec<Row>) -> Known {
    Known {
        reach: Reach::Whole,
        rows,
        rollout: Ok(None),
    }
}

pub(crate) fn bad() -> Bad {
    Bad {
        id: "d1".into(),
        commit: BAD.into(),
        row: Some(row("d1", Kind::Standard, Status::Failed, BAD)),
    }
}

pub(crate) fn branch() -> Branch {
    Branch {
        name: "main".into(),
        head: BAD.into(),
        has_bad: true,
        has_good: true,
        good_is_older: true,
        is_back: false,
        after: Vec::new(),
        irreversible: Vec::new(),
        protected: Some(false),
    }
}

fn facts() -> Facts {
    Facts {
        known: known(vec![]),
        bad: bad(),
        target: Target {
            commit: GOOD.into(),
            source: Source::Marker,
            passed_over: Vec::new(),
        },
        traffic: Traffic::Read(None),
        done: Vec::new(),
        is_marked: true,
        git: Git::Seen(branch()),
    }
}

fn moving(percent: u8) -> Facts {
    let share = Share::new(percent).unwrap();
    let intent = Intent {
        at: At::Moving { to: share },
        snapshot: Some(Snapshot {
            manager: "haproxy".into(),
            share: Share::NONE,
            detail: serde_json::Value::Null,
        }),
        ..Intent::begun("d1", Some(BAD))
    };
    Facts {
        known: Known {
            rollout: Ok(Some(intent)),
            ..known(vec![])
        },
        traffic: Traffic::Read(Some(share)),
        ..facts()
    }
}

fn words(plan: &Plan) -> String {
    let words: Vec<&str> = plan.parts.iter().map(Part::word).collect();
    words.join(" ")
}

fn planned(asked: &Asked, facts: Facts) -> String {
    words(&plan(asked, facts).unwrap())
}

#[test]
fn what_is_live_comes_first_and_the_push_last() {
    let all = Asked {
        incident: true,
        status: true,
        ..asked()
    };
    let unmarked = Facts {
        is_marked: false,
        ..moving(50)
    };
    assert_eq!(
        planned(&all, unmarked),
        "traffic script record incident status notify watch marker branch"
    );
}

#[test]
fn what_another_plugin_has_done_is_not_done_again() {
    let done = ["traffic", "script", "incident", "notify"].map(str::to_owned);
    let rest = Facts {
        done: done.to_vec(),
        ..facts()
    };
    let all = Asked {
        incident: true,
        ..asked()
    };
    assert_eq!(planned(&all, rest.clone()), "record watch branch");
    let pushed = Facts {
        done: [done.to_vec(), vec!["branch".to_owned()]].concat(),
        ..rest
    };
    assert_eq!(planned(&all, pushed), "record watch");
}

#[test]
fn only_what_was_brought_back_is_watched() {
    let branch_only = Asked {
        hook: false,
        ..asked()
    };
    let made = plan(&branch_only, facts()).unwrap();
    assert_eq!(words(&made), "record notify branch");
    assert!(
        made.notes[0].contains("not watched here"),
        "{:?}",
        made.notes
    );
}

#[test]
fn a_redeployment_is_watched_only_when_it_is_waited_for() {
    let redeploy = Asked {
        strategy: Strategy::Redeploy,
        hook: false,
        ..asked()
    };
    assert_eq!(planned(&redeploy, facts()), "record notify redeploy");
    let waits = Asked {
        waits: true,
        ..redeploy
    };
    assert_eq!(planned(&waits, facts()), "redeploy record notify watch");
}

#[test]
fn a_blocked_part_does_not_stop_the_others() {
    let unseen = Facts {
        git: Git::Unseen("no route to the remote".into()),
        ..facts()
    };
    let made = plan(&asked(), unseen.clone()).unwrap();
    assert_eq!(words(&made), "script record notify watch");
    assert_eq!(made.blocked[0].part, "branch");
    // Where nothing else could bring it back it is a refusal.
    let branch_only = Asked {
        hook: false,
        ..asked()
    };
    let end = plan(&branch_only, unseen).unwrap_err();
    assert_eq!(end.exit.code(), 2);
    assert!(end.why.contains("no route to the remote"), "{}", end.why);
}

#[test]
fn changes_that_cannot_be_rolled_back_stop_all_but_a_canarys_end() {
    let migrated = |facts: Facts| Facts {
        git: Git::Seen(Branch {
            irreversible: vec!["migrations/7.sql".into()],
            ..branch()
        }),
        ..facts
    };
    assert_eq!(
        plan(&asked(), migrated(facts())).unwrap_err().exit.code(),
        2
    );
    let made = plan(&asked(), migrated(moving(50))).unwrap();
    assert_eq!(words(&made), "traffic script record notify watch");
    assert_eq!(made.blocked.len(), 1);
    let redeploy = Asked {
        strategy: Strategy::Redeploy,
        ..asked()
    };
    assert_eq!(
        plan(&redeploy, migrated(facts())).unwrap_err().exit.code(),
        2
    );
    let lifted = Asked {
        lifted: Lifted {
            irreversible: true,
            ..Lifted::default()
        },
        ..asked()
    };
    assert_eq!(
        planned(&lifted, migrated(facts())),
        "script record notify watch branch"
    );
}

#[test]
fn what_has_nothing_to_bring_it_back_with_is_refused_unless_it_is_only_told() {
    let nothing = Facts {
        git: Git::Unasked,
        ..facts()
    };
    let bare = Asked {
        hook: false,
        ..asked()
    };
    assert_eq!(plan(&bare, nothing.clone()).unwrap_err().exit.code(), 2);
    let told = Asked {
        strategy: Strategy::None,
        ..bare
    };
    assert_eq!(planned(&told, nothing), "record notify");
}

#[test]
fn a_rollout_that_nobody_understands_is_a_persons_work() {
    let strange = Facts {
        known: Known {
            rollout: Err("written by another version".into()),
            ..known(vec![])
        },
        ..facts()
    };
    let made = plan(&asked(), strange).unwrap();
    assert_eq!(made.blocked[0].part, "traffic");
}

#[test]
fn people_are_told_though_they_were_told_of_the_success_before() {
    let mut told = facts();
    told.done = vec![part::NOTIFY.to_owned()];
    assert!(!planned(&asked(), told.clone()).contains("notify"));
    let at = At::Succeeded { share: Share::NONE };
    told.known.rollout = Ok(Some(Intent {
        at,
        ..Intent::begun("d1", Some(BAD))
    }));
    assert!(planned(&asked(), told.clone()).contains("notify"));
    // By a rollback that began they are told once.
    let began = row("d1-rollback", Kind::Rollback, Status::InProgress, GOOD);
    told.known.rows.push(began);
    assert!(!planned(&asked(), told).contains("notify"));
}

#[test]
fn what_went_back_to_another_version_is_done_again_for_this_one() {
    let done = [part::TRAFFIC, part::SCRIPT, REDEPLOY, part::BRANCH].map(str::to_owned);
    let to = |commit: &str| Facts {
        known: known(vec![row(
            "d1-rollback",
            Kind::Rollback,
            Status::Failed,
            commit,
        )]),
        done: done.to_vec(),
        ..facts()
    };
    assert_eq!(planned(&asked(), to(GOOD)), "record notify watch");
    let further = plan(&asked(), to(&"c".repeat(40))).unwrap();
    assert_eq!(words(&further), "script record notify watch branch");
    assert_eq!(further.done, [part::TRAFFIC]);
}

#[test]
fn what_is_brought_back_without_a_look_at_what_changed_says_so() {
    let unseen = |facts: Facts| Facts {
        git: Git::Unseen("no login".into()),
        ..facts
    };
    let says = |asked: &Asked, facts: Facts| {
        let notes = plan(asked, unseen(facts)).unwrap().notes;
        notes.iter().any(|note| note.ends_with("no login"))
    };
    let by = |strategy, waits| Asked {
        strategy,
        waits,
        hook: strategy == Strategy::None,
        ..asked()
    };
    assert!(says(&by(Strategy::None, false), facts()));
    assert!(says(&by(Strategy::Redeploy, false), facts()));
    assert!(says(&by(Strategy::Redeploy, true), facts()));
    // A canary is taken away in spite of it.
    assert!(!says(&by(Strategy::None, false), moving(50)));
}

#[test]
fn what_was_told_and_started_once_is_not_told_and_started_again() {
    let all = Asked {
        strategy: Strategy::Redeploy,
        status: true,
        hook: false,
        ..asked()
    };
    let done = |words: &[&str]| Facts {
        done: words.iter().map(|word| (*word).to_owned()).collect(),
        ..facts()
    };
    assert_eq!(planned(&all, done(&[])), "record status notify redeploy");
    assert_eq!(planned(&all, done(&["status", REDEPLOY])), "record notify");
}

#[test]
fn another_deployments_canary_lifts_no_guard() {
    let mut other = moving(50);
    other.known.rollout = other.known.rollout.map(|last| {
        last.map(|last| Intent {
            deployment_id: "d7".into(),
            ..last
        })
    });
    other.git = Git::Seen(Branch {
        irreversible: vec!["migrations/7.sql".into()],
        ..branch()
    });
    let made = plan(&asked(), other).unwrap();
    assert_eq!(words(&made), "traffic record notify watch");
    assert_eq!(made.blocked[0].part, part::SCRIPT);
}
