//! Which deployment is bad, and whether it is ours to roll back.

use shared::deployment::{Status, rollback_id};
use shared::intent::At;

use super::facts::{Asked, Bad, End, Hold, Kind, Known, Occasion, Reach, Row, same, short};

/// Finds the deployment that is to be rolled back.
///
/// # Errors
/// When there is nothing to roll back, or nobody can tell what.
pub fn find(asked: &Asked, known: &Known) -> Result<Bad, End> {
    match asked.occasion {
        Occasion::PullRequest => Err(End::nothing(
            "nothing to roll back: a pull request deploys nothing",
        )),
        Occasion::Pipeline => by_id(asked, known),
        // A pipeline that was started by hand or by the clock and deployed.
        _ if !asked.commit_said && known.row(&asked.deployment_id).is_some() => by_id(asked, known),
        Occasion::Person | Occasion::Clock if asked.id_said => by_id(asked, known),
        Occasion::Person | Occasion::Clock if asked.commit_said => by_commit(asked, known),
        Occasion::Person | Occasion::Clock => live(known),
    }
}

fn by_id(asked: &Asked, known: &Known) -> Result<Bad, End> {
    let id = &asked.deployment_id;
    let row = known.row(id).cloned();
    if row.is_none() && !is_begun(known, id) {
        unknown(asked, known)?;
    }
    let recorded = row.as_ref().and_then(|row| row.commit.clone());
    // In another pipeline than the deployment's own, that one's commit says nothing.
    let own = asked.occasion == Occasion::Pipeline || asked.commit_said || !asked.id_said;
    let said = asked.commit.clone().filter(|_| own);
    let commit = match (said, recorded) {
        (Some(said), Some(recorded)) if same(&said, &recorded) => recorded,
        (Some(said), Some(_)) if asked.commit_said => said,
        (said, recorded) => recorded.or(said).ok_or_else(|| {
            End::refused(
                format!("nobody says which commit {id} brought"),
                "set commit to the bad one",
            )
        })?,
    };
    Ok(Bad {
        id: id.clone(),
        commit,
        row,
    })
}

fn by_commit(asked: &Asked, known: &Known) -> Result<Bad, End> {
    let Some(commit) = asked.commit.clone() else {
        return live(known);
    };
    let brought = |row: &&Row| {
        row.kind == Kind::Standard && row.commit.as_deref().is_some_and(|one| same(one, &commit))
    };
    let row = known.rows.iter().find(brought).cloned();
    if row.is_none() && asked.previous.is_none() {
        unknown(asked, known)?;
    }
    let id = row.as_ref().map_or(&asked.deployment_id, |row| &row.id);
    Ok(Bad {
        id: id.clone(),
        commit: row
            .as_ref()
            .and_then(|row| row.commit.clone())
            .unwrap_or(commit),
        row,
    })
}

/// The newest deployment that was not put back: what the environment runs.
fn live(known: &Known) -> Result<Bad, End> {
    let stands = |row: &&Row| {
        let gone = [Status::RolledBack, Status::Cancelled];
        row.kind != Kind::Dry
            && row.commit.is_some()
            && row.status.is_some_and(|one| !gone.contains(&one))
    };
    let commit_needed = "set commit to the bad one";
    let row = known.rows.iter().find(stands).ok_or_else(|| {
        End::refused("the records do not say which commit is live", commit_needed)
    })?;
    // A rollback that did not come to its end is gone on with.
    let unfinished = |row: &Row| row.kind == Kind::Rollback && row.status != Some(Status::Success);
    let of = |one: &&Row| rollback_id(&one.id) == row.id && one.commit.is_some();
    let row = match known.rows.iter().find(of) {
        Some(of) if unfinished(row) => of,
        _ => row,
    };
    if row.kind == Kind::Rollback {
        let to = row.commit.as_deref().map(short).unwrap_or_default();
        return Err(End::refused(
            format!("what is live ({to}) is what {} went back to", row.id),
            "to go back further set commit and previous_commit",
        ));
    }
    Ok(Bad {
        id: row.id.clone(),
        commit: row.commit.clone().unwrap_or_default(),
        row: Some(row.clone()),
    })
}

/// Whether the newest rollout is this deployment's and may have touched something.
fn is_begun(known: &Known, id: &str) -> bool {
    let intent = known.intent().filter(|intent| intent.deployment_id == id);
    intent.is_some_and(|intent| intent.at != At::Begun)
}

/// No row: only records that are whole say that nothing was deployed.
fn unknown(asked: &Asked, known: &Known) -> Result<(), End> {
    let id = &asked.deployment_id;
    let by_person = asked.occasion == Occasion::Person;
    match &known.reach {
        // Who named it meant something, and is not to find a green step with nothing done.
        Reach::Whole if by_person && asked.id_said => Err(End::refused(
            format!("the records of this environment hold no deployment {id}"),
            "look whether deployment_id, environment and repo are right",
        )),
        Reach::Whole
            if asked.commit_said && !asked.id_said && asked.occasion != Occasion::Pipeline =>
        {
            let commit = asked.commit.as_deref().map(short).unwrap_or_default();
            Err(End::refused(
                format!("the records of this environment hold no deployment of {commit}"),
                "look whether commit, environment and repo are right, or set previous_commit, too",
            ))
        }
        Reach::Whole => Err(End::nothing(format!(
            "nothing to roll back: nothing was deployed, the records hold no deployment {id}"
        ))),
        Reach::Part(_) | Reach::Nothing if asked.previous.is_some() => Ok(()),
        Reach::Part(why) => Err(End::refused(
            format!("the records cannot be reached ({why}), and nobody says what to go back to"),
            "bring the database back, or set previous_commit",
        )),
        Reach::Nothing => Err(End::refused(
            "there are no records, so nobody knows whether anything was deployed",
            "set previous_commit, or give all steps of the pipeline a database_url or the same journal",
        )),
    }
}

/// Whether the deployment is ours to roll back, once it is known which it is.
///
/// # Errors
/// When it is not, or is no more.
pub fn stands(asked: &Asked, known: &Known, bad: &Bad, hold: Option<&Hold>) -> Result<(), End> {
    let automatic = asked.occasion.is_automatic();
    let (id, commit) = (&bad.id, short(&bad.commit));
    if let Some(done) = known
        .row(&rollback_id(id))
        .filter(|row| row.status == Some(Status::Success))
    {
        let to = done.commit.as_deref().map_or("what was good", short);
        return Err(End::nothing(format!(
            "already rolled back: {} went back to {to}",
            done.id
        )));
    }
    if automatic && (asked.on_rollback || is_result(known, bad)) {
        return Err(End::refused(
            format!("{commit} is what a rollback went back to, and is never rolled back by itself"),
            "look why the version that was known to be good fails now; a person can roll back further, with commit and previous_commit",
        ));
    }
    let Some(row) = &bad.row else {
        return Ok(());
    };
    match (row.kind, row.status) {
        (Kind::Dry, _) => Err(End::nothing(format!(
            "nothing to roll back: {id} was a dry run"
        ))),
        (Kind::Rollback, _) => Err(End::refused(
            format!("{id} is a rollback itself"),
            "set deployment_id to the deployment that is bad",
        )),
        (_, Some(Status::Held)) if automatic && !asked.lifted.hold => Err(End::nothing(format!(
            "nothing was done: {id} is held for a person, who can start a rollback by hand or with override: hold"
        ))),
        (_, Some(Status::Started))
            if hold.is_some_and(|hold| hold.id != *id) && !is_begun(known, id) =>
        {
            Err(End::nothing(format!(
                "nothing was done: {commit} was held before {id} began, so that it was blocked"
            )))
        }
        (_, Some(Status::Cancelled)) if automatic && !is_open(known, id) => {
            let why = row.reason.as_deref().map_or_else(
                || "was cancelled, and put its traffic back by itself".to_owned(),
                |reason| format!("was called off: {reason}"),
            );
            Err(End::nothing(format!("nothing was done: {id} {why}")))
        }
        _ => Ok(()),
    }
}

/// Whether the deployment's rollout left something.
fn is_open(known: &Known, id: &str) -> bool {
    let intent = known.intent().filter(|intent| intent.deployment_id == id);
    intent.is_some_and(|intent| {
        !matches!(
            intent.at,
            At::Begun | At::Closed | At::Held | At::Succeeded { .. }
        )
    })
}

/// Whether this commit is what the latest rollback went back to.
fn is_result(known: &Known, bad: &Bad) -> bool {
    let latest = known.rows.iter().find(|row| row.kind == Kind::Rollback);
    let to = latest.and_then(|row| row.commit.as_deref());
    to.is_some_and(|to| same(to, &bad.commit))
}

#[cfg(test)]
mod tests {
    use shared::exit::Exit;
    use shared::intent::Intent;

    use super::super::facts::Previous;
    use super::super::tests::{BAD, GOOD, asked, known, row};
    use super::*;

    fn end(asked: &Asked, known: &Known) -> (u8, String) {
        let judged = find(asked, known).and_then(|bad| stands(asked, known, &bad, None));
        let end = judged.unwrap_err();
        (end.exit.code(), end.why)
    }

    fn ours(asked: &Asked, known: &Known) -> (String, String) {
        let bad = find(asked, known).unwrap();
        stands(asked, known, &bad, None).unwrap();
        (bad.id, bad.commit)
    }

    fn d1(status: Status) -> Row {
        row("d1", Kind::Standard, status, BAD)
    }

    #[test]
    fn a_pull_request_has_nothing_to_roll_back() {
        let pull = Asked {
            occasion: Occasion::PullRequest,
            ..asked()
        };
        assert_eq!(end(&pull, &known(vec![d1(Status::Failed)])).0, 0);
    }

    #[test]
    fn nothing_was_deployed_is_said_by_whole_records_only() {
        let (code, why) = end(&asked(), &known(vec![]));
        assert_eq!(code, 0);
        assert!(why.starts_with("nothing to roll back"), "{why}");
        for reach in [Reach::Part("timed out".into()), Reach::Nothing] {
            let known = Known {
                reach,
                ..known(vec![])
            };
            assert_eq!(end(&asked(), &known).0, 2);
            let said = Asked {
                previous: Some(Previous::Commit(GOOD.into())),
                ..asked()
            };
            assert_eq!(ours(&said, &known), ("d1".into(), BAD.into()));
        }
    }

    #[test]
    fn a_rollout_without_a_row_is_still_ours() {
        let mut begun = known(vec![]);
        let at = |at| {
            Ok(Some(Intent {
                at,
                ..Intent::begun("d1", Some(BAD))
            }))
        };
        begun.rollout = at(At::Deploying);
        assert_eq!(ours(&asked(), &begun).0, "d1");
        begun.rollout = at(At::Begun);
        assert_eq!(end(&asked(), &begun).0, 0);
    }

    #[test]
    fn in_a_pipeline_its_own_deployment_is_meant() {
        let others = known(vec![
            row("d2", Kind::Standard, Status::Success, GOOD),
            d1(Status::Failed),
        ]);
        assert_eq!(ours(&asked(), &others), ("d1".into(), BAD.into()));
    }

    #[test]
    fn a_person_means_what_is_live_unless_something_is_named() {
        let person = Asked {
            occasion: Occasion::Person,
            deployment_id: "p9".into(),
            commit: Some("c".repeat(40)),
            ..asked()
        };
        let rows = vec![
            row("dry", Kind::Dry, Status::Success, "d0d0d0d0d0"),
            row("d3", Kind::Standard, Status::Cancelled, "ccccccc"),
            d1(Status::Success),
            row("d0", Kind::Standard, Status::Success, GOOD),
        ];
        assert_eq!(ours(&person, &known(rows.clone())).0, "d1");
        let named = Asked {
            commit: Some(BAD[..8].into()),
            commit_said: true,
            ..person.clone()
        };
        assert_eq!(
            ours(&named, &known(rows.clone())),
            ("d1".into(), BAD.into())
        );
        let by_id = Asked {
            deployment_id: "d1".into(),
            id_said: true,
            ..person.clone()
        };
        assert_eq!(ours(&by_id, &known(rows)), ("d1".into(), BAD.into()));
        assert_eq!(end(&person, &known(vec![])).0, 2);
    }

    #[test]
    fn what_a_person_names_and_nobody_knows_is_refused_by_its_name() {
        let person = Asked {
            occasion: Occasion::Person,
            deployment_id: "p9".into(),
            ..asked()
        };
        let by_commit = Asked {
            commit_said: true,
            ..person.clone()
        };
        let (code, why) = end(&by_commit, &known(vec![]));
        assert_eq!(code, 2);
        assert!(why.ends_with("no deployment of bbbbbbbbbbbb"), "{why}");
        let by_id = Asked {
            id_said: true,
            ..person
        };
        let (code, why) = end(&by_id, &known(vec![]));
        assert_eq!(code, 2);
        assert!(why.ends_with("no deployment p9"), "{why}");
    }

    #[test]
    fn a_person_goes_on_with_a_rollback_that_did_not_come_to_its_end() {
        let person = Asked {
            occasion: Occasion::Person,
            deployment_id: "p9".into(),
            ..asked()
        };
        let after = |status| {
            let went = row("d1-rollback", Kind::Rollback, status, GOOD);
            known(vec![went, d1(Status::RolledBack)])
        };
        for status in [Status::InProgress, Status::Failed] {
            let bad = ours(&person, &after(status));
            assert_eq!(bad, ("d1".into(), BAD.into()));
        }
        let (code, why) = end(&person, &after(Status::Success));
        assert_eq!(code, 2);
        assert!(why.ends_with("what d1-rollback went back to"), "{why}");
    }

    #[test]
    fn what_is_rolled_back_by_another_run_meanwhile_stays_what_is_meant() {
        let person = Asked {
            occasion: Occasion::Person,
            deployment_id: "p9".into(),
            ..asked()
        };
        let before = row("d0", Kind::Standard, Status::Success, GOOD);
        let bad = find(&person, &known(vec![d1(Status::Success), before.clone()])).unwrap();
        let went = row("d1-rollback", Kind::Rollback, Status::Success, GOOD);
        let later = known(vec![went, d1(Status::RolledBack), before]);
        let (code, why) = end(&person.of(&bad), &later);
        assert_eq!(code, 0);
        assert!(why.starts_with("already rolled back"), "{why}");
        assert_eq!(asked().of(&bad), asked());
    }

    #[test]
    fn what_a_rollback_went_back_to_is_not_rolled_back_by_itself() {
        let went = row("d1-rollback", Kind::Rollback, Status::Success, GOOD);
        let again = Asked {
            deployment_id: "d2".into(),
            commit: Some(GOOD.into()),
            ..asked()
        };
        let rows = vec![row("d2", Kind::Standard, Status::Failed, GOOD), went];
        assert_eq!(end(&again, &known(rows.clone())).0, 2);
        let marked = Asked {
            on_rollback: true,
            ..asked()
        };
        assert_eq!(end(&marked, &known(vec![d1(Status::Failed)])).0, 2);
        let person = Asked {
            occasion: Occasion::Person,
            id_said: true,
            ..again
        };
        assert_eq!(ours(&person, &known(rows)).0, "d2");
    }

    #[test]
    fn what_was_rolled_back_already_is_not_rolled_back_again() {
        let went = row("d1-rollback", Kind::Rollback, Status::Success, GOOD);
        let (code, why) = end(&asked(), &known(vec![went, d1(Status::RolledBack)]));
        assert_eq!(code, 0);
        assert!(why.contains("already rolled back"), "{why}");
        // One that did not come to its end is finished.
        let half = row("d1-rollback", Kind::Rollback, Status::InProgress, GOOD);
        assert_eq!(
            ours(&asked(), &known(vec![half, d1(Status::RolledBack)])).0,
            "d1"
        );
    }

    #[test]
    fn a_run_that_was_held_or_blocked_is_left_alone() {
        let held = known(vec![d1(Status::Held)]);
        assert_eq!(end(&asked(), &held).0, 0);
        let lifted = Asked {
            lifted: super::super::facts::Lifted {
                hold: true,
                ..Default::default()
            },
            ..asked()
        };
        assert_eq!(ours(&lifted, &held).0, "d1");
        let started = known(vec![d1(Status::Started)]);
        let bad = find(&asked(), &started).unwrap();
        let of = |id: &str| Hold {
            id: id.into(),
            reason: "bad".into(),
        };
        let blocked = stands(&asked(), &started, &bad, Some(&of("d0"))).unwrap_err();
        assert_eq!(blocked.exit, Exit::Passed);
        assert!(stands(&asked(), &started, &bad, Some(&of("d1"))).is_ok());
        assert_eq!(
            end(
                &asked(),
                &known(vec![row("d1", Kind::Dry, Status::Success, BAD)])
            )
            .0,
            0
        );
        assert_eq!(end(&asked(), &known(vec![d1(Status::Cancelled)])).0, 0);
        let refused = Row {
            reason: Some("stages do not fit".into()),
            ..d1(Status::Cancelled)
        };
        let (code, why) = end(&asked(), &known(vec![refused]));
        assert_eq!(code, 0);
        assert!(
            why.ends_with("d1 was called off: stages do not fit"),
            "{why}"
        );
    }

    #[test]
    fn a_cancelled_rollout_that_left_something_is_finished() {
        let mut left = known(vec![d1(Status::Cancelled)]);
        left.rollout = Ok(Some(Intent {
            at: At::RollingBack,
            ..Intent::begun("d1", Some(BAD))
        }));
        assert_eq!(ours(&asked(), &left).0, "d1");
    }

    fn person() -> Asked {
        Asked {
            occasion: Occasion::Person,
            deployment_id: "p9".into(),
            ..asked()
        }
    }

    fn begun(at: At, rows: Vec<Row>) -> Known {
        Known {
            rollout: Ok(Some(Intent {
                at,
                ..Intent::begun("d1", Some(BAD))
            })),
            ..known(rows)
        }
    }

    #[test]
    fn another_pipelines_commit_says_nothing_unless_somebody_said_it() {
        let named = Asked {
            deployment_id: "d1".into(),
            id_said: true,
            ..person()
        };
        let (code, why) = end(&named, &begun(At::Deploying, vec![]));
        assert_eq!(code, 2);
        assert!(why.starts_with("nobody says which commit"), "{why}");
        let said = Asked {
            commit: Some(GOOD.into()),
            commit_said: true,
            ..named.clone()
        };
        let rows = known(vec![d1(Status::Failed)]);
        assert_eq!(ours(&said, &rows), ("d1".into(), GOOD.into()));
        let unsaid = Asked {
            commit_said: false,
            ..said
        };
        assert_eq!(ours(&unsaid, &rows), ("d1".into(), BAD.into()));
    }

    #[test]
    fn a_commit_is_looked_for_among_deployments_in_earnest() {
        let named = Asked {
            commit_said: true,
            ..person()
        };
        let rows = vec![
            row("d7-rollback", Kind::Rollback, Status::Success, BAD),
            row("walked", Kind::Dry, Status::Success, BAD),
            d1(Status::Success),
        ];
        assert_eq!(ours(&named, &known(rows)).0, "d1");
        // Both commits said: no records are needed, and none can say otherwise.
        let both = Asked {
            previous: Some(Previous::Commit(GOOD.into())),
            ..named
        };
        assert_eq!(ours(&both, &known(vec![])), ("p9".into(), BAD.into()));
        let bad = find(&both, &known(vec![])).unwrap();
        assert_eq!(both.of(&bad), both);
    }

    #[test]
    fn a_person_may_roll_back_what_is_held_or_was_cancelled_and_no_rollback() {
        let of = |id: &str| Asked {
            deployment_id: id.into(),
            id_said: true,
            ..person()
        };
        for status in [Status::Held, Status::Cancelled] {
            assert_eq!(ours(&of("d1"), &known(vec![d1(status)])).0, "d1");
        }
        let went = row("d1-rollback", Kind::Rollback, Status::Failed, GOOD);
        let (code, why) = end(&of("d1-rollback"), &known(vec![went]));
        assert_eq!(code, 2);
        assert!(why.ends_with("is a rollback itself"), "{why}");
    }

    #[test]
    fn what_began_in_spite_of_a_hold_is_rolled_back() {
        let started = begun(At::Deploying, vec![d1(Status::Started)]);
        let bad = find(&asked(), &started).unwrap();
        let hold = Hold {
            id: "d0".into(),
            reason: "bad".into(),
        };
        assert!(stands(&asked(), &started, &bad, Some(&hold)).is_ok());
    }
}
