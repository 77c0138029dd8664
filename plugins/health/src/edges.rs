//! The edges that a run opens: HTTP, the forge, people, the report file.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use shared::clock::Clock;
use shared::forge::{CommitStatus, Forge};
use shared::http::Http;
use shared::log::Log;
use shared::message::Message;
use shared::notify;
use shared::page::{self, Report};
use shared::settings::common::DryRun;
use shared::standing::State;
use shared::tls::Roots;

use crate::settings::Settings;

/// Who we are, to the servers we speak to.
pub const USER_AGENT: &str = concat!("plugin-health/", env!("CARGO_PKG_VERSION"));

/// HTTP as the settings say.
///
/// # Errors
/// When the private authority's file cannot be used.
pub fn http(settings: &Settings) -> Result<Http, String> {
    let roots = Roots::load(settings.ca_certificate.as_deref())?;
    Ok(Http::new(roots, settings.proxies.clone(), USER_AGENT))
}

/// Tells people, if this is an occasion to. Nobody who could not be told fails the step.
pub fn tell(message: &Message, settings: &Settings, clock: &dyn Clock, log: &Log) {
    let telling = &settings.telling;
    if !telling.on.contains(&message.outcome) || telling.channels.is_empty() {
        return;
    }
    if settings.dry_run != DryRun::Off {
        log.info(&format!("dry run: nobody is told: {}", message.title));
        return;
    }
    let roots = match Roots::load(settings.ca_certificate.as_deref()) {
        Ok(roots) => roots,
        Err(error) => return log.warn(&format!("nobody could be told: {error}")),
    };
    let reach = Arc::new(notify::Reach::new(
        roots,
        settings.proxies.clone(),
        USER_AGENT,
    ));
    for delivery in notify::send(&telling.channels, message, &reach, TELL_WITHIN, clock) {
        match delivery.outcome {
            Ok(()) => log.info(&format!("told {}", delivery.channel)),
            Err(error) => log.warn(&format!("could not tell {}: {error}", delivery.channel)),
        }
    }
}

/// Says at the forge how the commit stands, if that is wanted. A status that cannot be set fails no step.
pub fn stands(
    (state, description): (State, String),
    settings: &Settings,
    clock: &dyn Clock,
    log: &Log,
) {
    let Some(standing) = &settings.standing else {
        return;
    };
    if settings.dry_run != DryRun::Off {
        log.info(&format!("dry run: no status is set: {description}"));
        return;
    }
    let Some(sha) = settings.subject.commit.clone() else {
        return log.warn("the commit's status is not set, because no commit is known");
    };
    let status = CommitStatus {
        sha,
        context: standing.context.clone(),
        state,
        description: log.masked(&description),
        url: settings.ci.pipeline_url.clone(),
    };
    let set = http(settings).and_then(|http| {
        Forge::open(&standing.place, &http, clock).commit_status(&status, STATUS_WITHIN)
    });
    match set {
        Ok(told) => {
            told.notes.iter().for_each(|note| log.warn(note));
            log.info(&told.what);
        }
        Err(why) => log.warn(&format!("the commit's status is not set: {why}")),
    }
}

/// How long a commit's status may take.
const STATUS_WITHIN: Duration = Duration::from_secs(5);

/// How long telling may take in all.
const TELL_WITHIN: Duration = notify::DEADLINE;

/// Writes the report, if one is asked for. A report that cannot be written fails no step.
pub fn write_report(report: &Report, settings: &Settings, log: &Log) {
    let Some((path, format)) = &settings.report else {
        return;
    };
    let shown = path.display();
    match write_file(path, &log.masked(&page::render(report, *format))) {
        Ok(()) => log.info(&format!("report written to {shown}")),
        Err(error) => log.warn(&format!("the report could not be written: {error:#}")),
    }
}

fn write_file(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder).with_context(|| format!("folder {}", folder.display()))?;
    }
    std::fs::write(path, text).with_context(|| format!("file {}", path.display()))
}
