//! What the journal says of looks. The same rules as in the statements of `write` and `read`.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::{CHECKS_SPAN, Looked, Usual, WINDOWS_MAX};
use crate::record::{Entry, LAST_STABLE, Record};
use crate::split::Served;
use crate::store::replay::{entries_of, marker, start_of};

/// The looks of a deployment in the order in which they were made, those of a dry run last, at most `limit`.
pub(super) fn looks(
    entries: &[Entry],
    repo: &str,
    environment: &str,
    deployment_id: &str,
    limit: usize,
) -> Vec<Looked> {
    let mut looks: Vec<Looked> = entries_of(entries, repo, environment)
        .filter(|entry| entry.subject.deployment_id == deployment_id)
        .filter_map(|entry| match &entry.body {
            Record::Look(look) => Some(Looked {
                at: entry.at,
                look: look.clone(),
            }),
            _ => None,
        })
        .collect();
    looks.sort_by_key(|looked| (looked.look.dry_run, looked.at, looked.look.number));
    looks.truncate(limit);
    looks
}

/// What was counted by `source` of the stable side within the span before an instant, or else the checks of the last
/// version known to be good.
pub(super) fn usual(
    entries: &[Entry],
    repo: &str,
    environment: &str,
    source: &str,
    (span, now): (Duration, Timestamp),
) -> Usual {
    let from = start_of(span, now);
    let recent = || entries_of(entries, repo, environment).filter(|e| e.at > from && e.at <= now);
    let mut windows: Vec<(Timestamp, Served)> = recent()
        .filter_map(|entry| match &entry.body {
            Record::Look(look) if look.source.as_deref() == Some(source) && !look.dry_run => {
                Some((entry.at, look.stable.filter(|stable| stable.requests > 0)?))
            }
            _ => None,
        })
        .collect();
    if !windows.is_empty() {
        windows.sort_by_key(|(at, _)| *at);
        let early = windows.len().saturating_sub(WINDOWS_MAX);
        let windows = windows.into_iter().skip(early);
        return Usual::Requests(windows.map(|(_, served)| served).collect());
    }
    let stable = marker(entries, repo, environment, LAST_STABLE);
    let mut checks: BTreeMap<i64, Served> = BTreeMap::new();
    for entry in recent().filter(|entry| stable.is_some() && entry.subject.commit == stable) {
        let Record::Check(check) = &entry.body else {
            continue;
        };
        if check.mode == "wait" {
            continue;
        }
        let span = i64::try_from(CHECKS_SPAN.as_secs()).unwrap_or(i64::MAX);
        let window = checks
            .entry(entry.at.as_second().div_euclid(span))
            .or_default();
        let good = matches!(&*check.health_status, "healthy" | "degraded");
        *window = window.plus(Served {
            requests: 1,
            failed: u64::from(!good),
            slow: None,
        });
    }
    Usual::Checks(checks.into_values().collect())
}
