//! The records of a run: intents before writes, rows, parts that are done, and what others wrote.

mod asking;
mod writing;

use shared::clock::Clock;
use shared::intent::Intent;
use shared::log::{Log, Notices};
use shared::record::Subject;
use shared::store::lease::Fenced;
use shared::store::{self, Landed, Records, Schema, StoreConfig};

use crate::edges::{LIMITS, USER_AGENT};
use crate::rollout::Mode;
use crate::settings::Settings;

/// The records of this run.
pub struct Ledger<'a> {
    settings: &'a Settings,
    clock: &'a dyn Clock,
    log: &'a Log<'a>,
    records: Option<Records<'a>>,
    /// The fencing token of the lease, once there is one.
    pub token: Option<i64>,
    /// Who has a newer token: another run has the lease.
    pub fenced: Option<String>,
    /// Whose the intent is that an earlier run left.
    left: Option<Subject>,
    /// The hold on this commit, if there is one.
    held: bool,
    /// Whether a step before this one said that it deploys.
    is_started: bool,
    has_begun: bool,
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
            token: None,
            fenced: None,
            left: None,
            held: false,
            is_started: false,
            has_begun: false,
            notices: Notices::default(),
        }
    }

    fn store(&mut self) -> &mut Records<'a> {
        let (settings, clock) = (self.settings, self.clock);
        let log = self.log;
        self.records.get_or_insert_with(|| {
            let database = settings.database.clone();
            let dry = settings.plan.mode == (Mode::Dry { record: false });
            let database = database.filter(|database| {
                // To open the records brings the tables up to date, which a dry run must not.
                let tables = dry.then(|| store::check(database, USER_AGENT, &LIMITS));
                let usable = !matches!(tables, Some(Err(_) | Ok((_, Schema::Behind { .. }))));
                if !usable {
                    log.warn("dry run: the database is not asked, because it does not answer or its tables are not up to date");
                }
                usable
            });
            let mut journal = settings.journal.clone();
            if dry && database.is_some() && journal.exists() {
                log.warn("dry run: records that wait in the journal are not looked at");
                // A path where nothing is, so that nothing is delivered.
                journal.set_extension("dry-run");
            }
            let config = StoreConfig {
                database,
                journal,
                application: USER_AGENT.to_owned(),
                limits: LIMITS,
            };
            Records::open(config, clock)
        })
    }

    /// Opens the records, which delivers what waits in the journal.
    pub fn open(&mut self) {
        self.store();
        self.say();
    }

    /// Whether records that a later run has to find go to the journal alone, because the database went down.
    pub fn is_adrift(&self) -> bool {
        let records = self.records.as_ref();
        self.settings.database.is_some() && records.is_some_and(|records| !records.is_connected())
    }

    /// Connects again where the database went down, and delivers what waits.
    pub fn mend(&mut self) {
        self.store().reconnect();
        self.say();
    }

    /// Whose the intent is.
    pub(crate) fn subject(&self, intent: &Intent) -> Subject {
        let own = &self.settings.subject;
        if intent.deployment_id == own.deployment_id {
            return own.clone();
        }
        let left = self.left.clone();
        left.filter(|left| left.deployment_id == intent.deployment_id)
            .unwrap_or_else(|| Subject {
                deployment_id: intent.deployment_id.clone(),
                commit: intent.commit.clone(),
                build_id: None,
                ..own.clone()
            })
    }

    fn landed(&mut self, landed: Result<Landed, Fenced>) -> Result<(), String> {
        self.say();
        match landed {
            Ok(landed) if landed.is_safe() => Ok(()),
            Ok(Landed::Aside) => Err("no database will ever take it".to_owned()),
            Ok(_) => Err("neither the database nor the journal could take it".to_owned()),
            Err(fenced) => {
                let text = fenced.to_string();
                self.fenced = Some(text.clone());
                Err(text)
            }
        }
    }

    /// Delivers what can be delivered, and lists what cannot; a cancelled run connects to nothing any more.
    pub fn close(&mut self, is_cancelled: bool) {
        let Some(store) = &mut self.records else {
            return;
        };
        let undelivered = if is_cancelled {
            store.leave()
        } else {
            store.finish()
        };
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
