//! Carries the parts out, each a few times if need be, none able to stop the next.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use shared::clock::Clock;
use shared::exit::Exit;
use shared::http::Http;
use shared::intent::Intent;
use shared::log::{Level, Log, Tone};
use shared::notify;
use shared::record::{Stage, part};
use shared::signal::Cancel;
use shared::tick::Tick;
use shared::verdict::Verdict;

use crate::edges::{self, Whom};
use crate::forging::{Forging, Story};
use crate::ledger::Ledger;
use crate::looking::Eyes;
use crate::plan::{Block, Part, Plan};
use crate::redeploy::Api;
use crate::report::told::Told;
use crate::report::verdict::Came;
use crate::repository::{Back, Repository};
use crate::settings::{MarkerPlace, Settings};
use crate::{calls, mover, rows};

/// How often a part is tried.
const TRIES: u32 = 3;
/// The pause after the first failure; the next one is three times as long.
const PAUSE: Duration = Duration::from_millis(200);
/// How long people may be told once the run was cancelled.
const TELL_HURRY: Duration = Duration::from_secs(4);

/// The edges of a rollback, and what they have to remember.
pub struct Hands<'a> {
    /// The settings.
    pub settings: &'a Settings,
    /// The clock.
    pub clock: &'a dyn Clock,
    /// Ends waiting early.
    pub cancel: &'a Cancel,
    /// The log.
    pub log: &'a Log<'a>,
    /// HTTP.
    pub http: &'a Arc<Http>,
    /// The forge.
    pub forging: &'a Forging<'a>,
    /// The remote repository.
    pub repository: &'a Repository<'a>,
    /// The records.
    pub ledger: Ledger<'a>,
    /// Why it is rolled back.
    pub reason: String,
    /// The stages of the bad deployment's rollout.
    pub stages: Vec<Stage>,
    /// What came of it so far.
    pub came: Came,
    /// How it stood when people were told.
    pub told: Option<Exit>,
    /// All looks at what was gone back to.
    pub seen: Vec<Tick>,
    /// What the log said, one line each.
    pub timeline: Vec<String>,
}

impl Hands<'_> {
    /// Carries out every part of the plan; `last` is the newest rollout.
    pub fn carry(&mut self, plan: &Plan, last: Option<&Intent>) {
        for part in &plan.parts {
            if self.ledger.fenced.is_some() {
                break;
            }
            if *part == Part::Marker && !self.is_proved(plan) {
                self.say(
                    Tone::Caution,
                    "the marker stays where it is: what was gone back to was not seen to be well",
                );
                continue;
            }
            let carried = AssertUnwindSafe(|| self.retried(part, plan, last));
            // The panic's own text is left out: it can hold any value, a secret too.
            let outcome = panic::catch_unwind(carried).unwrap_or_else(|_| {
                self.came.broke = true;
                Err("it stopped in the middle, which is a bug of ours".to_owned())
            });
            self.note(part, plan, outcome);
        }
        self.came.fenced.clone_from(&self.ledger.fenced);
    }

    fn note(&mut self, part: &Part, plan: &Plan, outcome: Result<Option<String>, String>) {
        let word = part.word();
        match outcome {
            Ok(note) => {
                let more = note
                    .as_ref()
                    .map(|note| format!(": {note}"))
                    .unwrap_or_default();
                self.say(Tone::Good, &format!("{word} is done{more}"));
                // Traffic is noted where it belongs, which may be another deployment's.
                if !matches!(part, Part::Traffic(_) | Part::Records | Part::Watch) {
                    let (id, commit) = (&plan.bad.id, Some(plan.bad.commit.as_str()));
                    self.ledger.part(id, commit, word, note.clone());
                }
                self.came.done.push((word, note));
            }
            // What watching came to is told by itself.
            Err(why) if *part == Part::Watch => {
                self.say(
                    Tone::Bad,
                    &format!("what was gone back to is not proved well: {why}"),
                );
            }
            Err(why) => {
                self.say(Tone::Bad, &format!("{word} is not done: {why}"));
                self.came.failed.push(Block { part: word, why });
            }
        }
    }

    /// A line of the log and of the timeline.
    fn say(&mut self, tone: Tone, line: &str) {
        let time = self.clock.now().strftime("%H:%M:%SZ");
        self.timeline
            .push(self.log.masked(&format!("{time} {line}")));
        self.log.line(Level::Info, tone, line);
    }

    fn retried(
        &mut self,
        part: &Part,
        plan: &Plan,
        last: Option<&Intent>,
    ) -> Result<Option<String>, String> {
        // What starts something, or judges a whole window, is not started twice; the rest of these is patient by itself.
        let tries = match part {
            Part::Redeploy
            | Part::Watch
            | Part::Branch { .. }
            | Part::Notify
            | Part::Incident
            | Part::Status => 1,
            Part::Traffic(_) | Part::Script | Part::Records | Part::Marker => TRIES,
        };
        let mut attempt = 1;
        loop {
            match self.one(part, plan, last, attempt) {
                Err(why) if attempt < tries && self.ledger.fenced.is_none() => {
                    self.log.warn(&format!(
                        "{} failed (attempt {attempt} of {tries}): {why}",
                        part.word()
                    ));
                    // Not the clock's sleep, which a cancelled run does not get.
                    Cancel::default().wait(PAUSE * 3u32.pow(attempt - 1));
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    fn one(
        &mut self,
        part: &Part,
        plan: &Plan,
        last: Option<&Intent>,
        attempt: u32,
    ) -> Result<Option<String>, String> {
        let (settings, bad, target) = (self.settings, &plan.bad, &plan.target);
        match part {
            Part::Traffic(snapshot) => self.traffic(plan, snapshot.as_deref(), last, attempt),
            Part::Script => {
                let facts = calls::facts(settings, bad, target, mover::pool(settings, last));
                calls::roll_back(settings, facts, attempt, self.http, self.log).map(|()| None)
            }
            Part::Redeploy => self.redeploy(plan).map(Some),
            Part::Records => {
                let reason = self.reason.clone();
                self.ledger.rolled_back(bad, target, &reason).map(|()| None)
            }
            Part::Incident => self.incident(plan, "rollback").map(Some),
            Part::Status => self.forging.status(plan, &self.reason).map(|()| None),
            Part::Watch => self.watch(plan).map(|()| None),
            Part::Marker => self.mark(plan),
            Part::Notify => self.notify(plan).map(|()| None),
            Part::Branch { ways, head } => {
                let back = self.repository.push(bad, target, head, ways, self.log)?;
                match back {
                    Back::Done(text) => Ok(Some(text)),
                    Back::Proposed { head } => self.propose(plan, &head).map(Some),
                }
            }
        }
    }

    fn traffic(
        &mut self,
        plan: &Plan,
        snapshot: Option<&shared::split::Snapshot>,
        last: Option<&Intent>,
        attempt: u32,
    ) -> Result<Option<String>, String> {
        let last = last.ok_or("there is no rollout to close")?;
        if let Some(snapshot) = snapshot {
            let reason = self.reason.clone();
            // An intent that is on no disk must not keep traffic on a bad version.
            if let Err(why) = self.ledger.going_back(&reason) {
                if self.ledger.fenced.is_some() {
                    return Err(why);
                }
                self.log.warn(&format!("not written: {why}"));
            }
            let facts = calls::facts(
                self.settings,
                &plan.bad,
                &plan.target,
                mover::pool(self.settings, Some(last)),
            );
            mover::restore(self.settings, facts, snapshot, attempt, self.http)?;
        }
        let (id, commit) = (&last.deployment_id, last.commit.as_deref());
        self.ledger.part(id, commit, part::TRAFFIC, None);
        // What else another deployment's rollout has to put back is for the next run that settles it.
        if *id != plan.bad.id {
            return Ok(Some(format!("what {id} had left is put back")));
        }
        if let Err(why) = self.ledger.close_rollout() {
            self.log.warn(&format!("not written: {why}"));
        }
        Ok(None)
    }

    fn redeploy(&self, plan: &Plan) -> Result<String, String> {
        let settings = self.settings;
        let woodpecker = settings
            .woodpecker
            .as_ref()
            .ok_or("there is no woodpecker_url")?;
        let api = Api::new(woodpecker, self.http);
        let subject = &settings.subject;
        let started = api.redeploy(&subject.repo, &plan.target.commit, &subject.environment)?;
        let text = format!(
            "pipeline {} deploys what pipeline {} did",
            started.number, started.of
        );
        if settings.asked.waits {
            self.log.info(&text);
            api.wait(&subject.repo, started.number, settings.max_wait, self.clock)?;
        }
        Ok(text)
    }

    /// Tells of it on the incident, once for each `note`.
    ///
    /// # Errors
    /// When it is not told.
    pub fn incident(&self, plan: &Plan, note: &str) -> Result<String, String> {
        let story = Story {
            plan,
            came: &self.came,
            reason: &self.reason,
            timeline: &self.timeline,
            stages: &self.stages,
        };
        self.forging.incident(&story, note)
    }

    /// A branch that a person has to merge; where no forge can open the pull request, a person does that, too.
    fn propose(&self, plan: &Plan, head: &str) -> Result<String, String> {
        if self.settings.forging.place.is_none() {
            return Ok(format!("{head} is pushed, and is to be merged by hand"));
        }
        let opened = self.forging.propose(plan, head, &self.reason);
        opened.map_err(|why| format!("{head} is pushed, but no pull request is open: {why}"))
    }

    fn watch(&mut self, plan: &Plan) -> Result<(), String> {
        let eyes = Eyes {
            looking: &self.settings.looking,
            http: self.http,
            clock: self.clock,
            cancel: self.cancel,
            log: self.log,
        };
        let subject = rows::rollback_subject(&self.settings.subject, &plan.bad, &plan.target);
        let verdict = eyes.watch(&mut self.ledger, &subject, &mut self.seen);
        self.came.cancelled |= verdict.is_none();
        self.came.health = verdict;
        match &self.came.health {
            Some(Verdict::Pass { .. }) => Ok(()),
            None => Err("the pipeline was cancelled".to_owned()),
            Some(verdict) => {
                let each: Vec<String> = verdict.reasons().iter().map(ToString::to_string).collect();
                Err(each.join("; "))
            }
        }
    }

    /// Only what is well is called stable, where it is looked at.
    fn is_proved(&self, plan: &Plan) -> bool {
        let watched = plan.parts.contains(&Part::Watch);
        !watched || matches!(self.came.health, Some(Verdict::Pass { .. }))
    }

    fn mark(&mut self, plan: &Plan) -> Result<Option<String>, String> {
        match self.settings.marker {
            MarkerPlace::Database => {
                let mut subject =
                    rows::rollback_subject(&self.settings.subject, &plan.bad, &plan.target);
                subject.build_id = None;
                self.ledger.mark_stable(&subject)?;
            }
            MarkerPlace::Git => self.repository.mark(&plan.target.commit)?,
        }
        Ok(None)
    }

    /// Tells people of it; who could not be told is listed at the end.
    ///
    /// # Errors
    /// When nobody can be told: the private authority's file cannot be used.
    pub fn notify(&mut self, plan: &Plan) -> Result<(), String> {
        let exit = self.came.exit(plan);
        self.told = Some(exit);
        // An alarm ends when all is seen to be well, which comes later.
        let whom = match exit {
            Exit::NeedsPerson => Whom::All,
            _ => Whom::People,
        };
        self.tell(plan, whom)
    }

    /// Ends the alarms of a deployment that is rolled back: all is done, and well where it was looked at.
    ///
    /// # Errors
    /// As [`Self::notify`].
    pub fn end_alarms(&mut self, plan: &Plan) -> Result<(), String> {
        match self.came.exit(plan) {
            Exit::Passed => self.tell(plan, Whom::Alarms),
            _ => Ok(()),
        }
    }

    fn tell(&mut self, plan: &Plan, whom: Whom) -> Result<(), String> {
        let told = Told {
            subject: &self.settings.subject,
            ci: &self.settings.ci,
            plan,
            came: &self.came,
            reason: &self.reason,
        };
        let message = told.message(|text| self.log.masked(text));
        let within = if self.cancel.is_cancelled() {
            TELL_HURRY
        } else {
            notify::DEADLINE
        };
        for delivery in edges::tell(&message, self.settings, whom, within, self.clock)? {
            match delivery.outcome {
                Ok(()) => self.log.info(&format!("told {}", delivery.channel)),
                Err(why) => {
                    self.log
                        .warn(&format!("could not tell {}: {why}", delivery.channel));
                    self.came
                        .untold
                        .push(format!("{} ({why})", delivery.channel));
                }
            }
        }
        Ok(())
    }
}
