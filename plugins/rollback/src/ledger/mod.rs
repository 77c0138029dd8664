//! The records of a run: what they say of the environment, and what is written down.

mod writing;

use std::path::PathBuf;

use shared::clock::Clock;
use shared::intent::Intent;
use shared::log::{Level, Log, Tone};
use shared::record::{LAST_STABLE, Stage};
use shared::settings::common::DryRun;
use shared::store::lease::Fenced;
use shared::store::{self, Deployed, Landed, LastRollout, Records, Schema, Source, StoreConfig};

use crate::edges::{LIMITS, USER_AGENT};
use crate::plan::facts::{Hold, Kind, Known, Reach, Row, short};
use crate::rows;
use crate::settings::Settings;

/// How many deployments are looked at: many times what anybody goes back.
const ROWS: usize = 500;

/// The records of this run.
pub struct Ledger<'a> {
    settings: &'a Settings,
    log: &'a Log<'a>,
    records: Records<'a>,
    /// The fencing token of the lease, once there is one.
    pub token: Option<i64>,
    /// Who has a newer token: another run has the lease.
    pub fenced: Option<String>,
    /// The newest rollout.
    left: Option<LastRollout>,
    /// The same as it was last written.
    intent: Option<Intent>,
    /// Why the database is not asked on a dry run.
    unasked: Option<String>,
    said: Vec<String>,
}

impl<'a> Ledger<'a> {
    /// Opens the records of a run. A dry run touches neither database nor journal.
    pub fn open(settings: &'a Settings, clock: &'a dyn Clock, log: &'a Log<'a>) -> Self {
        let (database, journal, unasked) = if settings.dry_run == DryRun::Off {
            let database = settings.database.clone();
            (database, settings.journal.clone(), None)
        } else {
            untouched(settings, log)
        };
        let config = StoreConfig {
            database,
            journal,
            application: USER_AGENT.to_owned(),
            limits: LIMITS,
        };
        Self {
            settings,
            log,
            records: Records::open(config, clock),
            token: None,
            fenced: None,
            left: None,
            intent: None,
            unasked,
            said: Vec::new(),
        }
    }

    fn store(&mut self) -> &mut Records<'a> {
        &mut self.records
    }

    /// What the records say of the environment.
    pub fn known(&mut self) -> Known {
        let subject = self.settings.subject.clone();
        let (repo, environment) = (&subject.repo, &subject.environment);
        let recent = self.store().recent(repo, environment, ROWS);
        let last = self.store().last_rollout(repo, environment);
        self.say();
        let source = recent
            .as_ref()
            .map(|seen| seen.source)
            .map_err(Clone::clone);
        let rows: Vec<Row> = recent
            .map(|seen| seen.value)
            .unwrap_or_default()
            .into_iter()
            .map(row)
            .collect();
        let rollout = last
            .map(|seen| seen.value)
            .and_then(|last| self.understood(last));
        let reach = match (&self.settings.database, source) {
            (_, Err(why)) => Reach::Part(why),
            (Some(_), Ok(Source::Journal)) => {
                let why = self.unasked.clone();
                Reach::Part(why.unwrap_or_else(|| "the database does not answer".to_owned()))
            }
            (None, Ok(_)) if rows.is_empty() && matches!(rollout, Ok(None)) => Reach::Nothing,
            (_, Ok(_)) => Reach::Whole,
        };
        Known {
            reach,
            rows,
            rollout,
        }
    }

    fn understood(&mut self, last: Option<LastRollout>) -> Result<Option<Intent>, String> {
        self.left.clone_from(&last);
        self.intent = None;
        let Some(last) = last else {
            return Ok(None);
        };
        let intent: Intent = serde_json::from_value(last.state).map_err(|_| {
            format!(
                "the rollout of {} was written by another version and cannot be read, so that its traffic has to be looked at by hand",
                last.subject.deployment_id
            )
        })?;
        let words = self.parts(&intent.deployment_id);
        let intent = intent.recorded(last.mark, &words);
        self.intent = Some(intent.clone());
        Ok(Some(intent))
    }

    /// The parts of a deployment's rollback that are done, by this run of it.
    pub fn done(&mut self, deployment_id: &str) -> Vec<String> {
        let words = self.parts(deployment_id);
        let subject = &self.settings.subject;
        let (repo, environment) = (&subject.repo, &subject.environment);
        let rollout = self.store().rollout(repo, environment, deployment_id);
        self.say();
        let rollout = rollout.ok().and_then(|seen| seen.value);
        let rollout = rollout.and_then(|last| serde_json::from_value(last.state).ok());
        rows::done(words, rollout.as_ref())
    }

    /// The stages of a deployment's rollout, in their order.
    pub fn stages(&mut self, deployment_id: &str) -> Vec<Stage> {
        let subject = &self.settings.subject;
        let (repo, environment) = (&subject.repo, &subject.environment);
        let stages = self.store().stages(repo, environment, deployment_id);
        self.say();
        let stages = stages.map(|seen| seen.value).unwrap_or_default();
        stages.into_iter().filter(|stage| !stage.dry_run).collect()
    }

    fn parts(&mut self, deployment_id: &str) -> Vec<String> {
        let subject = &self.settings.subject;
        let (repo, environment) = (&subject.repo, &subject.environment);
        let parts = self.store().parts(repo, environment, deployment_id);
        self.say();
        let parts = parts.map(|seen| seen.value).unwrap_or_default();
        parts.into_iter().map(|done| done.part).collect()
    }

    /// Why a commit is held; nothing where it is not, or nobody knows.
    pub fn hold(&mut self, commit: &str) -> Option<Hold> {
        let subject = &self.settings.subject;
        let (repo, environment) = (&subject.repo, &subject.environment);
        let held = self.store().held(repo, environment, commit);
        self.say();
        let is_known = matches!(&held, Ok(seen) if seen.source != Source::Journal);
        if self.settings.database.is_some() && !is_known {
            let text = format!(
                "whether {} was rolled back before is not known: the database does not answer",
                short(commit)
            );
            if !self.said.contains(&text) {
                self.log.warn(&text);
                self.said.push(text);
            }
        }
        held.ok()?.value.map(|held| Hold {
            id: held.deployment_id,
            reason: held.reason,
        })
    }

    /// The commit that the marker of the last version known to be good names.
    pub fn marker(&mut self) -> Option<String> {
        let subject = &self.settings.subject;
        let (repo, environment) = (&subject.repo, &subject.environment);
        let marker = self.store().marker(repo, environment, LAST_STABLE);
        self.say();
        marker.ok()?.value
    }

    /// The newest verified success of another commit, with its deployment's name first.
    pub fn last_good(&mut self, bad: &str) -> Option<(String, String)> {
        let subject = &self.settings.subject;
        let (repo, environment) = (&subject.repo, &subject.environment);
        let good = self.store().last_good(repo, environment, bad);
        self.say();
        good.ok()?
            .value
            .map(|good| (good.deployment_id, good.commit))
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

    /// Delivers what can be delivered, and says what cannot; a cancelled run connects to nothing any more.
    pub fn close(&mut self, is_cancelled: bool) -> Option<String> {
        if self.settings.dry_run != DryRun::Off {
            return None;
        }
        let store = &mut self.records;
        let undelivered = if is_cancelled {
            store.leave()
        } else {
            store.finish()
        };
        self.say();
        undelivered.sentence(&self.settings.journal)
    }

    fn say(&mut self) {
        for notice in self.records.notices() {
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

/// To open the records brings the tables up to date and delivers the journal, which a dry run must not. Tells why the
/// database is not asked, if it is not.
fn untouched(
    settings: &Settings,
    log: &Log,
) -> (Option<store::DatabaseConfig>, PathBuf, Option<String>) {
    let journal = settings.journal.clone();
    let Some(database) = settings.database.clone() else {
        return (None, journal, None);
    };
    match store::check(&database, USER_AGENT, &LIMITS) {
        Ok((_, Schema::Behind { .. })) => {
            let why = "its tables are not up to date, and a dry run leaves them so".to_owned();
            (None, journal, Some(why))
        }
        Err(why) => (None, journal, Some(why)),
        Ok(_) => {
            if journal.exists() {
                log.warn("dry run: records that wait in the journal are not looked at");
            }
            // A path where nothing is, so that nothing is delivered.
            (Some(database), journal.with_extension("dry-run"), None)
        }
    }
}

fn row((id, deployed): (String, Deployed)) -> Row {
    Row {
        status: deployed.known_status(),
        kind: Kind::of(&deployed.deployment_type),
        commit: deployed.commit,
        previous: deployed.previous_commit,
        reason: deployed.rollback_reason,
        id,
    }
}
