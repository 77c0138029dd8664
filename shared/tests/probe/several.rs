//! Several probes at once.

use std::time::{Duration, Instant};

use shared::probe::{Probe, probe_all};
use shared::signal::Cancel;
use testbed::hostile::{Behaviour, Server};

use super::{at, clock, plain_http, said};

#[expect(
    clippy::disallowed_methods,
    reason = "a guard against hanging needs real time"
)]
fn now() -> Instant {
    Instant::now()
}

#[test]
fn samples_come_in_the_order_of_the_targets_with_their_names() {
    let (good, bad) = (Server::json("{}"), Server::says("HTTP/1.1 503 No\r\n\r\n"));
    let probes: Vec<Probe> = [&bad, &good, &bad]
        .map(|server| {
            let mut target = at(server.address);
            target.show_name = true;
            Probe::Endpoint(Box::new(target))
        })
        .into();
    let samples = probe_all(&probes, &plain_http(), &clock(), &Cancel::default()).unwrap();
    let good: Vec<bool> = samples
        .iter()
        .map(|sample| sample.outcome.is_ok())
        .collect();
    assert_eq!(good, [false, true, false]);
    assert_eq!(
        said(&samples[0]),
        format!(
            "http://{}/health : status 503, expected 200-299",
            bad.address
        )
    );
    assert!(
        probe_all(&[], &plain_http(), &clock(), &Cancel::default())
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_cancelled_run_does_not_wait_for_its_probes() {
    let silent = Server::start(Behaviour::Silent);
    let mut target = at(silent.address);
    target.timeout = Duration::from_secs(15);
    let cancel = Cancel::default();
    let cancelling = cancel.clone();
    let began = now();
    let waiting = std::thread::spawn(move || {
        cancelling.wait(Duration::from_millis(300));
        cancelling.cancel();
    });
    let probes = [Probe::Endpoint(Box::new(target))];
    assert_eq!(probe_all(&probes, &plain_http(), &clock(), &cancel), None);
    assert!(began.elapsed() < Duration::from_secs(10));
    waiting.join().unwrap();
}
