//! Whatever splits traffic between two versions.
//!
//! The contract of every manager: what is set is absolute and comes to the same when set twice; what is to carry more
//! is raised before the other is lowered, so both are never at zero; `set` and `restore` come back only when reading
//! back agrees; every call ends within a limit of its own.
//!
//! Deliberately absent: retries. Whether to try again is the rollout's decision, which knows what it has judged.

mod error;
pub mod haproxy;
mod none;
mod script;
pub mod webhook;

use std::fmt;
use std::time::Duration;

use crate::clock::{Clock, Wake};
use crate::hook::Call;
use crate::signal::Cancel;
use crate::split::{Share, Side, Snapshot};
use crate::tally::Tally;

pub use error::{Fault, TrafficError};
pub use haproxy::Haproxy;
pub use none::Watching;
pub use script::Scripted;
pub use webhook::Webhook;

/// Something that splits traffic. Implemented by [`Haproxy`], [`Scripted`], [`Webhook`] and [`Watching`].
pub trait TrafficManager: Send + Sync {
    /// The word in the settings and in snapshots: `haproxy`.
    fn name(&self) -> &'static str;

    /// Whether it moves traffic at all, or only watches.
    fn moves(&self) -> bool {
        true
    }

    /// Looks whether a rollout can work: reachable, permitted, set up to honour shares. Writes nothing.
    ///
    /// # Errors
    /// When a rollout would not work.
    fn preflight(&self) -> Result<Preflight, TrafficError>;

    /// Reads the split as it is.
    ///
    /// # Errors
    /// When any instance cannot be read.
    fn read(&self) -> Result<Reading, TrafficError>;

    /// Gives the canary this share, on every instance, and reads it back. Writes nothing where an instance cannot
    /// be read beforehand.
    ///
    /// # Errors
    /// When it is not so on every instance: the error says where it is.
    fn set(&self, share: Share, call: Call) -> Result<(), TrafficError>;

    /// Puts back what a snapshot holds, whatever has happened since, and reads it back. Every instance is tried,
    /// however the others fare.
    ///
    /// # Errors
    /// When it is not so on every instance: the error says where it is.
    fn restore(&self, snapshot: &Snapshot, call: Call) -> Result<(), TrafficError>;

    /// The requests of each side so far; nothing where the manager does not count.
    ///
    /// # Errors
    /// When any instance cannot be read.
    fn observe(&self) -> Result<Option<Tally>, TrafficError>;

    /// Waits until nothing is under way on a side, or for the limit; for the whole of it where nobody counts.
    ///
    /// # Errors
    /// When any instance cannot be read.
    fn drain(
        &self,
        side: Side,
        limit: Duration,
        clock: &dyn Clock,
    ) -> Result<Drained, TrafficError> {
        drain(&|| self.observe(), side, limit, clock)
    }
}

/// What a look before the rollout found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preflight {
    /// Lines for the log.
    pub notes: Vec<String>,
    /// What a reload or restart of the proxy would do to the split, where it would do anything.
    pub reload: Option<String>,
}

/// The split as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The canary's share; nothing where instances differ or it is no whole number of per cent.
    pub share: Option<Share>,
    /// What to give to [`TrafficManager::restore`]. Its share is rounded where it is no whole number, never to
    /// nothing, and the highest where instances differ.
    pub snapshot: Snapshot,
    /// Whether the stable side can serve: the worst of all instances.
    pub stable: Health,
    /// Whether the canary can serve: the worst of all instances.
    pub canary: Health,
    /// Every instance.
    pub places: Vec<Place>,
}

/// One instance's split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Where.
    pub place: String,
    /// The canary's share there.
    pub share: Option<Share>,
    /// The same as the manager says it: `blue 90, green 10`.
    pub detail: String,
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(share) = self.share {
            return write!(f, "{share}");
        }
        for (number, place) in self.places.iter().enumerate() {
            let between = if number == 0 { "" } else { "; " };
            write!(f, "{between}{} at {}", place.detail, place.place)?;
        }
        Ok(())
    }
}

/// What a manager knows of a server's health, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// Its checks pass.
    Up,
    /// Nobody checks it.
    Unchecked,
    /// Its checks fail, or it was taken out of service.
    Down,
}

/// How a wait for the last requests ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Nothing is under way any more.
    Empty,
    /// The limit passed with this much under way.
    Busy(u64),
    /// The limit passed, and nobody counts.
    Unknown,
    /// The run was cancelled.
    Cancelled,
}

/// The reading of a manager that knows one share and nothing more.
fn simple(manager: &str, place: String, share: Share) -> Reading {
    Reading {
        share: Some(share),
        snapshot: Snapshot {
            manager: manager.to_owned(),
            share,
            detail: serde_json::Value::Null,
        },
        stable: Health::Unchecked,
        canary: Health::Unchecked,
        places: vec![Place {
            place,
            share: Some(share),
            detail: share.to_string(),
        }],
    }
}

/// How often a side that drains is looked at.
const DRAIN_TICK: Duration = Duration::from_millis(250);

fn drain(
    observe: &dyn Fn() -> Result<Option<Tally>, TrafficError>,
    side: Side,
    limit: Duration,
    clock: &dyn Clock,
) -> Result<Drained, TrafficError> {
    let end = clock.elapsed() + limit;
    loop {
        let left = end.saturating_sub(clock.elapsed());
        let (tick, end) = match observe()?.map(|tally| tally.sessions(side)) {
            Some(0) => return Ok(Drained::Empty),
            Some(busy) => (left.min(DRAIN_TICK), Drained::Busy(busy)),
            None => (left, Drained::Unknown),
        };
        if left.is_zero() {
            return Ok(end);
        }
        if clock.sleep(tick) == Wake::Cancelled {
            return Ok(Drained::Cancelled);
        }
    }
}

/// A short wait that a cancelled run does not cut short: putting traffic back is what is going on then.
fn pause(time: Duration) {
    let _ = Cancel::default().wait(time);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ReplayClock;
    use crate::tally::Count;

    fn busy(sessions: u64) -> Tally {
        let count = Count {
            place: "a".into(),
            side: Side::Canary,
            begun: 9,
            failed: 0,
            sessions,
        };
        Tally {
            counts: vec![count],
        }
    }

    #[test]
    fn a_side_drains_until_it_is_empty_or_the_limit_passes() {
        let clock = ReplayClock::at(jiff::Timestamp::UNIX_EPOCH);
        let limit = Duration::from_secs(10);
        let left = std::sync::Mutex::new(3);
        let emptying = || {
            let mut left = left.lock().unwrap();
            *left -= 1;
            Ok(Some(busy(*left)))
        };
        let drained = drain(&emptying, Side::Canary, limit, &clock).unwrap();
        assert_eq!((drained, clock.elapsed()), (Drained::Empty, DRAIN_TICK * 2));
        let drained = drain(&|| Ok(Some(busy(5))), Side::Canary, limit, &clock).unwrap();
        assert_eq!(drained, Drained::Busy(5));
        assert_eq!(clock.elapsed(), DRAIN_TICK * 2 + limit);
    }

    #[test]
    fn where_nobody_counts_the_whole_limit_is_waited() {
        let clock = ReplayClock::at(jiff::Timestamp::UNIX_EPOCH);
        let limit = Duration::from_secs(7);
        let drained = drain(&|| Ok(None), Side::Stable, limit, &clock).unwrap();
        assert_eq!((drained, clock.elapsed()), (Drained::Unknown, limit));
    }
}
