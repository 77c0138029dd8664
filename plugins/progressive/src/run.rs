//! The loop: gathers facts, asks the rollout for the one next step, carries it out, and tells how it ended.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use shared::chart;
use shared::clock::Clock;
use shared::exit::Exit;
use shared::guard;
use shared::log::{Level, Log, Tone};
use shared::message;
use shared::policy::Finish;
use shared::signal::Cancel;
use shared::standing::State as Stands;
use shared::table::aligned;

use crate::carry::Hands;
use crate::report::lines::{self, Mark};
use crate::report::{planned, stages, told, verdict};
use crate::rollout::{Cause, Facts, Lease, Mode, Outcome, Phase, Plan, Reach, State, Step, next};
use crate::sentry::Sentry;
use crate::settings::{CountBy, Settings, Traffic};
use crate::{edges, preflight};

pub use crate::replaying::replay;

/// What decides: [`next`], or another one to see what becomes of the traffic when deciding itself fails.
pub type Decides = fn(&Plan, State, Facts) -> (State, Step);

/// Runs what the settings say, and tells how it ended.
pub fn run(
    settings: &Settings,
    clock: &Arc<dyn Clock + Send + Sync>,
    cancel: &Cancel,
    log: &Log,
) -> Exit {
    run_by(next, settings, clock, cancel, log)
}

/// The same, with whatever decides.
pub fn run_by(
    decides: Decides,
    settings: &Settings,
    clock: &Arc<dyn Clock + Send + Sync>,
    cancel: &Cancel,
    log: &Log,
) -> Exit {
    log.info(&headline(settings));
    let notes = settings.notes.iter().map(String::as_str);
    let notes = notes.chain(blindness(settings));
    let notes = notes.chain(settings.counting.unheard());
    notes.for_each(|note| log.line(Level::Info, Tone::Faint, &format!("note: {note}")));
    for line in planned(settings, clock.elapsed()) {
        log.line(Level::Info, Tone::Faint, &line);
    }
    let sentry = Sentry::new();
    if sentry.stand(cancel, clock).is_err() {
        return guard::deaf();
    }
    match Hands::new(settings, clock, cancel, log, sentry) {
        Ok(mut hands) if settings.preflight => {
            let (http, forging) = (&hands.http, &hands.forging);
            preflight::run(settings, &mut hands.mover, http, forging, &**clock, log)
        }
        Ok(hands) => Running {
            hands,
            decides,
            is_shaky: false,
        }
        .run(),
        Err(error) => {
            let text = format!("REFUSED (exit 2): {error}. Next: mend it; nothing was touched");
            log.verdict(Tone::Bad, &text);
            Exit::Refused
        }
    }
}

fn headline(settings: &Settings) -> String {
    let subject = &settings.subject;
    let commit = subject.commit.as_deref();
    let commit = commit.map(|commit| format!(" commit {}", &commit[..commit.len().min(12)]));
    format!(
        "{} {} {}: deployment {}{}",
        edges::USER_AGENT.replace('/', " "),
        subject.repo,
        subject.environment,
        subject.deployment_id,
        commit.unwrap_or_default()
    )
}

fn planned(settings: &Settings, now: Duration) -> Vec<String> {
    if settings.preflight {
        return Vec::new();
    }
    let sources = &settings.sources;
    let new = sources.canary.as_ref().map(std::slice::from_ref);
    let new = new.unwrap_or(&sources.probing.endpoints);
    let counts = !matches!(settings.counting.by, CountBy::Nobody);
    planned::lines(
        &settings.plan,
        (new, sources.baseline.as_ref()),
        counts,
        now,
    )
}

/// How the versions are told apart, where they cannot be by their endpoints.
fn blindness(settings: &Settings) -> Option<&'static str> {
    const BY_PROXY: &str = "without canary_endpoint the service is probed, whoever answers: the canary is told apart by \
                            what the proxy counts for its server, and by its version once it has all traffic";
    const BY_PROMETHEUS: &str = "without canary_endpoint the service is probed, whoever answers: the canary is told \
                                 apart by what Prometheus counts for its side, and by its version once it has all traffic";
    const BY_VERSION: &str = "without canary_endpoint the service is probed, many times at each look: an answer belongs \
                              to the side whose version it names, and failures that name none count against the \
                              canary beyond what is usual: also those of an outage of both sides";
    const BEFORE: &str = "without canary_endpoint the service is probed, many times at each look, and held against what \
                          it answered before the canary's first share: not at the same time, so that an outage of both \
                          sides counts against the canary";
    let looks = settings.plan.mode != Mode::Settle;
    if !looks || settings.sources.canary.is_some() {
        return None;
    }
    match &settings.counting.by {
        CountBy::Probes if settings.sources.probing.expect.version.is_some() => Some(BY_VERSION),
        CountBy::Probes => Some(BEFORE),
        CountBy::Traffic => Some(BY_PROXY),
        CountBy::Prometheus(_) => Some(BY_PROMETHEUS),
        CountBy::Nobody | CountBy::Answers => None,
    }
}

struct Running<'a> {
    hands: Hands<'a>,
    decides: Decides,
    /// Whether it was said that the lease cannot be renewed.
    is_shaky: bool,
}

impl Running<'_> {
    fn run(mut self) -> Exit {
        let plan = &self.hands.settings.plan;
        let mut state = State::new(plan);
        let mut outcome = Outcome::Began;
        loop {
            if let Outcome::Failed(why) = &outcome {
                self.hands.log.warn(why);
            }
            self.hands.mend(&state);
            let facts = Facts {
                now: self.hands.clock.elapsed(),
                cancelled: self.hands.is_cancelled(),
                abort: self.hands.abort(&state),
                lease: self.lease(),
                outcome,
            };
            let before = Mark::of(plan, &state);
            let Some((after, step)) = decide(self.decides, plan, &state, facts) else {
                return self.bluntly(&state);
            };
            state = after;
            self.hands.report(&state);
            self.hands.begins(&state);
            if let Some(line) = before.transition(plan, &state) {
                let tone = tone(&state);
                self.hands.say(tone, &line);
            }
            if let Some(line) = before.evidence(plan, &state) {
                self.hands.say(Tone::Caution, &line);
            }
            if let Step::Finish(exit) = step {
                return self.close(&state, exit);
            }
            let carried = AssertUnwindSafe(|| self.hands.carry(&step, &state));
            // The panic's own text is left out: it can hold any value, a secret too.
            outcome = panic::catch_unwind(carried)
                .unwrap_or_else(|_| Outcome::Broke("a step stopped in the middle".to_owned()));
        }
    }

    /// Whether this run may write. Who sees a rollout stand still shall know why.
    fn lease(&mut self) -> Lease {
        let lease = self.hands.lease();
        let is_shaky = lease == Lease::Shaky;
        if is_shaky && !self.is_shaky {
            let text = "the database cannot hold the lease or the records now: until it can, nothing moves forward; a bad version is still put back";
            self.hands.say(Tone::Caution, text);
        } else if self.is_shaky && lease == Lease::Good {
            let text = "the database is back: the rollout may move forward again";
            self.hands.say(Tone::Plain, text);
        }
        self.is_shaky = is_shaky;
        lease
    }

    /// The rollout itself is broken: traffic goes back without asking it, unless the snapshot is void.
    fn bluntly(mut self, state: &State) -> Exit {
        let snapshot = state.intent.snapshot.as_ref();
        let restored = match snapshot.filter(|_| state.reach == Reach::Written) {
            Some(snapshot) => self.hands.mover.restore(snapshot),
            None if state.reach < Reach::Written => Ok(()),
            None => Err("the stable side may have the new version already".to_owned()),
        };
        self.hands.ledger.close(self.hands.cancel.is_cancelled());
        if self.hands.forging.is_pending() {
            let commit = self.hands.settings.subject.commit.as_deref();
            let text = "bug: the rollout stopped, which says nothing of the version";
            self.hands.forging.stands(commit, Stands::Error, text);
        }
        let (exit, text) = match restored {
            Ok(()) => (
                Exit::Bug,
                "BUG (exit 70): the rollout stopped, which is a bug of ours. Traffic: where it was before. Next: \
                 report it with this log"
                    .to_owned(),
            ),
            Err(why) => (
                Exit::NeedsPerson,
                format!(
                    "STUCK (exit 4): the rollout stopped, which is a bug of ours, and traffic was left where it is: \
                     {why}. Next: bring the traffic where it belongs by hand, then run with settle: true"
                ),
            ),
        };
        self.hands.log.verdict(Tone::Bad, &text);
        exit
    }

    fn close(mut self, state: &State, exit: Exit) -> Exit {
        let hands = &mut self.hands;
        let (settings, log) = (hands.settings, hands.log);
        let Phase::Ending(ending) = &state.phase else {
            log.verdict(
                Tone::Bad,
                "BUG (exit 70): the rollout is over without an ending",
            );
            return Exit::Bug;
        };
        let plan = &settings.plan;
        let text = verdict::line(plan, state, ending, exit);
        log.keep(&text);
        hands.ends(state, ending);
        if ending.is_blocked() && plan.mode == Mode::Roll {
            hands.ledger.call_off(&ending.cause.why());
        }
        hands.ledger.close(hands.cancel.is_cancelled());
        let limits = &plan.rules.thresholds;
        let tables: Vec<_> = stages::table(&state.results, limits).into_iter().collect();
        for table in &tables {
            log.block(Tone::Plain, &aligned(table));
        }
        let charts = told::charts(&hands.seen, limits);
        if !charts.is_empty() {
            log.block(Tone::Plain, &chart::text(&charts));
        }
        if matches!(ending.cause, Cause::Success { .. }) && plan.finish != Finish::Promote {
            let note = lines::reload_note(plan.finish, hands.mover.name());
            let moves = settings.traffic != Traffic::None;
            note.iter()
                .filter(|_| moves)
                .for_each(|note| log.warn(note));
        }
        let masked = |text: &str| log.masked(text);
        let told = told::told(&settings.subject, &settings.ci, ending, exit, masked);
        let told = told.with_incident(hands.forging.incident_url());
        let tone = match told.outcome() {
            message::Outcome::Success => Tone::Good,
            message::Outcome::Warning => Tone::Caution,
            message::Outcome::Failure => Tone::Bad,
        };
        let timeline = std::mem::take(&mut hands.timeline);
        let report = told.report(tables, charts, timeline, text.clone());
        edges::write_report(&report, settings, log);
        log.verdict(tone, &text);
        exit
    }
}

/// One decision; nothing when even the way out of a broken one is broken.
fn decide(by: Decides, plan: &Plan, state: &State, facts: Facts) -> Option<(State, Step)> {
    let ask = |facts: Facts| {
        panic::catch_unwind(AssertUnwindSafe(|| by(plan, state.clone(), facts))).ok()
    };
    ask(facts.clone()).or_else(|| {
        ask(Facts {
            outcome: Outcome::Broke("a decision stopped in the middle".to_owned()),
            ..facts
        })
    })
}

fn tone(state: &State) -> Tone {
    match &state.phase {
        Phase::Ending(ending) if !matches!(ending.cause.exit(), Exit::Passed) => Tone::Bad,
        _ => Tone::Plain,
    }
}
