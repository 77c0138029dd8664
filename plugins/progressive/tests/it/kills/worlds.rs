//! Several worlds at a time, and what is wrong in them.

use std::ops::RangeInclusive;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::case::Case;

/// How many worlds there are at a time.
const WORLDS: usize = 4;

/// Does it for each of these effects, in several worlds at a time; gives how often it was done.
pub(super) fn each(
    effects: RangeInclusive<usize>,
    work: impl Fn(usize) -> Vec<String> + Sync,
) -> usize {
    let (next, done) = (AtomicUsize::new(*effects.start()), AtomicUsize::new(0));
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WORLDS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if !effects.contains(&number) {
                        return;
                    }
                    let found = work(number);
                    done.fetch_add(1, Ordering::SeqCst);
                    wrong.lock().unwrap().extend(found);
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    done.into_inner()
}

/// Exit codes that are not what they have to be.
#[derive(Default)]
pub(super) struct Wrong(Vec<String>);

impl Wrong {
    pub(super) fn hold(&mut self, what: &str, found: i32, expected: i32) {
        if found != expected {
            self.0
                .push(format!("{what}: exit {found}, expected {expected}"));
        }
    }

    /// All of it with what else is wrong, in the words of the case.
    pub(super) fn told(self, case: &Case, more: Vec<String>) -> Vec<String> {
        let all = self.0.into_iter().chain(more);
        all.map(|text| format!("{}: {text}", case.name())).collect()
    }
}
