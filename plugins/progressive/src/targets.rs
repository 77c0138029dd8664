//! From the settings to what is probed. Pure.

use shared::endpoint::Endpoint;
use shared::metrics::prometheus::Prometheus;
use shared::probe::{Probe, Target};
use shared::sample::Role;
use shared::settings::probing::{Metrics, Probing};
use shared::split::Side;

use crate::settings::Sources;

/// Whose endpoint is whose. Pools that take turns keep their endpoints when they exchange their places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Places {
    /// As the settings name them.
    AsNamed,
    /// `canary_endpoint` is of the pool that is the stable side now, and `baseline_endpoint` of the other one.
    Exchanged,
}

/// What one look at the new version probes. `carries_all`: all traffic is on its side, so that the service's answers
/// are its own.
pub fn new_version(sources: &Sources, side: Side, places: Places, carries_all: bool) -> Vec<Probe> {
    let probing = &sources.probing;
    let own = own(sources, side, places);
    let proves = own.is_some() || carries_all;
    let endpoints = own.map_or(&probing.endpoints[..], std::slice::from_ref);
    let health = endpoints
        .iter()
        .map(|endpoint| Probe::Endpoint(Box::new(health(probing, endpoint, proves))));
    let metrics = probing.metrics.iter().map(|metrics| match metrics {
        Metrics::Json(endpoint) => beside(probing, endpoint, Role::Metrics),
        Metrics::Prometheus { endpoint, queries } => Probe::Prometheus(Box::new(Prometheus {
            base: endpoint.clone(),
            queries: queries.clone(),
            headers: Vec::new(),
            timeout: probing.timeout,
            show_name: false,
        })),
    });
    let integrity = probing
        .integrity
        .iter()
        .map(|endpoint| beside(probing, endpoint, Role::Integrity));
    health.chain(metrics).chain(integrity).collect()
}

/// What is probed of the old version beside it: nothing where it has no endpoint of its own.
pub fn baseline(sources: &Sources, new: Side, places: Places) -> Vec<Probe> {
    let old = match new {
        Side::Canary => own(sources, Side::Stable, places),
        // The old version is gone, or about to go.
        Side::Stable => None,
    };
    let probe = |endpoint| Probe::Endpoint(Box::new(health(&sources.probing, endpoint, false)));
    old.map(probe).into_iter().collect()
}

/// Whether the version on a side has an address of its own.
pub fn has_own(sources: &Sources, side: Side, places: Places) -> bool {
    own(sources, side, places).is_some()
}

/// What is asked many times at a look: the new version, or the service where it has no address of its own; and the old
/// one beside it, where both have one. Whose answer it is is told by the version that it names.
pub fn bursts(sources: &Sources, new: Side, places: Places) -> (Option<Target>, Option<Target>) {
    let probing = &sources.probing;
    let has_own = has_own(sources, new, places);
    let endpoint = own(sources, new, places).or(probing.endpoints.first());
    let old = match new {
        Side::Canary if has_own => own(sources, Side::Stable, places),
        Side::Canary | Side::Stable => None,
    };
    let target = |endpoint: &Endpoint| health(probing, endpoint, true);
    (endpoint.map(target), old.map(target))
}

fn own(sources: &Sources, side: Side, places: Places) -> Option<&Endpoint> {
    match (side, places) {
        (Side::Canary, Places::AsNamed) | (Side::Stable, Places::Exchanged) => {
            sources.canary.as_ref()
        }
        (Side::Stable, Places::AsNamed) | (Side::Canary, Places::Exchanged) => {
            sources.baseline.as_ref()
        }
    }
}

fn health(probing: &Probing, endpoint: &Endpoint, is_new: bool) -> Target {
    let mut expect = probing.expect.clone();
    if !is_new {
        expect.version = None;
    }
    Target {
        timeout: probing.timeout,
        method: probing.method,
        headers: probing.headers.clone(),
        expect,
        ..Target::new(endpoint.clone(), Role::Health)
    }
}

fn beside(probing: &Probing, endpoint: &Endpoint, role: Role) -> Probe {
    Probe::Endpoint(Box::new(Target {
        timeout: probing.timeout,
        ..Target::new(endpoint.clone(), role)
    }))
}
