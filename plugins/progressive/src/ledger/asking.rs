//! What the records are asked: what stands in the way, what an earlier run left, who wants an end.

use std::time::Duration;

use shared::deployment::Status;
use shared::intent::{Intent, Part};
use shared::policy::frozen;
use shared::record::{LAST_STABLE, Subject};
use shared::store::{Source, Usual};

use super::Ledger;
use crate::rollout::{Guards, Mode};

impl Ledger<'_> {
    /// What stands in the way of any rollout.
    ///
    /// # Errors
    /// When the records cannot be read.
    pub fn guards(&mut self) -> Result<Guards, String> {
        let settings = self.settings;
        let subject = &settings.subject;
        let mut guards = Guards {
            frozen: frozen(&settings.freezes, self.clock.now()),
            ..Guards::default()
        };
        let unread = |error| format!("the records cannot be read: {error}");
        let (repo, environment) = (&subject.repo, &subject.environment);
        let id = &subject.deployment_id;
        let history = self.store().deployment(repo, environment, id, 0);
        let status = history.map_err(unread)?.value.deployment;
        let status = status.and_then(|deployed| deployed.known_status());
        self.is_started = status == Some(Status::Started);
        let stays = |status: &Status| matches!(status, Status::RolledBack | Status::Held);
        guards.spent = status.filter(stays).map(|status| status.word().to_owned());
        let parts = self.store().parts(repo, environment, id);
        let parts = parts.map_err(unread)?.value;
        guards.before = parts
            .iter()
            .filter_map(|done| Part::of(&done.part))
            .collect();
        if settings.forging.place.is_some() {
            // Who cannot be asked now keeps nobody from rolling out.
            let open = self.store().incidents(repo, environment);
            guards.incidents = open.map(|seen| seen.value).unwrap_or_default();
        }
        if let Some(commit) = &subject.commit {
            let held = self.store().held(repo, environment, commit);
            let held = held.map_err(unread)?;
            guards.held = held
                .value
                .map(|held| format!("judged bad in {}: {}", held.deployment_id, held.reason));
            self.held = guards.held.is_some();
        }
        self.say();
        Ok(guards)
    }

    /// The newest intent of this environment.
    ///
    /// # Errors
    /// When the records cannot be read, or what they hold cannot be understood. The journal is no answer where a database is
    /// configured.
    pub fn past(&mut self) -> Result<Option<Intent>, String> {
        let settings = self.settings;
        let subject = &settings.subject;
        let (repo, environment) = (&subject.repo, &subject.environment);
        let last = self.store().last_rollout(repo, environment);
        self.say();
        let last = last?;
        // On a dry run a database that does not answer is not asked, and nothing follows from what is found.
        let asks = settings.database.is_some() && settings.plan.mode != Mode::Dry { record: false };
        if asks && last.source == Source::Journal {
            let text = "the database cannot be asked, and the journal alone does not know what another run has done since";
            return Err(text.to_owned());
        }
        let Some(last) = last.value else {
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
        Ok(Some(intent.recorded(last.mark, &words)))
    }

    /// What was counted of the live version in the time before now; nothing where the records do not tell.
    pub fn usual(&mut self, source: &str, span: Duration) -> Option<Usual> {
        let subject = &self.settings.subject;
        let found = self
            .store()
            .usual(&subject.repo, &subject.environment, source, span);
        self.say();
        found.ok().map(|seen| seen.value)
    }

    /// The last version known to be good, where it is another than that of the deployment.
    pub fn stable(&mut self, of: &Subject) -> Option<String> {
        let stable = self.store().marker(&of.repo, &of.environment, LAST_STABLE);
        self.say();
        let stable = stable.ok().and_then(|seen| seen.value);
        stable.filter(|stable| Some(stable) != of.commit.as_ref())
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
}
