//! *preflight*: is everything there that the deployment will need? The original pipeline's first stage.

use std::net::ToSocketAddrs;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use shared::clock::Clock;
use shared::deployment::Status;
use shared::endpoint::Endpoint;
use shared::exit::Exit;
use shared::log::{Log, Tone};
use shared::message::Outcome;
use shared::page::Table;
use shared::settings::common::DryRun;
use shared::settings::probing::Metrics;
use shared::signal::Cancel;
use shared::store::{self, DatabaseConfig, Limits, Schema};
use shared::table::aligned;
use shared::tls::Roots;

use crate::edges::{self, USER_AGENT};
use crate::ledger::Ledger;
use crate::report::told::Told;
use crate::rows;
use crate::run::links;
use crate::settings::Settings;

/// One check and what it found.
struct Check {
    name: String,
    found: Result<String, String>,
}

/// Looks at everything, shows a table, and on success records the deployment as `started`.
pub fn run(settings: &Settings, clock: &dyn Clock, cancel: &Cancel, log: &Log) -> Exit {
    let checks = look(settings);
    let table = table(&checks);
    log.block(Tone::Plain, &aligned(&table));
    let failed: Vec<String> = checks
        .iter()
        .filter_map(|check| {
            check
                .found
                .as_ref()
                .err()
                .map(|why| format!("{}: {why}", check.name))
        })
        .collect();
    // Nothing is deployed after a cancel: a deployment that is recorded as started would be one that never ended.
    if cancel.is_cancelled() {
        let text = "CANCELLED (exit 143): the pipeline was cancelled; nothing was touched";
        log.verdict(Tone::Caution, text);
        return Exit::Cancelled;
    }
    if failed.is_empty() {
        let recorded = record(settings, clock, log);
        let verdict = format!("PASSED (exit 0): {} checks, {recorded}", checks.len());
        let told = told(settings, Outcome::Success, "PASSED", failed, None);
        tell(&told, table, &verdict, settings, clock, log);
        log.verdict(Tone::Good, &verdict);
        return Exit::Passed;
    }
    let next = "mend it before you deploy; nothing was touched";
    let verdict = format!("REFUSED (exit 2): {}. Next: {next}", failed.join("; "));
    let failed = failed.iter().map(|why| log.masked(why)).collect();
    let told = told(settings, Outcome::Failure, "REFUSED", failed, Some(next));
    tell(&told, table, &verdict, settings, clock, log);
    log.verdict(Tone::Bad, &verdict);
    Exit::Refused
}

fn told<'a>(
    settings: &'a Settings,
    outcome: Outcome,
    word: &'a str,
    reasons: Vec<String>,
    next: Option<&str>,
) -> Told<'a> {
    Told {
        subject: &settings.subject,
        outcome,
        word,
        what: "preflight",
        reasons,
        next: next.map(str::to_owned),
        links: links(settings),
    }
}

fn tell(
    told: &Told,
    table: Table,
    verdict: &str,
    settings: &Settings,
    clock: &dyn Clock,
    log: &Log,
) {
    log.keep(verdict);
    let report = told.report(&[], &settings.thresholds, vec![table], &[], verdict);
    edges::write_report(&report, settings, log);
    edges::tell(&told.message(&[]), settings, clock, log);
}

/// From here on something may have been touched: a rollback step must be able to know.
fn record(settings: &Settings, clock: &dyn Clock, log: &Log) -> &'static str {
    if settings.ci.is_pull_request() {
        return "nothing is recorded for a pull request";
    }
    if settings.dry_run != DryRun::Off {
        return "nothing is recorded on a dry run";
    }
    if settings.subject.commit.is_none() {
        return "nothing is recorded without a commit";
    }
    let mut ledger = Ledger::new(settings, clock, log);
    ledger.write([rows::deployment(Status::Started)]);
    let recorded = if ledger.is_stuck() {
        "but the deployment could not be recorded as started: a rollback will not know of it"
    } else {
        "the deployment is recorded as started"
    };
    ledger.close();
    recorded
}

fn look(settings: &Settings) -> Vec<Check> {
    let mut checks = vec![Check {
        name: "settings".to_owned(),
        found: Ok("understood".to_owned()),
    }];
    let mut check = |name: String, found| checks.push(Check { name, found });
    let policy = settings
        .policy_file
        .as_deref()
        .map_or("no policy file: built-in limits hold".to_owned(), |name| {
            format!("{name} understood")
        });
    check("policy".to_owned(), Ok(policy));
    if let Some(script) = &settings.script {
        check("deployment_script".to_owned(), executable(script));
    }
    if let Some(path) = &settings.ca_certificate {
        check(
            "ca_certificate".to_owned(),
            Roots::load(Some(path)).map(|_| path.display().to_string()),
        );
    }
    for (role, endpoint) in addresses(settings) {
        check(format!("{role} {endpoint}"), resolves(endpoint, settings));
    }
    match &settings.database {
        None => check(
            "database".to_owned(),
            Ok("none: records go to the journal".to_owned()),
        ),
        Some(config) => {
            check("database".to_owned(), database(config));
        }
    }
    let journal = if settings.dry_run == DryRun::Off {
        writable(&settings.journal)
    } else {
        Ok("not tried on a dry run, because that would make it".to_owned())
    };
    check("journal".to_owned(), journal);
    checks
}

/// A migration that is due is tried and taken back: the first record applies it.
fn database(config: &DatabaseConfig) -> Result<String, String> {
    let (how, schema) = store::check(config, USER_AGENT, &Limits::default())?;
    let tables = match schema {
        Schema::Current => "its tables are up to date".to_owned(),
        Schema::Newer { version } => {
            format!("its tables are of a newer version ({version}), which can be used")
        }
        Schema::Behind { .. } => "its tables can be made or brought up to date".to_owned(),
    };
    Ok(format!("{how}; {tables}"))
}

/// The journal is appended to when a record cannot be delivered.
fn writable(journal: &Path) -> Result<String, String> {
    store::writable(journal).map(|()| format!("{} can be written", journal.display()))
}

fn addresses(settings: &Settings) -> impl Iterator<Item = (&'static str, &Endpoint)> {
    let probing = &settings.probing;
    let metrics = probing.metrics.iter().map(|metrics| match metrics {
        Metrics::Json(endpoint) | Metrics::Prometheus { endpoint, .. } => {
            ("metrics_endpoint", endpoint)
        }
    });
    let health = probing
        .endpoints
        .iter()
        .map(|endpoint| ("endpoint", endpoint));
    health.chain(metrics).chain(
        probing
            .integrity
            .iter()
            .map(|endpoint| ("integrity_endpoint", endpoint)),
    )
}

fn executable(path: &Path) -> Result<String, String> {
    use std::os::unix::fs::PermissionsExt;
    let shown = path.display();
    let data = std::fs::metadata(path)
        .map_err(|error| format!("{shown} cannot be read: {error}; is it committed?"))?;
    if !data.is_file() {
        return Err(format!("{shown} is not a file"));
    }
    if data.permissions().mode() & 0o111 == 0 {
        return Err(format!(
            "{shown} is not executable; run git update-index --chmod=+x on it"
        ));
    }
    Ok(format!("{shown} is executable"))
}

/// Looks a name up, within the probe's time limit: the system's resolver has none of its own.
fn resolves(endpoint: &Endpoint, settings: &Settings) -> Result<String, String> {
    if settings.proxies.cover(endpoint) {
        return Ok("reached through a proxy, which resolves the name".to_owned());
    }
    let (tell, told) = mpsc::channel();
    let (host, port, limit): (String, u16, Duration) = (
        endpoint.host.clone(),
        endpoint.port,
        settings.probing.timeout,
    );
    let look = move || {
        let found = (host.as_str(), port)
            .to_socket_addrs()
            .map(|mut addresses| addresses.next());
        // Nobody listens any more when the limit has passed.
        let _ = tell.send(found);
    };
    if let Err(error) = std::thread::Builder::new().spawn(look) {
        return Err(format!("no thread to ask for the host's name on: {error}"));
    }
    match told.recv_timeout(limit) {
        Ok(Ok(Some(address))) => Ok(format!("resolves to {}", address.ip())),
        Ok(Ok(None)) => Err("the host's name has no address".to_owned()),
        Ok(Err(error)) => Err(format!("the host's name could not be resolved: {error}")),
        Err(_) => Err(format!(
            "the host's name was not resolved within {}",
            shared::value::show_duration(limit)
        )),
    }
}

fn table(checks: &[Check]) -> Table {
    let row = |check: &Check| {
        let (word, text) = match &check.found {
            Ok(text) => ("ok", text),
            Err(text) => ("FAILED", text),
        };
        vec![word.to_owned(), check.name.clone(), text.clone()]
    };
    let header = ["", "check", "found"].map(str::to_owned).to_vec();
    Table {
        title: "preflight".to_owned(),
        header,
        rows: checks.iter().map(row).collect(),
    }
}
