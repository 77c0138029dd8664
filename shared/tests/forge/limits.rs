//! Forges that are slow, elsewhere, out of patience or not there; and the token, which nobody else ever sees.

use std::time::Duration;

use shared::clock::{Clock, ReplayClock, SystemClock};
use shared::forge::{CommitStatus, Forge, State};
use shared::signal::Cancel;
use testbed::forge::{self as peer, Flavour, When};
use testbed::sink::{Reply, Sink};

use crate::{ALL, PATIENT, at, desk, http, incident, place_with};

fn status() -> CommitStatus {
    CommitStatus {
        sha: "0a1b2c3d".repeat(5),
        context: "plugin-health".into(),
        state: State::Success,
        description: String::new(),
        url: None,
    }
}

/// With a clock that moves only when somebody waits.
fn patiently(flavour: Flavour, url: &str, within: Duration) -> (Result<String, String>, Duration) {
    let (place, http) = (place_with(flavour, url, peer::TOKEN), http());
    let clock = ReplayClock::at(jiff::Timestamp::UNIX_EPOCH);
    let told = Forge::open(&place, &http, &clock).commit_status(&status(), within);
    (told.map(|told| told.what), clock.elapsed())
}

#[test]
fn a_limit_is_waited_for_within_the_time_and_not_beyond() {
    for flavour in ALL {
        let peer = peer::Forge::start(flavour);
        let limit = || Reply::new(429, r#"{"message":"too many"}"#).header("Retry-After", "40");
        peer.fault("POST", "/statuses/", When::Instead, limit(), 1);
        let (told, waited) = patiently(flavour, &peer.url(), PATIENT);
        assert!(told.is_ok(), "{told:?}");
        assert_eq!(waited, Duration::from_secs(40));
        peer.fault("POST", "/statuses/", When::Instead, limit(), 9);
        let (told, waited) = patiently(flavour, &peer.url(), Duration::from_secs(30));
        let why = told.unwrap_err();
        assert!(
            why.ends_with("another attempt 40s later would be too late"),
            "{why}"
        );
        assert_eq!(waited, Duration::ZERO);
    }
}

#[test]
fn githubs_own_limit_is_waited_for_until_its_reset() {
    let peer = peer::Forge::start(Flavour::GitHub);
    let limit = Reply::new(403, r#"{"message":"API rate limit exceeded"}"#)
        .header("x-ratelimit-remaining", "0")
        .header("x-ratelimit-reset", "20");
    peer.fault("POST", "/statuses/", When::Instead, limit, 1);
    let (told, waited) = patiently(Flavour::GitHub, &peer.url(), PATIENT);
    assert_eq!((told.is_ok(), waited), (true, Duration::from_secs(21)));
}

#[test]
fn trouble_there_is_tried_again_and_in_the_end_told() {
    for flavour in ALL {
        let peer = peer::Forge::start(flavour);
        peer.fault(
            "POST",
            "/statuses/",
            When::Instead,
            Reply::new(503, "<html>"),
            2,
        );
        assert!(patiently(flavour, &peer.url(), PATIENT).0.is_ok());
        peer.fault("POST", "/statuses/", When::Instead, Reply::new(0, ""), 99);
        let why = patiently(flavour, &peer.url(), PATIENT).0.unwrap_err();
        assert!(
            why.contains("could not be asked to set the commit's status"),
            "{why}"
        );
        assert_eq!(peer.count("POST", "/statuses/"), 3 + 5);
    }
}

#[test]
fn a_renamed_repository_is_followed_with_the_request_as_it_was() {
    for status in [301, 307, 308] {
        let peer = peer::Forge::start(Flavour::GitHub);
        peer.data(|data| data.page = "http://x".into());
        let there = format!("{}/api/v3/repos/acme/shop/issues", peer.url());
        let moved =
            Reply::new(status, r#"{"message":"Moved Permanently"}"#).header("Location", &there);
        peer.fault("POST", "/issues", When::Instead, moved, 1);
        let told = at(Flavour::GitHub, &peer, |forge| {
            forge.incident(&incident("a"), &desk(), PATIENT)
        })
        .unwrap();
        assert!(told.notes[0].contains("has moved"), "{told:?}");
        assert_eq!(peer.data(|data| data.items.len()), 1);
        assert_eq!(peer.count("POST", "/issues"), 2);
    }
}

#[test]
fn the_token_goes_to_no_other_host_and_into_no_text() {
    for flavour in ALL {
        let stranger = Sink::start([]);
        let peer = peer::Forge::start(flavour);
        let away = Reply::new(307, "").header("Location", &stranger.url("/api"));
        peer.fault("POST", "/statuses/", When::Instead, away, 1);
        let why = patiently(flavour, &peer.url(), PATIENT).0.unwrap_err();
        assert!(why.contains("does not get the token"), "{why}");
        assert!(stranger.requests().is_empty());
        // A forge that repeats what it was sent.
        let echo = Reply::new(
            400,
            &format!(r#"{{"message":"bad header {}"}}"#, peer::TOKEN),
        );
        peer.fault("POST", "/statuses/", When::Instead, echo, 1);
        let why = patiently(flavour, &peer.url(), PATIENT).0.unwrap_err();
        assert!(
            why.contains("bad header ***") && !why.contains(peer::TOKEN),
            "{why}"
        );
    }
}

#[test]
fn a_round_of_redirects_ends() {
    let peer = peer::Forge::start(Flavour::GitHub);
    let round = Reply::new(302, "").header("Location", "/api/v3/repos/acme/shop/statuses/x");
    peer.fault("POST", "/statuses/", When::Instead, round, 99);
    let why = patiently(Flavour::GitHub, &peer.url(), PATIENT)
        .0
        .unwrap_err();
    assert!(why.contains("leads on more than 3 times"), "{why}");
}

#[test]
fn a_token_that_is_not_taken_is_named_as_the_reason() {
    for flavour in ALL {
        let peer = peer::Forge::start(flavour);
        let place = place_with(flavour, &peer.url(), "0ther-t0ken");
        let (http, clock) = (http(), SystemClock::start(Cancel::default()));
        let why = Forge::open(&place, &http, &clock)
            .incident(&incident("a"), &desk(), PATIENT)
            .unwrap_err();
        assert!(
            why.contains("status 401 (Bad credentials); the token is not accepted"),
            "{why}"
        );
    }
}

#[test]
fn what_is_no_forge_is_said_to_be_none() {
    for (body, word) in [("<html>login</html>", "is no JSON"), ("{}", "is no list")] {
        let sink = Sink::start([Reply::new(200, body)]);
        let place = place_with(Flavour::GitHub, &sink.url(""), peer::TOKEN);
        let (http, clock) = (http(), SystemClock::start(Cancel::default()));
        let why = Forge::open(&place, &http, &clock)
            .incident(&incident("a"), &desk(), PATIENT)
            .unwrap_err();
        assert!(why.contains(word), "{why}");
    }
}

#[test]
fn without_time_nothing_is_asked() {
    let peer = peer::Forge::start(Flavour::GitHub);
    let why = patiently(Flavour::GitHub, &peer.url(), Duration::ZERO)
        .0
        .unwrap_err();
    assert!(why.contains("there was no time left"), "{why}");
    assert!(peer.requests().is_empty());
}
