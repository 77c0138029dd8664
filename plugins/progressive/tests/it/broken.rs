//! A bug of ours: a step or a decision that panics in the middle of a rollout, in the real loop between real servers.

use std::ffi::OsString;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use plugin_progressive::rollout::{Facts, Plan, Reach, State, Step, next};
use plugin_progressive::run::{Decides, run_by};
use plugin_progressive::settings::{PLUGIN, Settings};
use shared::clock::{Clock, SystemClock, Wake};
use shared::exit::Exit;
use shared::log::Log;
use shared::settings::environment::Environment;
use shared::settings::raw::Raw;
use shared::signal::Cancel;
use testbed::scratch::Scratch;

use crate::step::{COMMIT, World};

/// The machine's clock, whose first wait ends in a panic.
struct Stops {
    clock: SystemClock,
    stopped: AtomicBool,
    before: Box<dyn Fn() + Send + Sync>,
}

impl Clock for Stops {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    fn sleep(&self, wait: Duration) -> Wake {
        if !self.stopped.swap(true, Ordering::SeqCst) {
            (self.before)();
            panic!("the clock stopped");
        }
        self.clock.sleep(wait)
    }
}

/// A rollout in this process.
fn roll(
    settings: &[(String, String)],
    more: &[(&str, &str)],
    clock: &Arc<dyn Clock + Send + Sync>,
    decides: Decides,
) -> Exit {
    let workspace = Scratch::new("workspace");
    let own = [
        ("CI_REPO", "acme/shop".to_owned()),
        ("CI_PIPELINE_NUMBER", "8".to_owned()),
        ("CI_COMMIT_SHA", COMMIT.to_owned()),
        ("CI_WORKSPACE", workspace.path().display().to_string()),
        ("PLUGIN_WAIT_TIME", "10m".to_owned()),
    ];
    let written = |name: &str| format!("PLUGIN_{}", name.to_uppercase());
    let settings = settings
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let settings = settings.chain(more.iter().copied());
    let settings = settings.map(|(name, value)| (written(name), value.to_owned()));
    let own = own.map(|(name, value)| (name.to_owned(), value));
    let all = settings.chain(own);
    let all = all.map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let environment = Environment::of(all);
    let (raw, found) = Raw::gather(PLUGIN, &std::collections::BTreeMap::new(), &environment);
    let settings = Settings::understand(&raw, found, &environment, clock.now()).unwrap();
    let log = Log::new(
        settings.log_level,
        &environment,
        settings.mask.clone(),
        &**clock,
    );
    run_by(decides, &settings, clock, &Cancel::default(), &log)
}

fn stops(before: impl Fn() + Send + Sync + 'static) -> Arc<dyn Clock + Send + Sync> {
    Arc::new(Stops {
        clock: SystemClock::start(Cancel::default()),
        stopped: AtomicBool::new(false),
        before: Box::new(before),
    })
}

#[test]
fn a_step_that_panics_puts_traffic_back_and_is_a_bug() {
    let world = World::start();
    let seen = Arc::new(Mutex::new(None));
    let socket = world.proxy.socket.clone();
    let noting = Arc::clone(&seen);
    let weight = move || {
        let weight = crate::step::ask_at(&socket, "get weight shop/green\n");
        *noting.lock().unwrap() = Some(weight.starts_with("10 "));
    };
    let exit = roll(&world.settings(), &[], &stops(weight), next);
    assert_eq!(*seen.lock().unwrap(), Some(true), "traffic was never moved");
    assert_eq!((exit, world.weights()), (Exit::Bug, (100, 0)));
}

#[test]
fn a_step_that_panics_while_traffic_cannot_be_put_back_calls_a_person() {
    let world = World::start();
    let settings = world.settings();
    let World {
        blue: _blue,
        green: _green,
        proxy,
    } = world;
    let proxy = Mutex::new(proxy);
    let exit = roll(
        &settings,
        &[],
        &stops(move || proxy.lock().unwrap().kill()),
        next,
    );
    assert_eq!(exit, Exit::NeedsPerson);
}

/// Decides as it should until traffic has moved and something was seen.
fn stumbles(plan: &Plan, state: State, facts: Facts) -> (State, Step) {
    let (state, step) = next(plan, state, facts);
    let broken = state.reach == Reach::Written && matches!(step, Step::Look(_) | Step::Restore(_));
    assert!(!broken, "no decision");
    (state, step)
}

#[test]
fn a_decision_that_panics_every_time_puts_traffic_back_without_being_asked() {
    let world = World::start();
    let clock: Arc<dyn Clock + Send + Sync> = Arc::new(SystemClock::start(Cancel::default()));
    let exit = roll(&world.settings(), &[], &clock, stumbles);
    assert_eq!((exit, world.weights()), (Exit::Bug, (100, 0)));
}

/// Decides as it should until the stable side may have the new version.
fn stumbles_late(plan: &Plan, state: State, facts: Facts) -> (State, Step) {
    let (state, step) = next(plan, state, facts);
    assert!(
        state.reach < Reach::Void || matches!(step, Step::Hook { .. }),
        "no decision"
    );
    (state, step)
}

#[test]
fn a_decision_that_panics_after_a_promote_restores_nothing_and_calls_a_person() {
    let world = World::start();
    let clock: Arc<dyn Clock + Send + Sync> = Arc::new(SystemClock::start(Cancel::default()));
    let promote = [
        ("finish", "promote"),
        ("deployment_script", "/bin/true"),
        ("stages", r#"[{"percentage": 100, "wait_time": "300ms"}]"#),
    ];
    let exit = roll(&world.settings(), &promote, &clock, stumbles_late);
    assert_eq!((exit, world.weights()), (Exit::NeedsPerson, (0, 100)));
}
