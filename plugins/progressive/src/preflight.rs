//! Is everything there and permitted that the rollout will need?

use std::path::Path;
use std::sync::Arc;

use shared::clock::Clock;
use shared::deployment::Status;
use shared::exit::Exit;
use shared::http::Http;
use shared::log::{Level, Log, Tone};
use shared::metrics::counters::SIDE;
use shared::metrics::prometheus::{Prometheus, Queries};
use shared::policy::{Gate, GateSource};
use shared::settings::common::DryRun;
use shared::settings::probing::Metrics;
use shared::value::{show_duration, show_number};

use crate::edges::LIMITS;
use crate::forging::Forging;
use crate::ledger::Ledger;
use crate::mover::Mover;
use crate::rows;
use crate::settings::{CountBy, Hook, Settings};
use crate::targets::Places;

/// Everything that stands in the way; what is worth knowing goes to the log.
pub fn problems(settings: &Settings, mover: &Mover, http: &Arc<Http>, log: &Log) -> Vec<String> {
    let mut problems = Vec::new();
    match mover.preflight() {
        Ok(found) => {
            let note = |text: &String| log.line(Level::Info, Tone::Faint, text);
            found.notes.iter().for_each(note);
            found
                .reload
                .iter()
                .filter(|text| !text.is_empty())
                .for_each(note);
        }
        Err(error) => problems.push(format!("traffic: {error}")),
    }
    if let Some(Hook::Script(path)) = &settings.hook.hook {
        problems.extend(executable(path).err());
    }
    if settings.dry_run == DryRun::Off
        && let Err(why) = shared::store::writable(&settings.journal)
    {
        // Where there is a database the journal is needed only while that is down.
        match settings.database {
            Some(_) => log.warn(&format!("journal: {why}")),
            None => problems.push(format!("journal: {why}")),
        }
    }
    for gate in &settings.gates {
        match number(gate, settings, http).and_then(|value| held(gate, value)) {
            Ok(text) => log.info(&text),
            Err(why) => problems.push(format!("quality gate {}: {why}", gate.name)),
        }
    }
    problems
}

fn executable(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    let shown = path.display();
    let data = std::fs::metadata(path).map_err(|error| {
        format!("deployment_script: {shown} cannot be read: {error}; is it committed?")
    })?;
    if !data.is_file() || data.permissions().mode() & 0o111 == 0 {
        return Err(format!(
            "deployment_script: {shown} is not executable; run git update-index --chmod=+x on it"
        ));
    }
    Ok(())
}

fn number(gate: &Gate, settings: &Settings, http: &Http) -> Result<f64, String> {
    match &gate.source {
        GateSource::File { file, pointer } => {
            let path = settings.ci.workspace.join(file);
            let text = std::fs::read_to_string(&path)
                .map_err(|error| format!("{file} cannot be read: {error}"))?;
            let document: serde_json::Value = serde_json::from_str(&text)
                .map_err(|error| format!("{file} is no JSON: {error}"))?;
            let found = document.pointer(pointer);
            let found = found.ok_or_else(|| format!("{file} has nothing at {pointer}"))?;
            found
                .as_f64()
                .ok_or_else(|| format!("{file} has no number at {pointer}"))
        }
        GateSource::Query(query) => {
            let metrics = settings.sources.probing.metrics.as_ref();
            let Some(Metrics::Json(base) | Metrics::Prometheus { endpoint: base, .. }) = metrics
            else {
                return Err("it is a query, expected a metrics_endpoint to send it to".to_owned());
            };
            let asked = Prometheus {
                base: base.clone(),
                headers: Vec::new(),
                queries: Queries::default(),
                timeout: settings.sources.probing.timeout,
                show_name: false,
            };
            asked
                .number(query, http)
                .map_err(|reason| reason.to_string())
        }
    }
}

/// Whether the server that is to count knows the stable side's requests; nothing where no such server is.
fn scraped(settings: &Settings, places: Places, http: &Http) -> Result<Option<String>, String> {
    let CountBy::Prometheus(asked) = &settings.counting.by else {
        return Ok(None);
    };
    let server = asked.server(settings.sources.probing.timeout);
    let [stable, _] = asked.sides(places);
    let selector = asked.selectors.requests.replace(SIDE, &stable);
    // An empty result is one number, too: that there is no series is not that nobody answers.
    let count = server.number(&format!("count({selector}) or vector(0)"), http);
    match count {
        Ok(0.0) => Err(format!(
            "query_requests: no series for {selector}, expected the stable side's counter; see that it and metrics_sides \
             name what is there"
        )),
        Ok(series) => Ok(Some(format!(
            "prometheus: {} series for {selector}",
            show_number(series)
        ))),
        Err(why) => Err(format!("query_requests: {why}")),
    }
}

fn held(gate: &Gate, value: f64) -> Result<String, String> {
    let shown = show_number(value);
    if let Some(min) = gate.min.filter(|min| value < *min) {
        return Err(format!("{shown} < {}", show_number(min)));
    }
    if let Some(max) = gate.max.filter(|max| value > *max) {
        return Err(format!("{shown} > {}", show_number(max)));
    }
    Ok(format!(
        "quality gate {}: {shown}, as it must be",
        gate.name
    ))
}

/// *preflight*: looks at everything, and on success records the deployment as `started`.
pub fn run(
    settings: &Settings,
    mover: &mut Mover,
    http: &Arc<Http>,
    forging: &Forging,
    clock: &dyn Clock,
    log: &Log,
) -> Exit {
    let mut ledger = Ledger::new(settings, clock, log);
    let mut found = problems(settings, mover, http, log);
    match mover.read(None) {
        Ok(reading) => {
            let share = reading
                .share
                .map_or("no single share".to_owned(), |share| share.to_string());
            log.info(&format!("the canary has {share}"));
        }
        Err(error) => found.push(format!("traffic: {error}")),
    }
    match scraped(settings, mover.places(), http) {
        Ok(Some(text)) => log.info(&text),
        Ok(None) => {}
        Err(why) => found.push(why),
    }
    let plan = &settings.plan;
    let (needs, left) = (plan.needs_from(0), plan.deadline);
    if needs > left {
        let (needs, left) = (show_duration(needs), show_duration(left));
        found.push(format!("the stages take {needs} and only {left} are left"));
    }
    if let Some(database) = &settings.database {
        match shared::store::check(database, crate::edges::USER_AGENT, &LIMITS) {
            Ok((how, _)) => log.info(&format!("database: {how}")),
            Err(why) => found.push(format!("database: {why}")),
        }
    }
    // What is only told there stops no rollout.
    forging.look();
    if !found.is_empty() {
        let text = format!(
            "REFUSED (exit 2): {}. Next: mend it before you deploy; nothing was touched",
            found.join("; ")
        );
        log.verdict(Tone::Bad, &text);
        return Exit::Refused;
    }
    let recorded = if settings.dry_run == DryRun::Off {
        match ledger.deployment(rows::deployment(Status::Started, &[], None), None) {
            Ok(()) => "the deployment is recorded as started",
            Err(_) => {
                "but the deployment could not be recorded as started: a rollback will not know of it"
            }
        }
    } else {
        "nothing is recorded on a dry run"
    };
    ledger.close(false);
    let text = format!("PASSED (exit 0): everything is there, {recorded}");
    log.verdict(Tone::Good, &text);
    Exit::Passed
}
