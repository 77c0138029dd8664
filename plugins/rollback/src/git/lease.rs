//! How a push ended, and what to make of a reference that is found elsewhere than expected.

use git2::Oid;

use super::ask::Move;
use super::barrier::{self, Barrier};

/// How moving a reference ended.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    /// It is at this commit now.
    Done(Oid),
    /// It was there already, or at a commit of the same effect: nothing was pushed.
    Already(Oid),
    /// Somebody else moved it: nothing was pushed.
    LeaseLost {
        /// Where it is now; nothing where it was removed.
        now: Option<Oid>,
    },
    /// The server protects it.
    Protected {
        /// What would pass.
        barrier: Barrier,
        /// What the server said.
        said: String,
    },
    /// The server refused for another reason.
    Refused {
        /// What the server said.
        said: String,
    },
}

/// Whether there is nothing to push, by where the reference is.
pub(super) fn before(change: &Move, now: Option<Oid>) -> Option<Pushed> {
    if now == Some(change.new) {
        Some(Pushed::Already(change.new))
    } else if now == change.old {
        None
    } else {
        Some(Pushed::LeaseLost { now })
    }
}

/// How a push ended that was refused, or was cut off (`refusal` is nothing then), by where the reference was found
/// afterwards. Nothing when a push that was cut off left it where it was.
pub(super) fn after(
    change: &Move,
    now: Option<Oid>,
    refusal: Option<(&str, &str)>,
) -> Option<Pushed> {
    if now == Some(change.new) {
        return Some(Pushed::Done(change.new));
    }
    if now != change.old {
        return Some(Pushed::LeaseLost { now });
    }
    let (why, words) = refusal?;
    let said = barrier::said(why, words);
    Some(match barrier::of(why, words) {
        Some(barrier) => Pushed::Protected { barrier, said },
        None => Pushed::Refused { said },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(digit: &str) -> Oid {
        Oid::from_str(&digit.repeat(40)).unwrap()
    }

    fn change() -> Move {
        Move {
            name: "refs/heads/main".into(),
            old: Some(id("a")),
            new: id("b"),
        }
    }

    #[test]
    fn nothing_is_pushed_unless_the_reference_is_where_the_lease_says() {
        let lost = |now| Some(Pushed::LeaseLost { now });
        assert_eq!(before(&change(), Some(id("a"))), None);
        assert_eq!(
            before(&change(), Some(id("b"))),
            Some(Pushed::Already(id("b")))
        );
        assert_eq!(before(&change(), Some(id("c"))), lost(Some(id("c"))));
        assert_eq!(before(&change(), None), lost(None));
        let create = Move {
            old: None,
            ..change()
        };
        assert_eq!(before(&create, None), None);
        assert_eq!(before(&create, Some(id("c"))), lost(Some(id("c"))));
    }

    #[test]
    fn a_push_is_judged_by_where_the_reference_is_found_then() {
        let refusal = Some(("failed to update ref", ""));
        assert_eq!(
            after(&change(), Some(id("b")), None),
            Some(Pushed::Done(id("b")))
        );
        assert_eq!(
            after(&change(), Some(id("c")), refusal),
            Some(Pushed::LeaseLost { now: Some(id("c")) })
        );
        assert_eq!(after(&change(), Some(id("a")), None), None);
        assert!(matches!(
            after(&change(), Some(id("a")), refusal),
            Some(Pushed::Refused { .. })
        ));
        assert!(matches!(
            after(&change(), Some(id("a")), Some(("hook declined", ""))),
            Some(Pushed::Protected { .. })
        ));
    }
}
