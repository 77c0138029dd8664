//! The run: observes, plans, asks, carries the parts out, and tells how it ended.

use std::sync::Arc;

use shared::clock::Clock;
use shared::deployment::Status;
use shared::exit::Exit;
use shared::http::Http;
use shared::log::{Level, Log, Tone};
use shared::settings::common::DryRun;
use shared::signal::Cancel;
use shared::table::aligned;

use crate::carry::Hands;
use crate::forging::Forging;
use crate::ledger::Ledger;
use crate::observe::{Looks, Observed, observe};
use crate::plan::Plan;
use crate::plan::facts::{Asked, End, short};
use crate::report::lines;
use crate::report::told::Told;
use crate::report::verdict::{self, Came};
use crate::repository::Repository;
use crate::settings::{Mode, Settings};
use crate::turn::{Getting, Grip};
use crate::{confirm, edges, forging, mark, preflight};

/// Runs what the settings say, and tells how it ended.
pub fn run(
    settings: &Settings,
    clock: &Arc<dyn Clock + Send + Sync>,
    cancel: &Cancel,
    log: &Log,
) -> Exit {
    log.info(&headline(settings));
    let notes = settings.notes.iter();
    notes.for_each(|note| log.line(Level::Info, Tone::Faint, &format!("note: {note}")));
    let http = match edges::http(settings) {
        Ok(http) => Arc::new(http),
        Err(why) => return ended(&End::refused(why, "mend it"), log),
    };
    match settings.mode {
        Mode::Preflight => preflight::run(settings, log),
        Mode::Mark => {
            let repository = Repository::new(settings, &http, &**clock);
            let mut ledger = Ledger::open(settings, &**clock, log);
            mark::run(settings, &repository, &mut ledger, log)
        }
        Mode::Rollback => Rollback {
            settings,
            asked: forging::asked(settings, settings.asked.clone()),
            clock,
            cancel,
            log,
            repository: &Repository::new(settings, &http, &**clock),
            forging: &Forging::new(settings, &http, &**clock, log),
            http: &http,
        }
        .run(),
    }
}

fn headline(settings: &Settings) -> String {
    let subject = &settings.subject;
    let commit = subject
        .commit
        .as_deref()
        .map(|commit| format!(" commit {}", short(commit)));
    format!(
        "{} {} {}: deployment {}{}",
        edges::USER_AGENT.replace('/', " "),
        subject.repo,
        subject.environment,
        subject.deployment_id,
        commit.unwrap_or_default()
    )
}

fn ended(end: &End, log: &Log) -> Exit {
    let tone = match end.exit {
        Exit::Passed => Tone::Good,
        Exit::Cancelled => Tone::Caution,
        _ => Tone::Bad,
    };
    log.verdict(tone, &verdict::ended(end));
    end.exit
}

struct Rollback<'a> {
    settings: &'a Settings,
    asked: Asked,
    clock: &'a Arc<dyn Clock + Send + Sync>,
    cancel: &'a Cancel,
    log: &'a Log<'a>,
    http: &'a Arc<Http>,
    repository: &'a Repository<'a>,
    forging: &'a Forging<'a>,
}

impl Rollback<'_> {
    fn run(self) -> Exit {
        let mut ledger = Ledger::open(self.settings, &**self.clock, self.log);
        match self.began(&mut ledger) {
            Ok(Some((observed, grip))) => self.carry(&observed, grip, ledger),
            Ok(None) => {
                let text = "DRY RUN (exit 0): this is what would be done; nothing was touched. Next: run without dry_run";
                self.log.verdict(Tone::Good, text);
                Exit::Passed
            }
            Err(end) => {
                if let Some(waiting) = ledger.close(self.cancel.is_cancelled()) {
                    self.log.warn(&waiting);
                }
                ended(&end, self.log)
            }
        }
    }

    /// Everything before the first part; nothing on a dry run. What is planned before the lease is planned again under
    /// it.
    fn began(&self, ledger: &mut Ledger) -> Result<Option<(Observed, Grip)>, End> {
        let first = self.observe(&self.asked, ledger)?;
        let lines = lines::plan(&first.plan);
        for line in &lines {
            self.log.info(line);
        }
        if self.settings.dry_run != DryRun::Off {
            return Ok(None);
        }
        self.confirm(&first.plan)?;
        let getting = Getting {
            settings: self.settings,
            clock: self.clock,
            log: self.log,
        };
        let reason = self.reason(&first.plan);
        let grip = getting.get(&first.plan.bad, first.has_touched, &reason, ledger)?;
        ledger.token = grip.token();
        match self.observed_again(&first.plan, ledger) {
            Ok(again) => {
                let new = lines::plan(&again.plan);
                let changed = new.iter().filter(|line| !lines.contains(line));
                changed.for_each(|line| self.log.info(line));
                Ok(Some((again, grip)))
            }
            Err(end) => {
                let _ = grip.release();
                Err(end)
            }
        }
    }

    /// The same deployment's plan, under the lease.
    fn observed_again(&self, first: &Plan, ledger: &mut Ledger) -> Result<Observed, End> {
        let again = self.observe(&self.asked.of(&first.bad), ledger)?;
        if !self.settings.force && again.plan.target.commit != first.target.commit {
            return Err(End::refused(
                format!(
                    "what was confirmed is not what would be done now: it would go back to {}",
                    short(&again.plan.target.commit)
                ),
                "start it again",
            ));
        }
        Ok(again)
    }

    fn observe(&self, asked: &Asked, ledger: &mut Ledger) -> Result<Observed, End> {
        let looks = Looks {
            settings: self.settings,
            asked,
            http: self.http,
            forging: self.forging,
            repository: self.repository,
            log: self.log,
        };
        observe(&looks, ledger)
    }

    fn confirm(&self, plan: &Plan) -> Result<(), End> {
        if self.settings.force {
            return Ok(());
        }
        if self.settings.ci.is_woodpecker || !confirm::can_ask() {
            return Err(End::refused(
                "nobody said yes, and there is no terminal to ask at",
                "set force: true",
            ));
        }
        let question = format!(
            "Roll {} back from {} to {}?",
            plan.bad.id,
            short(&plan.bad.commit),
            short(&plan.target.commit)
        );
        if confirm::ask(&question, self.cancel) {
            return Ok(());
        }
        Err(End::refused(
            "it was not confirmed",
            "start it again, or set force: true",
        ))
    }

    fn reason(&self, plan: &Plan) -> String {
        let recorded = plan.bad.row.as_ref().and_then(|row| row.reason.clone());
        let said = self.settings.reason.clone().or(recorded);
        said.unwrap_or_else(|| {
            let number = self.settings.ci.number.as_ref();
            number.map_or_else(
                || "rolled back by hand".to_owned(),
                |number| format!("rolled back in pipeline {number}"),
            )
        })
    }

    fn carry(&self, observed: &Observed, grip: Grip, mut ledger: Ledger<'_>) -> Exit {
        let plan = &observed.plan;
        let reason = self.reason(plan);
        let stages = ledger.stages(&plan.bad.id);
        let mut hands = Hands {
            settings: self.settings,
            clock: &**self.clock,
            cancel: self.cancel,
            log: self.log,
            http: self.http,
            forging: self.forging,
            repository: self.repository,
            ledger,
            reason: reason.clone(),
            stages,
            came: Came::default(),
            told: None,
            seen: Vec::new(),
            timeline: Vec::new(),
        };
        hands.carry(plan, observed.known.intent());
        // People are told before it is watched and pushed: what is worse since then is told, too.
        let worse =
            hands.came.exit(plan) == Exit::NeedsPerson && hands.told != Some(Exit::NeedsPerson);
        let told = if worse {
            hands.notify(plan)
        } else {
            hands.end_alarms(plan)
        };
        if let Err(why) = told {
            self.log.warn(&format!("nobody could be told: {why}"));
        }
        self.follow_up(&hands, plan, worse);
        let Hands {
            mut came,
            mut ledger,
            timeline,
            ..
        } = hands;
        self.close_row(plan, &came, &reason, &mut ledger);
        if let Err(why) = grip.release() {
            self.log.warn(&why);
        }
        came.untold.extend(ledger.close(self.cancel.is_cancelled()));
        self.tell(plan, &came, &reason, timeline)
    }

    /// What the incident has to say after everything else: that all is well, or what is worse since it was opened.
    fn follow_up(&self, hands: &Hands, plan: &Plan, worse: bool) {
        self.forging
            .rolled_back(plan, &hands.came, &self.reason(plan));
        if self.settings.forging.desk.is_none() {
            return;
        }
        let well = hands.came.exit(plan) == Exit::Passed && hands.came.health.is_some();
        let told = match (well, worse) {
            (true, _) => self.forging.recovered(plan),
            (false, true) => hands.incident(plan, "unfinished"),
            (false, false) => return,
        };
        match told {
            Ok(what) => self.log.info(&what),
            Err(why) => self
                .log
                .warn(&format!("the incident does not say how it ended: {why}")),
        }
    }

    /// The rollback's own row: a run that comes later does only what this one did not.
    fn close_row(&self, plan: &Plan, came: &Came, reason: &str, ledger: &mut Ledger) {
        let recorded = came.done.iter().any(|(word, _)| *word == "record");
        let status = match came.exit(plan) {
            _ if !recorded => return,
            Exit::Passed => Status::Success,
            Exit::Cancelled | Exit::Busy => return,
            _ => Status::Failed,
        };
        if let Err(why) = ledger.rollback(status, &plan.bad, &plan.target, reason) {
            self.log.warn(&format!("not written: {why}"));
        }
    }

    fn tell(&self, plan: &Plan, came: &Came, reason: &str, timeline: Vec<String>) -> Exit {
        let text = verdict::line(plan, came);
        let told = Told {
            subject: &self.settings.subject,
            ci: &self.settings.ci,
            plan,
            came,
            reason,
        };
        let report = told.report(timeline, self.log.masked(&text));
        for table in &report.tables {
            self.log.block(Tone::Plain, &aligned(table));
        }
        edges::write_report(&report, self.settings, self.log);
        let exit = came.exit(plan);
        let tone = match exit {
            Exit::Passed => Tone::Good,
            Exit::Cancelled => Tone::Caution,
            _ => Tone::Bad,
        };
        self.log.verdict(tone, &text);
        exit
    }
}
