//! Taking a lease.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use shared::clock::{Clock, ReplayClock, SystemClock, Wake};
use shared::signal::Cancel;
use shared::store::lease::{
    Acquisition, Claim, Holder, Lease, LeaseConfig, Renewal, Terms, acquire, holder,
};

use super::{APPLICATION, Place, clock, database, limits};

pub(crate) type Shared = Arc<dyn Clock + Send + Sync>;

pub(crate) fn replay() -> Shared {
    Arc::new(clock())
}

pub(crate) fn claim(deployment: &str) -> Claim {
    Claim {
        repo: "acme/shop".into(),
        environment: "production".into(),
        deployment_id: deployment.into(),
        run_id: format!("run of {deployment}"),
        pipeline_url: Some(format!("https://ci.example/repos/7/pipeline/{deployment}")),
        plugin: APPLICATION.into(),
    }
}

pub(crate) fn config(url: &str) -> LeaseConfig {
    LeaseConfig {
        database: database(url),
        application: APPLICATION.into(),
        limits: limits(),
        terms: Terms::default(),
    }
}

/// Takes what has to be free, or is the same deployment's.
pub(crate) fn take(config: &LeaseConfig, deployment: &str) -> Lease {
    match acquire(config, &claim(deployment), &replay()).unwrap() {
        Acquisition::Acquired(lease) | Acquisition::TakenOver { lease, .. } => lease,
        other => panic!("{other:?}"),
    }
}

fn by(acquisition: Acquisition) -> Holder {
    match acquisition {
        Acquisition::Held { by } => by,
        other => panic!("{other:?}"),
    }
}

/// The holder has given no sign of life for long.
fn expire(place: &Place) {
    place.sql("UPDATE deployment_leases SET renewed_at = now() - interval '2 min', expires_at = now() - interval '1 min'");
}

#[test]
fn of_two_that_take_it_at_once_exactly_one_has_it() {
    let place = Place::new();
    let config = config(&place.url());
    let outcomes: Vec<Acquisition> = std::thread::scope(|scope| {
        let takers: Vec<_> = ["1", "2", "3", "4", "5", "6"]
            .map(|id| {
                let config = &config;
                scope.spawn(move || acquire(config, &claim(id), &replay()).unwrap())
            })
            .into();
        takers.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let (won, lost): (Vec<_>, Vec<_>) = outcomes
        .into_iter()
        .partition(|outcome| matches!(outcome, Acquisition::Acquired(_)));
    assert_eq!((won.len(), lost.len()), (1, 5));
    let winner = holder(&config, "acme/shop", "production").unwrap().unwrap();
    for outcome in lost {
        assert_eq!(by(outcome), winner);
    }
}

#[test]
fn whoever_comes_second_is_told_who_holds_it_and_waits_for_nothing() {
    let place = Place::new();
    let config = config(&place.url());
    let lease = take(&config, "12");
    let clock = replay();
    let by = by(acquire(&config, &claim("13"), &clock).unwrap());
    assert_eq!(clock.elapsed(), Duration::ZERO);
    assert_eq!((by.token, &*by.run_id), (lease.token(), "run of 12"));
    let told = by.to_string();
    for part in [
        "deployment 12",
        "https://ci.example/repos/7/pipeline/12",
        APPLICATION,
    ] {
        assert!(told.contains(part), "{told}");
    }
    assert!(by.since < by.expires);
}

#[test]
fn repositories_and_environments_have_leases_of_their_own() {
    let place = Place::new();
    let config = config(&place.url());
    let _lease = take(&config, "1");
    for (repo, environment) in [("acme/blog", "production"), ("acme/shop", "staging")] {
        let claim = Claim {
            repo: repo.into(),
            environment: environment.into(),
            ..claim("2")
        };
        let outcome = acquire(&config, &claim, &replay()).unwrap();
        assert!(matches!(outcome, Acquisition::Acquired(_)), "{outcome:?}");
    }
}

#[test]
fn the_token_only_grows_over_release_and_the_next_taking() {
    let place = Place::new();
    let config = config(&place.url());
    let mut last = 0;
    for id in ["1", "2", "1"] {
        let outcome = acquire(&config, &claim(id), &replay()).unwrap();
        let Acquisition::Acquired(lease) = outcome else {
            panic!("{outcome:?}");
        };
        assert!(last < lease.token());
        last = lease.token();
        lease.release().unwrap();
        assert_eq!(holder(&config, "acme/shop", "production").unwrap(), None);
    }
}

#[test]
fn the_same_deployment_takes_its_own_over_at_once_and_the_old_run_has_lost_it() {
    let place = Place::new();
    let config = config(&place.url());
    let mut old = take(&config, "1");
    let clock = replay();
    let outcome = acquire(&config, &claim("1"), &clock).unwrap();
    let Acquisition::TakenOver { mut lease, from } = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!((clock.elapsed(), from.token), (Duration::ZERO, old.token()));
    let Renewal::Lost { by: Some(by) } = old.renew() else {
        panic!("the old run still has it");
    };
    assert_eq!(by.token, lease.token());
    // What the old run lets go of is not the new one's.
    old.release().unwrap();
    assert!(matches!(lease.renew(), Renewal::Held { .. }));
}

#[test]
fn what_is_dropped_without_a_word_stays_held_until_it_expires() {
    let place = Place::new();
    let config = config(&place.url());
    drop(take(&config, "1"));
    assert_eq!(
        by(acquire(&config, &claim("2"), &replay()).unwrap()).deployment_id,
        "1"
    );
}

#[test]
fn an_expired_one_is_taken_over_after_two_heartbeats_by_exactly_one() {
    let place = Place::new();
    let config = config(&place.url());
    let mut old = take(&config, "1");
    expire(&place);
    let outcomes: Vec<(Acquisition, Duration)> = std::thread::scope(|scope| {
        let takers: Vec<_> = ["2", "3", "4", "5"]
            .map(|id| {
                let config = &config;
                scope.spawn(move || {
                    let clock = replay();
                    let outcome = acquire(config, &claim(id), &clock).unwrap();
                    (outcome, clock.elapsed())
                })
            })
            .into();
        takers.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let mut leases = Vec::new();
    for (outcome, waited) in outcomes {
        match outcome {
            Acquisition::TakenOver { lease, from } => {
                assert_eq!(from.deployment_id, "1");
                assert_eq!(waited, Duration::from_secs(20));
                leases.push(lease);
            }
            Acquisition::Held { by } => assert_ne!(by.deployment_id, "1"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(leases.len(), 1);
    let Renewal::Lost { by: Some(by) } = old.renew() else {
        panic!("the old holder still has it");
    };
    assert_eq!(by.token, leases[0].token());
}

/// A clock in whose waits something happens.
struct Meanwhile<F>(ReplayClock, F);

impl<F: Fn() + Send + Sync> Clock for Meanwhile<F> {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, wait: Duration) -> Wake {
        (self.1)();
        self.0.sleep(wait)
    }
}

#[test]
fn a_slow_holder_that_gives_a_sign_while_it_is_watched_keeps_it() {
    let place = Place::new();
    let config = config(&place.url());
    let old = std::sync::Mutex::new(take(&config, "1"));
    expire(&place);
    let renew = move || {
        assert!(matches!(old.lock().unwrap().renew(), Renewal::Held { .. }));
    };
    let clock: Shared = Arc::new(Meanwhile(clock(), renew));
    let by = by(acquire(&config, &claim("2"), &clock).unwrap());
    assert_eq!(by.deployment_id, "1");
    assert_eq!(clock.elapsed(), Duration::from_secs(20));
}

#[test]
fn one_that_comes_free_while_it_is_watched_is_taken() {
    let place = Place::new();
    let config = config(&place.url());
    let old = std::sync::Mutex::new(Some(take(&config, "1")));
    expire(&place);
    let release = move || old.lock().unwrap().take().unwrap().release().unwrap();
    let clock: Shared = Arc::new(Meanwhile(clock(), release));
    let outcome = acquire(&config, &claim("2"), &clock).unwrap();
    assert!(matches!(outcome, Acquisition::Acquired(_)), "{outcome:?}");
}

#[test]
fn a_cancel_ends_the_watch_and_takes_nothing() {
    let place = Place::new();
    let config = config(&place.url());
    let _old = take(&config, "1");
    expire(&place);
    let cancel = Cancel::default();
    cancel.cancel();
    let clock: Shared = Arc::new(SystemClock::start(cancel));
    let outcome = acquire(&config, &claim("2"), &clock).unwrap();
    assert!(matches!(outcome, Acquisition::Cancelled), "{outcome:?}");
    let by = holder(&config, "acme/shop", "production").unwrap().unwrap();
    assert_eq!(by.deployment_id, "1");
}

#[test]
fn a_database_that_nobody_listens_for_gives_no_lease() {
    let config = config("postgres://u:secret@127.0.0.1:1/d");
    let why = acquire(&config, &claim("1"), &replay()).unwrap_err();
    assert!(
        why.contains("Connection refused") && !why.contains("secret"),
        "{why}"
    );
}
