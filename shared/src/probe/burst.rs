//! Many requests at once, of which the rate counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use jiff::Timestamp;

use super::{Target, parts, tcp};
use crate::answer::{self, Expect};
use crate::clock::Clock;
use crate::endpoint::Scheme;
use crate::http::{Http, Kept, Progress, REDIRECTS, Request};
use crate::sample::Health;
use crate::signal::Cancel;
use crate::split::Served;

/// The most requests of a burst that are under way at once: enough to be quick, few enough to be no load.
pub const AT_ONCE: u32 = 8;

/// How often a cancelled run is noticed while requests are under way.
const GLANCE: Duration = Duration::from_millis(50);
/// How much longer than its own limit the last request is waited for.
const GRACE: Duration = Duration::from_secs(1);

/// How many requests are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Burst {
    /// All of them.
    pub requests: u32,
    /// None is begun after this time; the last one may take the target's own limit on top.
    pub within: Duration,
    /// Slower than this is slow; nobody measures it where absent.
    pub slow_over: Option<Duration>,
}

/// What came of a burst, by whose answer it was. Requests that were not begun in time are in none of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Heard {
    /// Answers that name the version which is expected.
    pub expected: Served,
    /// Answers that name another one.
    pub others: Served,
    /// What names none: where no version is expected, all of it; and failures without a body.
    pub unnamed: Served,
}

impl Heard {
    /// All of it, whoever answered.
    pub fn all(&self) -> Served {
        self.expected.plus(self.others).plus(self.unnamed)
    }
}

/// Whose an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Expected,
    Other,
    Unnamed,
}

/// Makes a burst of requests, each judged by the target's expectations apart from the version, which says whose it is.
/// Each of a few threads keeps its connection.
///
/// Absent when the run is cancelled meanwhile: what is under way is then left to end by itself.
pub fn burst(
    target: &Target,
    burst: &Burst,
    http: &Arc<Http>,
    clock: &dyn Clock,
    cancel: &Cancel,
) -> Option<Heard> {
    let slow = burst.slow_over.map(|_| 0);
    let none = Served {
        slow,
        ..Served::default()
    };
    let mut heard = Heard {
        expected: none,
        others: none,
        unnamed: none,
    };
    let progress = Progress::start(burst.within + target.timeout + GRACE);
    let (tell, told) = mpsc::channel();
    let left = Arc::new(AtomicU32::new(burst.requests));
    for _ in 0..AT_ONCE.min(burst.requests) {
        let worker = Worker {
            target: target.clone(),
            burst: *burst,
            at: clock.now(),
            left: Arc::clone(&left),
            cancel: cancel.clone(),
            tell: tell.clone(),
        };
        let http = Arc::clone(http);
        // Where there is no thread to be had the others do its part.
        let _ = std::thread::Builder::new()
            .name("burst".into())
            .spawn(move || worker.work(&http));
    }
    drop(tell);
    collect(&told, &mut heard, &progress, cancel)?;
    Some(heard)
}

/// Adds up what the threads tell; absent when the run is cancelled.
fn collect(
    told: &Receiver<(Whose, Served)>,
    heard: &mut Heard,
    progress: &Progress,
    cancel: &Cancel,
) -> Option<()> {
    while !progress.left().is_zero() {
        if cancel.is_cancelled() {
            return None;
        }
        match told.recv_timeout(GLANCE.min(progress.left())) {
            Ok((whose, one)) => {
                let sum = match whose {
                    Whose::Expected => &mut heard.expected,
                    Whose::Other => &mut heard.others,
                    Whose::Unnamed => &mut heard.unnamed,
                };
                *sum = sum.plus(one);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    Some(())
}

/// One thread of a burst.
struct Worker {
    target: Target,
    burst: Burst,
    /// When the burst began, by the wall clock.
    at: Timestamp,
    /// Requests that nobody has begun.
    left: Arc<AtomicU32>,
    cancel: Cancel,
    tell: Sender<(Whose, Served)>,
}

impl Worker {
    fn work(&self, http: &Http) {
        let progress = Progress::start(self.burst.within);
        let mut kept = http.keep(self.burst.within + self.target.timeout);
        while !self.cancel.is_cancelled() && !progress.left().is_zero() && self.take() {
            let (whose, is_good, took) = self.one(&mut kept, progress.phases().total);
            let slow = self.burst.slow_over.map(|limit| u64::from(took > limit));
            let served = Served {
                requests: 1,
                failed: u64::from(!is_good),
                slow,
            };
            if self.tell.send((whose, served)).is_err() {
                return;
            }
        }
    }

    fn take(&self) -> bool {
        let one_less = |left: u32| left.checked_sub(1);
        let order = Ordering::SeqCst;
        self.left.fetch_update(order, order, one_less).is_ok()
    }

    /// One request: whose the answer is, whether it is good, how long it took.
    fn one(&self, kept: &mut Kept<'_>, since: Duration) -> (Whose, bool, Duration) {
        let (target, expect) = (&self.target, &self.target.expect);
        if target.endpoint.scheme == Scheme::Tcp {
            let (phases, outcome) = tcp::connect(&target.endpoint, target.timeout);
            return (Whose::Unnamed, outcome.is_ok(), phases.total);
        }
        let follow = if expect.status.hold_a_redirect() {
            0
        } else {
            REDIRECTS
        };
        let request = Request {
            method: target.method,
            headers: &target.headers,
            follow,
            ..Request::get(&target.endpoint, target.timeout)
        };
        let response = match kept.send(&request) {
            Ok(response) => response,
            Err(failure) => return (Whose::Unnamed, false, failure.phases.total),
        };
        let parts = parts(&response, target.method);
        let now = self.at + since + response.phases.total;
        let asked = Expect {
            version: None,
            ..expect.clone()
        };
        let is_good = answer::read(&parts, &asked, now)
            .is_ok_and(|answer| answer.health != Some(Health::Unhealthy));
        let named = answer::named_version(&parts, &expect.version_field);
        let whose = match expect.version.as_ref().zip(named) {
            Some((expected, named)) if answer::same_version(&named, expected) => Whose::Expected,
            Some(_) => Whose::Other,
            None => Whose::Unnamed,
        };
        (whose, is_good, response.phases.total)
    }
}
