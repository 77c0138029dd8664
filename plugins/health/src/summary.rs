//! *summary*: how the deployment went, from the records. The original pipeline's sixth stage; no probe.

use shared::clock::Clock;
use shared::deployment::Status;
use shared::exit::Exit;
use shared::log::{Log, Tone};
use shared::message::Outcome;
use shared::page::Table;
use shared::record::Window;
use shared::settings::common::DryRun;
use shared::store::{Deployed, History};
use shared::table::aligned;

use crate::edges;
use crate::ledger::Ledger;
use crate::report::told::Told;
use crate::report::{standing, tables};
use crate::run::links;
use crate::settings::Settings;

/// How many checks the table shows at most.
const CHECKS_SHOWN: usize = 20;

/// Shows and tells the summary. It judges nothing, so it never fails a step.
pub fn run(settings: &Settings, clock: &dyn Clock, log: &Log) -> Exit {
    let mut ledger = Ledger::new(settings, clock, log);
    let history = ledger.history(CHECKS_SHOWN);
    let windows = ledger.windows();
    ledger.close();
    let (outcome, word, why) = if settings.dry_run == DryRun::On {
        let why = "a dry run opens no records".to_owned();
        (Outcome::Warning, "is unknown", Some(why))
    } else {
        summarize(history.as_ref())
    };
    // Rows of an older version, or of another tool, hold what was not masked when it was written.
    let why = why.map(|why| log.masked(&why));
    let tables: Vec<Table> = history
        .iter()
        .map(checks)
        .chain(tables::windows(&windows))
        .collect();
    tables
        .iter()
        .filter(|table| !table.rows.is_empty())
        .for_each(|table| log.block(Tone::Plain, &aligned(table)));
    let told = Told {
        subject: &settings.subject,
        outcome,
        word,
        what: "deployment",
        reasons: why.clone().into_iter().collect(),
        next: None,
        links: links(settings),
    };
    let verdict = format!(
        "SUMMARY (exit 0): deployment {} {word}{}",
        settings.subject.deployment_id,
        because(why.as_deref())
    );
    log.keep(&verdict);
    edges::write_report(
        &told.report(&[], &settings.thresholds, tables, &[], &verdict),
        settings,
        log,
    );
    let stands = standing::summed_up(outcome, word, why.as_deref());
    edges::stands(stands, settings, clock, log);
    tell(&told, &windows, settings, clock, log);
    let tone = match outcome {
        Outcome::Success => Tone::Good,
        Outcome::Warning => Tone::Caution,
        Outcome::Failure => Tone::Bad,
    };
    log.verdict(tone, &verdict);
    Exit::Passed
}

fn tell(told: &Told, windows: &[Window], settings: &Settings, clock: &dyn Clock, log: &Log) {
    edges::tell(&told.message(windows), settings, clock, log);
}

fn because(why: Option<&str>) -> String {
    why.map(|why| format!(": {why}")).unwrap_or_default()
}

/// How it ended, in a word, and why. Pure.
fn summarize(history: Option<&History>) -> (Outcome, &'static str, Option<String>) {
    let Some(history) = history else {
        return (
            Outcome::Warning,
            "is unknown",
            Some("the records could not be read".to_owned()),
        );
    };
    let last_failure = || {
        history
            .checks
            .iter()
            .find_map(|(_, check)| check.checks_failed.first().cloned())
    };
    match history.deployment.as_ref().map(Deployed::known_status) {
        Some(Some(Status::Success)) => (Outcome::Success, "succeeded", None),
        Some(Some(Status::Unverified)) => (
            Outcome::Success,
            "succeeded, unverified",
            Some("nothing proved which version answered".to_owned()),
        ),
        Some(Some(Status::Failed)) => (Outcome::Failure, "failed", last_failure()),
        Some(Some(Status::RolledBack)) => (Outcome::Failure, "was rolled back", last_failure()),
        Some(Some(Status::Held)) => (Outcome::Failure, "is held for a person", last_failure()),
        Some(Some(Status::Cancelled)) => (Outcome::Warning, "was cancelled", None),
        Some(Some(Status::Started | Status::InProgress)) => (
            Outcome::Warning,
            "has not finished",
            Some("no step recorded its end; set `final: true` on the last check".to_owned()),
        ),
        Some(None) => (
            Outcome::Warning,
            "is unknown",
            Some("a newer version recorded it".to_owned()),
        ),
        None if history.checks.is_empty() => (
            Outcome::Warning,
            "is unknown",
            Some("no record speaks of it".to_owned()),
        ),
        None => (
            Outcome::Warning,
            "has not finished",
            Some("it was checked, and no step recorded it as deployed".to_owned()),
        ),
    }
}

/// The newest checks, a row each.
fn checks(history: &History) -> Table {
    let row = |(at, check): &(jiff::Timestamp, shared::record::Check)| {
        let time = check
            .response_time_ms
            .map_or_else(|| "–".to_owned(), |ms| format!("{ms} ms"));
        let why = check.checks_failed.first().cloned().unwrap_or_default();
        vec![
            at.strftime("%F %TZ").to_string(),
            check.health_status.clone(),
            time,
            check.endpoint.clone(),
            why,
        ]
    };
    let header = ["checked at", "health", "measured", "endpoint", "failed"]
        .map(str::to_owned)
        .to_vec();
    Table {
        title: "checks".to_owned(),
        header,
        rows: history.checks.iter().map(row).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: Option<Status>) -> (Outcome, &'static str) {
        let deployment = status.map(|status| Deployed {
            status: status.word().to_owned(),
            deployment_type: "standard".to_owned(),
            commit: None,
            previous_commit: None,
            build_id: None,
            rollback_from_commit: None,
            rollback_reason: None,
            at: jiff::Timestamp::UNIX_EPOCH,
        });
        let (outcome, word, _) = summarize(Some(&History {
            deployment,
            ..History::default()
        }));
        (outcome, word)
    }

    #[test]
    fn every_status_has_its_word() {
        assert_eq!(of(Some(Status::Success)), (Outcome::Success, "succeeded"));
        assert_eq!(of(Some(Status::Failed)), (Outcome::Failure, "failed"));
        assert_eq!(
            of(Some(Status::RolledBack)),
            (Outcome::Failure, "was rolled back")
        );
        assert_eq!(
            of(Some(Status::Started)),
            (Outcome::Warning, "has not finished")
        );
        assert_eq!(of(None), (Outcome::Warning, "is unknown"));
        assert_eq!(summarize(None).1, "is unknown");
    }
}
