//! Several probes at once.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Clock;
use crate::http::{Http, Progress};
use crate::metrics::prometheus::Prometheus;
use crate::reason::{Phase, Reason};
use crate::sample::{Phases, Role, Sample};
use crate::signal::Cancel;

use super::{Target, look};

/// How often a cancelled run is noticed while probes are under way.
const GLANCE: Duration = Duration::from_millis(50);
/// How much longer than its own limit a probe is waited for.
const GRACE: Duration = Duration::from_secs(1);

/// Anything that yields a sample.
#[derive(Debug, Clone)]
pub enum Probe {
    /// An endpoint that answers for itself.
    Endpoint(Box<Target>),
    /// A Prometheus server that is asked for metrics.
    Prometheus(Box<Prometheus>),
}

impl Probe {
    fn look(&self, http: &Http, at: Timestamp) -> Sample {
        match self {
            Self::Endpoint(target) => look(target, http, at),
            Self::Prometheus(prometheus) => prometheus.look(http, at),
        }
    }

    fn timeout(&self) -> Duration {
        match self {
            Self::Endpoint(target) => target.timeout,
            Self::Prometheus(prometheus) => prometheus.timeout,
        }
    }

    /// The sample of a probe that never came back.
    fn lost(&self, at: Timestamp, waited: Duration) -> Sample {
        let (endpoint, role, show_name) = match self {
            Self::Endpoint(target) => (&target.endpoint, target.role, target.show_name),
            Self::Prometheus(prometheus) => (&prometheus.base, Role::Metrics, prometheus.show_name),
        };
        let endpoint = endpoint.to_string();
        let reason = Reason::Timeout {
            phase: Phase::Total,
            limit: self.timeout(),
        };
        let reason = if show_name {
            reason.at(&endpoint)
        } else {
            reason
        };
        Sample {
            role,
            at,
            phases: Phases {
                total: waited,
                ..Phases::default()
            },
            outcome: Err(vec![reason]),
            endpoint,
        }
    }
}

/// Makes all probes at once and gives their samples in the same order.
///
/// Absent when the run is cancelled meanwhile: what is under way is then left to end by itself. It takes no longer than
/// the longest limit and a second.
pub fn probe_all(
    probes: &[Probe],
    http: &Arc<Http>,
    clock: &dyn Clock,
    cancel: &Cancel,
) -> Option<Vec<Sample>> {
    let at = clock.now();
    let longest = probes.iter().map(Probe::timeout).max().unwrap_or_default();
    let progress = Progress::start(longest + GRACE);
    let (tell, told) = mpsc::channel();
    for (place, probe) in probes.iter().cloned().enumerate() {
        let (tell, http) = (tell.clone(), Arc::clone(http));
        // A probe that finds no thread is lost, and its sample says so.
        let _ = std::thread::Builder::new()
            .name("probe".into())
            .spawn(move || {
                // Nobody listens any more when the run was cancelled.
                let _ = tell.send((place, probe.look(&http, at)));
            });
    }
    drop(tell);
    let mut samples: Vec<Option<Sample>> = vec![None; probes.len()];
    collect(&told, &mut samples, &progress, cancel)?;
    let waited = progress.phases().total;
    let samples = samples.into_iter().zip(probes);
    Some(
        samples
            .map(|(sample, probe)| sample.unwrap_or_else(|| probe.lost(at, waited)))
            .collect(),
    )
}

/// Fills the samples in as they come; absent when the run is cancelled.
fn collect(
    told: &Receiver<(usize, Sample)>,
    samples: &mut [Option<Sample>],
    progress: &Progress,
    cancel: &Cancel,
) -> Option<()> {
    while samples.iter().any(Option::is_none) && !progress.left().is_zero() {
        if cancel.is_cancelled() {
            return None;
        }
        match told.recv_timeout(GLANCE.min(progress.left())) {
            Ok((place, sample)) => samples[place] = Some(sample),
            Err(RecvTimeoutError::Timeout) => {}
            // A probe that panicked tells nothing.
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    Some(())
}
