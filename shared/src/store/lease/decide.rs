//! Who may take a lease.

use jiff::Timestamp;

use super::{Claim, Holder};

/// The plugin that lets nobody take over while it lives.
const ROLLBACK: &str = "plugin-rollback/";

/// The row of a lease at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// The last token that was given out; 0 when none was.
    pub(super) token: i64,
    /// Absent when nobody holds it.
    pub(super) holder: Option<Holder>,
    /// When the holder last said that it lives.
    pub(super) renewed: Option<Timestamp>,
    /// The database's time at that moment.
    pub(super) now: Timestamp,
}

/// What a taker may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// Nobody holds it.
    Take,
    /// The holder is the same deployment, or gave no sign while it was watched.
    TakeOver,
    /// The holder's time is over: watch whether it gives a sign.
    Watch,
    /// Somebody else holds it.
    Leave,
}

/// Decides over the row as it is found. `watched` is the row as it was before the watch, if there was one.
///
/// A holder whose time is over may only have been slow. It is watched for two heartbeats: one that lives renews
/// meanwhile, and whoever else takes over meanwhile changes the row too.
pub(super) fn may_take(found: &Row, claim: &Claim, watched: Option<&Row>) -> Decision {
    let Some(holder) = &found.holder else {
        return Decision::Take;
    };
    let lives = found.now < holder.expires;
    // A rollback is carried to its end, and never twice at once.
    let same = holder.deployment_id == claim.deployment_id;
    if same && !(lives && holder.plugin.starts_with(ROLLBACK)) {
        return Decision::TakeOver;
    }
    if lives {
        return Decision::Leave;
    }
    match watched {
        None => Decision::Watch,
        Some(before) if (before.token, before.renewed) == (found.token, found.renewed) => {
            Decision::TakeOver
        }
        Some(_) => Decision::Leave,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn claim(deployment: &str) -> Claim {
        Claim {
            repo: "acme/shop".into(),
            environment: "production".into(),
            deployment_id: deployment.into(),
            run_id: "run".into(),
            pipeline_url: None,
            plugin: "plugin-progressive/0.1.0".into(),
        }
    }

    /// Held by `a` since 0 until 60.
    fn row(now: i64) -> Row {
        Row {
            token: 5,
            holder: Some(Holder {
                token: 5,
                deployment_id: "a".into(),
                run_id: String::new(),
                pipeline_url: None,
                plugin: String::new(),
                since: at(0),
                expires: at(60),
            }),
            renewed: Some(at(0)),
            now: at(now),
        }
    }

    #[test]
    fn a_free_lease_is_taken() {
        let free = Row {
            holder: None,
            ..row(1)
        };
        assert_eq!(may_take(&free, &claim("b"), None), Decision::Take);
        // Also one that came free while it was watched.
        assert_eq!(may_take(&free, &claim("b"), Some(&row(0))), Decision::Take);
    }

    #[test]
    fn a_held_one_is_left_until_its_last_moment() {
        assert_eq!(may_take(&row(59), &claim("b"), None), Decision::Leave);
        assert_eq!(may_take(&row(60), &claim("b"), None), Decision::Watch);
    }

    #[test]
    fn the_same_deployment_takes_its_own_over_at_once() {
        for now in [1, 100] {
            assert_eq!(may_take(&row(now), &claim("a"), None), Decision::TakeOver);
        }
    }

    #[test]
    fn a_rollback_that_lives_is_not_taken_over_by_its_own_deployment() {
        let rollback = |now| {
            let mut row = row(now);
            row.holder.as_mut().unwrap().plugin = "plugin-rollback/0.1.0".into();
            row
        };
        assert_eq!(may_take(&rollback(1), &claim("a"), None), Decision::Leave);
        let over = may_take(&rollback(100), &claim("a"), None);
        assert_eq!(over, Decision::TakeOver);
    }

    #[test]
    fn only_a_holder_that_gave_no_sign_while_watched_loses_it() {
        let watched = row(60);
        let b = claim("b");
        assert_eq!(may_take(&row(80), &b, Some(&watched)), Decision::TakeOver);
        let renewed = Row {
            renewed: Some(at(70)),
            ..row(80)
        };
        assert_eq!(may_take(&renewed, &b, Some(&watched)), Decision::Leave);
        let taken = Row {
            token: 6,
            ..row(80)
        };
        assert_eq!(may_take(&taken, &b, Some(&watched)), Decision::Leave);
    }
}
