//! Clients of the shop, who note what they get: the only source of the numbers that the demonstration prints.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::http;

/// How many ask at once.
const CLIENTS: usize = 4;
/// Between two requests of one client.
const PAUSE: Duration = Duration::from_millis(10);

/// What the clients got while the story was in one chapter.
#[derive(Debug, Clone, Default)]
pub(super) struct Chapter {
    pub(super) name: String,
    /// Good answers by the version that gave them.
    pub(super) good: BTreeMap<String, u32>,
    /// Answers of any kind from the canary side.
    pub(super) from_canary: u32,
    /// No answer, or a status of 400 and more.
    pub(super) failed: u32,
}

impl Chapter {
    /// All answers.
    pub(super) fn all(&self) -> u32 {
        self.good.values().sum::<u32>() + self.failed
    }

    /// The part of all answers, in per cent, that came from the canary side.
    pub(super) fn canary_percent(&self) -> f64 {
        100.0 * f64::from(self.from_canary) / f64::from(self.all().max(1))
    }

    fn add(&mut self, answer: Option<&str>) {
        let status = answer.and_then(http::status);
        let version = answer.and_then(|answer| http::header(answer, "x-version"));
        match version.filter(|_| status.is_some_and(|status| status < 400)) {
            Some(version) => *self.good.entry(version.to_owned()).or_default() += 1,
            None => self.failed += 1,
        }
        let side = answer.and_then(|answer| http::header(answer, "x-side"));
        self.from_canary += u32::from(side == Some("canary"));
    }
}

/// Clients that ask until they are told to stop.
pub(super) struct Clients {
    inner: Arc<Inner>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Inner {
    notes: Mutex<Notes>,
    stopping: Condvar,
}

#[derive(Default)]
struct Notes {
    chapters: Vec<Chapter>,
    /// What was asked in one chapter and answered in the next.
    across: Chapter,
    stopped: bool,
}

impl Clients {
    /// Begins to ask.
    pub(super) fn start(address: SocketAddr, chapter: &str) -> Self {
        let inner = Arc::new(Inner::default());
        let mut clients = Self {
            inner,
            threads: Vec::new(),
        };
        clients.turn_to(chapter);
        for _ in 0..CLIENTS {
            let inner = Arc::clone(&clients.inner);
            let client = std::thread::spawn(move || while inner.ask(address) {});
            clients.threads.push(client);
        }
        clients
    }

    /// What is asked from here on belongs to another chapter.
    pub(super) fn turn_to(&self, name: &str) {
        self.inner.notes().chapters.push(Chapter {
            name: name.to_owned(),
            ..Chapter::default()
        });
    }

    /// Waits until so many answers came in this chapter, for at most ten seconds.
    pub(super) fn wait_for(&self, answers: u32) {
        let few = |notes: &mut Notes| notes.chapters.last().is_some_and(|now| now.all() < answers);
        let (notes, limit) = (self.inner.notes(), Duration::from_secs(10));
        drop(self.inner.stopping.wait_timeout_while(notes, limit, few));
    }

    /// Ends it and says what the clients got, chapter by chapter, and last across chapters.
    pub(super) fn stop(self) -> Vec<Chapter> {
        self.inner.notes().stopped = true;
        self.inner.stopping.notify_all();
        for client in self.threads {
            let _ = client.join();
        }
        let mut notes = self.inner.notes();
        let across = std::mem::take(&mut notes.across);
        let mut chapters = std::mem::take(&mut notes.chapters);
        chapters.push(across);
        chapters
    }
}

impl Inner {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks once, notes the answer and pauses; false when it is enough.
    fn ask(&self, address: SocketAddr) -> bool {
        let chapter = self.notes().chapters.len();
        let request = "GET / HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n";
        let answer = http::ask(address, request).ok();
        let answer = answer.as_deref().map(String::from_utf8_lossy);
        let mut notes = self.notes();
        let is_same = notes.chapters.len() == chapter;
        let place = match notes.chapters.last_mut() {
            Some(now) if is_same => now,
            _ => &mut notes.across,
        };
        place.add(answer.as_deref());
        self.stopping.notify_all();
        let going_on = |notes: &mut Notes| !notes.stopped;
        let paused = self.stopping.wait_timeout_while(notes, PAUSE, going_on);
        !paused.unwrap_or_else(PoisonError::into_inner).0.stopped
    }
}
