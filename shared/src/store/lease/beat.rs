//! What is known of a lease between two signs of life.

use std::time::Duration;

use super::{Holder, Renewal, Terms};

/// What is known of a lease. Times are those of the run's clock, since it began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pulse {
    /// It is ours.
    Held {
        /// When that was last known.
        confirmed: Duration,
    },
    /// Nobody knows: no step forward.
    Unreachable {
        /// When it was last known to be ours.
        since: Duration,
        /// Why it is not known any more.
        why: String,
    },
    /// It is another run's: not one more write.
    Lost {
        /// Whose; absent when they have let go of it already.
        by: Option<Holder>,
    },
}

/// What is known after a renewal. `confirmed` is when the last one that came through was sent.
pub(super) fn after(renewal: Renewal, confirmed: Duration) -> Pulse {
    match renewal {
        Renewal::Held { .. } => Pulse::Held { confirmed },
        Renewal::Lost { by } => Pulse::Lost { by },
        Renewal::Unreachable { why } => Pulse::Unreachable {
            since: confirmed,
            why,
        },
    }
}

/// Whether the lease was ours so long ago that it has to be asked for again: a process that was stopped for a while, or
/// whose machine was, finds an old answer. Two heartbeats are left before anybody may take it.
pub(super) fn is_stale(pulse: &Pulse, now: Duration, terms: &Terms) -> bool {
    match pulse {
        Pulse::Held { confirmed } => {
            now.saturating_sub(*confirmed) > terms.ttl.saturating_sub(2 * terms.heartbeat)
        }
        Pulse::Unreachable { .. } | Pulse::Lost { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_answer_is_asked_for_again_before_the_lease_can_be_gone() {
        let held = Pulse::Held {
            confirmed: Duration::from_secs(100),
        };
        let stale = |now| is_stale(&held, Duration::from_secs(now), &Terms::default());
        assert!(!stale(100) && !stale(140) && stale(141));
        // Who knows already that it is not known need not ask.
        let lost = Pulse::Lost { by: None };
        assert!(!is_stale(&lost, Duration::MAX, &Terms::default()));
    }
}
