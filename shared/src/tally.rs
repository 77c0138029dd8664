//! What traffic managers counted, and what of it is new.

use serde::{Deserialize, Serialize};

use crate::split::{Counts, Served, Side};

/// What one instance of a traffic manager has counted for one side since it began to count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// The instance.
    pub place: String,
    /// The side.
    pub side: Side,
    /// Requests handed to the side, those under way included. It falls only when the instance starts again.
    pub begun: u64,
    /// Those of them that failed. It may fall a little while requests are under way.
    pub failed: u64,
    /// Requests under way, or connections where the manager knows no requests.
    pub sessions: u64,
}

/// All counts of one look, of every instance and both sides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// In no particular order.
    pub counts: Vec<Count>,
}

impl Tally {
    /// What is under way on a side, over all instances.
    pub fn sessions(&self, side: Side) -> u64 {
        let of_side = self.counts.iter().filter(|count| count.side == side);
        of_side.map(|count| count.sessions).sum()
    }

    fn of(&self, place: &str, side: Side) -> Option<&Count> {
        let mut counts = self.counts.iter();
        counts.find(|count| count.place == place && count.side == side)
    }
}

/// What a service says it has counted since it began to count: it only grows until the service starts again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// All requests.
    pub requests: u64,
    /// Those of them that failed.
    pub errors: u64,
    /// Those of them that took too long, by the service's own measure.
    #[serde(default)]
    pub slow: Option<u64>,
    /// Who counts, where several may answer.
    #[serde(default)]
    pub instance: Option<String>,
}

/// What a service counted after `before` and until `after`; nothing where the two cannot be compared.
///
/// One that says who it is and whose totals fell has started again: all that it has now is new. Of one that does not
/// say so nobody knows whether another one answered, whose counts are as old as itself.
pub fn grown(before: &Totals, after: &Totals) -> Option<Served> {
    if before.instance != after.instance {
        return None;
    }
    let slow = before.slow.zip(after.slow);
    let fell = after.requests < before.requests
        || after.errors < before.errors
        || slow.is_some_and(|(then, now)| now < then);
    let served = if !fell {
        Served {
            requests: after.requests - before.requests,
            failed: after.errors - before.errors,
            slow: slow.map(|(then, now)| now - then),
        }
    } else if after.instance.is_some() {
        Served {
            requests: after.requests,
            failed: after.errors,
            slow: after.slow,
        }
    } else {
        return None;
    };
    // More failures than requests are no counters of the same requests.
    let fits = served.failed.max(served.slow.unwrap_or(0)) <= served.requests;
    fits.then_some(served)
}

/// What happened between two looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// Requests of the stable side that came to their end.
    pub stable: Counts,
    /// Requests of the canary that came to their end.
    pub canary: Counts,
    /// Whether an instance began to count anew in between: what it counted before that is lost.
    pub reset: bool,
}

/// What was counted after `before` and until `after`.
///
/// An instance whose counters fell has started again: all that it has now is new. One that was not there before says
/// nothing yet, since nobody knows how old its counts are.
pub fn since(before: &Tally, after: &Tally) -> Window {
    let mut window = Window::default();
    for now in &after.counts {
        let Some(then) = before.of(&now.place, now.side) else {
            window.reset = true;
            continue;
        };
        // A restart resets both sides, also the one that had nothing to lose.
        let restarted = [Side::Stable, Side::Canary]
            .into_iter()
            .any(|side| fell(before.of(&now.place, side), after.of(&now.place, side)));
        window.reset |= restarted;
        let (ended, failed) = if restarted {
            (ended(now), now.failed)
        } else {
            (
                ended(now).saturating_sub(ended(then)),
                now.failed.saturating_sub(then.failed),
            )
        };
        let sum = match now.side {
            Side::Stable => &mut window.stable,
            Side::Canary => &mut window.canary,
        };
        // A failure is counted when it is seen, its request when it ends: never more failures than requests.
        sum.requests += ended.max(failed);
        sum.failed += failed;
    }
    window
}

/// Makes windows that do not overlap out of tallies.
///
/// A tally that could not be had loses nothing: the next window begins where the last one ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meter {
    has_begun: bool,
    before: Option<Tally>,
    /// Windows after each beginning that are thrown away.
    lags: u32,
    left: u32,
}

impl Meter {
    /// For a source whose counts come late: so many windows after each change of the traffic belong to the time
    /// before it. None where they are immediate.
    pub fn lagging(lags: u32) -> Self {
        Self {
            lags,
            ..Self::default()
        }
    }

    /// The traffic was changed: from here on it is counted anew. Without a tally nothing is counted until there is one.
    pub fn begin(&mut self, now: Option<Tally>) {
        self.has_begun = true;
        self.before = now;
        self.left = self.lags;
    }

    /// What was counted since the last window, or since the beginning; nothing before it.
    pub fn window(&mut self, now: Tally) -> Option<Window> {
        if !self.has_begun {
            return None;
        }
        let before = self.before.replace(now)?;
        let window = since(&before, self.before.as_ref()?);
        if self.left > 0 {
            self.left -= 1;
            return None;
        }
        Some(window)
    }
}

fn ended(count: &Count) -> u64 {
    count.begun.saturating_sub(count.sessions)
}

fn fell(before: Option<&Count>, after: Option<&Count>) -> bool {
    let (Some(before), Some(after)) = (before, after) else {
        return false;
    };
    after.begun < before.begun
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(place: &str, side: Side, begun: u64, failed: u64, sessions: u64) -> Count {
        Count {
            place: place.into(),
            side,
            begun,
            failed,
            sessions,
        }
    }

    fn look(stable: (u64, u64, u64), canary: (u64, u64, u64)) -> Tally {
        let counts = [(Side::Stable, stable), (Side::Canary, canary)];
        let counts = counts
            .map(|(side, (begun, failed, sessions))| count("a", side, begun, failed, sessions));
        Tally {
            counts: counts.into(),
        }
    }

    #[test]
    fn a_window_holds_what_ended_in_it() {
        let window = since(
            &look((100, 1, 4), (0, 0, 0)),
            &look((190, 3, 0), (12, 2, 2)),
        );
        let stable = Counts {
            requests: 94,
            failed: 2,
        };
        let canary = Counts {
            requests: 10,
            failed: 2,
        };
        let reset = false;
        assert_eq!(
            window,
            Window {
                stable,
                canary,
                reset
            }
        );
    }

    #[test]
    fn windows_follow_each_other_and_those_that_lag_are_thrown_away() {
        let at = |begun| look((begun, 0, 0), (begun / 10, 0, 0));
        let requests = |window: Option<Window>| window.map(|one| one.stable.requests);
        let mut meter = Meter::default();
        assert_eq!(meter.window(at(100)), None);
        meter.begin(Some(at(100)));
        assert_eq!(requests(meter.window(at(150))), Some(50));
        assert_eq!(requests(meter.window(at(220))), Some(70));
        let mut late = Meter::lagging(2);
        for _ in 0..2 {
            late.begin(Some(at(100)));
            assert_eq!(requests(late.window(at(150))), None);
            assert_eq!(requests(late.window(at(160))), None);
            assert_eq!(requests(late.window(at(180))), Some(20));
        }
        meter.begin(None);
        assert_eq!(meter.window(at(300)), None);
        assert_eq!(requests(meter.window(at(310))), Some(10));
    }

    #[test]
    fn a_restart_of_one_side_is_a_restart_of_both() {
        let window = since(&look((1000, 0, 0), (5, 0, 0)), &look((40, 0, 0), (9, 1, 0)));
        assert!(window.reset);
        assert_eq!((window.stable.requests, window.canary.requests), (40, 9));
        assert_eq!(window.canary.failed, 1);
    }

    #[test]
    fn requests_that_only_began_are_no_restart() {
        let window = since(
            &look((100, 0, 0), (10, 0, 0)),
            &look((101, 0, 3), (10, 0, 0)),
        );
        assert!(!window.reset);
        assert_eq!(window.stable.requests, 0);
    }

    #[test]
    fn a_failure_of_a_request_under_way_counts_with_its_request() {
        let window = since(&look((0, 0, 0), (10, 0, 0)), &look((0, 0, 0), (11, 1, 1)));
        assert_eq!(
            window.canary,
            Counts {
                requests: 1,
                failed: 1
            }
        );
    }

    #[test]
    fn an_instance_that_is_new_says_nothing_yet() {
        let before = look((10, 0, 0), (10, 0, 0));
        let mut after = before.clone();
        after.counts.push(count("b", Side::Canary, 9000, 9000, 7));
        let window = since(&before, &after);
        assert!(window.reset);
        assert_eq!(window.canary, Counts::default());
        assert_eq!(after.sessions(Side::Canary), 7);
    }

    fn totals(instance: Option<&str>, requests: u64, errors: u64, slow: Option<u64>) -> Totals {
        Totals {
            requests,
            errors,
            slow,
            instance: instance.map(str::to_owned),
        }
    }

    #[test]
    fn what_a_service_counted_is_what_its_totals_grew_by() {
        let served = |requests, failed, slow| {
            Some(Served {
                requests,
                failed,
                slow,
            })
        };
        let first = totals(None, 100, 4, Some(7));
        let grew = grown(&first, &totals(None, 150, 5, Some(9)));
        assert_eq!(grew, served(50, 1, Some(2)));
        assert_eq!(grown(&first, &first), served(0, 0, Some(0)));
        assert_eq!(
            grown(&first, &totals(None, 150, 5, None)),
            served(50, 1, None)
        );
        assert_eq!(grown(&first, &totals(None, 101, 9, None)), None);
    }

    #[test]
    fn totals_that_fell_are_new_only_where_the_same_one_counts() {
        let (old, new) = (
            totals(Some("a"), 100, 4, None),
            totals(Some("a"), 9, 2, None),
        );
        let restarted = Served {
            requests: 9,
            failed: 2,
            slow: None,
        };
        assert_eq!(grown(&old, &new), Some(restarted));
        assert_eq!(grown(&old, &totals(Some("b"), 200, 5, None)), None);
        let nobody = totals(None, 100, 4, None);
        assert_eq!(grown(&nobody, &totals(None, 9, 2, None)), None);
        assert_eq!(grown(&nobody, &totals(Some("a"), 200, 5, None)), None);
    }
}
