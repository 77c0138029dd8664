//! The exchanges of several relays in one order, and the rule that decides what becomes of each.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::stop::Stop;

/// Longer than anything that a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a frozen exchange looks whether its relay ends.
const GLANCE: Duration = Duration::from_millis(20);

/// What an exchange does at the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A connection is opened, where the protocol greets.
    Connect,
    /// It only asks.
    Read,
    /// It writes what nobody else sees before a later exchange commits it.
    Pending,
    /// Others see it as soon as the server has done it: a command, a commit, a request.
    Effect,
    /// It changes or may change the tables themselves.
    Schema,
}

/// One exchange.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// From 1, over all relays of the desk.
    pub number: usize,
    /// The name of the relay.
    pub relay: &'static str,
    /// What passes: `set server shop/green weight 10`, `COMMIT of INSERT deployments status=success`,
    /// `POST /hook action=deploy`.
    pub name: String,
    /// What it does at the server.
    pub kind: Kind,
    /// When the client asked.
    pub at: Instant,
}

/// What becomes of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// It is passed on, and so is the answer.
    Forward,
    /// It is not passed on before [`Desk::thaw`], and then only if the client still lives.
    FreezeBefore,
    /// It is passed on and done; the client gets the answer after [`Desk::thaw`].
    FreezeAfter,
    /// The connection is closed instead of passing it on.
    Refuse,
    /// It is neither passed on nor answered while the relay lives.
    Hang,
    /// It is not passed on, and answered with nonsense before the connection is closed.
    Garbage,
    /// It is passed on and done; half of the answer comes back before the connection is closed.
    Half,
}

type Rule = Box<dyn FnMut(&Exchange) -> Passage + Send>;

/// What relays report to. Clones are the same desk.
#[derive(Clone)]
pub struct Desk(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    exchanges: Vec<Exchange>,
    rule: Rule,
    frozen: Option<usize>,
}

impl Default for Desk {
    /// Everything is passed on.
    fn default() -> Self {
        Self::new(|_| Passage::Forward)
    }
}

impl Desk {
    /// A desk that asks the rule at every exchange, in their order.
    pub fn new(rule: impl FnMut(&Exchange) -> Passage + Send + 'static) -> Self {
        Self(Arc::new(Inner {
            state: Mutex::new(State {
                exchanges: Vec::new(),
                rule: Box::new(rule),
                frozen: None,
            }),
            changed: Condvar::new(),
        }))
    }

    /// Another rule from the next exchange on.
    pub fn rule(&self, rule: impl FnMut(&Exchange) -> Passage + Send + 'static) {
        self.0.state.lock().unwrap().rule = Box::new(rule);
    }

    /// What passed so far, in order.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.0.state.lock().unwrap().exchanges.clone()
    }

    /// Waits until an exchange is frozen; nothing where `over` says first that none will be.
    pub fn frozen(&self, mut over: impl FnMut() -> bool) -> Option<Exchange> {
        let mut state = self.0.state.lock().unwrap();
        for _ in 0..PATIENCE.as_millis() / GLANCE.as_millis() {
            if let Some(number) = state.frozen {
                return Some(state.exchanges[number - 1].clone());
            }
            if over() {
                return None;
            }
            state = self.0.changed.wait_timeout(state, GLANCE).unwrap().0;
        }
        panic!(
            "nothing is frozen, and it is not over either: {:?}",
            state.exchanges
        );
    }

    /// Lets what is frozen go on.
    pub fn thaw(&self) {
        self.0.state.lock().unwrap().frozen = None;
        self.0.changed.notify_all();
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "when something passed, by the clock of the test"
    )]
    pub(super) fn judge(&self, relay: &'static str, name: String, kind: Kind) -> (usize, Passage) {
        let mut state = self.0.state.lock().unwrap();
        let exchange = Exchange {
            number: state.exchanges.len() + 1,
            relay,
            name,
            kind,
            at: Instant::now(),
        };
        let passage = (state.rule)(&exchange);
        let number = exchange.number;
        state.exchanges.push(exchange);
        (number, passage)
    }

    /// Holds this exchange until it is thawed, or its relay ends.
    pub(super) fn freeze(&self, number: usize, stop: &Stop) {
        let mut state = self.0.state.lock().unwrap();
        state.frozen = Some(number);
        self.0.changed.notify_all();
        while state.frozen == Some(number) && !stop.stopped() {
            state = self.0.changed.wait_timeout(state, GLANCE).unwrap().0;
        }
    }
}
