//! What a run owes the traffic at this moment, for whoever has to do it in its place.

use shared::split::Snapshot;

use super::ending::{Ending, Task, Way};
use super::{Cause, Phase, Plan, PutBack, Reach, State};

/// What is to be done about the traffic if the run is cancelled now and does nothing any more.
#[derive(Debug, Clone, PartialEq)]
pub enum Duty {
    /// Nothing: it is where it belongs, or is another run's.
    Nothing,
    /// It goes back to this.
    Restore(Snapshot),
    /// It stays where it is, for a person.
    Leave,
}

/// The duty of a run in this state.
pub fn duty(plan: &Plan, state: &State) -> Duty {
    let back = || {
        let snapshot = state.intent.snapshot.clone();
        snapshot.map_or(Duty::Leave, Duty::Restore)
    };
    match &state.phase {
        Phase::Ending(ending) if !matches!(ending.cause, Cause::Success { .. }) => {
            of_ending(ending, back)
        }
        _ => match state.reach {
            Reach::Idle | Reach::Begun | Reach::Deployed | Reach::Recorded => Duty::Nothing,
            Reach::Written if plan.put_back == PutBack::Never => Duty::Leave,
            Reach::Written => back(),
            Reach::Void => Duty::Leave,
        },
    }
}

fn of_ending(ending: &Ending, back: impl Fn() -> Duty) -> Duty {
    let open = |wanted: fn(&Task) -> bool| {
        ending.left.iter().any(wanted) || ending.failed.iter().any(wanted)
    };
    match ending.way {
        _ if open(|task| *task == Task::Restore) => back(),
        _ if open(|task| matches!(task, Task::Set(_))) => Duty::Leave,
        Way::Nothing | Way::Back => Duty::Nothing,
        Way::Hold | Way::Leave | Way::Accept => Duty::Leave,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shared::intent::Intent;
    use shared::split::Share;

    use super::*;
    use crate::rollout::{Facts, Lease, Outcome, next, plan::tests::plan};

    fn snapshot() -> Snapshot {
        Snapshot {
            manager: "haproxy".to_owned(),
            share: Share::NONE,
            detail: serde_json::Value::Null,
        }
    }

    fn at(reach: Reach) -> State {
        State {
            reach,
            intent: Intent {
                snapshot: Some(snapshot()),
                ..Intent::begun("d1", None)
            },
            ..State::new(&plan())
        }
    }

    /// The state after an outcome and nothing else.
    fn after(state: State, outcome: Outcome) -> State {
        let facts = Facts {
            now: Duration::ZERO,
            cancelled: false,
            abort: None,
            lease: Lease::Good,
            outcome,
        };
        next(&plan(), state, facts).0
    }

    #[test]
    fn traffic_that_may_have_moved_goes_back_unless_nothing_ever_does() {
        assert_eq!(duty(&plan(), &at(Reach::Begun)), Duty::Nothing);
        assert_eq!(duty(&plan(), &at(Reach::Deployed)), Duty::Nothing);
        let written = at(Reach::Written);
        assert_eq!(duty(&plan(), &written), Duty::Restore(snapshot()));
        let never = Plan {
            put_back: PutBack::Never,
            ..plan()
        };
        assert_eq!(duty(&never, &written), Duty::Leave);
        assert_eq!(duty(&plan(), &at(Reach::Void)), Duty::Leave);
        assert_eq!(duty(&plan(), &at(Reach::Recorded)), Duty::Nothing);
    }

    #[test]
    fn a_rollback_owes_the_traffic_until_it_is_restored() {
        let ending = after(at(Reach::Written), Outcome::Broke("x".to_owned()));
        assert_eq!(duty(&plan(), &ending), Duty::Restore(snapshot()));
        let restored = after(ending, Outcome::Done);
        assert_eq!(duty(&plan(), &restored), Duty::Nothing);
    }
}
