//! How a recorded rollout goes by some rules: what each span comes to, and where it ends.

use std::time::Duration;

use jiff::Timestamp;
use shared::evidence::Trials;
use shared::split::Share;

use super::record::{Attempt, Record};
use super::terms::{Judging, Terms};
use super::world::World;
use crate::rollout::{Cause, Outcome, Phase, Plan, State, Way, What, next};
use crate::stage::{Ended, Summary};

/// How a rollout goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// What was watched, one after the other.
    pub passages: Vec<Passage>,
    /// How it ends.
    pub end: End,
    /// When that is.
    pub at: Moment,
}

/// Something that was watched.
#[derive(Debug, Clone, PartialEq)]
pub struct Passage {
    /// The run, from 1.
    pub attempt: usize,
    /// What.
    pub what: What,
    /// Its figures. Its number is 0 where it is no stage.
    pub summary: Summary,
    /// When it was over.
    pub at: Timestamp,
    /// The last look at it; absent where there was none.
    pub look: Option<i32>,
}

/// How a rollout ends.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// It is judged, or something else ends it.
    Over {
        /// Why.
        cause: Cause,
        /// What becomes of the traffic.
        way: Way,
    },
    /// What these rules would have seen next was never looked at.
    RecordEnds {
        /// What would have been watched.
        what: What,
        /// Its share, where it is a stage.
        share: Option<Share>,
    },
}

/// A moment of a rollout.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// The run, from 1.
    pub attempt: usize,
    /// By the wall clock.
    pub at: Timestamp,
    /// Since the canary got its first share; absent before that.
    pub since_share: Option<Duration>,
    /// The last look before it; absent before the first.
    pub look: Option<i32>,
    /// Requests that were counted of the canary until then; absent where nobody counted.
    pub canary: Option<u64>,
}

/// Plays a record by the rules of now, or by those that were recorded; `None` where it holds nothing.
pub fn course(record: &Record, deployment_id: &str, now: Option<&Judging>) -> Option<Course> {
    let keeps_icc = now.is_none_or(|now| !now.icc_is_said);
    let terms = |attempt: &Attempt| -> Terms {
        now.map_or_else(
            || (*attempt.terms).clone(),
            |now| attempt.terms.judged_by(now),
        )
    };
    let (mut evidence, mut passages) = (None, Vec::new());
    let mut ending = None;
    for (number, attempt) in (1_usize..).zip(&record.attempts) {
        let plan = terms(attempt).recorded(deployment_id, attempt.is_dry)?;
        let world = World::new(attempt, &plan, keeps_icc, evidence.take());
        let mut player = Player {
            world,
            plan: &plan,
            number,
            start: attempt.began()?,
            passages: Vec::new(),
            watching: None,
        };
        let (end, at, left) = player.play();
        passages.append(&mut player.passages);
        evidence = left;
        // What was put back or is left to a person is not run again under its name.
        let is_last = matches!(&end, End::Over { cause, .. }
            if !matches!(cause, Cause::Success { .. } | Cause::DryRun));
        ending = Some((end, at));
        if is_last {
            break;
        }
    }
    let (end, at) = ending?;
    Some(Course { passages, end, at })
}

/// A run that is being played.
struct Player<'a> {
    world: World<'a>,
    plan: &'a Plan,
    number: usize,
    start: Timestamp,
    passages: Vec<Passage>,
    watching: Option<What>,
}

impl Player<'_> {
    fn play(&mut self) -> (End, Moment, Option<Box<Trials>>) {
        let mut state = State::new(self.plan);
        let mut outcome = Outcome::Began;
        loop {
            let (after, step) = next(self.plan, state, self.world.facts(outcome));
            state = after;
            let goes_on = self.follow(&mut state);
            if let Phase::Ending(ending) = &state.phase {
                let (cause, way) = (ending.cause.clone(), ending.way);
                let moment = self.moment();
                return (End::Over { cause, way }, moment, state.intent.evidence);
            }
            let came = goes_on.then(|| self.world.outcome(&step)).flatten();
            let Some(came) = came else {
                return self.record_ends(&state);
            };
            outcome = came;
        }
    }

    /// Notes which span is watched by now; not so where the record does not know it.
    fn follow(&mut self, state: &mut State) -> bool {
        let what = match &state.phase {
            Phase::Watching(span) | Phase::Recording(span) | Phase::Correcting { span, .. } => {
                Some(span.what)
            }
            _ => None,
        };
        if self.watching == what {
            return true;
        }
        self.close(state);
        if let Phase::Watching(span) = &mut state.phase {
            if !self.world.open(span) {
                return false;
            }
            self.watching = what;
        }
        true
    }

    /// Keeps the figures of what was watched.
    fn close(&mut self, state: &State) {
        let (Some(what), Some(mirror)) = (self.watching.take(), self.world.watch.take()) else {
            return;
        };
        // What the rollout itself still has is weighed, too.
        let watch = match &state.phase {
            Phase::Watching(span) if span.what == what => &span.watch,
            _ => &mirror,
        };
        let now = self.world.now;
        let judged = match what {
            What::Stage(place) => {
                let mut results = state.results.iter();
                results.find(|one| one.number == place + 1).cloned()
            }
            What::First | What::Promoted | What::Soak => None,
        };
        let summary = judged.unwrap_or_else(|| {
            let (number, share) = match what {
                What::Stage(place) => (place + 1, self.world.share(place)),
                What::First => (0, Share::NONE),
                What::Promoted | What::Soak => (0, Share::ALL),
            };
            Summary::of(number, share, watch, ended(state), now)
        });
        let looked = !watch.seen().is_empty();
        self.passages.push(Passage {
            attempt: self.number,
            what,
            summary,
            at: self.at(now),
            look: self.world.last.filter(|_| looked).map(|seen| seen.number),
        });
    }

    fn record_ends(&mut self, state: &State) -> (End, Moment, Option<Box<Trials>>) {
        let what = match &state.phase {
            Phase::Watching(span) => span.what,
            _ => self.watching.unwrap_or(What::First),
        };
        // What would have come after the last look is not known, not even when.
        if let Some(last) = self.world.last {
            self.world.now = last.look.new.ended;
        }
        self.close(state);
        let share = match what {
            What::Stage(place) => Some(self.world.share(place)),
            What::First | What::Promoted | What::Soak => None,
        };
        let end = End::RecordEnds { what, share };
        (end, self.moment(), state.intent.evidence.clone())
    }

    fn moment(&self) -> Moment {
        let world = &self.world;
        let first = world.first_share;
        Moment {
            attempt: self.number,
            at: self.at(world.now),
            since_share: first.map(|first| world.now.saturating_sub(first)),
            look: world.last.map(|seen| seen.number),
            canary: world.canary,
        }
    }

    fn at(&self, now: Duration) -> Timestamp {
        self.start.saturating_add(now).unwrap_or(self.start)
    }
}

/// How something that is no stage ended.
fn ended(state: &State) -> Ended {
    match &state.phase {
        Phase::Ending(ending) => match ending.cause {
            Cause::Success { .. } | Cause::DryRun => Ended::Passed,
            Cause::Bad { .. } => Ended::Failed,
            Cause::Inconclusive { .. } => Ended::Inconclusive,
            _ => Ended::CutOff,
        },
        Phase::Watching(_) => Ended::CutOff,
        _ => Ended::Passed,
    }
}
