//! Every edge fails at every point, in every way: the run ends by itself, with the right code, and traffic is where
//! that code says.
//!
//! A clean run is recorded. Then, for each of its exchanges and each kind of fault, another run meets the fault there:
//! either from there on, or only once. Runs differ in how often they look, so an exchange is found again by its place
//! ([`Place`]) and not by its number; exchanges that only repeat an earlier look are left out.

mod proxy;
mod records;
mod scripts;
mod webhooks;

use std::fmt::{Debug, Write as _};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use testbed::relay::{Desk, Exchange, Passage};

use crate::step::{Ended, Running};

/// A run that has not ended by now never will.
const PATIENCE: Duration = Duration::from_secs(100);
/// How many runs go on at once: most of them wait for a limit to pass.
const WORKERS: usize = 12;

/// How a run tells that the fault never came.
const NOT_MET: &str = "it never met the fault";

/// The kinds of faults.
const FAULTS: [Passage; 4] = [
    Passage::Refuse,
    Passage::Hang,
    Passage::Garbage,
    Passage::Half,
];

/// Where in a run an exchange is: after so many writes, and so many exchanges on. The write itself is at 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    writes: usize,
    then: usize,
}

/// Tells the place of each exchange of a run, in their order.
struct Places {
    next: Place,
    is_write: fn(&str) -> bool,
}

impl Places {
    fn new(is_write: fn(&str) -> bool) -> Self {
        let next = Place { writes: 0, then: 0 };
        Self { next, is_write }
    }

    fn of(&mut self, exchange: &Exchange) -> Place {
        if (self.is_write)(&exchange.name) {
            self.next = Place {
                writes: self.next.writes + 1,
                then: 0,
            };
        }
        let place = self.next;
        self.next.then += 1;
        place
    }
}

/// Where a run meets a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spot {
    /// At this place.
    Place(Place),
    /// At the exchange of its name that comes as this one, counted from 1.
    Named(usize),
}

/// What a run meets.
#[derive(Debug, Clone)]
struct Case {
    spot: Spot,
    /// What passes there in a clean run.
    name: String,
    fault: Passage,
    /// Whether it is so from there on, or only there.
    lasts: bool,
}

impl Case {
    /// A desk that makes it happen, and whether it did.
    fn desk(&self, is_write: fn(&str) -> bool) -> (Desk, Arc<AtomicUsize>) {
        let (case, mut places, mut named) = (self.clone(), Places::new(is_write), 0);
        let met = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&met);
        let desk = Desk::new(move |exchange| {
            let place = places.of(exchange);
            named += usize::from(exchange.name == case.name);
            let is_here = match case.spot {
                Spot::Place(wanted) => place == wanted,
                Spot::Named(wanted) => exchange.name == case.name && named == wanted,
            };
            let before = count.load(Ordering::SeqCst);
            if (before == 0 && is_here) || (before > 0 && case.lasts) {
                count.fetch_add(1, Ordering::SeqCst);
                return case.fault;
            }
            Passage::Forward
        });
        (desk, met)
    }
}

/// The cases of a recorded run at the places that are wanted: each fault, lasting and not.
fn cases(
    recorded: &[Exchange],
    is_write: fn(&str) -> bool,
    wanted: fn(Place) -> bool,
) -> Vec<Case> {
    let mut places = Places::new(is_write);
    let found = recorded.iter().map(|one| (places.of(one), &one.name));
    let kept: Vec<_> = found.filter(|(place, _)| wanted(*place)).collect();
    let spots = kept
        .into_iter()
        .map(|(place, name)| (Spot::Place(place), name.clone()));
    spots
        .flat_map(|(spot, name)| each_fault(spot, &name))
        .collect()
}

/// The place of a case that has one.
fn place(case: &Case) -> Place {
    match case.spot {
        Spot::Place(place) => place,
        Spot::Named(_) => unreachable!("it is found by its name"),
    }
}

/// Each fault at a spot, lasting and not.
fn each_fault(spot: Spot, name: &str) -> Vec<Case> {
    let both = |fault| [true, false].map(|lasts| (fault, lasts));
    let case = |(fault, lasts)| Case {
        spot,
        name: name.to_owned(),
        fault,
        lasts,
    };
    FAULTS.into_iter().flat_map(both).map(case).collect()
}

/// Runs all cases, several at once, each worker in a world of its own, and reports all that went wrong.
fn all<W, C: Debug + Sync>(
    cases: &[C],
    world: impl Fn() -> W + Sync,
    run: impl Fn(&W, &C) -> Result<(), String> + Sync,
) {
    assert!(!cases.is_empty(), "nothing was recorded");
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(String::new()));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                let world = world();
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let mut ended = run(&world, case);
                    // On a busy machine a run can lose what it speaks to before the fault comes.
                    for _ in 0..3 {
                        if ended.as_ref().is_err_and(|why| why.starts_with(NOT_MET)) {
                            ended = run(&world, case);
                        }
                    }
                    if let Err(why) = ended {
                        writeln!(wrong.lock().unwrap(), "── {case:?}: {why}").unwrap();
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong}");
}

/// Waits for the end of a run; one that never ends is killed, and so has no exit code.
fn end(running: Running) -> Ended {
    let pid = running.id().to_string();
    let (over, ended) = mpsc::channel::<()>();
    let watchdog = std::thread::spawn(move || {
        if ended.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            let killed = Command::new("kill").args(["-KILL", &pid]).status();
            assert!(killed.unwrap().success());
        }
    });
    let ended = running.wait();
    drop(over);
    watchdog.join().unwrap();
    ended
}

/// What must be so however a run ends: the last line is the verdict, and it names the code.
fn checked(ended: &Ended, expected: &[i32]) -> Result<i32, String> {
    let code = ended.code.ok_or("it did not end by itself")?;
    let log = &ended.log;
    if !expected.contains(&code) {
        return Err(format!("exit {code}, expected {expected:?}:\n{log}"));
    }
    if !ended.verdict().contains(&format!(" (exit {code}): ")) {
        return Err(format!("exit {code} is not in the last line:\n{log}"));
    }
    let tells = ["last known to have", "the canary has"];
    if code == 4 && !tells.iter().any(|words| ended.verdict().contains(words)) {
        return Err(format!("the last known state is not told:\n{log}"));
    }
    Ok(code)
}
