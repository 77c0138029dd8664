//! What a rollout is about to do, written down before it does it, and what a later run makes of it.
//!
//! SIGKILL cannot be caught. So the intent is journalled before every write, and the next run of any of the plugins
//! settles what it finds: [`settle`] says how. It never adopts a share as "the state before", and it never restores a
//! snapshot that is void.

mod recorded;

use serde::{Deserialize, Deserializer, Serialize};

use crate::evidence::Trials;
use crate::split::{Share, Side, Snapshot};

/// How far a rollout has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "word", rename_all = "snake_case")]
pub enum At {
    /// Nothing has been touched.
    Begun,
    /// The deployment's `deploy` is about to run; traffic has not been touched.
    Deploying,
    /// A share is about to be set, or has been.
    Moving {
        /// The share.
        to: Share,
    },
    /// The stable side is about to get the new version: from here on the snapshot is void.
    Promoting,
    /// The stable side has the new version and proved it: the traffic is about to go back there.
    Returning,
    /// Traffic goes back to the snapshot.
    RollingBack,
    /// Left as it is, deliberately: settling never touches it.
    Held,
    /// Over, with nothing left to put back.
    Closed,
    /// Over, and the new version is live.
    Succeeded {
        /// The canary side's share at the end: 100 where traffic stayed there.
        share: Share,
    },
}

/// A part of going back that is done once, by whichever plugin gets there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Traffic is back at the snapshot.
    Traffic,
    /// The script's or webhook's `rollback` has run.
    Script,
    /// The rows are written.
    Record,
    /// The incident is open.
    Incident,
    /// People are told.
    Notify,
}

/// The journalled state of a rollout: everything that a later run needs to settle it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// Whose rollout.
    pub deployment_id: String,
    /// The commit it brings; absent when nobody named one.
    #[serde(default)]
    pub commit: Option<String>,
    /// How far it has gone.
    pub at: At,
    /// What to restore; absent while traffic has not been read.
    #[serde(default)]
    pub snapshot: Option<Snapshot>,
    /// Why it goes back or is held, one sentence each.
    #[serde(default)]
    pub why: Vec<String>,
    /// Whether the version itself was judged bad: its commit is then held.
    #[serde(default)]
    pub blamed: bool,
    /// Parts of going back that are done.
    #[serde(default)]
    pub done: Vec<Part>,
    /// Parts that the records had of an earlier run of the same deployment when this one began: of this run they say
    /// nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Part>,
    /// What the version's requests have shown so far; absent where none were counted.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "if_readable"
    )]
    pub evidence: Option<Box<Trials>>,
}

/// Evidence of another plugin version may have another shape. It is worth a fresh start, and no refusal to settle.
fn if_readable<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Box<Trials>>, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    Ok(serde_json::from_value(value).ok())
}

impl Intent {
    /// The intent of a rollout that has touched nothing.
    pub fn begun(deployment_id: &str, commit: Option<&str>) -> Self {
        Self {
            deployment_id: deployment_id.to_owned(),
            commit: commit.map(str::to_owned),
            at: At::Begun,
            snapshot: None,
            why: Vec::new(),
            blamed: false,
            done: Vec::new(),
            before: Vec::new(),
            evidence: None,
        }
    }

    /// The snapshot that says which side is which, while the rollout is not over. With pools that take turns the one
    /// that carries all traffic is the stable side, but not while an unfinished rollout may have given it to the
    /// canary.
    pub fn sides(&self) -> Option<&Snapshot> {
        match self.at {
            At::Begun | At::Closed | At::Succeeded { .. } => None,
            At::Deploying
            | At::Moving { .. }
            | At::Promoting
            | At::Returning
            | At::RollingBack
            | At::Held => self.snapshot.as_ref(),
        }
    }

    /// Notes that a part is done.
    pub fn mark(&mut self, part: Part) {
        if !self.done.contains(&part) {
            self.done.push(part);
        }
    }
}

/// What to do about what an earlier run left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settle {
    /// Nothing: traffic is where a finished rollout left it, or where none ever was.
    Clean,
    /// Restore the snapshot of the unfinished rollout, then the parts not yet done.
    PutBack,
    /// Traffic is back already: only the parts not yet done.
    Close,
    /// The traffic was on its way to a stable side that has the new version: bring it there.
    Complete,
    /// Set this share, as somebody said who knows.
    MoveTo(Share),
    /// Leave it: a person holds it, or must decide.
    Leave(Left),
    /// Refuse: no record speaks about this share, which is absent where the manager could not tell it.
    Unexplained(Option<Share>),
}

/// Why traffic is left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// It was held deliberately.
    Held,
    /// A run ended while the stable side got the new version: nobody knows what runs there.
    HalfPromoted,
    /// A finished rollout left all traffic on the canary side: to restore an older state would bring an old version
    /// back, and to deploy there would change everything at once.
    Occupied,
}

/// Decides what to do, from the newest intent of this environment, the canary's share as it is read now, and the
/// setting `settle_to`, which only speaks where no record does.
pub fn settle(last: Option<&Intent>, share: Option<Share>, to: Option<Side>) -> Settle {
    let unexplained = || match (share, to) {
        (Some(Share::NONE), _) => Settle::Clean,
        (_, Some(Side::Stable)) => Settle::MoveTo(Share::NONE),
        (_, Some(Side::Canary)) => Settle::MoveTo(Share::ALL),
        (found, None) => Settle::Unexplained(found),
    };
    let Some(last) = last else {
        return unexplained();
    };
    match last.at {
        At::Deploying => Settle::Close,
        At::Moving { .. } | At::RollingBack => put_back(last, share),
        // The way out for a person: to give the stable side its traffic.
        At::Promoting | At::Held if share == Some(Share::NONE) => Settle::Clean,
        At::Promoting => Settle::Leave(Left::HalfPromoted),
        At::Returning => Settle::Complete,
        At::Held => Settle::Leave(Left::Held),
        At::Succeeded { share: left } if left > Share::NONE && share == Some(left) => {
            Settle::Leave(Left::Occupied)
        }
        At::Begun | At::Closed | At::Succeeded { .. } => unexplained(),
    }
}

/// A share at or below the snapshot's needs no write: somebody's reload or an operator was there first.
fn put_back(last: &Intent, share: Option<Share>) -> Settle {
    match &last.snapshot {
        Some(snapshot) if share.is_none_or(|share| share > snapshot.share) => Settle::PutBack,
        Some(_) | None => Settle::Close,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(percent: u8) -> Share {
        Share::new(percent).unwrap()
    }

    fn intent(at: At) -> Intent {
        let snapshot = Snapshot {
            manager: "haproxy".into(),
            share: Share::NONE,
            detail: serde_json::Value::Null,
        };
        Intent {
            at,
            snapshot: Some(snapshot),
            ..Intent::begun("d1", Some("c1"))
        }
    }

    fn settled(at: At, percent: u8) -> Settle {
        settle(Some(&intent(at)), Some(share(percent)), None)
    }

    #[test]
    fn a_share_that_no_record_explains_is_refused_unless_somebody_says_where_it_belongs() {
        let some = Some(share(30));
        assert_eq!(settle(None, some, None), Settle::Unexplained(some));
        assert_eq!(
            settle(None, some, Some(Side::Stable)),
            Settle::MoveTo(Share::NONE)
        );
        assert_eq!(
            settle(None, some, Some(Side::Canary)),
            Settle::MoveTo(Share::ALL)
        );
        assert_eq!(settle(None, None, None), Settle::Unexplained(None));
        assert_eq!(settle(None, Some(Share::NONE), None), Settle::Clean);
        assert_eq!(settled(At::Closed, 30), Settle::Unexplained(some));
    }

    #[test]
    fn an_unfinished_move_is_put_back_unless_traffic_is_back_already() {
        for at in [At::Moving { to: share(25) }, At::RollingBack] {
            assert_eq!(settled(at, 25), Settle::PutBack);
            assert_eq!(settled(at, 60), Settle::PutBack);
            assert_eq!(settled(at, 0), Settle::Close);
            assert_eq!(settle(Some(&intent(at)), None, None), Settle::PutBack);
        }
        assert_eq!(settled(At::Deploying, 0), Settle::Close);
    }

    #[test]
    fn from_promoting_on_nothing_is_put_back() {
        for percent in [40, 100] {
            assert_eq!(
                settled(At::Promoting, percent),
                Settle::Leave(Left::HalfPromoted)
            );
        }
        for percent in [0, 40, 100] {
            assert_eq!(settled(At::Returning, percent), Settle::Complete);
        }
        // Somebody looked, and gave the stable side its traffic.
        assert_eq!(settled(At::Promoting, 0), Settle::Clean);
    }

    #[test]
    fn what_is_held_is_left_even_where_somebody_says_where_it_belongs() {
        let held = settle(Some(&intent(At::Held)), Some(share(25)), Some(Side::Stable));
        assert_eq!(held, Settle::Leave(Left::Held));
        assert_eq!(settled(At::Held, 0), Settle::Clean);
    }

    #[test]
    fn the_canary_side_at_a_hundred_after_a_success_is_never_put_back() {
        let stayed = At::Succeeded { share: Share::ALL };
        assert_eq!(settled(stayed, 100), Settle::Leave(Left::Occupied));
        assert_eq!(settled(stayed, 0), Settle::Clean);
        assert_eq!(
            settled(At::Succeeded { share: Share::NONE }, 0),
            Settle::Clean
        );
    }

    #[test]
    fn an_unfinished_rollout_says_which_side_is_which() {
        assert!(intent(At::Moving { to: Share::ALL }).sides().is_some());
        assert!(intent(At::Held).sides().is_some());
        let swapped = At::Succeeded { share: Share::ALL };
        assert_eq!(intent(swapped).sides(), None);
    }

    #[test]
    fn evidence_survives_the_journal_and_what_another_version_wrote_is_left_out() {
        let before = Intent {
            evidence: Some(Box::default()),
            ..intent(At::Begun)
        };
        let mut text = serde_json::to_value(&before).unwrap();
        let read =
            |text: &serde_json::Value| serde_json::from_value::<Intent>(text.clone()).unwrap();
        assert_eq!(read(&text), before);
        text["evidence"] = serde_json::json!({"failed": {"bets": [1, 2]}});
        assert_eq!((read(&text).evidence, read(&text).at), (None, At::Begun));
    }

    #[test]
    fn an_intent_survives_the_journal() {
        let mut before = intent(At::Moving { to: share(25) });
        before.mark(Part::Traffic);
        before.mark(Part::Traffic);
        let text = serde_json::to_string(&before).unwrap();
        assert_eq!(serde_json::from_str::<Intent>(&text).unwrap(), before);
        let bare = r#"{"deployment_id":"d","at":{"word":"promoting"}}"#;
        let read: Intent = serde_json::from_str(bare).unwrap();
        assert_eq!((read.at, read.blamed), (At::Promoting, false));
        assert_eq!(read.evidence, None);
        assert!(
            serde_json::from_str::<Intent>(r#"{"deployment_id":"d","at":{"word":"later"}}"#)
                .is_err()
        );
    }
}
