//! Bursts against a real server.

use std::sync::Arc;
use std::time::Duration;

use shared::probe::{AT_ONCE, Burst, Heard, Target, burst};
use shared::signal::Cancel;
use shared::split::Served;
use testbed::backend::{Backend, Manner};

use super::{at, clock, plain_http};

fn of(requests: u32) -> Burst {
    Burst {
        requests,
        within: Duration::from_secs(60),
        slow_over: None,
    }
}

fn heard(target: &Target, asked: &Burst) -> Heard {
    burst(target, asked, &plain_http(), &clock(), &Cancel::default()).unwrap()
}

fn served(requests: u64, failed: u64) -> Served {
    Served {
        requests,
        failed,
        slow: None,
    }
}

/// Waits for something that comes soon.
fn until(met: impl Fn() -> bool) {
    for _ in 0..6000 {
        if met() {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    panic!("it never came");
}

#[test]
fn a_burst_keeps_its_connections() {
    let backend = Backend::start("a");
    let all = heard(&at(backend.address), &of(200)).all();
    assert_eq!(all, served(200, 0));
    assert_eq!(backend.requests(), 200);
    assert!(
        backend.connections() <= u64::from(AT_ONCE),
        "{} connections",
        backend.connections()
    );
}

#[test]
fn failures_count_and_so_do_answers_that_call_the_service_unhealthy() {
    let backend = Backend::start("a");
    backend.behave(Manner::Failing(500));
    let target = at(backend.address);
    assert_eq!(heard(&target, &of(20)).all(), served(20, 20));
    backend.behave(Manner::Failing(200));
    assert_eq!(heard(&target, &of(20)).all(), served(20, 20));
    // Closed without an answer, on connections that were kept, too.
    backend.behave(Manner::Mute);
    assert_eq!(heard(&target, &of(20)).all(), served(20, 20));
    drop(backend);
    assert_eq!(heard(&target, &of(20)).all(), served(20, 20));
}

#[test]
fn an_answer_belongs_to_the_version_that_it_names_also_when_it_is_bad() {
    let backend = Backend::start("a");
    backend.deploy("c0ffee0123");
    let mut target = at(backend.address);
    target.expect.version = Some("c0ffee0123456789".into());
    assert_eq!(heard(&target, &of(10)).expected, served(10, 0));
    backend.behave(Manner::Failing(500));
    assert_eq!(heard(&target, &of(10)).expected, served(10, 10));
    backend.deploy("older");
    assert_eq!(heard(&target, &of(10)).others, served(10, 10));
    backend.behave(Manner::Mute);
    assert_eq!(heard(&target, &of(10)).unnamed, served(10, 10));
}

#[test]
fn no_more_requests_than_allowed_are_under_way_at_once() {
    let backend = Arc::new(Backend::start("a"));
    backend.behave(Manner::Stuck);
    let target = Target {
        timeout: Duration::from_secs(60),
        ..at(backend.address)
    };
    let asked = of(AT_ONCE * 3);
    let running = std::thread::spawn(move || heard(&target, &asked));
    until(|| backend.requests() >= u64::from(AT_ONCE));
    backend.behave(Manner::Healthy);
    let all = running.join().unwrap().all();
    assert_eq!(all, served(u64::from(AT_ONCE) * 3, 0));
    assert_eq!(backend.most_at_once(), u64::from(AT_ONCE));
}

#[test]
fn a_cancelled_burst_ends_at_once() {
    let backend = Backend::start("a");
    backend.behave(Manner::Stuck);
    let target = Target {
        timeout: Duration::from_secs(600),
        ..at(backend.address)
    };
    let (cancel, asked) = (Cancel::default(), of(1000));
    let told = cancel.clone();
    let running =
        std::thread::spawn(move || burst(&target, &asked, &plain_http(), &clock(), &told));
    until(|| backend.requests() > 0);
    cancel.cancel();
    until(|| running.is_finished());
    assert_eq!(running.join().unwrap(), None);
    assert!(backend.requests() <= u64::from(AT_ONCE));
}

#[test]
fn a_burst_begins_nothing_after_its_time() {
    let backend = Backend::start("a");
    backend.behave(Manner::Stuck);
    let target = Target {
        timeout: Duration::from_millis(200),
        ..at(backend.address)
    };
    let asked = Burst {
        within: Duration::from_millis(1),
        ..of(1000)
    };
    let all = heard(&target, &asked).all();
    assert!(all.requests <= u64::from(AT_ONCE), "{all:?}");
    assert_eq!(all.failed, all.requests);
}

#[test]
fn what_takes_longer_than_allowed_is_slow() {
    let backend = Backend::start("a");
    let target = at(backend.address);
    let asked = |limit| Burst {
        slow_over: Some(limit),
        ..of(10)
    };
    let slow = heard(&target, &asked(Duration::ZERO)).all();
    assert_eq!((slow.requests, slow.failed, slow.slow), (10, 0, Some(10)));
    let quick = heard(&target, &asked(Duration::from_secs(60))).all();
    assert_eq!(quick.slow, Some(0));
}
