//! A world that fails, drifts, cancels and loses leases as chance has it.

use plugin_progressive::rollout::{
    Facts, Guards, Lease, Mode, OnInconclusive, Outcome, Plan, PutBack, Reading, Stage, Stages,
    State, Step, Taken, next,
};
use proptest::prelude::*;
use shared::exit::Exit;
use shared::policy::Finish;
use shared::split::Side;

use crate::world::{World, look, plan, s, share, snapshot, start};

/// Far more than any run takes: every run ends.
const STEPS_MAX: usize = 3000;

pub(crate) fn plans() -> impl Strategy<Value = Plan> {
    let stages = prop::sample::select(vec![
        vec![100],
        vec![10, 100],
        vec![0, 100],
        vec![10, 25, 50, 100],
    ]);
    let finish = prop::sample::select(Finish::ALL.to_vec());
    let put_back = prop::sample::select(vec![PutBack::Always, PutBack::OnCancel, PutBack::Never]);
    let undecided = prop::sample::select(vec![
        OnInconclusive::Rollback,
        OnInconclusive::Hold,
        OnInconclusive::Promote,
    ]);
    let mode = prop::sample::select(vec![
        Mode::Roll,
        Mode::Roll,
        Mode::Roll,
        Mode::Settle,
        Mode::Dry { record: true },
    ]);
    let to = prop::sample::select(vec![None, None, Some(Side::Stable), Some(Side::Canary)]);
    let switches = any::<[bool; 5]>();
    (stages, finish, put_back, undecided, mode, to, switches).prop_map(
        |(shares, finish, put_back, on_inconclusive, mode, settle_to, switches)| {
            let [any, deploy, flags, soak, drain] = switches;
            let mut plan = plan();
            let stage = |percent: &u8| Stage {
                share: share(*percent),
                wait: s(60),
            };
            plan.stages = Stages::new(shares.iter().map(stage).collect()).unwrap();
            plan.finish = finish;
            plan.put_back = put_back;
            plan.on_inconclusive = on_inconclusive;
            plan.mode = mode;
            plan.settle_to = settle_to;
            plan.hooks.any = any || deploy || finish == Finish::Promote;
            plan.hooks.deploy = deploy;
            plan.hooks.flags = flags;
            plan.soak = s(u64::from(soak) * 60);
            plan.drain = s(u64::from(drain) * 10);
            plan
        },
    )
}

/// What happens, drawn from a tape of bytes; where it ends, all goes well.
pub(crate) struct Chance {
    tape: Vec<u8>,
    pub(crate) world: World,
    cancelled: bool,
    abort: Option<String>,
    foreign: bool,
    /// Some worlds show nothing but this.
    only: Option<char>,
    /// In some worlds traffic cannot be put back.
    is_stuck: bool,
}

impl Chance {
    pub(crate) fn new(mut tape: Vec<u8>) -> Self {
        let only = match tape.pop() {
            Some(0..=20) => Some('-'),
            Some(21..=40) => Some('o'),
            Some(41..=120) => Some('.'),
            _ => None,
        };
        let is_stuck = tape.len() % 10 == 9;
        Self {
            only,
            is_stuck,
            tape,
            world: World::new(),
            cancelled: false,
            abort: None,
            foreign: false,
        }
    }

    fn draw(&mut self) -> u8 {
        self.tape.pop().unwrap_or(255)
    }

    /// One in so many.
    fn rarely(&mut self, of: u8) -> bool {
        self.draw() < 255 / of
    }

    pub(crate) fn facts(&mut self, step: &Step) -> Facts {
        let outcome = self.outcome(step);
        self.cancelled |= self.rarely(60);
        if self.rarely(60) {
            self.abort = Some("plugin-rollback".to_owned());
        }
        self.foreign |= self.rarely(120);
        let lease = match (self.foreign, self.rarely(12)) {
            (true, _) => Lease::Foreign {
                by: "d2".to_owned(),
            },
            (false, true) => Lease::Shaky,
            (false, false) => Lease::Good,
        };
        Facts {
            cancelled: self.cancelled,
            abort: self.abort.clone(),
            lease,
            ..self.world.facts(outcome)
        }
    }

    fn outcome(&mut self, step: &Step) -> Outcome {
        if self.rarely(80) {
            return Outcome::Broke("index out of bounds".to_owned());
        }
        match step {
            Step::Preflight if self.rarely(20) => Outcome::Preflight(Err(vec!["no".to_owned()])),
            Step::Preflight if self.rarely(20) => Outcome::Preflight(Ok(Guards {
                frozen: Some("a fair".to_owned()),
                ..Guards::default()
            })),
            Step::Acquire if self.rarely(10) => Outcome::Lease(Taken::Unneeded),
            Step::Acquire if self.rarely(10) => Outcome::Lease(Taken::Unreachable {
                detail: "connection refused".to_owned(),
            }),
            Step::LookBack if self.rarely(20) => Outcome::Past(Err("damaged".to_owned())),
            Step::ReadTraffic { .. } if self.rarely(20) => Outcome::Traffic(Err("down".to_owned())),
            Step::ReadTraffic { .. } => self.reading(),
            Step::Look(_) => self.look(),
            Step::Sleep(_) | Step::Pause(_) => {
                self.world.effect(step);
                Outcome::Slept
            }
            Step::Restore(_) if self.is_stuck => Outcome::Failed("refused".to_owned()),
            _ if self.rarely(10) => {
                // Half of what fails has taken effect all the same.
                if self.rarely(2) {
                    self.world.effect(step);
                }
                Outcome::Failed("refused".to_owned())
            }
            _ => {
                self.world.effect(step);
                self.world.good(step)
            }
        }
    }

    fn reading(&mut self) -> Outcome {
        let share = self.world.share;
        Outcome::Traffic(Ok(Reading {
            share: Some(share),
            snapshot: snapshot(share.percent()),
        }))
    }

    fn look(&mut self) -> Outcome {
        if self.rarely(40) {
            self.world.share = share(self.draw() % 101);
        }
        let words = b".....xom-!wvdcCOlb";
        let word = match self.draw() {
            _ if self.only.is_some() && self.world.now > s(0) => self.only.unwrap(),
            255 => '.',
            byte => char::from(words[usize::from(byte) % words.len()]),
        };
        let seen = (!self.rarely(20)).then_some(self.world.share);
        Outcome::Looked(Box::new(look(self.world.now, word, seen)))
    }
}

/// One decision: the step, what it came to, and the state after which it was decided.
pub(crate) struct Turn {
    pub(crate) state: State,
    pub(crate) step: Step,
    pub(crate) facts: Facts,
    pub(crate) lease_when_decided: Lease,
}

pub(crate) struct Played {
    pub(crate) turns: Vec<Turn>,
    pub(crate) last: State,
    pub(crate) exit: Exit,
    pub(crate) world: World,
}

pub(crate) fn play(plan: &Plan, mut chance: Chance) -> Played {
    let (mut state, mut step) = start(plan, &chance.world);
    let mut lease = Lease::Good;
    let mut turns = Vec::new();
    for _ in 0..STEPS_MAX {
        if let Step::Finish(exit) = step {
            return Played {
                turns,
                last: state,
                exit,
                world: chance.world,
            };
        }
        let facts = chance.facts(&step);
        turns.push(Turn {
            state: state.clone(),
            step,
            facts: facts.clone(),
            lease_when_decided: std::mem::replace(&mut lease, facts.lease.clone()),
        });
        (state, step) = next(plan, state, facts);
    }
    panic!("no end after {STEPS_MAX} steps, at {:?}", state.phase)
}

pub(crate) fn tapes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..600)
}
