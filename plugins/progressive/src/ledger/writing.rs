//! What is written down: intents before writes, rows, parts that are done.

use shared::deployment::{Status, rollback_id};
use shared::intent::{At, Intent, Part};
use shared::log::{Level, Tone};
use shared::record::{self, Deployment, Hold, LAST_STABLE, Lift, Marker, Record, Subject};

use super::Ledger;
use crate::rows;

impl Ledger<'_> {
    /// Writes an intent down, so that it survives the process.
    ///
    /// # Errors
    /// When it is on no disk.
    pub fn intend(&mut self, intent: &Intent) -> Result<(), String> {
        self.intend_with(intent, Vec::new())
    }

    /// Writes the success down: the intent from which on no later run puts anything back, the deployment's row, and
    /// the marker of the last version known to be good where the version is proven. All of it or nothing. Nothing
    /// counts as deployed on a pull request.
    ///
    /// # Errors
    /// When it is on no disk.
    pub fn succeed(
        &mut self,
        intent: &Intent,
        deployment: Deployment,
        verified: bool,
    ) -> Result<(), String> {
        let mut with = Vec::new();
        if !self.settings.ci.is_pull_request() {
            let name = LAST_STABLE.to_owned();
            with.push(Record::Deployment(deployment));
            with.extend(verified.then_some(Record::Marker(Marker { name })));
        }
        let said: Vec<String> = with.iter().map(Record::said).collect();
        self.intend_with(intent, with)?;
        for said in said {
            let text = format!("recorded: {said}");
            self.log.line(Level::Info, Tone::Faint, &text);
        }
        Ok(())
    }

    fn intend_with(&mut self, intent: &Intent, with: Vec<Record>) -> Result<(), String> {
        let subject = self.subject(intent);
        let is_own = intent.deployment_id == self.settings.subject.deployment_id;
        let state = serde_json::to_value(intent).map_err(|error| error.to_string())?;
        let (token, snapshot) = (self.token, intent.snapshot.clone());
        let store = self.store();
        let landed = match rows::mark(intent, is_own) {
            None => store.intend(&subject, token, state, snapshot),
            Some(mark) => store.finish_rollout_with(&subject, token, state, snapshot, mark, with),
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
        let body = self.log.masked_record(body);
        let level = if matches!(body, Record::Check(_) | Record::Look(_)) {
            Level::Debug
        } else {
            Level::Info
        };
        // A rollback's own row, and those of a run that is settled, are not this deployment's.
        let of = match &subject.deployment_id {
            id if *id == self.settings.subject.deployment_id => String::new(),
            id => format!(" for {id}"),
        };
        let text = format!("recorded{of}: {}", body.said());
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
        deployment: Deployment,
        intent: Option<&Intent>,
    ) -> Result<(), String> {
        if self.settings.ci.is_pull_request() {
            return Ok(());
        }
        let own = self.settings.subject.clone();
        let subject = intent.map_or(own, |intent| self.subject(intent));
        self.write_for(&subject, Record::Deployment(deployment))
    }

    /// Writes down that a deployment which a step before this one began was called off, so that no rollback takes it for
    /// one that died half-way.
    pub fn call_off(&mut self, why: &[String]) {
        if self.is_started {
            let row = rows::deployment(Status::Cancelled, why, None);
            let written = self.deployment(row, None);
            self.complain(written);
        }
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

    /// Ends the rows of stages that a dead run left open.
    pub fn cut_off(&mut self, intent: &Intent, status: Status, why: &[String]) {
        let subject = self.subject(intent);
        let id = &subject.deployment_id;
        let stages = self.store().stages(&subject.repo, &subject.environment, id);
        self.say();
        let now = self.clock.now();
        let stages = match stages {
            Ok(stages) => stages.value,
            Err(why) => return self.complain(Err(why)),
        };
        for stage in stages {
            if let Some(ended) = rows::cut_off(&stage, now, status, why) {
                let written = self.write_for(&subject, Record::Stage(ended));
                self.complain(written);
            }
        }
    }

    /// Notes that a part of going back is done.
    pub fn part(&mut self, part: Part, intent: &Intent) {
        let subject = self.subject(intent);
        let word = part.word().to_owned();
        let body = Record::Part(record::Part {
            part: word,
            note: None,
        });
        let written = self.write_for(&subject, body);
        self.complain(written);
        // The records have the part of an earlier run already: this one's is in its intent alone.
        if intent.before.contains(&part) {
            let mut intent = intent.clone();
            intent.mark(part);
            let written = self.intend(&intent);
            self.complain(written);
        }
    }

    /// Writes down that the incident of a deployment is closed.
    pub fn recovered(&mut self, of: &Subject) {
        let body = Record::Part(record::Part {
            part: record::part::RECOVERED.to_owned(),
            note: None,
        });
        let written = self.write_for(of, body);
        self.complain(written);
    }

    /// Writes down that the deployment of an intent was put back, as a row of its own.
    ///
    /// # Errors
    /// When it is written nowhere.
    pub fn rolled_back(&mut self, intent: &Intent, why: &[String]) -> Result<(), String> {
        if self.settings.ci.is_pull_request() {
            return Ok(());
        }
        let of = self.subject(intent);
        let row = rows::rollback(why, of.commit.as_deref());
        let subject = Subject {
            deployment_id: rollback_id(&of.deployment_id),
            commit: self.stable(&of),
            ..of
        };
        self.write_for(&subject, Record::Deployment(row))
    }
}
