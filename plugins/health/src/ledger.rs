//! The records of a run: opened when they are first needed, and never in the way of a verdict.

use shared::clock::Clock;
use shared::log::{Level, Log, Notices, Tone};
use shared::record::{Record, Window};
use shared::settings::common::DryRun;
use shared::store::{History, Limits, Records, StoreConfig, Undelivered};

use crate::edges::USER_AGENT;
use crate::settings::Settings;

/// The records of this run: everything that is written or read back. Nothing here fails a step.
pub struct Ledger<'a> {
    settings: &'a Settings,
    clock: &'a dyn Clock,
    log: &'a Log<'a>,
    records: Option<Records<'a>>,
    notices: Notices,
}

impl<'a> Ledger<'a> {
    /// The records of a run. Nothing is opened yet.
    pub fn new(settings: &'a Settings, clock: &'a dyn Clock, log: &'a Log<'a>) -> Self {
        Self {
            settings,
            clock,
            log,
            records: None,
            notices: Notices::default(),
        }
    }

    /// The records, opened when they are first needed: a database that is slow to answer must not hold the first
    /// probe up. Absent on a dry run.
    fn store(&mut self) -> Option<&mut Records<'a>> {
        if self.settings.dry_run == DryRun::On {
            return None;
        }
        let (settings, clock) = (self.settings, self.clock);
        Some(self.records.get_or_insert_with(|| {
            let config = StoreConfig {
                database: settings.database.clone(),
                journal: settings.journal.clone(),
                application: USER_AGENT.to_owned(),
                limits: Limits::default(),
            };
            Records::open(config, clock)
        }))
    }

    /// Writes records down. On `dry_run: record` only the rows of checks are.
    pub fn write(&mut self, records: impl IntoIterator<Item = Record>) {
        for body in records {
            let is_check = matches!(body, Record::Check(_));
            let only_checks = self.settings.dry_run == DryRun::Record;
            if self.settings.dry_run == DryRun::On || (only_checks && !is_check) {
                let text = format!("dry run: not written: {}", body.said());
                self.log.line(Level::Debug, Tone::Faint, &text);
                continue;
            }
            if !is_check && self.settings.subject.commit.is_none() {
                self.log.warn(&format!(
                    "not written: {}, because no commit is known",
                    body.said()
                ));
                continue;
            }
            let level = if is_check { Level::Debug } else { Level::Info };
            let what = body.said();
            let (subject, body) = (&self.settings.subject, self.log.masked_record(body));
            let Some(store) = self.store() else { continue };
            store.record(subject, body);
            let text = if store.is_stuck() {
                format!("not written yet: {what}")
            } else {
                format!("recorded: {what}")
            };
            self.log.line(level, Tone::Faint, &text);
        }
        self.say();
    }

    /// Whether something could be written nowhere so far.
    pub fn is_stuck(&self) -> bool {
        self.records.as_ref().is_some_and(Records::is_stuck)
    }

    /// The monitoring windows before now; none when they cannot be read.
    pub fn windows(&mut self) -> Vec<Window> {
        let (settings, now) = (self.settings, self.clock.now());
        let subject = &settings.subject;
        let named = settings.windows.iter();
        let spans: Vec<_> = named.map(|(label, span)| (label.as_str(), *span)).collect();
        let Some(store) = self.store() else {
            return Vec::new();
        };
        let windows = store.windows(&subject.repo, &subject.environment, &spans, now);
        self.say();
        match windows {
            Ok(windows) => windows.value,
            Err(error) => {
                self.log.warn(&format!(
                    "the monitoring windows could not be read: {error}"
                ));
                Vec::new()
            }
        }
    }

    /// What the records say of this deployment, with its newest checks; nothing when they cannot be read.
    pub fn history(&mut self, checks: usize) -> Option<History> {
        let subject = &self.settings.subject;
        let store = self.store()?;
        let history = store.deployment(
            &subject.repo,
            &subject.environment,
            &subject.deployment_id,
            checks,
        );
        self.say();
        match history {
            Ok(history) => Some(history.value),
            Err(error) => {
                self.log
                    .warn(&format!("the records could not be read: {error}"));
                None
            }
        }
    }

    /// Delivers what can be delivered, and lists what cannot.
    pub fn close(self) {
        self.end(Records::finish);
    }

    /// As [`Self::close`] for a cancelled run: what needs a connection waits in the journal.
    pub fn leave(self) {
        self.end(Records::leave);
    }

    fn end(mut self, how: impl FnOnce(&mut Records<'a>) -> Undelivered) {
        let Some(store) = &mut self.records else {
            return;
        };
        let undelivered = how(store);
        self.say();
        if let Some(text) = undelivered.sentence(&self.settings.journal) {
            self.log.warn(&text);
        }
    }

    fn say(&mut self) {
        if let Some(records) = &mut self.records {
            self.notices.say(records, self.log);
        }
    }
}
