//! *mark*: this commit is known to be good, so the marker moves to it.

use shared::exit::Exit;
use shared::log::{Log, Tone};
use shared::settings::common::DryRun;

use crate::ledger::Ledger;
use crate::plan::facts::short;
use crate::repository::Repository;
use crate::settings::{MarkerPlace, Settings};

/// Moves the marker, and tells how it ended.
pub fn run(settings: &Settings, repository: &Repository, ledger: &mut Ledger, log: &Log) -> Exit {
    let (tone, exit, text) = match moved(settings, repository, ledger) {
        Ok((exit, text)) => (
            if exit == Exit::Passed {
                Tone::Good
            } else {
                Tone::Bad
            },
            exit,
            text,
        ),
        Err(why) => (
            Tone::Bad,
            Exit::Refused,
            format!(
                "REFUSED (exit 2): the marker did not move: {why}. Next: put that right and start again"
            ),
        ),
    };
    if let Some(waiting) = ledger.close(false) {
        log.warn(&waiting);
    }
    log.verdict(tone, &text);
    exit
}

fn moved(
    settings: &Settings,
    repository: &Repository,
    ledger: &mut Ledger,
) -> Result<(Exit, String), String> {
    let subject = &settings.subject;
    let commit = subject.commit.as_deref().ok_or("nobody names a commit")?;
    let place = format!("the last-stable marker of {} ", subject.environment);
    if settings.ci.is_pull_request() {
        return Ok((
            Exit::Passed,
            format!(
                "NOTHING TO DO (exit 0): {place}stays where it is, because a pull request deploys nothing"
            ),
        ));
    }
    if let Some(hold) = ledger.hold(commit).filter(|_| !settings.asked.lifted.hold) {
        let text = format!(
            "BUSY (exit 5): {} is held since {} was rolled back: {}. Next: mark another commit, or set override: hold",
            short(commit),
            hold.id,
            hold.reason
        );
        return Ok((Exit::Busy, text));
    }
    if settings.dry_run != DryRun::Off {
        return Ok((
            Exit::Passed,
            format!(
                "DRY RUN (exit 0): {place}would move to {}. Next: run without dry_run",
                short(commit)
            ),
        ));
    }
    match settings.marker {
        MarkerPlace::Database => ledger.mark_stable(subject)?,
        MarkerPlace::Git => repository.mark(commit)?,
    }
    Ok((
        Exit::Passed,
        format!("MARKED (exit 0): {place}names {}", short(commit)),
    ))
}
