//! What to go back to: the first of the known-good versions that holds.

use shared::deployment::Status;

use super::facts::{Asked, Bad, Candidate, End, Kind, Known, Source, same, short};

/// What is gone back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The commit.
    pub commit: String,
    /// Where it was found.
    pub source: Source,
    /// Others that came before it and did not hold, one sentence each.
    pub passed_over: Vec<String>,
}

impl Source {
    /// Where it was found, in words.
    pub fn words(&self) -> String {
        match self {
            Self::Said => "previous_commit".to_owned(),
            Self::Parent => "the bad commit's parent, as previous_commit says".to_owned(),
            Self::Marker => "the last-stable marker".to_owned(),
            Self::Deployment(id) => format!("deployment {id}, which was proved good"),
            Self::Forge => "the forge's last successful deployment".to_owned(),
            Self::GitMarker => "the last-stable marker in git".to_owned(),
        }
    }
}

/// Chooses the first candidate that holds; they come in their order.
///
/// # Errors
/// When none does, or the one that somebody named does not.
pub fn choose(
    asked: &Asked,
    known: &Known,
    bad: &Bad,
    candidates: &[Candidate],
) -> Result<Target, End> {
    let mut passed_over = Vec::new();
    for candidate in candidates {
        let Some(fault) = fault(asked, known, bad, candidate) else {
            return Ok(Target {
                commit: candidate.commit.clone(),
                source: candidate.source.clone(),
                passed_over,
            });
        };
        let text = format!(
            "{} ({}) {fault}",
            short(&candidate.commit),
            candidate.source.words()
        );
        if matches!(candidate.source, Source::Said | Source::Parent) {
            return Err(End::refused(text, "set previous_commit to another commit"));
        }
        passed_over.push(text);
    }
    let looked = if passed_over.is_empty() {
        "neither marker nor deployments name one".to_owned()
    } else {
        passed_over.join("; ")
    };
    Err(End::refused(
        format!("no version is known to be good: {looked}"),
        "set previous_commit",
    ))
}

fn fault(asked: &Asked, known: &Known, bad: &Bad, candidate: &Candidate) -> Option<String> {
    let commit = &candidate.commit;
    if same(commit, &bad.commit) {
        return Some("is the bad commit itself".to_owned());
    }
    if asked.lifted.hold {
        return None;
    }
    if let Some(hold) = &candidate.hold {
        return Some(format!(
            "is held since {} was rolled back: {}",
            hold.id, hold.reason
        ));
    }
    // What was only walked through since then proves nothing.
    let newest = known.rows.iter().find(|row| {
        row.kind != Kind::Dry && row.commit.as_deref().is_some_and(|one| same(one, commit))
    })?;
    (newest.status == Some(Status::RolledBack))
        .then(|| format!("was rolled back itself, as {}", newest.id))
}

#[cfg(test)]
mod tests {
    use super::super::facts::{Hold, Lifted};
    use super::super::tests::{BAD, GOOD, asked, bad, known, row};
    use super::*;

    const OLDER: &str = "0123456789012345678901234567890123456789";

    fn candidate(commit: &str, source: Source) -> Candidate {
        Candidate {
            commit: commit.to_owned(),
            source,
            hold: None,
        }
    }

    fn chosen(candidates: &[Candidate]) -> Result<Target, End> {
        choose(&asked(), &known(vec![]), &bad(), candidates)
    }

    #[test]
    fn the_first_that_holds_is_taken_and_the_others_are_named() {
        let all = [
            candidate(BAD, Source::Marker),
            candidate(GOOD, Source::Deployment("d0".into())),
            candidate(OLDER, Source::Forge),
        ];
        let target = chosen(&all).unwrap();
        assert_eq!(
            (target.commit.as_str(), target.source),
            (GOOD, Source::Deployment("d0".into()))
        );
        assert_eq!(
            target.passed_over,
            ["bbbbbbbbbbbb (the last-stable marker) is the bad commit itself"]
        );
        assert_eq!(chosen(&all[2..]).unwrap().source, Source::Forge);
        assert_eq!(
            chosen(&[candidate(OLDER, Source::GitMarker)])
                .unwrap()
                .source,
            Source::GitMarker
        );
    }

    #[test]
    fn what_somebody_named_is_taken_or_refused_but_never_replaced() {
        let named = [
            candidate(&BAD[..7], Source::Said),
            candidate(GOOD, Source::Marker),
        ];
        let end = chosen(&named).unwrap_err();
        assert!(end.why.ends_with("is the bad commit itself"), "{}", end.why);
        assert_eq!(
            chosen(&[
                candidate(OLDER, Source::Said),
                candidate(GOOD, Source::Marker)
            ])
            .unwrap()
            .commit,
            OLDER
        );
    }

    #[test]
    fn what_was_rolled_back_itself_is_no_target_unless_somebody_insists() {
        let known = known(vec![
            row("walked", Kind::Dry, Status::Success, GOOD),
            row("d0", Kind::Standard, Status::RolledBack, GOOD),
        ]);
        let marker = [candidate(GOOD, Source::Marker)];
        let end = choose(&asked(), &known, &bad(), &marker).unwrap_err();
        assert!(
            end.why.contains("was rolled back itself, as d0"),
            "{}",
            end.why
        );
        let insisting = Asked {
            lifted: Lifted {
                hold: true,
                ..Lifted::default()
            },
            ..asked()
        };
        assert!(choose(&insisting, &known, &bad(), &marker).is_ok());
    }

    #[test]
    fn what_is_held_is_no_target() {
        let held = Candidate {
            hold: Some(Hold {
                id: "d0".into(),
                reason: "errors".into(),
            }),
            ..candidate(GOOD, Source::Marker)
        };
        let end = chosen(&[held]).unwrap_err();
        assert!(
            end.why.contains("is held since d0 was rolled back: errors"),
            "{}",
            end.why
        );
    }

    #[test]
    fn without_any_it_refuses_and_says_what_to_set() {
        let end = chosen(&[]).unwrap_err();
        assert_eq!(
            (end.exit.code(), end.next.as_deref()),
            (2, Some("set previous_commit"))
        );
    }

    #[test]
    fn a_parent_that_somebody_asked_for_is_not_replaced_either() {
        let held = Candidate {
            hold: Some(Hold {
                id: "d0".into(),
                reason: "errors".into(),
            }),
            ..candidate(OLDER, Source::Parent)
        };
        let end = chosen(&[held, candidate(GOOD, Source::Marker)]).unwrap_err();
        assert!(end.why.contains("is held since d0"), "{}", end.why);
    }
}
