//! Clients that stick to the canary are sent away when traffic is put back.

use shared::hook::Call;
use shared::traffic::haproxy::{Release, Settings};
use shared::traffic::{Haproxy, TrafficManager};
use testbed::haproxy::Config;
use testbed::load;

use crate::{House, set, settings, share};

const STUCK: &str = "Cookie: SRV=green\r\n";

fn by_cookie() -> House {
    House::with(|config| Config {
        lines: "cookie SRV insert",
        words: "cookie NAME",
        ..config
    })
}

#[test]
fn a_restore_sends_clients_with_a_cookie_away() {
    let house = by_cookie();
    let manager = house.manager();
    let found = manager.preflight().unwrap();
    assert!(
        found
            .notes
            .contains(&"clients stick to a server by the cookie SRV".to_owned())
    );
    let before = manager.read().unwrap().snapshot;
    set(&manager, 10);
    let answers = load::send_with(house.proxy.address, 20, STUCK);
    assert_eq!(answers.of("green"), 20);
    manager.restore(&before, Call::FIRST).unwrap();
    let answers = load::send_with(house.proxy.address, 20, STUCK);
    assert_eq!((answers.of("blue"), answers.failed), (20, 0));
    // Restored once more, and taken up again by the next rollout.
    manager.restore(&before, Call::FIRST).unwrap();
    set(&manager, 50);
    assert_eq!(manager.read().unwrap().share, Some(share(50)));
    let answers = load::send(house.proxy.address, 100);
    assert!(answers.of("green").abs_diff(50) <= 2 && answers.failed == 0);
}

#[test]
fn weight_zero_alone_keeps_them() {
    let house = by_cookie();
    let manager = Haproxy::new(Settings {
        release: Release::Never,
        ..settings(&[&house.proxy.unix()])
    })
    .unwrap();
    let before = manager.read().unwrap().snapshot;
    set(&manager, 10);
    manager.restore(&before, Call::FIRST).unwrap();
    let answers = load::send_with(house.proxy.address, 20, STUCK);
    assert_eq!(answers.of("green"), 20);
}

#[test]
fn a_stick_table_is_seen_too() {
    let house = House::with(|config| Config {
        lines: "stick-table type ip size 1k\n  stick on src",
        ..config
    });
    let manager = house.manager();
    let before = manager.read().unwrap().snapshot;
    set(&manager, 100);
    assert_eq!(load::send(house.proxy.address, 20).of("green"), 20);
    manager.restore(&before, Call::FIRST).unwrap();
    let answers = load::send(house.proxy.address, 20);
    assert_eq!((answers.of("blue"), answers.failed), (20, 0));
}

#[test]
fn without_sticky_clients_the_canary_stays_ready() {
    let house = House::new();
    let manager = house.manager();
    let before = manager.read().unwrap().snapshot;
    set(&manager, 10);
    manager.restore(&before, Call::FIRST).unwrap();
    assert_eq!(
        manager.read().unwrap().places[0].detail,
        "blue 100, green 0"
    );
}
