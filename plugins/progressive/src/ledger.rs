//! The records of a run: intents before writes, rows, parts that are done, and what others wrote.

use shared::clock::Clock;
use shared::deployment::Status;
use shared::intent::{At, Intent, Part};
use shared::log::{Level, Log, Tone};
use shared::policy::frozen;
use shared::record::{Hold, LAST_STABLE, Lift, Marker, Record, Subject};
use shared::store::lease::Fenced;
use shared::store::{self, Landed, Records, Schema, StoreConfig};

use crate::edges::{LIMITS, USER_AGENT};
use crate::rollout::{Guards, Mode};
use crate::rows;
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
    has_begun: bool,
    said: Vec<String>,
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
            has_begun: false,
            said: Vec::new(),
        }
    }

    fn store(&mut self) -> &mut Records<'a> {
        let (settings, clock) = (self.settings, self.clock);
        let log = self.log;
        self.records.get_or_insert_with(|| {
            let database = settings.database.clone();
            let database = database.filter(|database| {
                // To open the records brings the tables up to date, which a dry run must not.
                let dry = settings.plan.mode == (Mode::Dry { record: false });
                let tables = dry.then(|| store::check(database, USER_AGENT, &LIMITS));
                let usable = !matches!(tables, Some(Err(_) | Ok((_, Schema::Behind { .. }))));
                if !usable {
                    log.warn("dry run: the database is not asked, because it does not answer or its tables are not up to date");
                }
                usable
            });
            let config = StoreConfig {
                database,
                journal: settings.journal.clone(),
                application: USER_AGENT.to_owned(),
                limits: LIMITS,
            };
            Records::open(config, clock)
        })
    }

    /// What stands in the way of any rollout.
    ///
    /// # Errors
    /// When the records cannot be read.
    pub fn guards(&mut self) -> Result<Guards, String> {
        let settings = self.settings;
        let subject = &settings.subject;
        let mut guards = Guards {
            frozen: frozen(&settings.freezes, self.clock.now()),
            held: None,
        };
        if let Some(commit) = &subject.commit {
            let held = self
                .store()
                .held(&subject.repo, &subject.environment, commit);
            self.say();
            let held = held.map_err(|error| format!("the records cannot be read: {error}"))?;
            guards.held = held
                .value
                .map(|held| format!("rolled back in {}: {}", held.deployment_id, held.reason));
            self.held = guards.held.is_some();
        }
        Ok(guards)
    }

    /// The newest intent of this environment.
    ///
    /// # Errors
    /// When neither records nor journal can be read, or what they hold cannot be understood.
    pub fn past(&mut self) -> Result<Option<Intent>, String> {
        let subject = &self.settings.subject;
        let (repo, environment) = (&subject.repo, &subject.environment);
        let last = self.store().last_rollout(repo, environment);
        self.say();
        let Some(last) = last?.value else {
            return Ok(None);
        };
        let intent: Intent = serde_json::from_value(last.state).map_err(|_| {
            format!(
                "the rollout of {} was written by another version and cannot be read",
                last.subject.deployment_id
            )
        })?;
        let parts = self.store().parts(repo, environment, &intent.deployment_id);
        let parts = parts.map(|seen| seen.value).unwrap_or_default();
        let words: Vec<String> = parts.into_iter().map(|done| done.part).collect();
        self.left = Some(last.subject);
        Ok(Some(rows::recorded(intent, last.mark, &words)))
    }

    /// Whose the intent is.
    fn subject(&self, intent: &Intent) -> Subject {
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

    /// Writes an intent down, so that it survives the process.
    ///
    /// # Errors
    /// When it is on no disk.
    pub fn intend(&mut self, intent: &Intent) -> Result<(), String> {
        let mut intent = intent.clone();
        // No incident was opened: whoever can shall.
        intent.done.retain(|part| *part != Part::Incident);
        let subject = self.subject(&intent);
        let is_own = intent.deployment_id == self.settings.subject.deployment_id;
        let state = serde_json::to_value(&intent).map_err(|error| error.to_string())?;
        let (token, snapshot) = (self.token, intent.snapshot.clone());
        let store = self.store();
        let landed = match rows::mark(&intent, is_own) {
            None => store.intend(&subject, token, state, snapshot),
            Some(mark) => store.finish_rollout(&subject, token, state, snapshot, mark),
        };
        self.landed(landed)?;
        if is_own && matches!(intent.at, At::Deploying | At::Moving { .. }) && !self.has_begun {
            self.has_begun = true;
            self.begin();
        }
        Ok(())
    }

    /// From here on something is touched.
    fn begin(&mut self) {
        if self.held && self.settings.plan.lifted.hold {
            let by = "override: hold".to_owned();
            let lifted = self.write(Record::Lift(Lift { by }));
            self.complain(lifted);
        }
        let began = self.deployment(rows::deployment(Status::InProgress, &[], None), None);
        self.complain(began);
    }

    fn complain(&mut self, written: Result<(), String>) {
        if let Err(why) = written {
            self.log.warn(&format!("not written: {why}"));
        }
    }

    /// Writes a row of this run's own deployment.
    ///
    /// # Errors
    /// When it is written nowhere.
    pub fn write(&mut self, body: Record) -> Result<(), String> {
        let subject = self.settings.subject.clone();
        self.write_for(&subject, body)
    }

    fn write_for(&mut self, subject: &Subject, body: Record) -> Result<(), String> {
        let body = masked(body, self.log);
        let level = if matches!(body, Record::Check(_)) {
            Level::Debug
        } else {
            Level::Info
        };
        let text = format!("recorded: {}", body.said());
        let token = self.token;
        let landed = self.store().record_fenced(subject, token, body);
        self.landed(landed)?;
        self.log.line(level, Tone::Faint, &text);
        Ok(())
    }

    /// Writes down what a deployment came to: this run's, or that of an intent. Nothing counts as deployed on a pull
    /// request.
    ///
    /// # Errors
    /// When it is written nowhere.
    pub fn deployment(
        &mut self,
        deployment: shared::record::Deployment,
        intent: Option<&Intent>,
    ) -> Result<(), String> {
        if self.settings.ci.is_pull_request() {
            return Ok(());
        }
        let own = self.settings.subject.clone();
        let subject = intent.map_or(own, |intent| self.subject(intent));
        self.write_for(&subject, Record::Deployment(deployment))
    }

    /// Holds the commit of an intent.
    ///
    /// # Errors
    /// When it is written nowhere.
    pub fn hold(&mut self, intent: &Intent, why: &[String]) -> Result<(), String> {
        let subject = self.subject(intent);
        if subject.commit.is_none() {
            return Ok(());
        }
        let reason = why.join("; ");
        self.write_for(&subject, Record::Hold(Hold { reason }))
    }

    /// Moves the marker of the last version known to be good to this run's commit.
    ///
    /// # Errors
    /// When it is written nowhere.
    pub fn mark_stable(&mut self) -> Result<(), String> {
        if self.settings.ci.is_pull_request() {
            return Ok(());
        }
        let name = LAST_STABLE.to_owned();
        self.write(Record::Marker(Marker { name }))
    }

    /// Notes that a part of going back is done.
    pub fn part(&mut self, part: Part, intent: &Intent) {
        let subject = self.subject(intent);
        let part = rows::part_word(part).to_owned();
        let body = Record::Part(shared::record::Part { part, note: None });
        let written = self.write_for(&subject, body);
        self.complain(written);
    }

    /// Who asked for this rollout to end, if somebody did.
    pub fn abort(&mut self) -> Option<String> {
        let subject = &self.settings.subject;
        let token = self.token;
        let asked = self.store().abort_requested(
            &subject.repo,
            &subject.environment,
            &subject.deployment_id,
            token,
        );
        self.say();
        let abort = asked.ok()?.value?;
        Some(format!("{} ({})", abort.by, abort.reason))
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
        for notice in self.records.iter_mut().flat_map(Records::notices) {
            if self.said.contains(&notice.text) {
                continue;
            }
            let (level, tone) = if notice.warning {
                (Level::Warn, Tone::Caution)
            } else {
                (Level::Info, Tone::Faint)
            };
            self.log.line(level, tone, &notice.text);
            self.said.push(notice.text);
        }
    }
}

/// A record as it may be kept: an endpoint can repeat in its answer what it was sent.
fn masked(mut record: Record, log: &Log) -> Record {
    let hide = |text: &mut String| *text = log.masked(text);
    match &mut record {
        Record::Check(check) => {
            check.checks_passed.iter_mut().for_each(hide);
            check.checks_failed.iter_mut().for_each(hide);
            hide(&mut check.endpoint);
        }
        Record::Deployment(deployment) => deployment.rollback_reason.iter_mut().for_each(hide),
        Record::Stage(stage) => stage.rollback_reason.iter_mut().for_each(hide),
        Record::Hold(held) => hide(&mut held.reason),
        _ => {}
    }
    record
}
