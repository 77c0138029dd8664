//! The edges that a run opens: HTTP, the lease, people, the report file.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use shared::clock::Clock;
use shared::http::Http;
use shared::log::Log;
use shared::message::Message;
use shared::notify;
use shared::page::{self, Report};
use shared::settings::common::DryRun;
use shared::store::lease::{
    self, Acquisition, Alone, Claim, Heartbeat, LeaseConfig, Locked, Terms,
};
use shared::store::{DatabaseConfig, Limits};
use shared::tls::Roots;

use crate::rollout::Taken;
use crate::settings::Settings;

/// Who we are, to the servers we speak to.
pub const USER_AGENT: &str = concat!("plugin-progressive/", env!("CARGO_PKG_VERSION"));

/// How long the records may take: short, because traffic may have to go back meanwhile.
pub const LIMITS: Limits = Limits {
    connect: Duration::from_secs(2),
    statement: Duration::from_secs(2),
    reply: Duration::from_secs(3),
    migrate: Duration::from_secs(30),
    journal_lock: Duration::from_secs(2),
    deliver: Duration::from_secs(5),
};

/// HTTP as the settings say.
///
/// # Errors
/// When the private authority's file cannot be used.
pub fn http(settings: &Settings) -> Result<Http, String> {
    let roots = Roots::load(settings.ca_certificate.as_deref())?;
    Ok(Http::new(roots, settings.proxies.clone(), USER_AGENT))
}

/// Asks for the lease, and keeps it from then on.
pub fn lease(
    settings: &Settings,
    database: &DatabaseConfig,
    clock: &Arc<dyn Clock + Send + Sync>,
) -> (Taken, Option<Heartbeat>) {
    let config = LeaseConfig {
        database: database.clone(),
        application: USER_AGENT.to_owned(),
        limits: LIMITS,
        terms: Terms::default(),
    };
    let claim = claim(settings, &**clock);
    let unreachable = |detail| (Taken::Unreachable { detail }, None);
    match lease::acquire(&config, &claim, clock) {
        Ok(Acquisition::Acquired(lease) | Acquisition::TakenOver { lease, .. }) => {
            match lease.keep() {
                Ok(heartbeat) => (Taken::Ours, Some(heartbeat)),
                Err(detail) => unreachable(detail),
            }
        }
        Ok(Acquisition::Held { by }) => {
            let taken = Taken::Theirs {
                by: format!("{} (deployment {})", by.plugin, by.deployment_id),
                pipeline: by.pipeline_url,
            };
            (taken, None)
        }
        Ok(Acquisition::Cancelled) => unreachable("the run was cancelled".to_owned()),
        Err(detail) => unreachable(detail),
    }
}

/// Keeps other runs out that have the same journal, where there is no database to hold a lease.
pub fn alone(settings: &Settings, clock: &dyn Clock, log: &Log) -> (Taken, Option<Alone>) {
    match lease::lock(&settings.journal, &claim(settings, clock)) {
        Ok(alone) => (Taken::Ours, Some(alone)),
        Err(Locked::By(by)) => {
            let known = by.as_ref();
            let taken = Taken::Theirs {
                by: known.map_or("another run".to_owned(), |by| {
                    format!("{} (deployment {})", by.plugin, by.deployment_id)
                }),
                pipeline: by.and_then(|by| by.pipeline_url),
            };
            (taken, None)
        }
        // Not every volume can lock. Who has no other runs needs none.
        Err(Locked::Unusable(why)) => {
            log.warn(&format!("nothing keeps another run out: {why}"));
            (Taken::Unneeded, None)
        }
    }
}

fn claim(settings: &Settings, clock: &dyn Clock) -> Claim {
    let subject = &settings.subject;
    Claim {
        repo: subject.repo.clone(),
        environment: subject.environment.clone(),
        deployment_id: subject.deployment_id.clone(),
        run_id: format!("{}-{}", clock.now().as_nanosecond(), std::process::id()),
        pipeline_url: settings.ci.pipeline_url.clone(),
        plugin: USER_AGENT.to_owned(),
    }
}

/// Tells people within a time, if this is an occasion to.
///
/// # Errors
/// When somebody could not be told.
pub fn tell(
    message: &Message,
    settings: &Settings,
    within: Duration,
    clock: &dyn Clock,
    log: &Log,
) -> Result<(), String> {
    let telling = &settings.telling;
    if !telling.on.contains(&message.outcome) || telling.channels.is_empty() {
        return Ok(());
    }
    if settings.dry_run != DryRun::Off {
        log.info(&format!("dry run: nobody is told: {}", message.title));
        return Ok(());
    }
    let roots = Roots::load(settings.ca_certificate.as_deref())?;
    let proxies = settings.proxies.clone();
    let reach = Arc::new(notify::Reach::new(roots, proxies, USER_AGENT));
    for delivery in notify::send(&telling.channels, message, &reach, within, clock) {
        match delivery.outcome {
            Ok(()) => log.info(&format!("told {}", delivery.channel)),
            // It was tried several times already.
            Err(error) => log.warn(&format!("could not tell {}: {error}", delivery.channel)),
        }
    }
    Ok(())
}

/// Writes the report, if one is asked for. A report that cannot be written fails no step.
pub fn write_report(report: &Report, settings: &Settings, log: &Log) {
    let Some((path, format)) = &settings.report else {
        return;
    };
    let shown = path.display();
    match write_file(path, &log.masked(&page::render(report, *format))) {
        Ok(()) => log.info(&format!("report written to {shown}")),
        Err(error) => log.warn(&format!("the report {shown} could not be written: {error}")),
    }
}

fn write_file(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|one| !one.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text)
}
