//! Shares are what clients see, and no request is lost while they change.

use shared::hook::Call;
use shared::split::Share;
use shared::traffic::{Fault, Health, TrafficManager};
use testbed::backend::Manner;
use testbed::haproxy::Config;
use testbed::load::{self, Load};
use testbed::recorder::{Passage, Recorder};

use crate::{House, hasty, manager, set, share};

#[test]
fn every_share_is_what_clients_get() {
    let house = House::new();
    let manager = house.manager();
    for percent in [10, 25, 50, 100, 0] {
        set(&manager, percent);
        let answers = load::send(house.proxy.address, 2000);
        let expected = 20 * usize::from(percent);
        let green = answers.of("green");
        assert!(
            green.abs_diff(expected) <= 2,
            "{green} of 2000 at {percent} %"
        );
        assert_eq!((answers.failed, answers.total()), (0, 2000), "{percent} %");
        assert_eq!(manager.read().unwrap().share, Some(share(percent)));
    }
}

#[test]
fn no_request_fails_while_weights_flip() {
    let house = House::new();
    let manager = house.manager();
    let before = manager.read().unwrap().snapshot;
    let load = Load::start(house.proxy.address);
    for _ in 0..30 {
        for percent in [100, 0, 50] {
            set(&manager, percent);
            load.wait_for(10);
        }
        manager.restore(&before, Call::FIRST).unwrap();
    }
    let answers = load.stop();
    assert_eq!(answers.failed, 0);
    assert!(
        answers.of("blue") > 0 && answers.of("green") > 0,
        "{answers:?}"
    );
    let quiet = house.green.requests();
    assert_eq!(load::send(house.proxy.address, 200).of("blue"), 200);
    assert_eq!(house.green.requests(), quiet);
}

#[test]
fn what_carries_more_is_raised_before_the_other_is_lowered() {
    let house = House::new();
    let recorder = Recorder::start(&house.proxy.socket);
    let manager = manager(&[recorder.socket.to_str().unwrap()]);
    let before = manager.read().unwrap().snapshot;
    assert!(recorder.writes().is_empty());
    set(&manager, 25);
    set(&manager, 25);
    set(&manager, 100);
    manager.restore(&before, Call::FIRST).unwrap();
    manager.restore(&before, Call::FIRST).unwrap();
    let expected = [
        "set server shop/green weight 25",
        "set server shop/blue weight 75",
        "set server shop/green weight 100",
        "set server shop/blue weight 0",
        "set server shop/blue weight 100",
        "set server shop/green weight 0",
    ];
    assert_eq!(recorder.writes(), expected);
}

#[test]
fn a_raise_that_is_refused_lowers_nothing() {
    let house = House::new();
    let recorder = Recorder::with_rule(&house.proxy.socket, |command| {
        if command.contains("green weight") {
            Passage::Answered("Permission denied\n\n")
        } else {
            Passage::Through
        }
    });
    let manager = manager(&[recorder.socket.to_str().unwrap()]);
    let error = manager.set(Share::ALL, Call::FIRST).unwrap_err();
    assert!(
        matches!(error.faults[0].1, Fault::Refused { .. }),
        "{error}"
    );
    assert_eq!(recorder.writes(), ["set server shop/green weight 100"]);
    assert_eq!(manager.read().unwrap().share, Some(Share::NONE));
}

#[test]
fn what_is_accepted_and_not_done_is_found_out() {
    let house = House::new();
    let recorder = Recorder::with_rule(&house.proxy.socket, |command| {
        if command.ends_with("blue weight 75") {
            Passage::Swallowed
        } else {
            Passage::Through
        }
    });
    let error = hasty(recorder.socket.to_str().unwrap())
        .set(share(25), Call::FIRST)
        .unwrap_err();
    let place = recorder.socket.display();
    assert_eq!(
        error.to_string(),
        format!(
            "{place}: did not take effect: found blue 100, green 25, expected blue 75, green 25"
        )
    );
}

#[test]
fn a_reload_or_a_hand_on_the_weights_shows_as_another_share() {
    let house = House::new();
    let manager = house.manager();
    set(&manager, 50);
    house.command("set server shop/blue weight 100; set server shop/green weight 0");
    assert_eq!(manager.read().unwrap().share, Some(Share::NONE));
    house.command("set server shop/green weight 50");
    let reading = manager.read().unwrap();
    assert_eq!(reading.share, None);
    assert_eq!(reading.snapshot.share, share(33));
    let shown = format!("blue 100, green 50 at {}", house.proxy.unix());
    assert_eq!(reading.to_string(), shown);
    house.command("set server shop/green weight 100; set server shop/green state maint");
    assert_eq!(manager.read().unwrap().share, Some(Share::NONE));
}

#[test]
fn odd_weights_come_back_as_they_were() {
    let house = House::with(|config| Config {
        weights: (7, 0),
        ..config
    });
    let manager = house.manager();
    let before = manager.read().unwrap().snapshot;
    set(&manager, 50);
    // What is journalled is text.
    let journalled = serde_json::to_string(&before).unwrap();
    let before = serde_json::from_str(&journalled).unwrap();
    manager.restore(&before, Call::FIRST).unwrap();
    assert_eq!(house.command("get weight shop/blue"), "7 (initial 7)");
    assert_eq!(house.command("get weight shop/green"), "0 (initial 0)");
}

#[test]
fn a_restore_goes_by_the_names_of_its_snapshot() {
    let house = House::new();
    let before = house.manager().read().unwrap().snapshot;
    set(&house.manager(), 100);
    // The pools have changed sides since.
    let mut swapped = crate::settings(&[&house.proxy.unix()]);
    swapped.servers.stable = "green".into();
    swapped.servers.canary = "blue".into();
    let swapped = shared::traffic::Haproxy::new(swapped).unwrap();
    assert_eq!(swapped.read().unwrap().share, Some(Share::NONE));
    swapped.restore(&before, Call::FIRST).unwrap();
    assert_eq!(house.manager().read().unwrap().share, Some(Share::NONE));
}

#[test]
fn a_canary_that_is_down_never_gets_everything() {
    let house = House::with(|config| Config {
        words: "check inter 20ms fall 1 rise 1",
        lines: "option httpchk GET /",
        ..config
    });
    house.green.behave(Manner::Failing(500));
    let manager = hasty(&house.proxy.unix());
    while manager.read().unwrap().canary != Health::Down {
        std::thread::yield_now();
    }
    let error = manager.set(Share::ALL, Call::FIRST).unwrap_err();
    assert!(matches!(&error.faults[0].1, Fault::NotServing { server } if server == "green"));
    let answers = load::send(house.proxy.address, 50);
    assert_eq!((answers.of("blue"), answers.failed), (50, 0));
    // A side that is down is no reason to keep traffic on one that was judged bad.
    let mut dark = manager.read().unwrap().snapshot;
    dark.detail["instances"][0]["stable"]["weight"] = 0.into();
    dark.detail["instances"][0]["canary"]["weight"] = 100.into();
    manager.restore(&dark, Call::FIRST).unwrap();
    assert_eq!(manager.read().unwrap().share, Some(Share::ALL));
}
