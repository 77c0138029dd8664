//! The edges that a run opens: HTTP, the lease, people, the report file.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use shared::clock::Clock;
use shared::http::Http;
use shared::log::Log;
use shared::message::Message;
use shared::notify::{self, Delivery};
use shared::page::{self, Report};
use shared::store::lease::{
    self, Acquisition, Alone, Claim, Heartbeat, LeaseConfig, Locked, Occupant, Terms,
};
use shared::store::{DatabaseConfig, Limits};
use shared::tls::Roots;

use crate::plan::turn::Holder;
use crate::settings::Settings;

/// Who we are, to the servers we speak to.
pub const USER_AGENT: &str = concat!("plugin-rollback/", env!("CARGO_PKG_VERSION"));

/// How long the records may take: short, because something has to be brought back meanwhile.
pub const LIMITS: Limits = Limits {
    connect: Duration::from_secs(2),
    statement: Duration::from_secs(2),
    reply: Duration::from_secs(3),
    migrate: Duration::from_secs(30),
    journal_lock: Duration::from_secs(2),
    deliver: Duration::from_secs(5),
};

/// Nobody takes a rollback over while it lives, so it is soon clear whether it does.
const TERMS: Terms = Terms {
    ttl: Duration::from_secs(30),
    heartbeat: Duration::from_secs(5),
};

/// The token of whoever has a lock instead of a lease.
const WITHOUT_LEASE: i64 = 0;

/// HTTP as the settings say.
///
/// # Errors
/// When the private authority's file cannot be used.
pub fn http(settings: &Settings) -> Result<Http, String> {
    let roots = Roots::load(settings.ca_certificate.as_deref())?;
    Ok(Http::new(roots, settings.proxies.clone(), USER_AGENT))
}

fn lease_config(database: &DatabaseConfig) -> LeaseConfig {
    LeaseConfig {
        database: database.clone(),
        application: USER_AGENT.to_owned(),
        limits: LIMITS,
        terms: TERMS,
    }
}

/// Who has the environment's lease.
///
/// # Errors
/// When the database does not answer.
pub fn holder(
    settings: &Settings,
    database: &DatabaseConfig,
    clock: &dyn Clock,
) -> Result<Holder, String> {
    let subject = &settings.subject;
    let found = lease::holder(&lease_config(database), &subject.repo, &subject.environment)?;
    let lives = found.filter(|holder| clock.now() < holder.expires);
    Ok(lives.map_or(Holder::Nobody, run))
}

fn run(holder: lease::Holder) -> Holder {
    Holder::Run {
        deployment_id: holder.deployment_id,
        plugin: holder.plugin,
        token: holder.token,
        pipeline: holder.pipeline_url,
    }
}

/// Takes the lease for a deployment's rollback and keeps it from then on, or says who has it.
///
/// # Errors
/// When the database does not answer, or the run was cancelled meanwhile.
pub fn lease(
    settings: &Settings,
    database: &DatabaseConfig,
    deployment_id: &str,
    clock: &Arc<dyn Clock + Send + Sync>,
) -> Result<Result<Heartbeat, Holder>, String> {
    let claim = claim(settings, deployment_id, &**clock);
    match lease::acquire(&lease_config(database), &claim, clock)? {
        Acquisition::Acquired(lease) | Acquisition::TakenOver { lease, .. } => lease.keep().map(Ok),
        Acquisition::Held { by } => Ok(Err(run(by))),
        Acquisition::Cancelled => Err("the run was cancelled".to_owned()),
    }
}

/// Keeps other runs out that have the same journal, where there is no database to hold a lease; or says who has it.
///
/// # Errors
/// When the volume cannot lock.
pub fn alone(
    settings: &Settings,
    deployment_id: &str,
    clock: &dyn Clock,
) -> Result<Result<Alone, Holder>, String> {
    match lease::lock(&settings.journal, &claim(settings, deployment_id, clock)) {
        Ok(alone) => Ok(Ok(alone)),
        Err(Locked::By(by)) => Ok(Err(by.map_or_else(nameless, occupant))),
        Err(Locked::Unusable(why)) => Err(why),
    }
}

fn occupant(by: Occupant) -> Holder {
    Holder::Run {
        deployment_id: by.deployment_id,
        plugin: by.plugin,
        token: WITHOUT_LEASE,
        pipeline: by.pipeline_url,
    }
}

/// Somebody who has not said yet who it is.
fn nameless() -> Holder {
    Holder::Run {
        deployment_id: "unknown".to_owned(),
        plugin: "another run".to_owned(),
        token: WITHOUT_LEASE,
        pipeline: None,
    }
}

fn claim(settings: &Settings, deployment_id: &str, clock: &dyn Clock) -> Claim {
    Claim {
        repo: settings.subject.repo.clone(),
        environment: settings.subject.environment.clone(),
        deployment_id: deployment_id.to_owned(),
        run_id: format!("{}-{}", clock.now().as_nanosecond(), std::process::id()),
        pipeline_url: settings.ci.pipeline_url.clone(),
        plugin: USER_AGENT.to_owned(),
    }
}

/// Whom of those who are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whom {
    /// All of them.
    All,
    /// Those who read messages, and not what keeps an alarm until it is over.
    People,
    /// Only what keeps an alarm.
    Alarms,
}

/// Tells people within a time, if this is an occasion to. Gives what came of it on each channel.
///
/// # Errors
/// When the private authority's file cannot be used.
pub fn tell(
    message: &Message,
    settings: &Settings,
    whom: Whom,
    within: Duration,
    clock: &dyn Clock,
) -> Result<Vec<Delivery>, String> {
    let telling = &settings.telling;
    let channels = match whom {
        Whom::All => telling.channels.clone(),
        Whom::People => telling.channels.people(),
        Whom::Alarms => telling.channels.alarms(),
    };
    if !telling.on.contains(&message.outcome) || channels.is_empty() {
        return Ok(Vec::new());
    }
    let roots = Roots::load(settings.ca_certificate.as_deref())?;
    let proxies = settings.proxies.clone();
    let reach = Arc::new(notify::Reach::new(roots, proxies, USER_AGENT));
    Ok(notify::send(&channels, message, &reach, within, clock))
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
