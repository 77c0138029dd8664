//! Calling the deployment script or webhook, and the feature-flag webhook.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use shared::hook::{Action, Call, Facts};
use shared::http::Http;
use shared::intent::Intent;
use shared::log::{Level, Log, Tone};
use shared::script::{self, Leash, Outcome, Script};
use shared::secret::Secret;
use shared::signal::Cancel;
use shared::split::Share;
use shared::traffic::Webhook;

use crate::settings::{Hook, Settings};

/// How long bringing a version somewhere may take, at most.
const FORWARD: Duration = Duration::from_secs(20 * 60);
/// How long a rollback may take.
const BACK: Duration = Duration::from_secs(60);
/// How long it may take when it is tried again: what hung for a minute hangs again, and people are told after it.
const BACK_AGAIN: Duration = Duration::from_secs(10);
/// How long a rollback may take, or go on, once the run was cancelled.
const BACK_HURRY: Duration = Duration::from_secs(4);
/// How long telling the feature flags may take.
const FLAGS: Duration = Duration::from_secs(3);
/// For what was set to show in `get-traffic`.
const VERIFY: Duration = Duration::from_secs(4);
/// How often a cancelled run is noticed during a call.
const GLANCE: Duration = Duration::from_millis(50);

/// The facts of this run's deployment.
pub fn facts(settings: &Settings, pool: Option<&str>) -> Facts {
    let subject = &settings.subject;
    Facts {
        id: subject.deployment_id.clone(),
        commit: subject.commit.clone().unwrap_or_default(),
        environment: subject.environment.clone(),
        pool: pool.map(str::to_owned),
        previous_commit: None,
    }
}

/// The script, ready to be run.
pub fn script(settings: &Settings, path: &Path, facts: Facts, limit: Duration) -> Script {
    Script {
        path: path.to_owned(),
        workspace: settings.ci.workspace.clone(),
        variables: settings.hook.variables.clone(),
        script_env: settings.hook.script_env.clone(),
        facts,
        limit,
        grace: script::GRACE,
    }
}

/// A webhook, ready to be called.
///
/// # Errors
/// When its address cannot be used.
pub fn webhook(
    settings: &Settings,
    url: &Secret,
    facts: Facts,
    http: &Arc<Http>,
    limit: Duration,
) -> Result<Webhook, String> {
    let secret = settings.hook.secret.clone();
    Webhook::new(url.clone(), secret, facts, Arc::clone(http), limit, VERIFY)
}

/// One call for the deployment of an intent.
pub struct Calling<'a> {
    /// The settings.
    pub settings: &'a Settings,
    /// HTTP.
    pub http: &'a Arc<Http>,
    /// Ends what goes forward, and leaves the way back a few seconds.
    pub cancel: &'a Cancel,
    /// Where the script's output goes.
    pub log: &'a Log<'a>,
    /// The pool that gets the new version.
    pub pool: Option<String>,
    /// What is left until the deadline.
    pub left: Duration,
}

impl Calling<'_> {
    /// Asks for an action, and waits for its end; a forward one ends when the run is cancelled.
    ///
    /// # Errors
    /// When it was not applied, or nobody knows.
    pub fn call(&self, action: Action, attempt: u32, intent: &Intent) -> Result<(), String> {
        let facts = Facts {
            id: intent.deployment_id.clone(),
            commit: intent.commit.clone().unwrap_or_default(),
            ..facts(self.settings, self.pool.as_deref())
        };
        let back = action == Action::Rollback;
        let limit = match (back, self.cancel.is_cancelled()) {
            (true, true) => BACK_HURRY,
            (true, false) if attempt > 1 => BACK_AGAIN,
            (true, false) => BACK,
            (false, _) => FORWARD.min(self.left),
        };
        let call = Call { stage: 0, attempt };
        let leash = Leash {
            cancel: self.cancel,
            left: if back { BACK_HURRY } else { Duration::ZERO },
        };
        match &self.settings.hook.hook {
            None => Err("there is no deployment_script and no deployment_webhook".to_owned()),
            Some(Hook::Script(path)) => {
                let script = script(self.settings, path, facts, limit);
                self.run(&script, action, call, leash)
            }
            Some(Hook::Webhook(url)) => {
                let webhook = webhook(self.settings, url, facts, self.http, limit)?;
                post(webhook, action, call, leash, limit)
            }
        }
    }

    fn run(
        &self,
        script: &Script,
        action: Action,
        call: Call,
        leash: Leash<'_>,
    ) -> Result<(), String> {
        let ran = script.run_on(Some(leash), action, call);
        for line in &ran.output {
            let text = format!("{}: {}", action.word(), line.text);
            self.log.line(Level::Info, Tone::Faint, &text);
        }
        match ran.outcome {
            Outcome::Applied => Ok(()),
            // Nothing to take back is no failure of taking it back.
            Outcome::Usage if action == Action::Rollback => {
                self.log.info("the script does not know rollback (exit 64)");
                Ok(())
            }
            Outcome::Usage => Err(format!(
                "the script does not know {} (exit 64)",
                action.word()
            )),
            Outcome::Failed(how) => Err(format!("the script ended with {how}")),
            Outcome::TimedOut => Err("the script took too long and was ended".to_owned()),
            Outcome::Cancelled => {
                Err("the script was ended, because the run was cancelled".to_owned())
            }
            Outcome::NotStarted(why) => Err(why),
        }
    }

    /// Tells the feature-flag webhook of a share.
    ///
    /// # Errors
    /// When it was not taken.
    pub fn flags(&self, share: Share) -> Result<(), String> {
        let Some(url) = &self.settings.flags else {
            return Ok(());
        };
        let facts = facts(self.settings, self.pool.as_deref());
        let webhook = webhook(self.settings, url, facts, self.http, FLAGS)?;
        let action = Action::UpdateTraffic(share);
        let told = webhook.act(action, Call::FIRST);
        told.map_err(|error| error.to_string())
    }
}

/// Calls a webhook from a thread of its own, so that a cancelled run need not wait for it.
fn post(
    webhook: Webhook,
    action: Action,
    call: Call,
    leash: Leash<'_>,
    limit: Duration,
) -> Result<(), String> {
    let (tell, told) = mpsc::channel();
    let work = move || {
        // Nobody listens any more when the run was cancelled.
        let _ = tell.send(webhook.act(action, call));
    };
    let started = std::thread::Builder::new()
        .name("webhook".into())
        .spawn(work);
    started.map_err(|error| format!("no thread for the webhook: {error}"))?;
    let glances = |time: Duration| time.as_millis() / GLANCE.as_millis();
    let mut looks = glances(limit) + 40;
    let mut over = "the webhook did not answer in time";
    let mut leash = Some(leash);
    loop {
        match told.recv_timeout(GLANCE) {
            Ok(answer) => return answer.map_err(|error| error.to_string()),
            Err(RecvTimeoutError::Disconnected) => {
                return Err("the webhook's call broke off".to_owned());
            }
            Err(RecvTimeoutError::Timeout) => looks = looks.saturating_sub(1),
        }
        if let Some(Leash { left, .. }) = leash.take_if(|leash| leash.cancel.is_cancelled()) {
            looks = looks.min(glances(left));
            over = "the webhook was not waited for, because the run was cancelled";
        }
        if looks == 0 {
            return Err(over.to_owned());
        }
    }
}
