//! The forge: the incident of a deployment, and how its commit stands. Nothing here fails a step or holds it up for long.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use shared::clock::Clock;
use shared::forge::{CommitStatus, Forge, Told};
use shared::http::Http;
use shared::incident::{Incident, Key};
use shared::log::Log;
use shared::signal::Cancel;
use shared::standing::State as Stands;
use shared::value::show_duration;

use crate::settings::Settings;

/// How long telling of an incident may take in all.
const INCIDENT: Patience = Patience {
    whole: Duration::from_secs(20),
    cancelled: Duration::from_secs(4),
};
/// How long a commit's status may take.
const STATUS: Patience = Patience {
    whole: Duration::from_secs(4),
    cancelled: Duration::from_secs(2),
};
/// Between two looks whether the run was cancelled.
const TICK: Duration = Duration::from_millis(50);

/// How long something may take.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// In all.
    whole: Duration,
    /// From the moment at which the run was cancelled.
    cancelled: Duration,
}

/// The forge of a run.
pub struct Forging<'a> {
    settings: &'a Settings,
    http: Arc<Http>,
    clock: &'a Arc<dyn Clock + Send + Sync>,
    cancel: &'a Cancel,
    log: &'a Log<'a>,
    /// Where the incident is that this run opened or found.
    incident: Option<String>,
    /// Whether this run's commit was said to be on its way, and nothing else since.
    is_pending: bool,
}

impl<'a> Forging<'a> {
    /// The forge that the settings name, if they do. Nothing is asked yet.
    pub fn new(
        settings: &'a Settings,
        http: Arc<Http>,
        clock: &'a Arc<dyn Clock + Send + Sync>,
        cancel: &'a Cancel,
        log: &'a Log<'a>,
    ) -> Self {
        Self {
            settings,
            http,
            clock,
            cancel,
            log,
            incident: None,
            is_pending: false,
        }
    }

    /// Why no incident is opened; absent where one is.
    pub fn opens_none(&self) -> Option<&'static str> {
        let forging = &self.settings.forging;
        match (&forging.place, &forging.desk) {
            (None, _) => Some("there is no forge_token"),
            (Some(_), None) => Some("create_issue is false"),
            (Some(_), Some(_)) => None,
        }
    }

    /// Where the incident is that this run opened or found.
    pub fn incident_url(&self) -> Option<&str> {
        self.incident.as_deref()
    }

    /// Whether this run's commit was said to be on its way, and nothing else since.
    pub fn is_pending(&self) -> bool {
        self.is_pending
    }

    /// Opens the incident, or tells of it there. Gives what was done, in a line.
    ///
    /// # Errors
    /// When it is not told.
    pub fn open(&mut self, incident: Incident) -> Result<String, String> {
        let desk = self.settings.forging.desk.clone().unwrap_or_default();
        let told = self.at_hand(INCIDENT, move |forge, within| {
            forge.incident(&incident, &desk, within)
        })?;
        self.incident.clone_from(&told.url);
        Ok(self.said(told))
    }

    /// Says on an incident that all is well, and closes it. Gives what was done, in a line.
    ///
    /// # Errors
    /// When it is not closed.
    pub fn recovered(&self, key: Key, what: String) -> Result<String, String> {
        let links = crate::report::told::links(&self.settings.ci);
        let told = self.at_hand(INCIDENT, move |forge, within| {
            forge.recovered(&key, &what, &links, within)
        })?;
        Ok(self.said(told))
    }

    /// Says how a commit stands, if that is wanted.
    pub fn stands(&mut self, commit: Option<&str>, stands: Stands, description: &str) {
        let Some(context) = &self.settings.forging.status_context else {
            return;
        };
        let Some(commit) = commit else { return };
        if self.settings.subject.commit.as_deref() == Some(commit) {
            self.is_pending = stands == Stands::Pending;
        }
        let status = CommitStatus {
            sha: commit.to_owned(),
            context: context.clone(),
            state: stands,
            description: self.log.masked(description),
            url: self.settings.ci.pipeline_url.clone(),
        };
        let told = self.at_hand(STATUS, move |forge, within| {
            forge.commit_status(&status, within)
        });
        match told {
            Ok(told) => {
                let what = self.said(told);
                self.log.info(&what);
            }
            Err(why) => self
                .log
                .warn(&format!("the commit's status is not set: {why}")),
        }
    }

    /// Looks whether the forge is there and lets itself be written to, and says so.
    pub fn look(&self) {
        if self.settings.forging.place.is_none() {
            return;
        }
        #[expect(
            clippy::redundant_closure_for_method_calls,
            reason = "the method itself is not of every lifetime"
        )]
        let checked = self.at_hand(STATUS, |forge, within| forge.check(within));
        match checked {
            Ok(told) => {
                let what = self.said(told);
                self.log.info(&format!("forge: {what}"));
            }
            Err(why) => self.log.warn(&format!("forge: {why}")),
        }
    }

    fn said(&self, told: Told) -> String {
        told.notes.iter().for_each(|note| self.log.warn(note));
        told.what
    }

    fn at_hand(
        &self,
        patience: Patience,
        ask: impl FnOnce(&Forge, Duration) -> Result<Told, String> + Send + 'static,
    ) -> Result<Told, String> {
        let place = self.settings.forging.place.clone();
        let place = place.ok_or("there is no forge_token")?;
        let (http, clock) = (Arc::clone(&self.http), Arc::clone(self.clock));
        let within = if self.cancel.is_cancelled() {
            patience.cancelled
        } else {
            patience.whole
        };
        patiently(self.cancel, &**self.clock, patience, move || {
            ask(&Forge::open(&place, &http, &*clock), within)
        })
    }
}

/// Does something that may hang, for as long as there is time; a cancelled run has little.
fn patiently<T: Send + 'static>(
    cancel: &Cancel,
    clock: &dyn Clock,
    patience: Patience,
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let (done, told) = mpsc::channel();
    // What hangs is left behind, and ends with the process.
    std::thread::Builder::new()
        .name("forge".into())
        .spawn(move || {
            let _ = done.send(work());
        })
        .map_err(|error| format!("there is no thread for it: {error}"))?;
    // A tick more, so that who can say what took so long does.
    let mut limit = patience.whole + TICK;
    let mut until = clock.elapsed() + limit;
    let mut is_cancelled = false;
    loop {
        if !is_cancelled && cancel.is_cancelled() {
            is_cancelled = true;
            limit = patience.cancelled + TICK;
            until = until.min(clock.elapsed() + limit);
        }
        match told.recv_timeout(TICK) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Timeout) if clock.elapsed() < until => {}
            Err(RecvTimeoutError::Timeout) => {
                let limit = show_duration(limit.saturating_sub(TICK));
                return Err(format!("the forge took longer than {limit}"));
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err("asking the forge stopped, which is a bug of ours".to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::clock::SystemClock;

    use super::*;

    const SHORT: Duration = Duration::from_millis(100);
    const LONG: Duration = Duration::from_secs(600);

    fn hangs(cancel: &Cancel, whole: Duration, cancelled: Duration) -> Result<(), String> {
        let (forever, never) = mpsc::channel::<()>();
        let patience = Patience { whole, cancelled };
        let clock = SystemClock::start(cancel.clone());
        let ended = patiently(cancel, &clock, patience, move || {
            never.recv().map_err(|error| error.to_string())
        });
        drop(forever);
        ended
    }

    #[test]
    fn what_hangs_is_left_behind_when_the_time_is_over() {
        let why = hangs(&Cancel::default(), SHORT, LONG).unwrap_err();
        assert!(why.starts_with("the forge took longer than "), "{why}");
    }

    #[test]
    fn a_cancelled_run_waits_no_longer_than_it_has() {
        let cancel = Cancel::default();
        cancel.cancel();
        let why = hangs(&cancel, LONG, SHORT).unwrap_err();
        assert!(why.starts_with("the forge took longer than "), "{why}");
    }

    #[test]
    fn a_run_that_is_cancelled_meanwhile_waits_no_longer_than_it_has() {
        let cancel = Cancel::default();
        let soon = cancel.clone();
        let canceller = std::thread::spawn(move || soon.cancel());
        assert!(hangs(&cancel, LONG, SHORT).is_err());
        canceller.join().unwrap();
    }
}
