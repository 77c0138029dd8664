//! A replay: reads what was recorded, has it judged, and says what it came to. Nothing is written anywhere.

use std::path::Path;
use std::time::Duration;

use shared::exit::Exit;
use shared::guard;
use shared::log::{Level, Log, Tone};
use shared::record::DRY_RUN;
use shared::signal::Cancel;
use shared::store::{Archive, Limits, Recorded};
use shared::table::aligned;

use crate::edges::USER_AGENT;
use crate::replay::{self, Named, Reading, Record, course, differences};
use crate::report::replayed;
use crate::settings::{Of, Replaying};

/// More looks than two days have, one a second: what has more is no rollout.
const LOOKS_MAX: usize = 200_000;

/// Twice what so many looks take as JSON: what is larger is no file of looks.
const BYTES_MAX: u64 = 1 << 30;

/// So many rollouts are named where the one that was asked for is not there.
const NAMED_MAX: usize = 5;

/// No traffic waits for this.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(10),
    statement: Duration::from_secs(120),
    reply: Duration::from_secs(150),
    migrate: Duration::ZERO,
    journal_lock: Duration::ZERO,
    deliver: Duration::ZERO,
};

/// Why there is no replay, and what to do about it.
struct Refused {
    why: String,
    next: &'static str,
}

/// Judges a recorded rollout again.
pub fn replay(settings: &Replaying, cancel: &Cancel, log: &Log) -> Exit {
    if guard::end_when_cancelled(cancel, Duration::ZERO, log.kept()).is_err() {
        return guard::deaf();
    }
    let found = match &settings.of {
        Of::File(path) => from_file(path, settings),
        Of::Deployment(id) => from_records(id, settings, log),
    };
    let refused = match found {
        Ok((named, record)) => match judge(&named, &record, settings, log) {
            Some(exit) => return exit,
            None => Refused {
                why: "the record holds no run that could be judged".to_owned(),
                next: "replay another deployment",
            },
        },
        Err(refused) => refused,
    };
    let Refused { why, next } = refused;
    let text = format!("REFUSED (exit 2): {why}. Next: {next}");
    log.verdict(Tone::Bad, &text);
    Exit::Refused
}

/// Plays it by the recorded rules and by those of now, and says how the two compare.
fn judge(named: &Named, record: &Record, settings: &Replaying, log: &Log) -> Option<Exit> {
    let id = &named.deployment_id;
    let agent = USER_AGENT.replace('/', " ");
    let (repo, environment) = (&named.repo, &named.environment);
    let began = record.began()?.strftime("%Y-%m-%d %H:%M:%SZ");
    log.info(&format!(
        "{agent} {repo} {environment}: replay of {id}, which began {began}; nothing is touched"
    ));
    for note in notes(record, settings) {
        log.line(Level::Info, Tone::Faint, &format!("note: {note}"));
    }
    let last = &record.attempts.last()?.terms;
    let others = differences(last, &last.judged_by(&settings.judging));
    if others.is_empty() {
        log.info("the rules of now are those that were recorded");
    } else {
        log.info(&format!(
            "the rules of now are others: {}",
            others.join(", ")
        ));
    }
    let recorded = course(record, id, None)?;
    let now = course(record, id, Some(&settings.judging))?;
    let source = record.source();
    log.info(&replayed::as_recorded(&recorded, source));
    log.block(Tone::Plain, &aligned(&replayed::table(&recorded, &now)));
    let (exit, text) = replayed::verdict(&recorded, &now, source);
    let tone = match exit {
        Exit::Passed => Tone::Good,
        Exit::Inconclusive => Tone::Caution,
        _ => Tone::Bad,
    };
    log.verdict(tone, &text);
    Some(exit)
}

fn notes(record: &Record, settings: &Replaying) -> Vec<String> {
    let mut notes = settings.notes.clone();
    let unlike = settings.aside.unlike(record);
    if !unlike.is_empty() {
        notes.push(format!(
            "{} cannot be replayed and were others when this was recorded: looks were made when and where they were made",
            unlike.join(", ")
        ));
    }
    if record.leaves_dry_runs {
        notes.push("looks of dry runs are left out".to_owned());
    }
    if record.attempts.len() > 1 {
        let runs = record.attempts.len();
        notes.push(format!("this deployment was run {runs} times: each run goes on with what the one before had counted"));
    }
    let missing: i32 = record.attempts.iter().map(|one| one.missing).sum();
    if missing > 0 {
        notes.push(format!(
            "{missing} looks of it were never recorded: what they saw is not judged"
        ));
    }
    notes
}

fn from_file(path: &Path, settings: &Replaying) -> Result<(Named, Record), Refused> {
    let shown = path.display();
    let text = text_of(path).map_err(|why| Refused {
        why: format!("{shown} cannot be read: {why}"),
        next: "name a file of looks, or a deployment by its id",
    })?;
    let (named, rows) = replay::read(&text, DRY_RUN).map_err(|why| Refused {
        why: format!("{shown} cannot be replayed: {why}"),
        next: "write the file as the plugin's page says, with psql",
    })?;
    if named.environment != settings.environment {
        return Err(Refused {
            why: format!(
                "{shown} holds looks of {}, and the settings of now are those of {}",
                named.environment, settings.environment
            ),
            next: "set environment to that of the looks",
        });
    }
    Ok((named, Record::of(rows)))
}

/// The text of a file that ends.
fn text_of(path: &Path) -> Result<String, String> {
    let data = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !data.is_file() {
        return Err("it is not a file".to_owned());
    }
    if data.len() > BYTES_MAX {
        let bytes = data.len();
        return Err(format!(
            "it has {bytes} bytes, at most {BYTES_MAX} are read"
        ));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

fn from_records(id: &str, settings: &Replaying, log: &Log) -> Result<(Named, Record), Refused> {
    let refused = |why| Refused {
        why,
        next: "bring the database back, or replay a JSON file",
    };
    let archive = Archive::open(
        settings.database.as_ref(),
        &settings.journal,
        USER_AGENT,
        LIMITS,
    )
    .map_err(refused)?;
    let place = archive.place();
    log.line(
        Level::Info,
        Tone::Faint,
        &format!("records are read from {place}"),
    );
    let found = archive.rollouts(Some(id), LOOKS_MAX).map_err(refused)?;
    let Some(one) = the_one(&found, id, settings)? else {
        let latest = archive.rollouts(None, NAMED_MAX).map_err(refused)?;
        return Err(unknown(id, &place, &latest));
    };
    let mut reading = Reading::default();
    let rows = archive.looks(one, LOOKS_MAX + 1, move |looked| {
        reading.row(looked.at, looked.look, looked.by.as_deref())
    });
    let rows = rows.map_err(|why| Refused {
        why,
        next: "replay it with the version of the plugin that recorded it, or replay another one",
    })?;
    if rows.len() > LOOKS_MAX {
        return Err(Refused {
            why: format!("{id} has more than {LOOKS_MAX} looks"),
            next: "replay a JSON file of a part of them",
        });
    }
    let named = Named {
        repo: one.repo.clone(),
        environment: one.environment.clone(),
        deployment_id: one.deployment_id.clone(),
    };
    Ok((named, Record::of(rows)))
}

/// The rollout that is meant, among those of its name.
fn the_one<'r>(
    found: &'r [Recorded],
    id: &str,
    settings: &Replaying,
) -> Result<Option<&'r Recorded>, Refused> {
    let of_repo = |one: &&Recorded| settings.repo.as_ref().is_none_or(|repo| one.repo == *repo);
    let here = |one: &&Recorded| one.environment == settings.environment;
    let meant: Vec<&Recorded> = found.iter().filter(of_repo).filter(here).collect();
    let named = |all: &[&Recorded]| {
        let names = all
            .iter()
            .map(|one| format!("{} {}", one.repo, one.environment));
        names.collect::<Vec<_>>().join(", ")
    };
    match &meant[..] {
        [one] => Ok(Some(one)),
        [] if found.is_empty() => Ok(None),
        [] => {
            let elsewhere: Vec<&Recorded> = found.iter().collect();
            let repo = settings.repo.as_ref();
            let repo = repo.map_or_else(String::new, |repo| format!("{repo} "));
            Err(Refused {
                why: format!(
                    "no look of {id} is recorded of {repo}{}, but of {}",
                    settings.environment,
                    named(&elsewhere)
                ),
                next: "set repo and environment to those",
            })
        }
        several => Err(Refused {
            why: format!("looks of {id} are recorded of {}", named(several)),
            next: "set repo to the one that is meant",
        }),
    }
}

fn unknown(id: &str, place: &str, latest: &[Recorded]) -> Refused {
    if latest.is_empty() {
        return Refused {
            why: format!("no look at all is recorded in {place}"),
            next: "set database_url or journal to where the rollout was recorded",
        };
    }
    let names = latest.iter().map(|one| {
        let last = one.last.strftime("%Y-%m-%d %H:%MZ");
        let Recorded {
            repo,
            environment,
            deployment_id,
            looks,
            ..
        } = one;
        format!("{deployment_id} ({repo} {environment}, {looks} looks until {last})")
    });
    let names: Vec<String> = names.collect();
    Refused {
        why: format!(
            "no look of {id} is recorded in {place}; the latest are of {}",
            names.join(", ")
        ),
        next: "name one of these, or a file that ends in .json",
    }
}
