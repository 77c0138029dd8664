//! What becomes of the traffic: what an unfinished rollout left is settled first, whoever left it.

use shared::intent::{At, Intent, Left, Part, Settle, settle};
use shared::split::{Share, Snapshot};

use super::facts::{Asked, Bad, Traffic};

/// What is to be done with the traffic.
#[derive(Debug, Clone, PartialEq)]
pub enum Move {
    /// Nothing: no rollout left anything.
    None,
    /// It is back already; the rollout is only closed.
    Close,
    /// Put back what was there before the rollout.
    Restore(Snapshot),
    /// It cannot be done here, in words.
    Blocked(String),
}

/// Decides from the newest rollout of the environment and the traffic as it is read now.
pub fn decide(asked: &Asked, bad: &Bad, last: Option<&Intent>, traffic: &Traffic) -> Move {
    let Some(last) = last else {
        return Move::None;
    };
    let ours = last.deployment_id == bad.id;
    let share = match traffic {
        Traffic::Read(share) => *share,
        Traffic::Unreadable(why) if is_over(last) && !(ours && holds_traffic(last)) => {
            // A finished rollout needs nothing: why it cannot be read does not matter.
            let _ = why;
            return Move::None;
        }
        Traffic::Unreadable(why) => return Move::Blocked(why.clone()),
    };
    if ours && last.done.contains(&Part::Traffic) && is_over(last) {
        return Move::None;
    }
    match settle(Some(last), share, None) {
        Settle::PutBack => restore(last),
        Settle::Close => Move::Close,
        Settle::Leave(Left::Occupied) if ours => restore(last),
        Settle::Leave(Left::Held) if ours && may_touch_held(asked) => restore(last),
        Settle::Leave(Left::Held) => Move::Blocked(format!(
            "the traffic is held by {} for a person, set override: hold to put it back",
            last.deployment_id
        )),
        Settle::Leave(Left::HalfPromoted) | Settle::Complete => Move::Blocked(format!(
            "the stable side may run the version of {} already: bring the good version there first, then give it its traffic",
            last.deployment_id
        )),
        Settle::Clean | Settle::Leave(Left::Occupied) | Settle::MoveTo(_) => Move::None,
        Settle::Unexplained(share) => Move::Blocked(format!(
            "no record explains why the canary has {}",
            share.map_or("a share that cannot be told".to_owned(), |share| share
                .to_string())
        )),
    }
}

fn restore(last: &Intent) -> Move {
    last.snapshot.clone().map_or_else(
        || Move::Blocked("no record says what the traffic was before".to_owned()),
        Move::Restore,
    )
}

fn may_touch_held(asked: &Asked) -> bool {
    asked.lifted.hold || !asked.occasion.is_automatic()
}

/// Whether the rollout left nothing by itself.
fn is_over(last: &Intent) -> bool {
    matches!(last.at, At::Begun | At::Closed | At::Succeeded { .. })
}

/// Whether a rollout that is over left traffic on its new version's own side.
fn holds_traffic(last: &Intent) -> bool {
    matches!(last.at, At::Succeeded { share } if share > Share::NONE)
}

#[cfg(test)]
mod tests {
    use super::super::facts::{Lifted, Occasion};
    use super::super::tests::{BAD, asked, bad};
    use super::*;

    fn snapshot() -> Snapshot {
        Snapshot {
            manager: "haproxy".into(),
            share: Share::NONE,
            detail: serde_json::Value::Null,
        }
    }

    fn left(id: &str, at: At) -> Intent {
        Intent {
            at,
            snapshot: Some(snapshot()),
            ..Intent::begun(id, Some(BAD))
        }
    }

    fn read(percent: u8) -> Traffic {
        Traffic::Read(Share::new(percent))
    }

    fn moved(id: &str, at: At, percent: u8) -> Move {
        decide(&asked(), &bad(), Some(&left(id, at)), &read(percent))
    }

    fn is_blocked(done: &Move) -> bool {
        matches!(done, Move::Blocked(_))
    }

    #[test]
    fn an_unfinished_rollout_is_put_back_whoever_left_it() {
        let at = At::Moving { to: Share::ALL };
        for id in ["d1", "d7"] {
            assert_eq!(moved(id, at, 50), Move::Restore(snapshot()));
            assert_eq!(moved(id, at, 0), Move::Close);
            assert_eq!(moved(id, At::Deploying, 0), Move::Close);
        }
    }

    #[test]
    fn without_a_rollout_the_traffic_is_none_of_our_business() {
        assert_eq!(decide(&asked(), &bad(), None, &read(0)), Move::None);
        assert_eq!(moved("d1", At::Closed, 0), Move::None);
        let unreadable = Traffic::Unreadable("no address".into());
        let over = left("d1", At::Closed);
        assert_eq!(
            decide(&asked(), &bad(), Some(&over), &unreadable),
            Move::None
        );
        let open = left("d1", At::Moving { to: Share::ALL });
        assert!(is_blocked(&decide(
            &asked(),
            &bad(),
            Some(&open),
            &unreadable
        )));
    }

    #[test]
    fn traffic_that_the_bad_version_won_goes_back_to_the_old_side() {
        let won = At::Succeeded { share: Share::ALL };
        assert_eq!(moved("d1", won, 100), Move::Restore(snapshot()));
        // Another deployment's success is the live version.
        assert_eq!(moved("d0", won, 100), Move::None);
        assert_eq!(moved("d1", won, 0), Move::None);
        assert_eq!(
            moved("d1", At::Succeeded { share: Share::NONE }, 0),
            Move::None
        );
    }

    #[test]
    fn what_is_held_goes_back_when_a_person_says_so() {
        let held = left("d1", At::Held);
        let person = Asked {
            occasion: Occasion::Person,
            ..asked()
        };
        let lifted = Asked {
            lifted: Lifted {
                hold: true,
                ..Lifted::default()
            },
            ..asked()
        };
        assert!(is_blocked(&decide(
            &asked(),
            &bad(),
            Some(&held),
            &read(50)
        )));
        for asked in [person, lifted] {
            assert_eq!(
                decide(&asked, &bad(), Some(&held), &read(50)),
                Move::Restore(snapshot())
            );
        }
        assert!(is_blocked(&moved("d0", At::Held, 50)));
    }

    #[test]
    fn a_stable_side_that_may_have_the_bad_version_gets_nothing_back() {
        for at in [At::Promoting, At::Returning] {
            assert!(is_blocked(&moved("d1", at, 100)));
        }
    }

    #[test]
    fn a_share_that_no_record_explains_is_left() {
        assert!(is_blocked(&moved("d1", At::Closed, 30)));
    }

    #[test]
    fn what_was_put_back_is_not_put_back_again() {
        let mut over = left("d1", At::Closed);
        over.mark(Part::Traffic);
        assert_eq!(decide(&asked(), &bad(), Some(&over), &read(30)), Move::None);
    }

    #[test]
    fn traffic_that_was_won_and_cannot_be_read_is_a_persons_work() {
        let gone = Traffic::Unreadable("no address".into());
        let won = |id| left(id, At::Succeeded { share: Share::ALL });
        assert!(is_blocked(&decide(
            &asked(),
            &bad(),
            Some(&won("d1")),
            &gone
        )));
        assert_eq!(
            decide(&asked(), &bad(), Some(&won("d0")), &gone),
            Move::None
        );
    }

    #[test]
    fn what_another_deployment_holds_is_not_a_persons_to_put_back_by_this_one() {
        let person = Asked {
            occasion: Occasion::Person,
            ..asked()
        };
        let held = left("d0", At::Held);
        assert!(is_blocked(&decide(&person, &bad(), Some(&held), &read(50))));
    }
}
