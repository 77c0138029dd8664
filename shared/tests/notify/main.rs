//! Messages told over real servers on loopback.

#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

mod alarms;
mod channels;
mod email;
mod slack;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use shared::clock::SystemClock;
use shared::http::Proxies;
use shared::message::{Message, Outcome};
use shared::notify::{Channels, Delivery, Reach, send};
use shared::signal::Cancel;
use shared::tls::Roots;

/// Long enough for all that answers.
const PATIENT: Duration = Duration::from_secs(20);

fn message() -> Message {
    Message {
        outcome: Outcome::Failure,
        plugin: "plugin-health".into(),
        title: "health check failed: acme/shop production – größer".into(),
        reasons: vec!["error rate 7.1 % > limit 5 % (reported)".into()],
        facts: vec![("commit".into(), "0a1b2c3d".into())],
        links: vec![(
            "pipeline".into(),
            "https://ci.example/repos/7/pipeline/8".into(),
        )],
        next: Some("look at <the log>".into()),
    }
}

fn reach(roots: &[&[u8]]) -> Arc<Reach> {
    reach_through(roots, &[])
}

/// Trusts these authorities and takes the proxies from these variables.
fn reach_through(roots: &[&[u8]], variables: &[(&str, &str)]) -> Arc<Reach> {
    let scratch = testbed::scratch::Scratch::new("roots");
    let file = scratch.join("ca.pem");
    let pem = |der: &&[u8]| {
        let body = shared::secret::base64(der);
        format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
    };
    std::fs::write(&file, roots.iter().map(pem).collect::<String>()).unwrap();
    let roots = Roots::load(Some(file.as_path()).filter(|_| !roots.is_empty())).unwrap();
    let proxies = Proxies::from_pairs(variables.iter().copied()).unwrap();
    Arc::new(Reach::new(roots, proxies, "plugin-health/1.2.3"))
}

fn tell(
    channels: &Channels,
    message: &Message,
    reach: &Arc<Reach>,
    deadline: Duration,
) -> Vec<Delivery> {
    let clock = SystemClock::start(Cancel::default());
    send(channels, message, reach, deadline, &clock)
}

/// The outcome on the only channel there is.
fn tell_one(channels: &Channels, reach: &Arc<Reach>, deadline: Duration) -> Result<(), String> {
    let mut deliveries = tell(channels, &message(), reach, deadline);
    assert_eq!(deliveries.len(), 1);
    deliveries.remove(0).outcome
}
