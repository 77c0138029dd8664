//! Builds the traffic manager that the settings name.

use std::time::Duration;

use shared::tls::Roots;
use shared::traffic::haproxy::{self, Haproxy, Identity, Release};
use shared::traffic::{Scripted, TrafficManager, Watching};

use super::Mover;
use crate::calls;
use crate::settings::{Hook, Settings, Traffic};

/// How long one command of HAProxy may take once the run was cancelled: everything is over soon.
const HURRY: Duration = Duration::from_millis(700);
/// How long a script or webhook may take to move traffic.
const MOVE: Duration = Duration::from_secs(30);
/// The same once the run was cancelled.
const MOVE_HURRY: Duration = Duration::from_secs(4);
/// How long a webhook may take to move traffic: a cancelled run waits for it.
const WEBHOOK: Duration = Duration::from_secs(4);

impl Mover<'_> {
    /// A manager for the servers as they are now; one that `hurries` gives up sooner.
    pub(super) fn build(&self, hurries: bool) -> Result<Box<dyn TrafficManager>, String> {
        let settings = self.settings;
        let facts = calls::facts(settings, self.pool().as_deref());
        Ok(match (&settings.traffic, &self.servers) {
            (Traffic::Haproxy { addresses, .. }, Some(servers)) => {
                Box::new(Haproxy::new(haproxy::Settings {
                    addresses: addresses.clone(),
                    servers: servers.clone(),
                    release: Release::default(),
                    identity: self.identity.clone(),
                    limit: if hurries { HURRY } else { haproxy::LIMIT },
                    verify: if hurries { HURRY } else { haproxy::VERIFY },
                })?)
            }
            (Traffic::None | Traffic::Haproxy { .. }, _) => Box::new(Watching),
            (Traffic::Script, _) => {
                let Some(Hook::Script(path)) = &settings.hook.hook else {
                    return Err("there is no deployment_script".to_owned());
                };
                let limit = if hurries { MOVE_HURRY } else { MOVE };
                Box::new(Scripted {
                    script: calls::script(settings, path, facts, limit),
                    cancel: self.cancel.clone(),
                    verify: haproxy::VERIFY,
                })
            }
            (Traffic::Webhook, _) => {
                let Some(Hook::Webhook(url)) = &settings.hook.hook else {
                    return Err("there is no deployment_webhook".to_owned());
                };
                Box::new(calls::webhook(settings, url, facts, &self.http, WEBHOOK)?)
            }
        })
    }
}

/// What is shown to a runtime API behind TLS, where there is one.
pub(super) fn identity(settings: &Settings) -> Result<Option<Identity>, String> {
    let Traffic::Haproxy {
        shown: Some(shown), ..
    } = &settings.traffic
    else {
        return Ok(None);
    };
    let roots = Roots::load(settings.ca_certificate.as_deref())?;
    Identity::new(&roots, &shown.certificate, &shown.key).map(Some)
}
