//! What clients see of a rollout: real requests through a real HAProxy, counted where they arrive.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use testbed::backend::{Backend, Manner};
use testbed::hostile::{Behaviour, Server, json_answer};
use testbed::load::{Load, send};
use testbed::sink::{Reply, Request, Sink};

use crate::step::{Pipeline, World, ask_at};

/// A hang of the test itself ends here.
const PATIENCE: Duration = Duration::from_secs(60);

/// The share up to which clients were counted.
type Counted = Arc<(Mutex<u32>, Condvar)>;

/// A health endpoint of the canary that keeps its answer back until the clients of the share that the proxy has now
/// were counted: no stage ends before.
fn gate(socket: PathBuf, counted: &Counted) -> Server {
    let counted = Arc::clone(counted);
    Server::start(Behaviour::Says(Box::new(move |_| {
        let answer = ask_at(&socket, "get weight shop/green\n");
        let share: u32 = answer.split(' ').next().unwrap().trim().parse().unwrap();
        let (done, changed) = &*counted;
        let waited =
            changed.wait_timeout_while(done.lock().unwrap(), PATIENCE, |done| *done < share);
        drop(waited);
        json_answer(r#"{"status":"healthy","version":"green"}"#)
    })))
}

/// How many requests HAProxy gave to a server so far.
pub(crate) fn taken(world: &World, server: &str) -> usize {
    let table = crate::step::ask(&world.proxy, "show stat shop 4 -1\n");
    let row = table
        .lines()
        .map(|line| line.split(',').collect::<Vec<_>>());
    let mut row = row.filter(|cells| cells.get(1) == Some(&server));
    row.next().unwrap()[7].parse().unwrap()
}

#[test]
fn every_stage_gives_the_canary_its_share_of_two_thousand_requests() {
    let world = World::start();
    let counted = Counted::default();
    let gate = gate(world.proxy.socket.clone(), &counted);
    let pipeline = Pipeline::new("8", world.settings())
        .with("stages", "10,25,50,100")
        .with("wait_time", "50ms")
        .with("min_samples", "1")
        .with("canary_endpoint", &format!("http://{}/", gate.address))
        .with("baseline_endpoint", "")
        .with("timeout", "5m")
        .with("threshold_response_time", "300000")
        .with("warning_response_time", "300000");
    let mut running = pipeline.spawn(&[]);
    for (number, percent) in [(1, 10), (2, 25), (3, 50), (4, 100)] {
        running = running.until(&format!("→ stage {number} of 4 ({percent} %)"));
        assert_eq!(world.weights(), (100 - percent, percent));
        let before = (world.green.requests(), taken(&world, "green"));
        let answers = send(world.proxy.address, 2000);
        assert_eq!((answers.failed, answers.total()), (0, 2000), "{answers:?}");
        let green = answers.of("green");
        let expected = 20 * usize::try_from(percent).unwrap();
        assert!(
            green.abs_diff(expected) <= 2,
            "{green} of 2000 at {percent} %"
        );
        // The backend and the proxy have counted the same.
        let came = usize::try_from(world.green.requests() - before.0).unwrap();
        assert_eq!((came, taken(&world, "green") - before.1), (green, green));
        assert_eq!(world.weights(), (100 - percent, percent));
        *counted.0.lock().unwrap() = percent;
        counted.1.notify_all();
    }
    running.wait().with(0, "PASSED");
}

#[test]
fn no_request_fails_while_a_good_release_gets_all_traffic_and_stays() {
    let world = World::start();
    let load = Load::start_mixed(world.proxy.address);
    let pipeline = Pipeline::new("8", world.settings()).with("stages", "10,25,50,100");
    pipeline.run(&[]).with(0, "PASSED");
    load.wait_for(200);
    let answers = load.stop();
    assert_eq!(answers.failed, 0, "{answers:?}");
    assert!(
        answers.of("blue") > 0 && answers.of("green") > 0,
        "{answers:?}"
    );
    assert_eq!(send(world.proxy.address, 200).of("green"), 200);
}

/// A deployment webhook whose `promote` replaces the server at `stable` by one of the new version.
fn promoter(stable: Arc<Mutex<Option<Backend>>>, address: SocketAddr) -> Sink {
    Sink::answering(move |request: &Request| {
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        if body["action"] == "promote" {
            let mut server = stable.lock().unwrap();
            // The old one ends before the new one begins: whoever asked in between would get nothing.
            drop(server.take());
            *server = Some(Backend::start_at("green", address));
        }
        Reply::new(204, "")
    })
}

#[test]
fn no_request_fails_while_the_stable_side_is_replaced_and_gets_its_traffic_back() {
    let world = World::start();
    let settings = world.settings();
    let World { blue, green, proxy } = world;
    let address = blue.address;
    let stable = Arc::new(Mutex::new(Some(blue)));
    let hook = promoter(Arc::clone(&stable), address);
    let load = Load::start_mixed(proxy.address);
    let pipeline = Pipeline::new("8", settings)
        .with("finish", "promote")
        .with("deployment_webhook", &hook.url("/"));
    pipeline
        .run(&[])
        .with(0, "PASSED")
        .saying("Traffic: all on the stable side, which has the new version");
    let before = green.requests();
    load.wait_for(200);
    let answers = load.stop();
    assert_eq!(answers.failed, 0, "{answers:?}");
    assert!(
        answers.of("blue") > 0 && answers.of("green") > 0,
        "{answers:?}"
    );
    assert_eq!(send(proxy.address, 200).of("green"), 200);
    // All of them from the stable side.
    assert_eq!(green.requests(), before);
    let served = stable.lock().unwrap().as_ref().map(Backend::requests);
    assert!(served.unwrap() >= 200, "{served:?}");
}

#[test]
fn a_canary_that_fails_at_a_quarter_gets_no_request_after_the_restore() {
    let world = World::start();
    let load = Load::start_mixed(world.proxy.address);
    let pipeline = Pipeline::new("8", world.settings()).with("stages", "10,25,50,100");
    let running = pipeline.spawn(&[]).until("→ stage 2 of 4 (25 %)");
    world.green.behave(Manner::Failing(500));
    running
        .wait()
        .with(1, "ROLLED BACK")
        .saying("→ rolling back: stage 2 (25 %): ")
        .saying("Traffic: put back, the canary has 0 %");
    let after = world.green.requests();
    load.wait_for(2000);
    let answers = load.stop();
    assert_eq!(world.green.requests(), after);
    // Clients did see the version fail, or this would prove nothing.
    assert!(answers.failed > 0, "{answers:?}");
    assert_eq!(send(world.proxy.address, 200).of("blue"), 200);
}
