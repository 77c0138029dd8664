//! Keeping a lease in the background.

use std::sync::Arc;
use std::time::Duration;

use shared::store::lease::{Acquisition, Heartbeat, LeaseConfig, Pulse, Terms, acquire, holder};
use testbed::postgres::Postgres;

use super::Place;
use super::leasing::{claim, config, replay, take};

/// Beats often.
fn brisk(url: &str) -> LeaseConfig {
    let mut config = config(url);
    config.terms = Terms {
        ttl: Duration::from_secs(30),
        heartbeat: Duration::from_millis(20),
    };
    config.limits.reply = Duration::from_millis(700);
    config.limits.connect = Duration::from_millis(300);
    config
}

/// Looks until it is so.
fn until(what: &str, so: impl Fn() -> bool) {
    let seen = (0..1000).any(|_| {
        std::thread::park_timeout(Duration::from_millis(10));
        so()
    });
    assert!(seen, "{what}");
}

fn is_held(heartbeat: &Heartbeat) -> bool {
    matches!(heartbeat.pulse(), Pulse::Held { .. })
}

#[test]
fn a_kept_lease_is_renewed_until_it_is_let_go_of() {
    let place = Place::new();
    let config = brisk(&place.url());
    let heartbeat = take(&config, "1").keep().unwrap();
    let expires = || {
        holder(&config, "acme/shop", "production")
            .unwrap()
            .unwrap()
            .expires
    };
    let first = expires();
    until("it is not renewed", || first < expires());
    assert!(is_held(&heartbeat));
    heartbeat.release().unwrap();
    assert_eq!(holder(&config, "acme/shop", "production").unwrap(), None);
}

#[test]
fn a_heartbeat_whose_lease_is_taken_over_says_by_whom_and_takes_nothing_back() {
    let place = Place::new();
    let config = brisk(&place.url());
    let old = take(&config, "1").keep().unwrap();
    let new = take(&config, "1");
    until("nobody says that it is lost", || {
        matches!(old.pulse(), Pulse::Lost { .. })
    });
    let Pulse::Lost { by: Some(by) } = old.pulse() else {
        panic!("nobody is named");
    };
    assert_eq!(by.token, new.token());
    old.release().unwrap();
    let by = holder(&config, "acme/shop", "production").unwrap().unwrap();
    assert_eq!(by.token, new.token());
}

#[test]
fn a_database_that_goes_and_comes_back_is_told_from_a_lost_lease() {
    let mut server = Postgres::start_new();
    let config = brisk(&server.admin_url());
    let heartbeat = take(&config, "1").keep().unwrap();
    server.stop();
    until("it is thought to be held", || {
        matches!(heartbeat.pulse(), Pulse::Unreachable { .. })
    });
    server.start();
    until("it is not renewed again", || is_held(&heartbeat));
    heartbeat.release().unwrap();
}

#[test]
fn a_database_that_hangs_holds_up_neither_the_rollout_nor_its_end() {
    let mut server = Postgres::start_new();
    let config = brisk(&server.admin_url());
    let heartbeat = take(&config, "1").keep().unwrap();
    server.pause();
    until("it is thought to be held", || {
        matches!(heartbeat.pulse(), Pulse::Unreachable { .. })
    });
    let why = heartbeat.release().unwrap_err();
    assert!(
        why.contains("within") || why.contains("could not be used"),
        "{why}"
    );
    assert!(acquire(&config, &claim("1"), &replay()).is_err());
    server.resume();
    // Whatever of that the server did after all, the next run gets it.
    let next = acquire(&config, &claim("1"), &replay()).unwrap();
    assert!(
        matches!(
            next,
            Acquisition::Acquired(_) | Acquisition::TakenOver { .. }
        ),
        "{next:?}"
    );
}

#[test]
fn what_was_known_before_a_long_stop_is_asked_for_again() {
    let mut server = Postgres::start_new();
    let mut config = config(&server.admin_url());
    config.limits.reply = Duration::from_millis(500);
    let clock = replay();
    let Acquisition::Acquired(lease) = acquire(&config, &claim("1"), &clock).unwrap() else {
        panic!("it is not free");
    };
    let heartbeat = lease.keep().unwrap();
    // Nothing beats for ten seconds, and the clock jumps: as after a stop of the whole machine.
    Arc::clone(&clock).sleep(Duration::from_secs(3600));
    assert_eq!(
        heartbeat.pulse(),
        Pulse::Held {
            confirmed: Duration::from_secs(3600)
        }
    );
    server.stop();
    clock.sleep(Duration::from_secs(3600));
    let Pulse::Unreachable { since, .. } = heartbeat.pulse() else {
        panic!("an old answer is believed");
    };
    assert_eq!(since, Duration::from_secs(3600));
}
