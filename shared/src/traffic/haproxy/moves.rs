//! Which commands bring two servers from what they are to what they are to be, and in which order.

use serde::{Deserialize, Serialize};

use crate::split::Share;

/// The highest weight there is.
pub(super) const HEAVIEST: u16 = 256;

/// Whether a server takes part, as an operator set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Admin {
    /// It takes new requests by its weight.
    Ready,
    /// It takes only requests of clients that stick to it.
    Drain,
    /// It takes none.
    Maint,
}

impl Admin {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Drain => "drain",
            Self::Maint => "maint",
        }
    }
}

/// What a server is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Setting {
    /// 0 to 256.
    pub(super) weight: u16,
    /// Whether it takes part.
    pub(super) state: Admin,
}

impl Setting {
    /// The weight by which new requests come.
    pub(super) fn effective(self) -> u16 {
        match self.state {
            Admin::Ready => self.weight,
            Admin::Drain | Admin::Maint => 0,
        }
    }
}

/// The settings of both servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Both {
    pub(super) stable: Setting,
    pub(super) canary: Setting,
}

impl Both {
    /// What gives the canary a share, from what is: a server that is to carry nothing keeps its state.
    pub(super) fn sharing(self, share: Share) -> Self {
        let weigh = |now: Setting, percent: u8| Setting {
            weight: percent.into(),
            state: if percent == 0 {
                now.state
            } else {
                Admin::Ready
            },
        };
        Self {
            stable: weigh(self.stable, 100 - share.percent()),
            canary: weigh(self.canary, share.percent()),
        }
    }

    /// The same, or all traffic for the stable side where neither side would carry any.
    pub(super) fn never_dark(mut self) -> Self {
        if self.stable.effective() == 0 && self.canary.effective() == 0 {
            self.stable = Setting {
                weight: self.stable.weight.max(1),
                state: Admin::Ready,
            };
        }
        self
    }
}

/// The canary's share of these effective weights; nothing where it is no whole number of per cent.
pub(super) fn share(canary: u16, total: u32) -> Option<Share> {
    let hundredfold = u32::from(canary) * 100;
    let whole = total > 0 && hundredfold.is_multiple_of(total);
    let percent = hundredfold.checked_div(total).filter(|_| whole)?;
    u8::try_from(percent).ok().and_then(Share::new)
}

/// The share nearest to these, but never none where the canary carries anything.
pub(super) fn about(canary: u16, total: u32) -> Share {
    let nearest = (u32::from(canary) * 100 + total / 2)
        .checked_div(total)
        .unwrap_or_default();
    let percent = nearest.clamp(u32::from(canary.min(1)), 100);
    u8::try_from(percent)
        .ok()
        .and_then(Share::new)
        .unwrap_or(Share::ALL)
}

/// Which of the two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Stable,
    Canary,
}

/// One command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Move {
    Weight(Who, u16),
    State(Who, Admin),
}

/// What is to be done: first all that raises, then all that lowers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Moves {
    pub(super) raise: Vec<Move>,
    pub(super) lower: Vec<Move>,
}

/// The commands from `now` to `goal`; none where they agree.
pub(super) fn moves(now: Both, goal: Both) -> Moves {
    let mut moves = Moves::default();
    for (who, now, goal) in [
        (Who::Stable, now.stable, goal.stable),
        (Who::Canary, now.canary, goal.canary),
    ] {
        let weight = (now.weight != goal.weight).then_some(Move::Weight(who, goal.weight));
        let state = (now.state != goal.state).then_some(Move::State(who, goal.state));
        // A server never serves by a weight that is neither the old nor the new one.
        let steps = if goal.state == Admin::Ready {
            [weight, state]
        } else {
            [state, weight]
        };
        let list = if goal.effective() > now.effective() {
            &mut moves.raise
        } else {
            &mut moves.lower
        };
        list.extend(steps.into_iter().flatten());
    }
    moves
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(weight: u16) -> Setting {
        Setting {
            weight,
            state: Admin::Ready,
        }
    }

    fn both(stable: u16, canary: u16) -> Both {
        Both {
            stable: set(stable),
            canary: set(canary),
        }
    }

    fn apply(mut now: Both, step: Move) -> Both {
        let server = match step {
            Move::Weight(Who::Stable, _) | Move::State(Who::Stable, _) => &mut now.stable,
            Move::Weight(Who::Canary, _) | Move::State(Who::Canary, _) => &mut now.canary,
        };
        match step {
            Move::Weight(_, weight) => server.weight = weight,
            Move::State(_, state) => server.state = state,
        }
        now
    }

    fn carried(now: Both) -> u32 {
        u32::from(now.stable.effective()) + u32::from(now.canary.effective())
    }

    #[test]
    fn a_share_raises_the_canary_and_then_lowers_the_stable_side() {
        let now = both(100, 0);
        let moves = moves(now, now.sharing(Share::new(25).unwrap()));
        assert_eq!(moves.raise, [Move::Weight(Who::Canary, 25)]);
        assert_eq!(moves.lower, [Move::Weight(Who::Stable, 75)]);
    }

    #[test]
    fn a_canary_in_maintenance_gets_its_weight_before_it_is_ready() {
        let mut now = both(100, 50);
        now.canary.state = Admin::Maint;
        let moves = moves(now, now.sharing(Share::new(10).unwrap()));
        let raise = [
            Move::Weight(Who::Canary, 10),
            Move::State(Who::Canary, Admin::Ready),
        ];
        assert_eq!(moves.raise, raise);
        assert_eq!(moves.lower, [Move::Weight(Who::Stable, 90)]);
    }

    #[test]
    fn shares_are_exact_or_nothing() {
        assert_eq!(share(10, 100), Share::new(10));
        assert_eq!(share(64, 256), Share::new(25));
        assert_eq!(share(1, 3), None);
        assert_eq!(share(0, 0), None);
        assert_eq!(about(1, 3), Share::new(33).unwrap());
        assert_eq!(about(1, 257), Share::new(1).unwrap());
        assert_eq!(about(0, 0), Share::NONE);
        assert_eq!(about(256, 256), Share::ALL);
    }

    fn settings() -> impl Strategy<Value = Setting> {
        let state = prop_oneof![Just(Admin::Ready), Just(Admin::Drain), Just(Admin::Maint)];
        (prop_oneof![Just(0), 0..=HEAVIEST], state)
            .prop_map(|(weight, state)| Setting { weight, state })
    }

    fn boths() -> impl Strategy<Value = Both> {
        (settings(), settings()).prop_map(|(stable, canary)| Both { stable, canary })
    }

    proptest! {
        #[test]
        fn every_way_leads_to_the_goal_and_never_through_the_dark(now in boths(), goal in boths()) {
            let goal = goal.never_dark();
            let moves = moves(now, goal);
            let mut state = now;
            let mut most = carried(now);
            for step in &moves.raise {
                state = apply(state, *step);
                prop_assert!(carried(state) >= most);
                most = carried(state);
            }
            for step in &moves.lower {
                prop_assert!(carried(state) > 0);
                state = apply(state, *step);
                prop_assert!(carried(state) <= most);
                most = carried(state);
            }
            prop_assert_eq!(state, goal);
            prop_assert!(carried(state) > 0);
        }

        #[test]
        fn what_is_as_it_should_be_is_left_alone(now in boths()) {
            prop_assert_eq!(moves(now, now), Moves::default());
        }

        #[test]
        fn every_share_is_exact(now in boths(), percent in 0_u8..=100) {
            let wanted = Share::new(percent).unwrap();
            let goal = now.sharing(wanted);
            prop_assert_eq!(share(goal.canary.effective(), carried(goal)), Some(wanted));
            prop_assert_eq!(goal.never_dark(), goal);
        }
    }
}
