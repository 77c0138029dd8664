//! The records of one run: written to the database, and to the journal when that is down.

use std::collections::{HashMap, HashSet};

use postgres::Transaction;

use super::deliver::{Courier, Delivery, Known};
use super::journal::Journal;
use super::lease::Fenced;
use super::postgres::{Database, Ending, Failure};
use super::rollout::Landed;
use super::{Notice, StoreConfig, Undelivered, key, line, migrate, write};
use crate::clock::Clock;
use crate::record::{Entry, Record, Subject};

enum Link {
    /// No database is configured.
    None,
    Up(Database),
    /// Why it cannot be used.
    Down(String),
}

/// The records, for one run of a plugin.
pub struct Records<'a> {
    config: StoreConfig,
    pub(super) clock: &'a dyn Clock,
    pub(super) journal: Journal,
    link: Link,
    /// What the journal could not take.
    pub(super) stuck: Vec<Entry>,
    /// Keys of what is in the journal although the database has it, until this run ends.
    kept_too: HashSet<String>,
    /// The newest known token and sequence of rollouts, by repository and environment.
    pub(super) positions: HashMap<(String, String), (i64, i64)>,
    rejected: usize,
    notices: Vec<Notice>,
}

impl<'a> Records<'a> {
    /// Opens the records. Connects, brings the tables up to date and delivers the journal, if there is a database and
    /// it can be reached; else says why in a notice, and the journal takes what is written.
    pub fn open(config: StoreConfig, clock: &'a dyn Clock) -> Self {
        let mut records = Self {
            journal: Journal::new(config.journal.clone(), config.limits.journal_lock),
            link: Link::None,
            stuck: Vec::new(),
            kept_too: HashSet::new(),
            positions: HashMap::new(),
            rejected: 0,
            notices: Vec::new(),
            config,
            clock,
        };
        records.connect();
        records
    }

    /// What there is to say since the last call.
    pub fn notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Whether what is written now goes to a database.
    pub fn is_connected(&self) -> bool {
        matches!(self.link, Link::Up(_))
    }

    /// Makes an entry of what happened now, and writes it down.
    pub fn record(&mut self, subject: &Subject, body: Record) {
        self.write(&key::entry(self.clock.now(), subject.clone(), body));
    }

    /// Writes an entry down: in the database, or in the journal when that is down or goes down over it. An entry whose
    /// key the database knows is not written again.
    pub fn write(&mut self, entry: &Entry) {
        let by = self.config.application.clone();
        let entries = [entry.clone()];
        let sent = entries.clone();
        let outcome = self.ask(move |transaction| write::insert_all(transaction, &sent, &by));
        match outcome {
            Some(Ok(refused)) => {
                for (_, why) in refused {
                    self.reject(entry, &why);
                }
            }
            Some(Err(Failure::Refused(why))) => self.reject(entry, &why),
            Some(Err(Failure::Down(_))) | None => self.journal(&entries),
        }
    }

    /// Writes entries of one subject and token down as [`Records::write`] does, all of them or none, unless a newer
    /// token than theirs exists.
    pub(super) fn write_live(&mut self, entries: &[Entry]) -> Result<Landed, Fenced> {
        let mut impossible = entries.iter().filter_map(write::impossible);
        if let Some(why) = impossible.next() {
            for entry in entries {
                self.reject(entry, why);
            }
            return Ok(Landed::Aside);
        }
        let by = self.config.application.clone();
        let sent = entries.to_vec();
        let outcome = self.ask(move |transaction| write::insert_live(transaction, &sent, &by));
        match outcome {
            Some(Ok(None)) => Ok(Landed::Database),
            Some(Ok(Some(fenced))) => Err(fenced),
            Some(Err(Failure::Refused(why))) => {
                for entry in entries {
                    self.reject(entry, &why);
                }
                Ok(Landed::Aside)
            }
            Some(Err(Failure::Down(_))) | None => {
                self.journal(entries);
                Ok(if self.stuck.is_empty() {
                    Landed::Journal
                } else {
                    Landed::Nowhere
                })
            }
        }
    }

    /// Puts what the database has into the journal as well, for a run that will not reach the database.
    pub(super) fn keep_too(&mut self, entry: &Entry) {
        match self.journal.append(&[entry]) {
            Ok(()) => drop(self.kept_too.insert(entry.key.clone())),
            Err(why) => self.say(true, why),
        }
    }

    fn journal(&mut self, entries: &[Entry]) {
        self.stuck.extend_from_slice(entries);
        self.unstick();
    }

    /// Connects again if the database went down, and delivers the journal. Takes as long as connecting may take, so it
    /// is for when there is time. Tells whether the database can be used.
    pub fn reconnect(&mut self) -> bool {
        if let Link::Down(_) = self.link {
            self.connect();
        }
        self.is_connected()
    }

    /// Whether something could be written nowhere yet.
    pub fn is_stuck(&self) -> bool {
        !self.stuck.is_empty()
    }

    /// Tries once more to get every record where it belongs, and tells what is not there.
    pub fn finish(&mut self) -> Undelivered {
        self.unstick();
        self.reconnect();
        self.leave()
    }

    /// As [`Self::finish`], without connecting again: for a run that has no time left.
    pub fn leave(&mut self) -> Undelivered {
        self.unstick();
        let mut undelivered = Undelivered::default();
        if self.is_connected() {
            let delivery = self.deliver(Known::Drop);
            undelivered.newer = delivery.newer;
            undelivered.waiting = delivery.left;
            undelivered.why = delivery.failure;
        }
        if let Link::Down(why) = &self.link {
            let bytes = self.journal.read();
            let lines = bytes.as_deref().map(line::lines).unwrap_or_default();
            let count = |wanted: &dyn Fn(&line::Line) -> bool| {
                lines.iter().filter(|(_, line)| wanted(line)).count()
            };
            undelivered.waiting = count(&|line| match line {
                line::Line::Entry(entry) => !self.kept_too.contains(&entry.key),
                line::Line::Newer | line::Line::Broken => false,
            });
            undelivered.newer = count(&|line| matches!(line, line::Line::Newer));
            undelivered.why = Some(why.clone());
        }
        undelivered.lost = self.stuck.len();
        undelivered.rejected = self.rejected;
        undelivered
    }

    fn connect(&mut self) {
        let Some(database) = &self.config.database else {
            return;
        };
        let (application, limits) = (&self.config.application, &self.config.limits);
        let opened = Database::connect(database, application, limits).and_then(|(link, how)| {
            match migrate::migrate(&link, application, limits) {
                Ok(_) => Ok((link, how)),
                Err(Failure::Refused(why) | Failure::Down(why)) => Err(format!(
                    "{} could not be given its tables: {why}",
                    database.url
                )),
            }
        });
        match opened {
            Ok((link, how)) => {
                self.link = Link::Up(link);
                self.say(false, format!("records go to {how}"));
                self.deliver(Known::Keep);
            }
            Err(why) => self.went_down(why),
        }
    }

    fn deliver(&mut self, known: Known) -> Delivery {
        let Link::Up(database) = &self.link else {
            return Delivery::default();
        };
        let courier = Courier {
            journal: &self.journal,
            kept_too: &self.kept_too,
            known,
            database,
            application: &self.config.application,
            limits: &self.config.limits,
            clock: self.clock,
        };
        let delivery = courier.deliver();
        if delivery.delivered > 0 {
            let count = delivery.delivered;
            self.say(false, format!("{count} records delivered from the journal"));
        }
        for why in &delivery.rejected {
            self.set_aside(why);
        }
        match &delivery.failure {
            Some(why) if delivery.down => self.went_down(why.clone()),
            Some(why) => self.say(true, format!("the journal was not delivered: {why}")),
            None => {}
        }
        delivery
    }

    /// Asks the database. Absent when there is none to ask; when it fails over this, it is down from here on.
    pub(super) fn ask<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, postgres::Error> + Send + 'static,
    ) -> Option<Result<T, Failure>> {
        let Link::Up(database) = &self.link else {
            return None;
        };
        let outcome = database.run(self.config.limits.patience(), Ending::Commit, work);
        if let Err(Failure::Down(why)) = &outcome {
            self.went_down(why.clone());
        }
        Some(outcome)
    }

    fn went_down(&mut self, why: String) {
        let path = self.journal.path().display().to_string();
        self.say(true, format!("{why}; records go to the journal {path}"));
        self.link = Link::Down(why);
    }

    /// Gets what waits in memory into the journal.
    fn unstick(&mut self) {
        if self.stuck.is_empty() {
            return;
        }
        match self.journal.append(&self.stuck.iter().collect::<Vec<_>>()) {
            Ok(()) => self.stuck.clear(),
            Err(why) => self.say(true, why),
        }
    }

    fn reject(&mut self, entry: &Entry, why: &str) {
        let line = serde_json::to_vec(entry).unwrap_or_default();
        if let Err(failed) = self.journal.reject(&[&line]) {
            self.say(true, failed);
        }
        self.set_aside(why);
    }

    fn set_aside(&mut self, why: &str) {
        self.rejected += 1;
        let path = self.journal.rejected_path().display().to_string();
        let text = format!("a record can be written to no database and was moved to {path}: {why}");
        self.say(true, text);
    }

    fn say(&mut self, warning: bool, text: String) {
        let notice = Notice { warning, text };
        if !self.notices.contains(&notice) {
            self.notices.push(notice);
        }
    }
}
