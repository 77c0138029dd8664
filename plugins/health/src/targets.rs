//! From the settings to what is probed. Pure.

use std::time::Duration;

use shared::endpoint::Endpoint;
use shared::metrics::prometheus::Prometheus;
use shared::probe::{Probe, Target};
use shared::sample::Role;
use shared::settings::probing::{Metrics, Probing};

/// Everything that one tick probes, each for at most `within`.
pub fn of(probing: &Probing, within: Option<Duration>) -> Vec<Probe> {
    let timeout = within.map_or(probing.timeout, |within| within.min(probing.timeout));
    let target = |endpoint: &Endpoint, role| Target {
        timeout,
        ..Target::new(endpoint.clone(), role)
    };
    let health = probing.endpoints.iter().map(|endpoint| Target {
        method: probing.method,
        headers: probing.headers.clone(),
        expect: probing.expect.clone(),
        ..target(endpoint, Role::Health)
    });
    let metrics = probing.metrics.iter().map(|metrics| match metrics {
        Metrics::Json(endpoint) => Probe::Endpoint(Box::new(target(endpoint, Role::Metrics))),
        Metrics::Prometheus { endpoint, queries } => Probe::Prometheus(Box::new(Prometheus {
            base: endpoint.clone(),
            queries: queries.clone(),
            headers: Vec::new(),
            timeout,
            show_name: false,
        })),
    });
    let integrity = probing
        .integrity
        .iter()
        .map(|endpoint| target(endpoint, Role::Integrity));
    let endpoints = |target| Probe::Endpoint(Box::new(target));
    health
        .map(endpoints)
        .chain(metrics)
        .chain(integrity.map(endpoints))
        .collect()
}
