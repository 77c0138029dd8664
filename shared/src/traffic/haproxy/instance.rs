//! One instance of HAProxy, spoken to.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use crate::http::Progress;

use super::Servers;
use super::address::Address;
use super::answer::start;
use super::dial::ask;
use super::moves::{Both, Move, Who, moves};
use super::state::{State, weight_words};
use crate::traffic::{Fault, Health, pause};

/// Between two looks at what was written.
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// How to speak to one instance, and about which servers.
pub(super) struct Instance<'a> {
    pub(super) address: &'a Address,
    pub(super) tls: Option<&'a Arc<ClientConfig>>,
    pub(super) servers: &'a Servers,
    /// For one command.
    pub(super) limit: Duration,
    /// For what was written to take effect.
    pub(super) verify: Duration,
}

impl Instance<'_> {
    /// Sends a command whose answer is wanted.
    pub(super) fn ask(&self, command: &str) -> Result<String, Fault> {
        let answer = ask(self.address, self.tls, command, self.limit)?;
        match self.complaint(&answer) {
            Some(fault) => Err(fault),
            None => Ok(answer),
        }
    }

    /// What it is set to and what it counts.
    pub(super) fn state(&self) -> Result<State, Fault> {
        let backend = &self.servers.backend;
        let stat = self.ask(&format!("show stat {backend} 6 -1"))?;
        let states = self.ask(&format!("show servers state {backend}"))?;
        State::read(&stat, &states, self.servers)
    }

    /// Whether clients stick to servers, and by what.
    pub(super) fn sticky(&self, state: &State) -> Result<Option<String>, Fault> {
        if !state.cookie.is_empty() {
            return Ok(Some(format!("the cookie {}", state.cookie)));
        }
        let tables = self.ask("show table")?;
        let own = format!("# table: {},", self.servers.backend);
        let found = tables.lines().any(|line| line.starts_with(&own));
        Ok(found.then(|| format!("the stick table of backend {}", self.servers.backend)))
    }

    /// Brings it from `now` to `goal` and reads back. With `guarded`, the last server that can serve is not taken
    /// away.
    pub(super) fn bring(&self, now: Both, goal: Both, guarded: bool) -> Result<(), Fault> {
        let moves = moves(now, goal);
        self.write(&moves.raise)?;
        if guarded && !moves.lower.is_empty() {
            self.wait_until_serving(goal)?;
        }
        self.write(&moves.lower)?;
        self.verify(goal)
    }

    fn write(&self, moves: &[Move]) -> Result<(), Fault> {
        for step in moves {
            let command = self.command(*step);
            let answer = self.ask(&command)?;
            if !answer.is_empty() {
                let said = start(&answer);
                let detail = format!("{command}: {said}");
                return Err(Fault::Failed { detail });
            }
        }
        Ok(())
    }

    fn command(&self, step: Move) -> String {
        let backend = &self.servers.backend;
        let name = |who| match who {
            Who::Stable => &self.servers.stable,
            Who::Canary => &self.servers.canary,
        };
        match step {
            Move::Weight(who, weight) => {
                format!("set server {backend}/{} weight {weight}", name(who))
            }
            Move::State(who, state) => {
                format!("set server {backend}/{} state {}", name(who), state.word())
            }
        }
    }

    /// Waits until the server that is to carry everything is not down.
    fn wait_until_serving(&self, goal: Both) -> Result<(), Fault> {
        let progress = Progress::start(self.verify);
        loop {
            let state = self.state()?;
            let alone = match (goal.stable.effective(), goal.canary.effective()) {
                (0, _) => &state.canary,
                (_, 0) => &state.stable,
                _ => return Ok(()),
            };
            if alone.health != Health::Down {
                return Ok(());
            }
            if progress.left().is_zero() {
                let server = alone.name.clone();
                return Err(Fault::NotServing { server });
            }
            pause(LOOK_AGAIN);
        }
    }

    fn verify(&self, goal: Both) -> Result<(), Fault> {
        let progress = Progress::start(self.verify);
        loop {
            let state = self.state()?;
            if state.both() == goal {
                return Ok(());
            }
            if progress.left().is_zero() {
                let wanted = [
                    weight_words(&self.servers.stable, goal.stable),
                    weight_words(&self.servers.canary, goal.canary),
                ];
                return Err(Fault::NotTaken {
                    wanted: wanted.join(", "),
                    found: state.words(),
                });
            }
            pause(LOOK_AGAIN);
        }
    }

    /// What an answer says instead of an answer.
    fn complaint(&self, answer: &str) -> Option<Fault> {
        let backend = &self.servers.backend;
        match answer.trim_end() {
            "No such backend." | "No such proxy." | "Can't find backend." => Some(Fault::Unknown {
                what: format!("backend {backend}"),
            }),
            "No such server." => Some(Fault::Unknown {
                what: format!("server of these names in backend {backend}"),
            }),
            text if text.starts_with("Permission denied") => Some(Fault::Refused {
                detail: LEVEL.into(),
            }),
            text if text.starts_with("Unknown command") => Some(Fault::Unsuitable {
                detail: "it does not know the command: haproxy 2.2 or newer is needed, and not its master socket"
                    .into(),
            }),
            _ => None,
        }
    }
}

/// What to do about a level that is too low.
pub(super) const LEVEL: &str =
    "to set weights needs level admin: write `stats socket … level admin` in the global section";
