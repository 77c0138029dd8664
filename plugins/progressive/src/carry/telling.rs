//! Tells the log, the sentry and people.

use std::time::Duration;

use shared::log::{Level, Tone};
use shared::notify;

use super::Hands;
use crate::edges;
use crate::report::{told, verdict};
use crate::rollout::{Phase, State, duty};

/// How long people may be told once the run was cancelled.
const TELL_HURRY: Duration = Duration::from_secs(4);

impl Hands<'_> {
    /// Tells the sentry where this run stands.
    pub fn report(&self, state: &State) {
        let plan = &self.settings.plan;
        let verdict = match &state.phase {
            Phase::Ending(ending) => {
                let exit = told::expected_exit(ending);
                let line = verdict::line(plan, state, ending, exit);
                Some((exit, self.log.masked(&line)))
            }
            _ => None,
        };
        self.sentry.know(duty(plan, state), state.share, verdict);
    }

    /// A line of the log and of the timeline.
    pub fn say(&mut self, tone: Tone, line: &str) {
        let time = self.clock.now().strftime("%H:%M:%SZ");
        self.timeline
            .push(self.log.masked(&format!("{time} {line}")));
        self.log.line(Level::Info, tone, line);
    }

    pub(super) fn notify(&mut self, state: &State) -> Result<(), String> {
        let Phase::Ending(ending) = &state.phase else {
            return Ok(());
        };
        let (settings, exit) = (self.settings, told::expected_exit(ending));
        let masked = |text: &str| self.log.masked(text);
        let subject = self.ledger.subject(&state.intent);
        let told = told::told(&subject, &settings.ci, ending, exit, masked);
        let told = told.with_incident(self.forging.incident_url());
        let within = if self.hurries {
            TELL_HURRY
        } else {
            notify::DEADLINE
        };
        let (message, clock) = (told.message(), &**self.clock);
        let told = edges::tell(&message, self.settings, within, clock, self.log);
        self.stands(state, ending);
        told
    }
}
