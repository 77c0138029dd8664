//! The deployment script, or the webhook in its place.

use std::path::PathBuf;

use shared::ci::Ci;
use shared::endpoint::{Endpoint, Scheme};
use shared::secret::Secret;
use shared::settings::environment::Environment;
use shared::settings::read::Reader;
use shared::value;

/// What is called.
#[derive(Debug, Clone)]
pub enum Hook {
    /// A script in the workspace.
    Script(PathBuf),
    /// A webhook.
    Webhook(Secret),
}

/// The deployment script or webhook with what it gets.
#[derive(Debug, Clone)]
pub struct HookSettings {
    /// Absent where there is none.
    pub hook: Option<Hook>,
    /// Signs the calls of a webhook.
    pub secret: Option<Secret>,
    /// What the team gives a script.
    pub script_env: Vec<(String, Secret)>,
    /// The step's own variables.
    pub variables: Vec<(String, String)>,
}

pub(super) fn hook(read: &mut Reader, ci: &Ci, environment: &Environment) -> HookSettings {
    let script = read
        .text("deployment_script")
        .map(|text| Hook::Script(ci.workspace.join(text)));
    let webhook = read
        .read("deployment_webhook", web_address)
        .map(|text| Hook::Webhook(Secret::new(text)));
    if read.given("deployment_script").is_some() && read.given("deployment_webhook").is_some() {
        let expected = "no deployment_script beside it: one of both deploys";
        read.refuse("deployment_webhook", expected);
    }
    let given = read.read("script_env", value::map).unwrap_or_default();
    HookSettings {
        hook: script.or(webhook),
        secret: read.text("webhook_secret").map(Secret::new),
        script_env: given
            .into_iter()
            .map(|(name, value)| (name, Secret::new(value)))
            .collect(),
        variables: environment
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    }
}

pub(super) fn web_address(text: &str) -> Result<String, value::Expected> {
    let text = text.trim();
    let web = Endpoint::parse(text).is_ok_and(|endpoint| endpoint.scheme != Scheme::Tcp);
    web.then(|| text.to_owned())
        .ok_or("an address that begins with https:// or http://")
}
