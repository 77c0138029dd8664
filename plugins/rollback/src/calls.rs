//! Calling the deployment script's `rollback`, or its twin's.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use shared::hook::{Action, Call, Facts};
use shared::http::Http;
use shared::log::{Level, Log, Tone};
use shared::script::{self, Outcome, Script};
use shared::secret::Secret;
use shared::traffic::Webhook;

use crate::plan::facts::Bad;
use crate::plan::target::Target;
use crate::settings::{Hook, Settings};

/// How long a rollback may take: it may bring a whole version up again.
const BACK: Duration = Duration::from_secs(10 * 60);
/// For what was set to show in `get-traffic`.
const VERIFY: Duration = Duration::from_secs(4);

/// The facts of the bad deployment.
pub fn facts(settings: &Settings, bad: &Bad, target: &Target, pool: Option<String>) -> Facts {
    Facts {
        id: bad.id.clone(),
        commit: bad.commit.clone(),
        environment: settings.subject.environment.clone(),
        pool,
        previous_commit: Some(target.commit.clone()),
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

/// Asks for `rollback`, and waits for its end: a cancelled run does, too.
///
/// # Errors
/// When it was not applied, or nobody knows.
pub fn roll_back(
    settings: &Settings,
    facts: Facts,
    attempt: u32,
    http: &Arc<Http>,
    log: &Log,
) -> Result<(), String> {
    let call = Call { stage: 0, attempt };
    match &settings.hook.hook {
        None => Err("there is no deployment_script and no deployment_webhook".to_owned()),
        Some(Hook::Script(path)) => {
            let script = script(settings, path, facts, BACK);
            run(&script, call, log)
        }
        Some(Hook::Webhook(url)) => {
            let webhook = webhook(settings, url, facts, http, BACK)?;
            webhook
                .act(Action::Rollback, call)
                .map_err(|error| error.to_string())
        }
    }
}

fn run(script: &Script, call: Call, log: &Log) -> Result<(), String> {
    let ran = script.run(Action::Rollback, call, None);
    for line in &ran.output {
        log.line(
            Level::Info,
            Tone::Faint,
            &format!("rollback: {}", line.text),
        );
    }
    match ran.outcome {
        Outcome::Applied => Ok(()),
        Outcome::Usage => Err("the script does not know rollback (exit 64)".to_owned()),
        Outcome::Failed(how) => Err(format!("the script ended with {how}")),
        Outcome::TimedOut => Err("the script took too long and was ended".to_owned()),
        Outcome::Cancelled => Err("the script was ended".to_owned()),
        Outcome::NotStarted(why) => Err(why),
    }
}
