//! What the journal says of rollouts. The same rules as in the statements of `write` and `read`.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Done, Good, Held, INCIDENTS_MAX, LastRollout};
use crate::record::{Abort, DRY_RUN, Entry, Mark, Record, Rollout, Stage, Subject, part};
use crate::store::replay::{deployment, entries_of};
use crate::store::seen::Deployed;

/// The newest rollout of an environment, or of one deployment in it.
pub(in crate::store) fn rollout(
    entries: &[Entry],
    repo: &str,
    environment: &str,
    deployment_id: Option<&str>,
) -> Option<LastRollout> {
    entries_of(entries, repo, environment)
        .filter(|entry| deployment_id.is_none_or(|id| entry.subject.deployment_id == id))
        .filter_map(|entry| match &entry.body {
            Record::Rollout(rollout) => Some(last(entry, rollout)),
            _ => None,
        })
        .reduce(newer)
}

/// Of two states the newer: by token, then by sequence.
pub(super) fn newer(first: LastRollout, second: LastRollout) -> LastRollout {
    if first.order() < second.order() {
        second
    } else {
        first
    }
}

fn last(entry: &Entry, rollout: &Rollout) -> LastRollout {
    LastRollout {
        subject: entry.subject.clone(),
        token: entry.token,
        sequence: rollout.sequence,
        state: rollout.state.clone(),
        snapshot: rollout.snapshot.clone(),
        mark: rollout.mark,
        at: entry.at,
    }
}

/// What identifies the row of a stage. A dry run has rows of its own.
pub(super) fn stage_key(subject: &Subject, stage: &Stage) -> String {
    format!(
        "{}/{}/{}/{}/stage {}",
        subject.repo,
        subject.environment,
        subject.deployment_id,
        stage.deployment_type(),
        stage.stage
    )
}

/// The stages of a deployment, in their order, those of a dry run last.
pub(in crate::store) fn stages(
    entries: &[Entry],
    repo: &str,
    environment: &str,
    deployment_id: &str,
) -> Vec<Stage> {
    let mut rows: BTreeMap<(bool, i32), (&Entry, &Stage)> = BTreeMap::new();
    let order = |entry: &Entry, stage: &Stage| {
        (
            entry.token.unwrap_or(0),
            stage.completed_at.is_some(),
            entry.at,
        )
    };
    for entry in entries_of(entries, repo, environment) {
        let Record::Stage(stage) = &entry.body else {
            continue;
        };
        if entry.subject.deployment_id != deployment_id {
            continue;
        }
        let row = rows
            .entry((stage.dry_run, stage.stage))
            .or_insert((entry, stage));
        if order(row.0, row.1) <= order(entry, stage) {
            *row = (entry, stage);
        }
    }
    rows.into_values().map(|(_, stage)| stage.clone()).collect()
}

/// The parts of a deployment's rollback that are done, in the order of their names.
pub(in crate::store) fn parts(
    entries: &[Entry],
    repo: &str,
    environment: &str,
    deployment_id: &str,
) -> Vec<Done> {
    let mut parts: BTreeMap<&str, Done> = BTreeMap::new();
    for entry in entries_of(entries, repo, environment) {
        if let Record::Part(part) = &entry.body
            && entry.subject.deployment_id == deployment_id
        {
            parts.entry(&part.part).or_insert_with(|| Done {
                part: part.part.clone(),
                note: part.note.clone(),
                at: entry.at,
            });
        }
    }
    parts.into_values().collect()
}

/// The deployments whose incidents were opened and not closed, the newest first.
pub(in crate::store) fn incidents(entries: &[Entry], repo: &str, environment: &str) -> Vec<String> {
    let of = |name: &'static str| {
        entries_of(entries, repo, environment)
            .filter(move |entry| matches!(&entry.body, Record::Part(found) if found.part == name))
    };
    let closed: Vec<&str> = of(part::RECOVERED)
        .map(|entry| entry.subject.deployment_id.as_str())
        .collect();
    let mut opened: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for entry in of(part::INCIDENT) {
        let id = entry.subject.deployment_id.as_str();
        if !closed.contains(&id) {
            opened.entry(id).or_insert(entry.at);
        }
    }
    let mut newest: Vec<(&str, Timestamp)> = opened.into_iter().collect();
    newest.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(other.0)));
    newest
        .into_iter()
        .take(INCIDENTS_MAX)
        .map(|(id, _)| id.to_owned())
        .collect()
}

/// The first request that is meant for the run with this token.
pub(in crate::store) fn abort(
    entries: &[Entry],
    repo: &str,
    environment: &str,
    deployment_id: &str,
    token: Option<i64>,
) -> Option<Abort> {
    entries_of(entries, repo, environment)
        .filter(|entry| entry.subject.deployment_id == deployment_id)
        .find_map(|entry| match &entry.body {
            Record::Abort(abort) if means(abort.of_token, token) => Some(abort.clone()),
            _ => None,
        })
}

fn means(of: Option<i64>, token: Option<i64>) -> bool {
    match (of, token) {
        (Some(of), Some(token)) => token <= of,
        _ => true,
    }
}

/// Why a commit is held, if it is.
pub(in crate::store) fn held(
    entries: &[Entry],
    repo: &str,
    environment: &str,
    commit: &str,
) -> Option<Held> {
    let (mut newest, mut lifted): (Option<Held>, Option<Timestamp>) = (None, None);
    for entry in entries_of(entries, repo, environment) {
        if entry.subject.commit.as_deref() != Some(commit) {
            continue;
        }
        match &entry.body {
            Record::Hold(hold) if newest.as_ref().is_none_or(|old| old.at <= entry.at) => {
                newest = Some(Held {
                    deployment_id: entry.subject.deployment_id.clone(),
                    reason: hold.reason.clone(),
                    at: entry.at,
                });
            }
            Record::Lift(_) => lifted = lifted.max(Some(entry.at)),
            _ => {}
        }
    }
    newest.filter(|held| lifted.is_none_or(|lifted| lifted <= held.at))
}

/// The newest deployment of another commit that succeeded, was proved to be that version, and was not rolled back or
/// held since. A dry run is none.
pub(in crate::store) fn last_good(
    entries: &[Entry],
    repo: &str,
    environment: &str,
    bad: &str,
) -> Option<Good> {
    let mut put_back: Vec<String> = Vec::new();
    for (id, found) in recent(entries, repo, environment, usize::MAX) {
        let Some(commit) = found.commit.filter(|_| found.deployment_type != DRY_RUN) else {
            continue;
        };
        if found.status == "rolled_back" {
            put_back.push(commit);
        } else if found.status == "success"
            && commit != bad
            && !put_back.contains(&commit)
            && held(entries, repo, environment, &commit).is_none()
        {
            return Some(Good {
                deployment_id: id,
                commit,
            });
        }
    }
    None
}

/// The deployments of an environment, by their first word, newest first, at most `limit`.
pub(in crate::store) fn recent(
    entries: &[Entry],
    repo: &str,
    environment: &str,
    limit: usize,
) -> Vec<(String, Deployed)> {
    let mut ids: Vec<&str> = Vec::new();
    for entry in entries_of(entries, repo, environment) {
        let id = entry.subject.deployment_id.as_str();
        if matches!(entry.body, Record::Deployment(_)) && !ids.contains(&id) {
            ids.push(id);
        }
    }
    let state = |id: &str| {
        let found = deployment(entries, repo, environment, id, 0).deployment;
        found.map(|found| (id.to_owned(), found))
    };
    ids.into_iter()
        .rev()
        .filter_map(state)
        .take(limit)
        .collect()
}

/// Whether the newest rollout of an environment still concerns the next one.
pub(super) fn is_open(rollout: &LastRollout) -> bool {
    match rollout.mark {
        None | Some(Mark::Held) => true,
        Some(Mark::Finished | Mark::Settled) => false,
    }
}
