//! The forge: the incident, the status of commit and deployment, deployments that were good, pull requests.

use std::cell::OnceCell;
use std::time::Duration;

use shared::clock::Clock;
use shared::deployment::rollback_id;
use shared::exit::Exit;
use shared::forge::{
    CommitStatus, Deployment, Forge, Progress, Proposal, Protection, Purpose, State, Told,
    pipeline_deployment,
};
use shared::http::Http;
use shared::incident::{Incident, Key, Task};
use shared::log::Log;
use shared::record::Stage;

use crate::plan::Plan;
use crate::plan::facts::{Asked, Bad, short};
use crate::report::stages;
use crate::report::verdict::{self, Came};
use crate::settings::Settings;

/// How long telling one thing may take at the forge.
const WITHIN: Duration = Duration::from_secs(30);
/// How long a question may take: the rollback waits for the answer.
const ANSWER: Duration = Duration::from_secs(5);
/// How many of its good deployments are looked at.
const LOOKED_AT: usize = 10;

/// The forge of a run.
pub struct Forging<'a> {
    settings: &'a Settings,
    http: &'a Http,
    clock: &'a dyn Clock,
    log: &'a Log<'a>,
    /// What it answered: it is asked once.
    past: OnceCell<Result<Vec<String>, String>>,
    protects: OnceCell<Option<bool>>,
}

/// What an incident tells of.
#[derive(Debug, Clone, Copy)]
pub struct Story<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What came of it so far.
    pub came: &'a Came,
    /// Why it is rolled back.
    pub reason: &'a str,
    /// What the log said, one line each.
    pub timeline: &'a [String],
    /// The stages of the bad deployment's rollout.
    pub stages: &'a [Stage],
}

/// What can be asked of the forge, into what was asked for.
pub fn asked(settings: &Settings, asked: Asked) -> Asked {
    let forging = &settings.forging;
    Asked {
        incident: forging.desk.is_some(),
        status: forging.status_context.is_some()
            || settings.forge_deployment
            || (forging.place.is_some() && started_by(settings).is_some()),
        pull_requests: forging.place.is_some(),
        ..asked
    }
}

/// The number of the forge's deployment that started this pipeline.
fn started_by(settings: &Settings) -> Option<u64> {
    settings
        .ci
        .commit_url
        .as_deref()
        .and_then(pipeline_deployment)
}

impl<'a> Forging<'a> {
    /// The forge that the settings name, if they do. Nothing is asked yet.
    pub fn new(
        settings: &'a Settings,
        http: &'a Http,
        clock: &'a dyn Clock,
        log: &'a Log<'a>,
    ) -> Self {
        Self {
            settings,
            http,
            clock,
            log,
            past: OnceCell::new(),
            protects: OnceCell::new(),
        }
    }

    fn forge(&self) -> Option<Forge<'a>> {
        let place = self.settings.forging.place.as_ref()?;
        Some(Forge::open(place, self.http, self.clock))
    }

    fn at_hand(&self) -> Result<Forge<'a>, String> {
        self.forge()
            .ok_or_else(|| "there is no forge_token".to_owned())
    }

    /// The commits of the last successful deployments that the forge knows, newest first.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn last_successful(&self) -> Result<Vec<String>, String> {
        self.past.get_or_init(|| self.ask_past()).clone()
    }

    fn ask_past(&self) -> Result<Vec<String>, String> {
        let Some(forge) = self.forge() else {
            return Ok(Vec::new());
        };
        let environment = &self.settings.subject.environment;
        let past = forge.last_successful_deployments(environment, ANSWER)?;
        past.notes.iter().for_each(|note| self.log.warn(note));
        Ok(past
            .good
            .into_iter()
            .take(LOOKED_AT)
            .map(|good| good.sha)
            .collect())
    }

    /// Whether the forge protects a branch from being set back; absent where that is not known.
    pub fn protects(&self, branch: &str) -> Option<bool> {
        *self.protects.get_or_init(|| self.ask_protection(branch))
    }

    fn ask_protection(&self, branch: &str) -> Option<bool> {
        match self.forge()?.branch_protected(branch, ANSWER) {
            Protection::Protected => Some(true),
            Protection::Open => Some(false),
            Protection::Unknown(why) => {
                self.log.info(&format!(
                    "whether {branch} is protected is not known: {why}"
                ));
                None
            }
        }
    }

    /// Opens the incident, or adds to it; `note` names what is told, so that it is told once. Gives where it is.
    ///
    /// # Errors
    /// When it is not told.
    pub fn incident(&self, story: &Story, note: &str) -> Result<String, String> {
        let desk = self
            .settings
            .forging
            .desk
            .as_ref()
            .ok_or("no incident is wanted")?;
        let incident = self.text(story, note);
        let told = self.at_hand()?.incident(&incident, desk, WITHIN)?;
        Ok(self.told(told))
    }

    /// Says on the incident that all is well, and closes it.
    ///
    /// # Errors
    /// When it is not closed.
    pub fn recovered(&self, plan: &Plan) -> Result<String, String> {
        let what = format!(
            "{} is live again and was watched: it is well.",
            short(&plan.target.commit)
        );
        let told = self
            .at_hand()?
            .recovered(&self.key(&plan.bad), &what, &self.links(), WITHIN)?;
        Ok(self.told(told))
    }

    /// Tells of the bad commit and its deployment; of the rollback as a deployment of its own only where somebody
    /// wants that: on GitHub it can start a pipeline.
    ///
    /// # Errors
    /// When one of them is not told.
    pub fn status(&self, plan: &Plan, reason: &str) -> Result<(), String> {
        let (forge, bad) = (self.at_hand()?, &plan.bad);
        let description = self.log.masked(&format!("rolled back: {reason}"));
        let url = self.settings.ci.pipeline_url.clone();
        if let Some(context) = &self.settings.forging.status_context {
            let status = CommitStatus {
                sha: bad.commit.clone(),
                context: context.clone(),
                state: State::Failure,
                description: description.clone(),
                url: url.clone(),
            };
            let told = forge.commit_status(&status, WITHIN)?;
            self.told(told);
        }
        if let Some(number) =
            started_by(self.settings).filter(|_| bad.id == self.settings.subject.deployment_id)
        {
            let deployment = Deployment {
                name: bad.id.clone(),
                environment: self.settings.subject.environment.clone(),
                sha: bad.commit.clone(),
                reference: self.settings.remote.branch.clone().unwrap_or_default(),
                purpose: Purpose::Deploy,
                progress: Progress::Failure,
                description,
                url,
                started_by: Some(number),
            };
            let told = forge.deployment(&deployment, WITHIN)?;
            self.told(told);
        }
        if self.settings.forge_deployment {
            let deployment = self.rollback(plan, Progress::InProgress, reason);
            let told = forge.deployment(&deployment, WITHIN)?;
            self.log.info(&self.told(told));
        }
        Ok(())
    }

    /// Tells what became of the rollback, where it is recorded as a deployment. A rollback that was cancelled or
    /// overtaken goes on.
    pub fn rolled_back(&self, plan: &Plan, came: &Came, reason: &str) {
        let progress = match came.exit(plan) {
            Exit::Passed => Progress::Success,
            Exit::NeedsPerson => Progress::Failure,
            _ => return,
        };
        if !self.settings.forge_deployment {
            return;
        }
        let deployment = self.rollback(plan, progress, reason);
        let told = self
            .at_hand()
            .and_then(|forge| forge.deployment(&deployment, WITHIN));
        match told {
            Ok(told) => self.log.info(&self.told(told)),
            Err(why) => self
                .log
                .warn(&format!("the forge does not know how it ended: {why}")),
        }
    }

    /// The rollback as the forge records it: a deployment of the good commit, which names the one gone back from.
    fn rollback(&self, plan: &Plan, progress: Progress, reason: &str) -> Deployment {
        Deployment {
            name: rollback_id(&plan.bad.id),
            environment: self.settings.subject.environment.clone(),
            sha: plan.target.commit.clone(),
            reference: self.settings.remote.branch.clone().unwrap_or_default(),
            purpose: Purpose::Rollback {
                of: plan.bad.id.clone(),
                sha: plan.bad.commit.clone(),
            },
            progress,
            description: self.log.masked(&format!("rolled back: {reason}")),
            url: self.settings.ci.pipeline_url.clone(),
            started_by: None,
        }
    }

    /// Opens a pull request of a branch that was pushed. Gives where it is.
    ///
    /// # Errors
    /// When there is none.
    pub fn propose(&self, plan: &Plan, head: &str, reason: &str) -> Result<String, String> {
        let base = self
            .settings
            .remote
            .branch
            .clone()
            .ok_or("there is no branch")?;
        let reason = shared::incident::harmless(&self.log.masked(reason));
        let proposal = Proposal {
            head: head.to_owned(),
            base,
            title: format!("Roll back to {}", short(&plan.target.commit)),
            body: format!(
                "Deployment `{}` of {} is bad: {reason}\n\nThis brings the branch back to the files of {}.",
                plan.bad.id, plan.bad.commit, plan.target.commit
            ),
        };
        let told = self.at_hand()?.pull_request(&proposal, WITHIN)?;
        Ok(self.told(told))
    }

    fn told(&self, told: Told) -> String {
        told.notes.iter().for_each(|note| self.log.warn(note));
        told.what
    }

    fn key(&self, bad: &Bad) -> Key {
        Key {
            repo: self.settings.subject.repo.clone(),
            environment: self.settings.subject.environment.clone(),
            deployment: bad.id.clone(),
        }
    }

    fn links(&self) -> Vec<(String, String)> {
        let ci = &self.settings.ci;
        let named = [("pipeline", &ci.pipeline_url), ("commit", &ci.commit_url)];
        let link = |(name, address): (&str, &Option<String>)| {
            address.clone().map(|address| (name.to_owned(), address))
        };
        named.into_iter().filter_map(link).collect()
    }

    fn text(&self, story: &Story, note: &str) -> Incident {
        let Story { plan, came, .. } = *story;
        let masked = |text: &str| self.log.masked(text);
        let subject = &self.settings.subject;
        let own = |text: &str| text.to_owned();
        let not_done = came.remaining(plan);
        let not_done: Vec<String> = not_done
            .iter()
            .map(|block| masked(&format!("{}: {}", block.part, block.why)))
            .collect();
        let task = |what: String| Task {
            who: own("whoever is on call"),
            what,
        };
        let mut tasks: Vec<Task> = not_done
            .iter()
            .map(|what| task(format!("do by hand what is not done: {what}")))
            .collect();
        if came.is_unhealthy() {
            tasks.push(task(format!(
                "look at the service: {} was good before and is not well now",
                short(&plan.target.commit)
            )));
        }
        tasks.push(task(format!(
            "find out why {} was bad, before it is deployed again",
            short(&plan.bad.commit)
        )));
        let done = plan.done.iter().cloned();
        let done = done.chain(came.done.iter().map(|(word, _)| own(word)));
        let fact = |name: &str, value: &str| (own(name), own(value));
        let mut facts = vec![
            fact("gone back to", &plan.target.commit),
            fact("found by", &plan.target.source.words()),
        ];
        let limits = &self.settings.looking.thresholds;
        facts.extend(stages::facts(story.stages));
        Incident {
            key: self.key(&plan.bad),
            note: own(note),
            plugin: own("plugin-rollback"),
            title: format!("rolled back: {} {}", subject.repo, subject.environment),
            severity: self.settings.forging.severity,
            what: masked(&format!(
                "Deployment {} is rolled back from {} to {}: {}",
                plan.bad.id,
                short(&plan.bad.commit),
                short(&plan.target.commit),
                story.reason
            )),
            at: self.clock.now(),
            commit: Some(plan.bad.commit.clone()),
            reasons: verdict::reasons(plan, came)
                .iter()
                .map(|text| masked(text))
                .collect(),
            facts,
            charts: stages::charts(story.stages, limits),
            timeline: story.timeline.to_vec(),
            done: done.collect(),
            not_done,
            tasks,
            links: self.links(),
        }
    }
}
