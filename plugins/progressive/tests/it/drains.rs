//! Open requests are waited for before their server is replaced or taken away.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use testbed::backend::{Backend, Manner};
use testbed::sink::{Reply, Sink};

use crate::hooks::{policy, said};
use crate::step::{Pipeline, World, ask_at, wait_until};

/// What the webhook found when it was called: the action, and the open requests of a server then.
type Found = Arc<Mutex<Vec<(String, u32)>>>;

/// A deployment webhook that looks how many requests are open at `server`.
fn watcher(socket: PathBuf, server: &'static str) -> (Sink, Found) {
    let found = Found::default();
    let noting = Arc::clone(&found);
    let hook = Sink::answering(move |request| {
        let table = ask_at(&socket, "show stat shop 4 -1\n");
        let row = table
            .lines()
            .map(|line| line.split(',').collect::<Vec<_>>());
        let mut row = row.filter(|cells| cells.get(1) == Some(&server));
        let open = row.next().unwrap()[4].parse().unwrap();
        let action = said(request)["action"].as_str().unwrap().to_owned();
        noting.lock().unwrap().push((action, open));
        Reply::new(204, "")
    });
    (hook, found)
}

/// A request that the backend has and does not answer.
fn open(proxy: SocketAddr, backend: &Backend) -> BufReader<TcpStream> {
    backend.behave(Manner::Stuck);
    let before = backend.requests();
    let mut client = TcpStream::connect(proxy).unwrap();
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n")
        .unwrap();
    wait_until(|| backend.requests() > before);
    BufReader::new(client)
}

fn answered(mut client: BufReader<TcpStream>) {
    let mut line = String::new();
    client.read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 200"), "{line:?}");
}

/// A pipeline with a drain time, whose health endpoints are beside the servers of the traffic.
fn draining(world: &World, drain: &str, hook: &Sink, health: [&Backend; 2]) -> Pipeline {
    let [stable, canary] = health.map(|one| format!("http://{}/health", one.address));
    let pipeline = Pipeline::new("8", world.settings())
        .with("finish", "promote")
        .with("deployment_webhook", &hook.url("/"))
        .with("baseline_endpoint", &stable)
        .with("canary_endpoint", &canary)
        .with("expect_version", "");
    let text = format!("advanced:\n  graceful_shutdown:\n    drain_time: {drain}\n");
    policy(&pipeline, &text);
    pipeline
}

#[test]
fn the_stable_side_is_promoted_to_when_its_last_request_has_ended() {
    let world = World::start();
    let health = [Backend::start("blue"), Backend::start("green")];
    let (hook, found) = watcher(world.proxy.socket.clone(), "blue");
    let pipeline = draining(&world, "5m", &hook, [&health[0], &health[1]]);
    let client = open(world.proxy.address, &world.blue);
    let running = pipeline.spawn(&[]).until("→ draining the stable side");
    assert_eq!(world.weights(), (0, 100));
    assert!(found.lock().unwrap().is_empty());
    world.blue.behave(Manner::Healthy);
    answered(client);
    running.wait().with(0, "PASSED");
    assert_eq!(*found.lock().unwrap(), [("promote".to_owned(), 0)]);
}

#[test]
fn a_request_that_never_ends_is_waited_for_as_long_as_the_policy_says() {
    let world = World::start();
    let health = [Backend::start("blue"), Backend::start("green")];
    let (hook, found) = watcher(world.proxy.socket.clone(), "blue");
    let pipeline = draining(&world, "300ms", &hook, [&health[0], &health[1]]);
    let _client = open(world.proxy.address, &world.blue);
    pipeline
        .run(&[])
        .with(0, "PASSED")
        .saying("1 are still under way");
    assert_eq!(*found.lock().unwrap(), [("promote".to_owned(), 1)]);
}

#[test]
fn a_bad_version_is_taken_back_when_its_last_request_has_ended() {
    let world = World::start();
    let health = [Backend::start("blue"), Backend::start("green")];
    let (hook, found) = watcher(world.proxy.socket.clone(), "green");
    let pipeline = draining(&world, "5m", &hook, [&health[0], &health[1]]);
    let running = pipeline
        .spawn(&[("stages", "100"), ("wait_time", "10m")])
        .until("→ stage 1 of 1 (100 %)");
    let client = open(world.proxy.address, &world.green);
    health[1].behave(Manner::Failing(500));
    let running = running.until("→ rolling back");
    // Its traffic is back before its request has ended.
    wait_until(|| world.weights() == (100, 0));
    assert!(found.lock().unwrap().is_empty());
    world.green.behave(Manner::Healthy);
    answered(client);
    running.wait().with(1, "ROLLED BACK");
    assert_eq!(*found.lock().unwrap(), [("rollback".to_owned(), 0)]);
}
