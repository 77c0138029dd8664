//! Carries out one step through the edges. No choice is made here.

mod opening;
mod recording;
mod telling;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use shared::clock::Clock;
use shared::hook;
use shared::http::Http;
use shared::intent::{Intent, Part};
use shared::log::{Log, Tone};
use shared::signal::Cancel;
use shared::store::lease::{Alone, Heartbeat, Pulse};
use shared::tick::Tick;

use crate::calls::Calling;
use crate::counting::Counting;
use crate::forging::Forging;
use crate::ledger::Ledger;
use crate::mover::Mover;
use crate::report::lines;
use crate::rollout::{Action, Lease, Mode, Outcome, Phase, State, Step, Taken};
use crate::sentry::Sentry;
use crate::settings::Settings;
use crate::stage::Look;
use crate::{edges, preflight};

/// The longest wait between two looks at what others asked for.
const GLANCE: Duration = Duration::from_secs(2);

/// The time between two tries to reach a database that went down.
const MEND: Duration = Duration::from_secs(5);

/// The edges of a run, and what they have to remember.
pub struct Hands<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) clock: &'a Arc<dyn Clock + Send + Sync>,
    pub(crate) cancel: &'a Cancel,
    pub(crate) log: &'a Log<'a>,
    pub(crate) http: Arc<Http>,
    pub(crate) mover: Mover<'a>,
    pub(crate) ledger: Ledger<'a>,
    pub(crate) forging: Forging<'a>,
    pub(crate) heartbeat: Option<Heartbeat>,
    /// In place of a heartbeat where there is no database.
    alone: Option<Alone>,
    pub(crate) sentry: Arc<Sentry>,
    /// All looks at the new version, for the chart.
    pub(crate) seen: Vec<Tick>,
    /// What the log said, one line each.
    pub(crate) timeline: Vec<String>,
    pub(crate) last: Option<Look>,
    pub(crate) counting: Counting,
    /// Looks so far.
    pub(crate) looks: i32,
    began: BTreeMap<usize, Timestamp>,
    asked: Option<Duration>,
    mended: Option<Duration>,
    hurries: bool,
}

impl<'a> Hands<'a> {
    /// The edges of a run. Nothing is opened yet.
    ///
    /// # Errors
    /// When the settings cannot be used.
    pub fn new(
        settings: &'a Settings,
        clock: &'a Arc<dyn Clock + Send + Sync>,
        cancel: &'a Cancel,
        log: &'a Log<'a>,
        sentry: Arc<Sentry>,
    ) -> Result<Self, String> {
        let http = Arc::new(edges::http(settings)?);
        Ok(Self {
            mover: Mover::new(
                settings,
                Arc::clone(&http),
                cancel.clone(),
                Arc::clone(&sentry),
            )?,
            sentry,
            ledger: Ledger::new(settings, &**clock, log),
            forging: Forging::new(settings, Arc::clone(&http), clock, cancel, log),
            settings,
            clock,
            cancel,
            log,
            http,
            heartbeat: None,
            alone: None,
            seen: Vec::new(),
            timeline: Vec::new(),
            last: None,
            counting: Counting::default(),
            looks: 0,
            began: BTreeMap::new(),
            asked: None,
            mended: None,
            hurries: false,
        })
    }

    /// Whether the run was cancelled; from then on everything has little time.
    pub fn is_cancelled(&mut self) -> bool {
        let cancelled = self.cancel.is_cancelled();
        if cancelled && !self.hurries {
            self.hurries = true;
            if let Err(why) = self.mover.hurry() {
                self.log.warn(&why);
            }
        }
        cancelled
    }

    /// Whether this run may write.
    pub fn lease(&self) -> Lease {
        if let Some(by) = &self.ledger.fenced {
            return Lease::Foreign { by: by.clone() };
        }
        match self.heartbeat.as_ref().map(Heartbeat::pulse) {
            // A later run in another workspace would not know how far this one went, and put it back.
            Some(Pulse::Held { .. }) if self.ledger.is_adrift() => Lease::Shaky,
            None | Some(Pulse::Held { .. }) => Lease::Good,
            Some(Pulse::Unreachable { .. }) => Lease::Shaky,
            Some(Pulse::Lost { by }) => Lease::Foreign {
                by: by.map_or("another run".to_owned(), |by| by.to_string()),
            },
        }
    }

    /// Looks now and then whether a database that went down is back: at once, then every few seconds.
    pub fn mend(&mut self, state: &State) {
        if self.hurries || !matches!(state.phase, Phase::Watching(_)) || !self.ledger.is_adrift() {
            return;
        }
        let now = self.clock.elapsed();
        if self.mended.is_none_or(|mended| now >= mended + MEND) {
            self.ledger.mend();
            // Connecting may have taken its time.
            self.mended = Some(self.clock.elapsed());
        }
    }

    /// Who asked in the records for an end: asked every now and then, while there is something to end.
    pub fn abort(&mut self, state: &State) -> Option<String> {
        let moves = matches!(
            state.phase,
            Phase::Watching(_) | Phase::Recording(_) | Phase::Announcing { .. }
        );
        let now = self.clock.elapsed();
        let due = self.asked.is_none_or(|asked| now >= asked + GLANCE);
        if !moves || !due || self.settings.plan.mode != Mode::Roll || self.hurries {
            return None;
        }
        self.asked = Some(now);
        self.ledger.abort()
    }

    /// Carries a step out.
    pub fn carry(&mut self, step: &Step, state: &State) -> Outcome {
        match step {
            Step::Preflight => self.preflight(),
            Step::Acquire => Outcome::Lease(self.acquire()),
            Step::LookBack => Outcome::Past(self.ledger.past()),
            Step::ReadTraffic { sides } => Outcome::Traffic(self.mover.read(sides.as_deref())),
            Step::Journal(intent) => came(self.ledger.intend(intent)),
            Step::Hook { action, attempt } => self.hook(*action, *attempt, &state.intent),
            Step::Set { share, stage } => {
                let set = self.mover.set(*share, *stage);
                self.begin_counting();
                came(set)
            }
            Step::Restore(snapshot) => {
                let restored = self.mover.restore(snapshot);
                self.part(restored, Part::Traffic, &state.intent)
            }
            Step::Drain { side, limit } => came(self.mover.drain(*side, *limit, &**self.clock)),
            Step::Flags(share) => came(self.calling().flags(*share)),
            Step::Look(side) => match &state.phase {
                Phase::Watching(span) => self.look(*side, span),
                _ => Outcome::Broke("a look at nothing".to_owned()),
            },
            Step::Sleep(wait) => {
                self.clock.sleep((*wait).min(GLANCE));
                Outcome::Slept
            }
            Step::Pause(wait) => {
                // Not the clock's sleep, which a cancelled run does not get.
                Cancel::default().wait(*wait);
                Outcome::Slept
            }
            Step::Record(row) => came(self.record(row, state)),
            Step::Succeed { intent, verified } => came(self.succeed(intent, *verified)),
            Step::Incident => self.incident(state),
            Step::Recover(of) => came(self.recover(of)),
            Step::Notify => {
                let told = self.notify(state);
                self.part(told, Part::Notify, &state.intent)
            }
            Step::Release => {
                self.alone = None;
                let released = self.heartbeat.take().map_or(Ok(()), Heartbeat::release);
                came(released)
            }
            Step::Say(change) => {
                self.say(Tone::Plain, &lines::change(change));
                Outcome::Done
            }
            Step::Finish(_) => Outcome::Done,
        }
    }

    fn preflight(&mut self) -> Outcome {
        // What is left is put back whatever else is wrong.
        let settles = self.settings.plan.mode == Mode::Settle;
        let mut problems = if settles {
            Vec::new()
        } else {
            preflight::problems(self.settings, &self.mover, &self.http, self.log)
        };
        if settles {
            return Outcome::Preflight(Ok(crate::rollout::Guards::default()));
        }
        let guards = self
            .ledger
            .guards()
            .map_err(|problem| problems.push(problem));
        if self.settings.database.is_some() {
            self.recall();
        }
        Outcome::Preflight(match guards {
            Ok(guards) if problems.is_empty() => Ok(guards),
            _ => Err(problems),
        })
    }

    fn acquire(&mut self) -> Taken {
        let Some(database) = &self.settings.database else {
            let (taken, alone) = edges::alone(self.settings, &**self.clock, self.log);
            self.alone = alone;
            return taken;
        };
        // What an earlier run left in the journal goes under its own token, before there is a newer one.
        self.ledger.open();
        let (taken, heartbeat) = edges::lease(self.settings, database, self.clock);
        self.ledger.token = heartbeat.as_ref().map(Heartbeat::token);
        self.heartbeat = heartbeat;
        taken
    }

    fn calling(&self) -> Calling<'_> {
        let deadline = self.settings.plan.deadline;
        Calling {
            settings: self.settings,
            http: &self.http,
            cancel: self.cancel,
            log: self.log,
            pool: self.mover.pool(),
            left: deadline.saturating_sub(self.clock.elapsed()),
        }
    }

    fn hook(&mut self, action: Action, attempt: u32, intent: &Intent) -> Outcome {
        let asked = match action {
            Action::Deploy => hook::Action::Deploy,
            Action::Promote => hook::Action::Promote,
            Action::Rollback => hook::Action::Rollback,
        };
        let called = self.calling().call(asked, attempt, intent);
        if action == Action::Rollback {
            return self.part(called, Part::Script, intent);
        }
        came(called)
    }

    /// A part of going back, which is noted when it is done.
    fn part(&mut self, done: Result<(), String>, part: Part, intent: &Intent) -> Outcome {
        if done.is_ok() && !self.settings.plan.is_dry() {
            self.ledger.part(part, intent);
        }
        came(done)
    }
}

fn came(result: Result<(), String>) -> Outcome {
    match result {
        Ok(()) => Outcome::Done,
        Err(why) => Outcome::Failed(why),
    }
}
