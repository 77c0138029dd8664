//! The loop: gathers facts through the edges, hands them to the pure rooms, does the one step that comes back.

use shared::clock::{Clock, Wake};
use shared::deployment::Status;
use shared::exit::Exit;
use shared::log::{Level, Log, Tone};
use shared::message::Outcome;
use shared::probe::probe_all;
use shared::record::Record;
use shared::settings::common::DryRun;
use shared::signal::Cancel;
use shared::table::aligned;
use shared::verdict::Verdict;
use shared::{chart, http::Http};
use std::sync::Arc;

use crate::course::{Ending, Leg, Step};
use crate::edges;
use crate::ledger::Ledger;
use crate::report::told::{Told, charts};
use crate::report::{ending as last, lines, standing, tables};
use crate::settings::{Mode, Settings};
use crate::tick::{self, Tick};
use crate::{preflight, rows, summary, targets};

/// Runs what the settings say, and tells how it ended.
pub fn run(settings: &Settings, clock: &dyn Clock, cancel: &Cancel, log: &Log) -> Exit {
    log.info(&headline(settings));
    settings
        .notes
        .iter()
        .for_each(|note| log.line(Level::Info, Tone::Faint, &format!("note: {note}")));
    match &settings.mode {
        Mode::Preflight => preflight::run(settings, clock, cancel, log),
        Mode::Summary => summary::run(settings, clock, log),
        Mode::Judge(legs) => {
            match edges::http(settings) {
                Ok(http) => Judging {
                    settings,
                    clock,
                    cancel,
                    log,
                    http: Arc::new(http),
                }
                .run(legs),
                Err(error) => {
                    log.verdict(Tone::Bad, &format!("REFUSED (exit 2): {error}. Next: mend it; nothing was probed or written"));
                    Exit::Refused
                }
            }
        }
    }
}

fn headline(settings: &Settings) -> String {
    let subject = &settings.subject;
    let commit = subject
        .commit
        .as_deref()
        .map(|commit| format!(" commit {}", &commit[..commit.len().min(12)]));
    format!(
        "{} {} {}: deployment {}{}",
        edges::USER_AGENT.replace('/', " "),
        subject.repo,
        subject.environment,
        subject.deployment_id,
        commit.unwrap_or_default()
    )
}

struct Judging<'a> {
    settings: &'a Settings,
    clock: &'a dyn Clock,
    cancel: &'a Cancel,
    log: &'a Log<'a>,
    http: Arc<Http>,
}

impl Judging<'_> {
    fn run(&self, legs: &[Leg]) -> Exit {
        self.log.info(&lines::limits(&self.settings.thresholds));
        let mut ledger = Ledger::new(self.settings, self.clock, self.log);
        let mut seen = Vec::new();
        let mut timeline = Vec::new();
        let mut ending = None;
        for leg in legs {
            let from = seen.len();
            let Some(ended) = self.walk(leg, &mut seen, from, &mut ledger, &mut timeline) else {
                ledger.leave();
                let text =
                    "CANCELLED (exit 143): the pipeline was cancelled before there was a verdict";
                self.log.verdict(Tone::Caution, text);
                return Exit::Cancelled;
            };
            let goes_on = matches!(ended, Ending::Judged(Verdict::Pass { .. }));
            ending = Some(ended);
            if !goes_on {
                break;
            }
        }
        let ending = ending.unwrap_or(Ending::Judged(Verdict::Inconclusive {
            reasons: Vec::new(),
        }));
        self.close(&ending, &seen, ledger, &timeline)
    }

    /// Walks one leg to its end; `None` when the run was cancelled.
    fn walk(
        &self,
        leg: &Leg,
        seen: &mut Vec<Tick>,
        from: usize,
        ledger: &mut Ledger,
        timeline: &mut Vec<String>,
    ) -> Option<Ending> {
        let began = self.clock.elapsed();
        self.log.info(&lines::leg(leg));
        loop {
            match leg.next(
                &seen[from..],
                &self.settings.thresholds,
                began,
                self.clock.elapsed(),
            ) {
                Step::Finish(ending) => return Some(ending),
                Step::Sleep(wait) => {
                    if self.clock.sleep(wait) == Wake::Cancelled {
                        return None;
                    }
                }
                Step::Probe { within } => {
                    let tick = self.probe(within)?;
                    self.say(seen.last(), &tick, timeline);
                    let rows = tick
                        .samples
                        .iter()
                        .map(|sample| rows::check(sample, &self.settings.thresholds, leg.word()));
                    ledger.write(rows.map(Record::Check));
                    seen.push(tick);
                }
            }
        }
    }

    fn probe(&self, within: Option<std::time::Duration>) -> Option<Tick> {
        let started = self.clock.elapsed();
        let probes = targets::of(&self.settings.probing, within);
        let samples = probe_all(&probes, &self.http, self.clock, self.cancel)?;
        let judged = tick::judge(&samples, &self.settings.thresholds);
        Some(Tick {
            started,
            ended: self.clock.elapsed(),
            samples,
            judged,
        })
    }

    fn say(&self, before: Option<&Tick>, tick: &Tick, timeline: &mut Vec<String>) {
        for sample in &tick.samples {
            self.log
                .line(Level::Debug, Tone::Faint, &lines::probe(sample));
        }
        let Some(line) = lines::transition(before, tick) else {
            return;
        };
        let tone = match lines::state(&tick.judged) {
            "healthy" => Tone::Good,
            "warning" => Tone::Caution,
            _ => Tone::Bad,
        };
        timeline.push(format!("{} {line}", self.clock.now().strftime("%H:%M:%SZ")));
        self.log.line(Level::Info, tone, &line);
    }

    fn close(
        &self,
        ending: &Ending,
        seen: &[Tick],
        mut ledger: Ledger,
        timeline: &[String],
    ) -> Exit {
        let settings = self.settings;
        let verdict = last::verdict(
            ending,
            settings.failure_fails,
            settings.probing.endpoints.len(),
        );
        self.log.keep(&verdict);
        // What the windows say of the time before is shown beside the verdict and has no part in it.
        let version_was_seen = rows::version_was_seen(seen);
        let closing = rows::closing(ending, settings.is_final, &settings.ci, version_was_seen);
        let unverified = closing.contains(&rows::deployment(Status::Unverified));
        ledger.write(closing);
        let windows = ledger.windows();
        ledger.close();
        let answers = seen
            .last()
            .map(|tick| tables::samples(&tick.samples, &settings.thresholds));
        let tables: Vec<_> = answers
            .into_iter()
            .chain(tables::windows(&windows))
            .collect();
        for table in &tables {
            self.log.block(Tone::Plain, &aligned(table));
        }
        let charts = charts(seen, &settings.thresholds);
        if !charts.is_empty() {
            self.log.block(Tone::Plain, &chart::text(&charts));
        }
        if unverified && settings.dry_run == DryRun::Off {
            self.log.warn("recorded as unverified, so a rollback never returns to it: proof takes expect_version, and no other version among the answers");
        }
        let told = Told {
            subject: &settings.subject,
            outcome: last::outcome(ending),
            word: last::word(ending),
            what: "health check",
            reasons: last::reasons(ending)
                .iter()
                .map(|reason| self.log.masked(&reason.to_string()))
                .collect(),
            next: last::next(ending, settings.failure_fails).map(str::to_owned),
            links: links(settings),
        };
        let report = told.report(seen, &settings.thresholds, tables, timeline, &verdict);
        edges::write_report(&report, settings, self.log);
        let stands = standing::checked(ending, seen, &settings.thresholds);
        edges::stands(stands, settings, self.clock, self.log);
        edges::tell(&told.message(&windows), settings, self.clock, self.log);
        let tone = match told.outcome {
            Outcome::Success => Tone::Good,
            Outcome::Warning => Tone::Caution,
            Outcome::Failure => Tone::Bad,
        };
        self.log.verdict(tone, &verdict);
        last::exit(ending, settings.failure_fails)
    }
}

/// Where a person can look further.
pub fn links(settings: &Settings) -> Vec<(String, String)> {
    let link = |name: &str, address: &Option<String>| {
        address.clone().map(|address| (name.to_owned(), address))
    };
    let ci = &settings.ci;
    link("pipeline", &ci.pipeline_url)
        .into_iter()
        .chain(link("commit", &ci.commit_url))
        .collect()
}
