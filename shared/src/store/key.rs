//! What identifies an entry for ever.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::{Timestamp, TimestampRound, Unit};

use crate::record::{Entry, Record, Subject};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// An entry with a key of its own, at a time as fine as the database keeps it.
pub fn entry(at: Timestamp, subject: Subject, body: Record) -> Entry {
    let fine = TimestampRound::new().smallest(Unit::Microsecond);
    Entry {
        key: key(&subject.deployment_id, at),
        at: at.round(fine).unwrap_or(at),
        subject,
        token: None,
        body,
    }
}

/// Two plugins in one second, in one container or in many, on a clock that stands still: each part tells apart where
/// another one cannot.
fn key(deployment_id: &str, at: Timestamp) -> String {
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let random = RandomState::new().hash_one(count);
    format!(
        "{deployment_id}/{}/{}/{count}/{random:016x}",
        at.as_nanosecond(),
        std::process::id()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_the_same_instant_differ() {
        let keys: std::collections::HashSet<String> =
            (0..100).map(|_| key("d", Timestamp::UNIX_EPOCH)).collect();
        assert_eq!(keys.len(), 100);
    }
}
