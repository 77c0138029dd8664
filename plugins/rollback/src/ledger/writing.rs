//! What is written down.

use shared::deployment::Status;
use shared::intent::{self, At, Intent};
use shared::log::{Level, Tone};
use shared::record::{Abort, Hold, LAST_STABLE, Mark, Marker, Part, Record, Subject};

use super::Ledger;
use crate::edges::USER_AGENT;
use crate::plan::facts::Bad;
use crate::plan::target::Target;
use crate::rows;

impl Ledger<'_> {
    /// Asks a run to stop and put its traffic back.
    ///
    /// # Errors
    /// When it is written nowhere.
    pub fn ask_to_stop(&mut self, bad: &Bad, token: i64, reason: &str) -> Result<(), String> {
        let subject = rows::bad_subject(&self.settings.subject, bad);
        let body = Record::Abort(Abort {
            by: USER_AGENT.to_owned(),
            pipeline_url: self.settings.ci.pipeline_url.clone(),
            reason: self.log.masked(reason),
            of_token: Some(token),
        });
        self.write(&subject, body)
    }

    /// Writes down that the newest rollout's traffic goes back from here on.
    ///
    /// # Errors
    /// When it is on no disk, or another run has a newer token.
    pub fn going_back(&mut self, why: &str) -> Result<(), String> {
        let mut state = self.newest()?;
        state.at = At::RollingBack;
        if state.why.is_empty() {
            state.why.push(self.log.masked(why));
        }
        self.intend(&state, None)
    }

    /// Closes the newest rollout: nothing of it is left to put back.
    ///
    /// # Errors
    /// As [`Self::going_back`].
    pub fn close_rollout(&mut self) -> Result<(), String> {
        let mut state = self.newest()?;
        state.at = At::Closed;
        self.intend(&state, Some(Mark::Settled))
    }

    fn newest(&self) -> Result<Intent, String> {
        let none = || "there is no rollout to write of".to_owned();
        self.intent.clone().ok_or_else(none)
    }

    fn intend(&mut self, intent: &Intent, mark: Option<Mark>) -> Result<(), String> {
        let Some(left) = &self.left else {
            return Err("there is no rollout to write of".to_owned());
        };
        self.intent = Some(intent.clone());
        let (subject, token) = (left.subject.clone(), self.token);
        let state = serde_json::to_value(intent).map_err(|error| error.to_string())?;
        let snapshot = intent.snapshot.clone();
        let store = self.store();
        let landed = match mark {
            None => store.intend(&subject, token, state, snapshot),
            Some(mark) => store.finish_rollout(&subject, token, state, snapshot, mark),
        };
        self.landed(landed)
    }

    /// Notes that a part is done, of this deployment.
    pub fn part(
        &mut self,
        deployment_id: &str,
        commit: Option<&str>,
        part: &str,
        note: Option<String>,
    ) {
        let subject = Subject {
            deployment_id: deployment_id.to_owned(),
            commit: commit.map(str::to_owned),
            build_id: None,
            ..self.settings.subject.clone()
        };
        let body = Record::Part(Part {
            part: part.to_owned(),
            note,
        });
        let written = self.write(&subject, body);
        let marked = self.mark_in_rollout(deployment_id, part);
        for why in [written, marked].into_iter().filter_map(Result::err) {
            self.log.warn(&format!("not written: {why}"));
        }
    }

    /// The records have the part of an earlier run of the deployment already: this one's is in its intent alone.
    fn mark_in_rollout(&mut self, deployment_id: &str, word: &str) -> Result<(), String> {
        let newest = self.intent.clone();
        let own = newest.filter(|intent| intent.deployment_id == deployment_id);
        let (Some(mut intent), Some(part)) = (own, intent::Part::of(word)) else {
            return Ok(());
        };
        if !intent.before.contains(&part) {
            return Ok(());
        }
        intent.mark(part);
        let mark = match intent.at {
            At::Closed => Some(Mark::Settled),
            _ => self.left.as_ref().and_then(|left| left.mark),
        };
        self.intend(&intent, mark)
    }

    /// Writes down what was rolled back, holds its commit, and begins the rollback's own row.
    ///
    /// # Errors
    /// When one of them is written nowhere.
    pub fn rolled_back(&mut self, bad: &Bad, target: &Target, reason: &str) -> Result<(), String> {
        let reason = &self.log.masked(reason);
        let subject = rows::bad_subject(&self.settings.subject, bad);
        let before = bad.row.as_ref().and_then(|row| row.status);
        if before != Some(Status::RolledBack) {
            let row = rows::rolled_back(bad, reason);
            self.write(&subject, Record::Deployment(row))?;
        }
        if self.hold(&bad.commit).is_none() {
            let reason = reason.clone();
            self.write(&subject, Record::Hold(Hold { reason }))?;
        }
        self.rollback(Status::InProgress, bad, target, reason)
    }

    /// Writes the rollback's own row.
    ///
    /// # Errors
    /// When it is written nowhere.
    pub fn rollback(
        &mut self,
        status: Status,
        bad: &Bad,
        target: &Target,
        reason: &str,
    ) -> Result<(), String> {
        let subject = rows::rollback_subject(&self.settings.subject, bad, target);
        let row = rows::rollback(status, bad, &self.log.masked(reason));
        self.write(&subject, Record::Deployment(row))
    }

    /// Moves the marker of the last version known to be good to a commit.
    ///
    /// # Errors
    /// When it is written nowhere.
    pub fn mark_stable(&mut self, subject: &Subject) -> Result<(), String> {
        let name = LAST_STABLE.to_owned();
        self.write(subject, Record::Marker(Marker { name }))
    }

    /// Writes a row.
    ///
    /// # Errors
    /// When it is written nowhere, or another run has a newer token.
    pub fn write(&mut self, subject: &Subject, body: Record) -> Result<(), String> {
        let level = if matches!(body, Record::Check(_)) {
            Level::Debug
        } else {
            Level::Info
        };
        let text = format!("recorded: {} ({})", body.said(), subject.deployment_id);
        let token = self.token;
        let landed = self.store().record_fenced(subject, token, body);
        self.landed(landed)?;
        self.log.line(level, Tone::Faint, &text);
        Ok(())
    }
}
