//! What the proxy counts is what happened, also what clients did not see.

use std::time::Duration;

use shared::clock::{Clock, SystemClock};
use shared::signal::Cancel;
use shared::split::{Counts, Share, Side};
use shared::tally::since;
use shared::traffic::{Drained, TrafficManager};
use testbed::backend::Manner;
use testbed::haproxy::Config;
use testbed::load::{self, Load};

use crate::{House, set};

fn clock() -> SystemClock {
    SystemClock::start(Cancel::default())
}

/// What is counted shortly after, when the last request's end is noted.
fn settled(manager: &dyn TrafficManager) -> shared::tally::Tally {
    for side in [Side::Stable, Side::Canary] {
        let drained = manager.drain(side, Duration::from_secs(5), &clock());
        assert_eq!(drained.unwrap(), Drained::Empty);
    }
    manager.observe().unwrap().unwrap()
}

#[test]
fn requests_and_failures_of_each_side_are_counted() {
    let house = House::new();
    let manager = house.manager();
    set(&manager, 50);
    load::send(house.proxy.address, 100);
    let before = settled(&manager);
    house.green.behave(Manner::Failing(503));
    let answers = load::send(house.proxy.address, 200);
    assert_eq!(answers.failed, 100);
    let window = since(&before, &settled(&manager));
    let counts = |requests, failed| Counts { requests, failed };
    assert_eq!(window.stable, counts(100, 0));
    assert_eq!(window.canary, counts(100, 100));
    assert!(!window.reset);
}

#[test]
fn answers_that_never_come_are_failures() {
    let house = House::new();
    let manager = house.manager();
    set(&manager, 50);
    let before = settled(&manager);
    house.green.behave(Manner::Mute);
    let answers = load::send(house.proxy.address, 40);
    let window = since(&before, &settled(&manager));
    assert!(answers.failed.abs_diff(20) <= 2, "{answers:?}");
    let failed = answers.failed.try_into().unwrap();
    let requests = failed;
    assert_eq!(window.canary, Counts { requests, failed });
    assert_eq!(window.stable.failed, 0);
}

#[test]
fn a_dead_canary_shows_although_no_client_sees_it() {
    let house = House::with(|config| Config {
        lines: "option redispatch 1",
        ..config
    });
    let manager = house.manager();
    set(&manager, 25);
    let before = settled(&manager);
    let House { green, proxy, blue } = house;
    // From here on its port refuses.
    drop(green);
    let answers = load::send(proxy.address, 100);
    assert_eq!((answers.failed, answers.of("blue")), (0, 100));
    assert_eq!(blue.requests(), 100);
    let window = since(&before, &settled(&manager));
    assert!(window.canary.failed >= 25, "{window:?}");
    assert_eq!(window.canary.failed, window.canary.requests);
    assert_eq!(window.stable.failed, 0);
}

#[test]
fn a_restart_of_the_proxy_is_seen() {
    let mut house = House::new();
    let manager = house.manager();
    set(&manager, 50);
    load::send(house.proxy.address, 50);
    let before = settled(&manager);
    house.proxy.restart();
    assert_eq!(manager.read().unwrap().share, Some(Share::NONE));
    load::send(house.proxy.address, 10);
    let window = since(&before, &settled(&manager));
    assert!(window.reset);
    let stable = Counts {
        requests: 10,
        failed: 0,
    };
    assert_eq!((window.stable, window.canary), (stable, Counts::default()));
}

#[test]
fn a_side_drains_when_its_last_request_ends() {
    let house = House::new();
    let manager = house.manager();
    set(&manager, 100);
    house.green.behave(Manner::Stuck);
    let load = Load::start(house.proxy.address);
    while manager.observe().unwrap().unwrap().sessions(Side::Canary) < 4 {
        std::thread::yield_now();
    }
    set(&manager, 0);
    let soon = Duration::from_millis(50);
    let busy = manager.drain(Side::Canary, soon, &clock()).unwrap();
    assert_eq!(busy, Drained::Busy(4));
    let cancel = Cancel::default();
    let cancelled: &dyn Clock = &SystemClock::start(cancel.clone());
    cancel.cancel();
    let limit = Duration::from_secs(30);
    let drained = manager.drain(Side::Canary, limit, cancelled).unwrap();
    assert_eq!(drained, Drained::Cancelled);
    house.green.behave(Manner::Healthy);
    let drained = manager.drain(Side::Canary, limit, &clock()).unwrap();
    assert_eq!(drained, Drained::Empty);
    let answers = load.stop();
    assert_eq!((answers.failed, answers.of("green")), (0, 4));
}
