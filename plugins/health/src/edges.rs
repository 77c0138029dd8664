//! The edges that a run opens: HTTP, people, the report file.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use shared::clock::Clock;
use shared::http::Http;
use shared::log::Log;
use shared::message::Message;
use shared::notify;
use shared::page::{self, Report};
use shared::settings::common::DryRun;
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
