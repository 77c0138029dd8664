//! Gathers the facts for a plan, and asks for it.

use std::sync::Arc;

use shared::http::Http;
use shared::log::Log;

use crate::forging::Forging;
use crate::ledger::Ledger;
use crate::plan::facts::{
    Asked, Bad, Candidate, End, Git, Known, Previous, Source, Strategy, same,
};
use crate::plan::target::Target;
use crate::plan::{Facts, Plan, plan, subject, target};
use crate::repository::Repository;
use crate::settings::{MarkerPlace, Settings};
use crate::{calls, mover};

/// What is looked with.
pub struct Looks<'a> {
    /// The settings.
    pub settings: &'a Settings,
    /// What was asked for.
    pub asked: &'a Asked,
    /// HTTP.
    pub http: &'a Arc<Http>,
    /// The forge.
    pub forging: &'a Forging<'a>,
    /// The remote repository.
    pub repository: &'a Repository<'a>,
    /// The log.
    pub log: &'a Log<'a>,
}

/// A plan with what it was made from.
pub struct Observed {
    /// The plan.
    pub plan: Plan,
    /// The records it was made from.
    pub known: Known,
    /// Whether the deployment may have touched anything, as far as the records know.
    pub has_touched: bool,
}

/// Looks at everything and plans.
///
/// # Errors
/// When nothing is to be done, or may be.
pub fn observe(looks: &Looks, ledger: &mut Ledger) -> Result<Observed, End> {
    let (settings, asked, http) = (looks.settings, looks.asked, looks.http);
    let known = ledger.known();
    let bad = subject::find(asked, &known)?;
    let hold = ledger.hold(&bad.commit);
    subject::stands(asked, &known, &bad, hold.as_ref())?;
    let candidates = candidates(looks, &known, &bad, ledger)?;
    let target = target::choose(asked, &known, &bad, &candidates)?;
    let last = known.intent();
    let facts = calls::facts(settings, &bad, &target, mover::pool(settings, last));
    let traffic = mover::read(settings, facts, last, http);
    let marked = match settings.marker {
        MarkerPlace::Database => ledger.marker(),
        MarkerPlace::Git => looks.repository.marker().ok().flatten(),
    };
    let git = look_at_git(looks, &bad, &target);
    let touched = last.is_some_and(|last| last.deployment_id == bad.id);
    let started =
        bad.row.as_ref().and_then(|row| row.status) == Some(shared::deployment::Status::Started);
    let facts = Facts {
        done: ledger.done(&bad.id),
        is_marked: marked.is_some_and(|commit| same(&commit, &target.commit)),
        known: known.clone(),
        bad,
        target,
        traffic,
        git,
    };
    Ok(Observed {
        plan: plan(asked, facts)?,
        known,
        has_touched: touched || !started,
    })
}

/// Looks at the remote where the branch is to be put back, or where something that changed may forbid to bring the
/// good version back.
fn look_at_git(looks: &Looks, bad: &Bad, target: &Target) -> Git {
    let (settings, asked) = (looks.settings, looks.asked);
    let Some(branch) = settings.remote.branch.as_deref() else {
        return Git::Unasked;
    };
    let pushes = !matches!(asked.strategy, Strategy::None | Strategy::Redeploy);
    let guards = (asked.hook || asked.strategy == Strategy::Redeploy)
        && !asked.lifted.irreversible
        && !settings.irreversible.is_empty();
    if settings.remote.address.is_none() || !(pushes || guards) {
        return Git::Unasked;
    }
    let protected = if pushes {
        looks.forging.protects(branch)
    } else {
        None
    };
    looks.repository.look(bad, target, protected)
}

/// What might be gone back to, in the order in which it counts.
fn candidates(
    looks: &Looks,
    known: &Known,
    bad: &Bad,
    ledger: &mut Ledger,
) -> Result<Vec<Candidate>, End> {
    let (settings, asked) = (looks.settings, looks.asked);
    let said = match &asked.previous {
        None => None,
        Some(Previous::Commit(commit)) => Some((commit.clone(), Source::Said)),
        Some(Previous::Parent) => {
            let parent = looks.repository.parent(bad);
            let parent =
                parent.map_err(|why| End::refused(why, "set previous_commit to a commit"))?;
            Some((parent, Source::Parent))
        }
    };
    let mut found = Vec::new();
    let add =
        |found: &mut Vec<Candidate>, ledger: &mut Ledger, (commit, source): (String, Source)| {
            let hold = ledger.hold(&commit);
            found.push(Candidate {
                commit,
                source,
                hold,
            });
        };
    if let Some(said) = said {
        add(&mut found, ledger, said);
        return Ok(found);
    }
    if let Some(commit) = ledger.marker() {
        add(&mut found, ledger, (commit, Source::Marker));
    }
    if let Some((id, commit)) = ledger.last_good(&bad.commit) {
        add(&mut found, ledger, (commit, Source::Deployment(id)));
    }
    if target::choose(asked, known, bad, &found).is_ok() {
        // What the records know is enough: nobody else is asked.
        return Ok(found);
    }
    let marker = match settings.marker {
        MarkerPlace::Git => looks.repository.marker(),
        // Read where it is kept, and nowhere else: a remote is not asked for nothing.
        MarkerPlace::Database => Ok(None),
    };
    let others = [
        (looks.forging.last_successful(), Source::Forge),
        (
            marker.map(|one| one.into_iter().collect()),
            Source::GitMarker,
        ),
    ];
    for (asked, source) in others {
        match asked {
            Ok(commits) => commits
                .into_iter()
                .for_each(|commit| add(&mut found, ledger, (commit, source.clone()))),
            Err(why) => looks
                .log
                .warn(&format!("{} is not known: {why}", source.words())),
        }
    }
    Ok(found)
}
