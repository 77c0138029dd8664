//! Probes against real servers, most of them hostile.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod burst;
mod hostile;
mod proxy;
mod receive;
mod redirect;
mod request;
mod several;
mod tcp;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use shared::clock::SystemClock;
use shared::endpoint::Endpoint;
use shared::http::{Http, Proxies};
use shared::probe::{Target, probe};
use shared::sample::{Role, Sample};
use shared::signal::Cancel;
use shared::tls::Roots;

/// Requests without a proxy that trust the machine's authorities.
fn plain_http() -> Arc<Http> {
    let roots = Roots::load(None).unwrap();
    Arc::new(Http::new(roots, Proxies::default(), "probe-tests"))
}

fn clock() -> SystemClock {
    SystemClock::start(Cancel::default())
}

/// A health target with a limit of 3 s: enough on a busy machine, short enough to wait for.
fn target(url: &str) -> Target {
    Target {
        timeout: Duration::from_secs(3),
        ..Target::new(Endpoint::parse(url).unwrap(), Role::Health)
    }
}

fn at(address: SocketAddr) -> Target {
    target(&format!("http://{address}/health"))
}

fn look(target: &Target) -> Sample {
    probe(target, &plain_http(), &clock())
}

/// Every reason of a sample, as it is printed.
fn said(sample: &Sample) -> String {
    match &sample.outcome {
        Ok(answer) => format!("good: {answer:?}"),
        Err(reasons) => {
            let texts: Vec<String> = reasons.iter().map(ToString::to_string).collect();
            texts.join(" | ")
        }
    }
}
