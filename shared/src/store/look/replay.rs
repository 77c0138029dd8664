//! What the journal says of looks. The same rules as in the statements of `write` and `read`.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;

use super::{CHECKS_SPAN, Looked, Usual, WINDOWS_MAX};
use crate::record::{Entry, LAST_STABLE, Record};
use crate::split::Served;
use crate::store::Recorded;
use crate::store::replay::{entries_of, marker, start_of};

/// The rollouts of which there are looks, the latest first, at most `limit`.
pub(in crate::store) fn rollouts(
    entries: impl Iterator<Item = Entry>,
    deployment_id: Option<&str>,
    limit: usize,
) -> Vec<Recorded> {
    let mut keys = HashSet::new();
    let mut found: BTreeMap<[String; 3], (Timestamp, usize)> = BTreeMap::new();
    let wanted = |entry: &Entry| {
        matches!(entry.body, Record::Look(_))
            && deployment_id.is_none_or(|id| entry.subject.deployment_id == id)
    };
    for entry in entries.filter(wanted) {
        if keys.insert(entry.key) {
            let of = entry.subject;
            let known = found.entry([of.repo, of.environment, of.deployment_id]);
            let (last, looks) = known.or_insert((entry.at, 0));
            *last = entry.at.max(*last);
            *looks += 1;
        }
    }
    let recorded = |(of, (last, looks))| {
        let [repo, environment, deployment_id]: [String; 3] = of;
        Recorded {
            repo,
            environment,
            deployment_id,
            last,
            looks,
        }
    };
    let mut found: Vec<Recorded> = found.into_iter().map(recorded).collect();
    found.sort_by_key(|one| std::cmp::Reverse(one.last));
    found.truncate(limit);
    found
}

/// What is made of each look of a rollout, in the order in which they were made, those of a dry run last, at most
/// `limit`.
pub(in crate::store) fn looks<T>(
    entries: impl Iterator<Item = Entry>,
    of: &Recorded,
    limit: usize,
    mut read: impl FnMut(Looked) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let mut keys = HashSet::new();
    let mut found = Vec::new();
    for entry in entries {
        let whose = &entry.subject;
        let is_its = whose.repo == of.repo
            && whose.environment == of.environment
            && whose.deployment_id == of.deployment_id;
        if let (true, Record::Look(look)) = (is_its, entry.body)
            && keys.insert(entry.key)
        {
            let place = (look.dry_run, entry.at, look.number);
            let (at, by) = (entry.at, None);
            found.push((place, read(Looked { at, look, by })?));
        }
    }
    found.sort_by_key(|(place, _)| *place);
    found.truncate(limit);
    Ok(found.into_iter().map(|(_, look)| look).collect())
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
    let mut windows: Vec<(Timestamp, (Served, bool))> = recent()
        .filter_map(|entry| match &entry.body {
            Record::Look(look) if look.source.as_deref() == Some(source) && !look.dry_run => {
                let stable = look.stable.filter(|stable| stable.requests > 0)?;
                Some((entry.at, (stable, look.is_troubled())))
            }
            _ => None,
        })
        .collect();
    if !windows.is_empty() {
        windows.sort_by_key(|(at, _)| *at);
        let early = windows.len().saturating_sub(WINDOWS_MAX);
        let windows = windows.into_iter().skip(early);
        return Usual::requests(windows.map(|(_, window)| window));
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
    Usual::checks(checks.into_values().collect())
}
