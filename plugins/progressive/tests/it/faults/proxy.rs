//! HAProxy fails.
//!
//! The rule:
//!
//! - before the traffic was read: exit 2, nothing was touched;
//! - once, while looking: exit 0, the next look tells again;
//! - once, while moving: exit 1, traffic is back;
//! - for good, before the first move: exit 1 where it is known that nothing was moved, else 4;
//! - for good, from the first move on: exit 4, because nobody can tell any more where the traffic is;
//! - a version that is judged bad: exit 1 if a later attempt at the restore comes through, else 4.

use testbed::hostile::{Behaviour, Server, json_answer};
use testbed::relay::{Desk, Relay};

use super::{Case, NOT_MET, Place, all, cases, checked, end, place};
use crate::step::{Pipeline, World, ask, ask_at};

/// Where the traffic was read: three commands look whether all is permitted, two read, and one asks for sticky tables.
const READ: usize = 6;
/// Where the look before the first share is over, and what comes is the first move.
const PROVEN: usize = 10;
/// After a move: the write, its verification, the counters, and the first look. What follows up to the next move are
/// more looks, which are like the first.
const FIRST_LOOK: usize = 8;

fn is_write(name: &str) -> bool {
    name.starts_with("set server")
}

/// Versions and a proxy, used by one run after the other.
pub(super) struct House {
    pub(super) world: World,
    /// The new version's health, which is bad as soon as it has traffic.
    bad: Server,
}

impl House {
    pub(super) fn start() -> Self {
        let world = World::start();
        let socket = world.proxy.socket.clone();
        let bad = Server::start(Behaviour::Says(Box::new(move |_| {
            let has_none = ask_at(&socket, "get weight shop/green\n").starts_with("0 ");
            if has_none {
                return json_answer("{\"status\":\"healthy\",\"version\":\"green\"}");
            }
            b"HTTP/1.1 500 Answer\r\nContent-Length: 0\r\n\r\n".to_vec()
        })));
        Self { world, bad }
    }

    /// A pipeline with two short stages, before whose begin all traffic is on the stable side.
    pub(super) fn pipeline(&self, is_bad: bool) -> Pipeline {
        // Who cannot ask whether clients stick takes the canary out of service: it is to be ready again.
        for to in ["blue weight 100", "green weight 0", "green state ready"] {
            ask(&self.world.proxy, &format!("set server shop/{to}\n"));
        }
        let pipeline = Pipeline::new("8", self.world.settings())
            .with("stages", "50,100")
            .with("wait_time", "200ms")
            .with("min_samples", "1")
            .with("deadline", "4s");
        if is_bad {
            let url = format!("http://{}/", self.bad.address);
            // Time for three looks, however slow they are.
            let pipeline = pipeline.with("wait_time", "1500ms");
            return pipeline.with("canary_endpoint", &url);
        }
        pipeline
    }

    fn meets(&self, case: &Case, is_bad: bool) -> Result<(), String> {
        let (desk, met) = case.desk(is_write);
        let relay = Relay::haproxy(&desk, "haproxy", &self.world.proxy.socket);
        // What lasts has nothing but the deadline to end it; what does not is to be outlived.
        let deadline = if case.lasts { "4s" } else { "1m" };
        let pipeline = self
            .pipeline(is_bad)
            .with("deadline", deadline)
            .with("haproxy_address", &relay.tcp());
        let ended = end(pipeline.spawn(&[]));
        if met.load(std::sync::atomic::Ordering::SeqCst) == 0 {
            return Err(format!("{NOT_MET}:\n{}", ended.log));
        }
        let code = checked(&ended, expected(case, is_bad))?;
        let weights = self.world.weights();
        let right = match code {
            0 => weights == (0, 100),
            4 => place(case).writes > 0 || weights == (100, 0),
            _ => weights == (100, 0),
        };
        let wrong = || format!("exit {code} with the weights {weights:?}:\n{}", ended.log);
        right.then_some(()).ok_or_else(wrong)
    }
}

fn expected(case: &Case, is_bad: bool) -> &'static [i32] {
    let Place { writes, then } = place(case);
    let is_moving = match writes {
        0 => then >= PROVEN,
        // Raising, and looking whether the raised side serves.
        1 | 3 => true,
        // Lowering and reading it back: three commands.
        _ => then < 3,
    };
    match (case.lasts, is_moving) {
        _ if writes == 0 && then < READ => &[2],
        (true, false) if writes == 0 => &[1],
        (true, _) => &[4],
        (false, _) if is_bad => &[1],
        (false, true) => &[1],
        (false, false) => &[0],
    }
}

fn recorded(is_bad: bool, code: i32) -> Vec<testbed::relay::Exchange> {
    let (house, desk) = (House::start(), Desk::default());
    let relay = Relay::haproxy(&desk, "haproxy", &house.world.proxy.socket);
    let pipeline = house.pipeline(is_bad).with("haproxy_address", &relay.tcp());
    let ended = end(pipeline.spawn(&[]));
    checked(&ended, &[code]).unwrap();
    desk.exchanges()
}

/// A state is read by two commands. That both never come again is one fault, whichever of them it begins with.
fn distinct(case: &Case) -> bool {
    !case.lasts || !case.name.starts_with("show servers state")
}

#[test]
fn a_good_release_meets_every_fault_of_the_proxy() {
    let wanted = |place: Place| match place.writes {
        0 => true,
        // The last stage's looks are like those of the first.
        4 => place.then < 3,
        _ => place.then <= FIRST_LOOK,
    };
    let mut cases = cases(&recorded(false, 0), is_write, wanted);
    cases.retain(distinct);
    all(&cases, House::start, |house, case| house.meets(case, false));
}

#[test]
fn a_bad_release_meets_every_fault_of_the_proxy_while_it_is_put_back() {
    // After the first move and its verification: three looks of four commands each find it bad.
    let wanted = |place: Place| match place.writes {
        0 | 1 => false,
        2 => place.then > 4 && place.then <= FIRST_LOOK || place.then > 16,
        _ => true,
    };
    let mut cases = cases(&recorded(true, 1), is_write, wanted);
    cases.retain(distinct);
    all(&cases, House::start, |house, case| house.meets(case, true));
}
