//! What the journal says, when there is no database to ask. The same rules as in the statements of `write` and `read`.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;

use super::seen::{Deployed, History};
use crate::deployment::Status;
use crate::record::{Check, DRY_RUN, Deployment, Entry, LAST_STABLE, Record, Window};

/// Whether a deployment that came to `old` at `old_at` comes to `new` at `new_at`.
///
/// What arrives late never overrides what is newer, and what was put back or is held stays so.
pub fn deployment_moves(old: (Status, Timestamp), new: (Status, Timestamp)) -> bool {
    old.0.may_become(new.0) && old.1 <= new.1
}

/// Sums the checks of a repository's environment up over the spans before `now`.
pub fn windows(
    entries: &[Entry],
    repo: &str,
    environment: &str,
    spans: &[(&str, Duration)],
    now: Timestamp,
) -> Vec<Window> {
    let checks: Vec<(Timestamp, &Check)> = entries_of(entries, repo, environment)
        .filter_map(|entry| match &entry.body {
            Record::Check(check) if check.mode != "wait" => Some((entry.at, check)),
            _ => None,
        })
        .collect();
    spans
        .iter()
        .map(|(label, span)| {
            let from = start_of(*span, now);
            let inside = checks.iter().filter(|(at, _)| *at >= from && *at <= now);
            window(label, inside.map(|(_, check)| *check))
        })
        .collect()
}

/// Where a span before `now` begins.
pub(super) fn start_of(span: Duration, now: Timestamp) -> Timestamp {
    now.checked_sub(span).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn window<'a>(label: &str, checks: impl Iterator<Item = &'a Check> + Clone) -> Window {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let good = |check: &&Check| matches!(&*check.health_status, "healthy" | "degraded");
    Window {
        label: label.to_owned(),
        checks: count(checks.clone().count()),
        good: count(checks.clone().filter(good).count()),
        error_rate: mean(checks.clone().filter_map(|c| c.error_rate.map(hundredths))),
        availability: mean(
            checks
                .clone()
                .filter_map(|c| c.availability.map(hundredths)),
        ),
        response_time: mean(checks.filter_map(|c| c.response_time_ms.map(f64::from))),
    }
}

/// As `numeric(5,2)` keeps a percentage, so that a mean is the same over rows and over the journal.
pub(super) fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), v| (sum + v, count + 1.0));
    (count > 0.0).then(|| sum / count)
}

/// The state of a deployment and its latest checks, newest first, at most `limit`.
pub fn deployment(
    entries: &[Entry],
    repo: &str,
    environment: &str,
    deployment_id: &str,
    limit: usize,
) -> History {
    let mut history = History::default();
    let mut stable: Option<Position<'_>> = None;
    for entry in entries_of(entries, repo, environment) {
        let ours = entry.subject.deployment_id == deployment_id;
        match &entry.body {
            Record::Marker(marker) if marker.name == LAST_STABLE => {
                stable = moved(stable, entry);
            }
            Record::Deployment(new) if ours => {
                let old = history.deployment.take();
                let previous = stable
                    .filter(|stable| {
                        stable.at <= entry.at
                            && entry.subject.commit.as_deref() != Some(stable.commit)
                    })
                    .map(|stable| stable.commit.to_owned());
                let next = Deployed {
                    status: new.status.word().to_owned(),
                    deployment_type: new.deployment_type.clone(),
                    commit: entry.subject.commit.clone(),
                    previous_commit: previous,
                    build_id: entry.subject.build_id,
                    rollback_from_commit: new.rollback_from_commit.clone(),
                    rollback_reason: new.rollback_reason.clone(),
                    at: entry.at,
                };
                history.deployment = Some(match old {
                    Some(old) if !moves(&old, new, entry.at) => old,
                    Some(old) => next.over(old),
                    None => next,
                });
            }
            Record::Check(check) if ours => history.checks.push((entry.at, check.clone())),
            _ => {}
        }
    }
    history.checks.reverse();
    // Stable: of two at the same time the later written comes first.
    history.checks.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    history.checks.truncate(limit);
    history
}

fn moves(old: &Deployed, new: &Deployment, at: Timestamp) -> bool {
    let (was_dry, is_dry) = (
        old.deployment_type == DRY_RUN,
        new.deployment_type == DRY_RUN,
    );
    if was_dry != is_dry {
        // What was done in earnest takes the place of what was only walked through, never the other way.
        return was_dry;
    }
    old.known_status()
        .is_none_or(|known| deployment_moves((known, old.at), (new.status, at)))
}

/// The commit that a marker names.
pub fn marker(entries: &[Entry], repo: &str, environment: &str, name: &str) -> Option<String> {
    entries_of(entries, repo, environment)
        .filter(|entry| matches!(&entry.body, Record::Marker(marker) if marker.name == name))
        .fold(None, moved)
        .map(|marker| marker.commit.to_owned())
}

/// Where a marker stands.
#[derive(Clone, Copy)]
struct Position<'a> {
    commit: &'a str,
    at: Timestamp,
    token: Option<i64>,
}

/// Of two moves under leases the token says which is newer; otherwise the time does.
fn moved<'a>(marker: Option<Position<'a>>, entry: &'a Entry) -> Option<Position<'a>> {
    let Some(commit) = entry.subject.commit.as_deref() else {
        return marker;
    };
    let newer = marker.is_none_or(|old| match (old.token, entry.token) {
        (Some(old), Some(new)) if old != new => old < new,
        _ => old.at <= entry.at,
    });
    if !newer {
        return marker;
    }
    Some(Position {
        commit,
        at: entry.at,
        token: entry.token.or(marker.and_then(|old| old.token)),
    })
}

/// Each entry once: a delivery that was cut short leaves some twice.
pub(super) fn entries_of<'a>(
    entries: &'a [Entry],
    repo: &'a str,
    environment: &'a str,
) -> impl Iterator<Item = &'a Entry> {
    let mut known = HashSet::new();
    entries
        .iter()
        .filter(move |entry| known.insert(entry.key.as_str()))
        .filter(move |entry| entry.subject.repo == repo && entry.subject.environment == environment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Deployment, Marker, Subject};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn entry(second: i64, commit: &str, body: Record) -> Entry {
        Entry {
            key: format!("{second} {commit} {body:?}"),
            at: at(second),
            subject: Subject {
                repo: "acme/shop".into(),
                environment: "production".into(),
                deployment_id: format!("d-{commit}"),
                commit: Some(commit.into()),
                build_id: Some(7),
            },
            token: None,
            body,
        }
    }

    fn status(status: Status) -> Record {
        Record::Deployment(Deployment::standard(status))
    }

    fn stable() -> Record {
        Record::Marker(Marker {
            name: LAST_STABLE.into(),
        })
    }

    fn check(mode: &str, health: &str, error_rate: Option<f64>) -> Record {
        Record::Check(Check {
            health_status: health.into(),
            mode: mode.into(),
            response_time_ms: Some(100),
            error_rate,
            availability: None,
            endpoint: "https://shop.example/".into(),
            threshold_error_rate: 5.0,
            threshold_response_time: 2000,
            threshold_availability: 99.0,
            checks_passed: vec![],
            checks_failed: vec![],
        })
    }

    fn said(entries: &[Entry], id: &str) -> Deployed {
        deployment(entries, "acme/shop", "production", id, 10)
            .deployment
            .unwrap()
    }

    #[test]
    fn a_late_start_does_not_override_a_success() {
        let entries = [
            entry(2, "b", status(Status::Success)),
            entry(1, "b", status(Status::Started)),
        ];
        assert_eq!(said(&entries, "d-b").status, "success");
    }

    #[test]
    fn what_was_rolled_back_stays_rolled_back() {
        let entries = [
            entry(1, "b", status(Status::RolledBack)),
            entry(2, "b", status(Status::Success)),
        ];
        assert_eq!(said(&entries, "d-b").status, "rolled_back");
    }

    #[test]
    fn the_previous_commit_is_the_marker_of_its_time_and_never_the_commit_itself() {
        let entries = [
            entry(1, "a", stable()),
            entry(2, "b", status(Status::Started)),
            entry(3, "b", status(Status::Success)),
            entry(3, "b", stable()),
            entry(4, "b", status(Status::Success)),
            entry(0, "old", status(Status::Success)),
        ];
        assert_eq!(said(&entries, "d-b").previous_commit.as_deref(), Some("a"));
        assert_eq!(said(&entries, "d-old").previous_commit, None);
    }

    #[test]
    fn a_marker_moves_forward_in_time_only() {
        let entries = [entry(2, "b", stable()), entry(1, "a", stable())];
        let named = |name| marker(&entries, "acme/shop", "production", name);
        assert_eq!(named(LAST_STABLE).as_deref(), Some("b"));
        assert_eq!(named("other"), None);
        assert_eq!(
            marker(&entries, "acme/blog", "production", LAST_STABLE),
            None
        );
    }

    #[test]
    fn windows_leave_out_waiting_and_count_repeated_lines_once() {
        let mut entries = vec![
            entry(0, "b", check("check", "healthy", Some(9.0))),
            entry(50, "b", check("wait", "unhealthy", Some(100.0))),
            entry(60, "b", check("check", "degraded", Some(1.004))),
            entry(100, "b", check("watch", "unhealthy", Some(3.0))),
        ];
        entries.push(entries[2].clone());
        let spans = [
            ("40s", Duration::from_secs(40)),
            ("1s", Duration::from_secs(1)),
        ];
        let found = windows(&entries, "acme/shop", "production", &spans, at(100));
        assert_eq!((found[0].checks, found[0].good), (2, 1));
        assert_eq!(found[0].error_rate, Some(2.0));
        assert_eq!((found[1].checks, found[1].availability), (1, None));
    }

    #[test]
    fn the_latest_checks_of_a_deployment_come_first() {
        let entries = [
            entry(1, "b", check("check", "healthy", None)),
            entry(3, "b", check("check", "unhealthy", None)),
            entry(2, "b", check("check", "degraded", None)),
            entry(4, "c", check("check", "healthy", None)),
        ];
        let history = deployment(&entries, "acme/shop", "production", "d-b", 2);
        let words: Vec<&str> = history
            .checks
            .iter()
            .map(|(_, c)| &*c.health_status)
            .collect();
        assert_eq!(words, ["unhealthy", "degraded"]);
        assert_eq!(history.deployment, None);
    }
}
