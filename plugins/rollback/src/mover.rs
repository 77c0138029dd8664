//! The traffic that a rollout left: read and put back by the manager that wrote the snapshot.

use std::sync::Arc;
use std::time::Duration;

use shared::hook::{Call, Facts};
use shared::http::Http;
use shared::intent::Intent;
use shared::signal::Cancel;
use shared::split::{Share, Snapshot};
use shared::tls::Roots;
use shared::traffic::haproxy::{self, Haproxy, Identity, Release, Servers};
use shared::traffic::{Scripted, TrafficManager, Watching};

use crate::calls;
use crate::plan::facts::Traffic;
use crate::settings::{Hook, Settings};

/// How long a script or webhook may take to move traffic.
const MOVE: Duration = Duration::from_secs(30);

/// Reads the traffic as the newest rollout's manager sees it.
pub fn read(settings: &Settings, facts: Facts, last: Option<&Intent>, http: &Arc<Http>) -> Traffic {
    let Some(snapshot) = last.and_then(|last| last.snapshot.as_ref()) else {
        // It never was read, so it never was written.
        return Traffic::Read(Some(Share::NONE));
    };
    let manager = match manager(settings, facts, snapshot, http) {
        Ok(manager) => manager,
        Err(why) => return Traffic::Unreadable(why),
    };
    if !manager.moves() {
        return Traffic::Read(None);
    }
    // What cannot be read now is put back all the same: that reads afresh, and says what is wrong.
    Traffic::Read(manager.read().ok().and_then(|reading| reading.share))
}

/// Puts a snapshot back, and reads it back.
///
/// # Errors
/// When it is not so everywhere.
pub fn restore(
    settings: &Settings,
    facts: Facts,
    snapshot: &Snapshot,
    attempt: u32,
    http: &Arc<Http>,
) -> Result<(), String> {
    let call = Call { stage: 0, attempt };
    let manager = manager(settings, facts, snapshot, http)?;
    manager
        .restore(snapshot, call)
        .map_err(|error| error.to_string())
}

/// The pool that got the new version, where pools take turns.
pub fn pool(settings: &Settings, last: Option<&Intent>) -> Option<String> {
    let snapshot = last?.snapshot.as_ref()?;
    let servers = servers_of(snapshot).filter(|_| settings.pools)?;
    Some(servers.canary)
}

fn manager(
    settings: &Settings,
    facts: Facts,
    snapshot: &Snapshot,
    http: &Arc<Http>,
) -> Result<Box<dyn TrafficManager>, String> {
    Ok(match (snapshot.manager.as_str(), &settings.hook.hook) {
        ("haproxy", _) => {
            let known = &settings.haproxy;
            if known.addresses.is_empty() {
                return Err("a rollout moved traffic with HAProxy, set haproxy_address so that it can be put back".to_owned());
            }
            let servers = servers_of(snapshot).ok_or("the snapshot of the traffic names no servers")?;
            Box::new(Haproxy::new(haproxy::Settings {
                addresses: known.addresses.clone(),
                servers,
                release: Release::default(),
                identity: identity(settings)?,
                limit: haproxy::LIMIT,
                verify: haproxy::VERIFY,
            })?)
        }
        ("script", Some(Hook::Script(path))) => Box::new(Scripted {
            script: calls::script(settings, path, facts, MOVE),
            // What goes back is not ended by a cancelled run.
            cancel: Cancel::default(),
            verify: haproxy::VERIFY,
        }),
        ("webhook", Some(Hook::Webhook(url))) => {
            Box::new(calls::webhook(settings, url, facts, http, MOVE)?)
        }
        ("none", _) => Box::new(Watching),
        ("script", _) => return Err("a rollout moved traffic with the deployment script, set deployment_script so that it can be put back".to_owned()),
        ("webhook", _) => return Err("a rollout moved traffic with the deployment webhook, set deployment_webhook so that it can be put back".to_owned()),
        (other, _) => return Err(format!("a rollout moved traffic with {other:?}, which this version does not know")),
    })
}

/// What is shown to a runtime API behind TLS, where there is one.
fn identity(settings: &Settings) -> Result<Option<Identity>, String> {
    let Some(shown) = &settings.haproxy.shown else {
        return Ok(None);
    };
    let roots = Roots::load(settings.ca_certificate.as_deref())?;
    Identity::new(&roots, &shown.certificate, &shown.key).map(Some)
}

/// The servers that a snapshot is about.
fn servers_of(snapshot: &Snapshot) -> Option<Servers> {
    let servers = snapshot.detail.get("servers")?;
    serde_json::from_value(servers.clone()).ok()
}
