//! Relays before real servers: what passes is named, and becomes what the rule says.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use postgres::types::Type;
use testbed::backend::Backend;
use testbed::haproxy::{Config, Haproxy};
use testbed::postgres::{PASSWORD, Postgres, USER};
use testbed::relay::{Desk, Kind, Passage, Relay};
use testbed::sink::Sink;

/// Sends bytes and reads until the other side closes.
fn ask(address: SocketAddr, bytes: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(bytes.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A connection that is reset has been read to its end, too.
    let _ = stream.read_to_end(&mut answer);
    answer
}

fn names(desk: &Desk) -> Vec<(String, Kind)> {
    let exchanges = desk.exchanges().into_iter();
    exchanges.map(|one| (one.name, one.kind)).collect()
}

fn haproxy() -> (Haproxy, [Backend; 2]) {
    let (blue, green) = (Backend::start("blue"), Backend::start("green"));
    (Haproxy::start(&Config::new(&blue, &green)), [blue, green])
}

const GET: &str = "get weight shop/green\n";
const SET: &str = "set server shop/green weight 7\n";
const NONE: &[u8] = b"0 (initial 0)\n\n";
const SEVEN: &[u8] = b"7 (initial 0)\n\n";

#[test]
fn a_command_of_haproxy_becomes_what_the_rule_says() {
    let (proxy, _backends) = haproxy();
    let desk = Desk::default();
    let relay = Relay::haproxy(&desk, "proxy", &proxy.socket);
    let with = |passage, command| {
        desk.rule(move |_| passage);
        ask(relay.address, command)
    };
    assert_eq!(with(Passage::Forward, GET), NONE);
    assert_eq!(with(Passage::Refuse, SET), b"");
    assert!(with(Passage::Garbage, SET).starts_with(b"\xff"));
    assert_eq!(with(Passage::Forward, GET), NONE);
    // Half an answer is one to a command that was done.
    assert_eq!(with(Passage::Half, SET), b"");
    assert_eq!(with(Passage::Half, GET), &SEVEN[..SEVEN.len() / 2]);
    let kinds: Vec<Kind> = names(&desk).into_iter().map(|(_, kind)| kind).collect();
    let (read, effect) = (Kind::Read, Kind::Effect);
    assert_eq!(kinds, [read, effect, effect, read, effect, read]);
    assert_eq!(names(&desk)[1].0, "set server shop/green weight 7");
}

#[test]
fn a_frozen_exchange_is_done_and_not_answered_or_not_even_done() {
    let (proxy, _backends) = haproxy();
    let freeze = |passage| {
        Desk::new(move |one| match one.kind {
            Kind::Effect => passage,
            _ => Passage::Forward,
        })
    };
    for (passage, before) in [(Passage::FreezeAfter, SEVEN), (Passage::FreezeBefore, NONE)] {
        let plain = Relay::haproxy(&Desk::default(), "proxy", &proxy.socket);
        ask(plain.address, "set server shop/green weight 0\n");
        let desk = freeze(passage);
        let relay = Relay::haproxy(&desk, "proxy", &proxy.socket);
        let address = relay.address;
        let client = std::thread::spawn(move || ask(address, SET));
        let frozen = desk.frozen(|| client.is_finished()).unwrap();
        assert_eq!((frozen.number, frozen.kind), (1, Kind::Effect));
        assert_eq!(ask(address, GET), before);
        desk.thaw();
        assert_eq!(client.join().unwrap(), b"\n");
        assert_eq!(ask(address, GET), SEVEN);
    }
    // One that left meanwhile gets nothing done any more.
    let desk = freeze(Passage::FreezeBefore);
    let relay = Relay::haproxy(&desk, "proxy", &proxy.socket);
    let mut client = TcpStream::connect(relay.address).unwrap();
    client
        .write_all(b"set server shop/green weight 9\n")
        .unwrap();
    desk.frozen(|| false).unwrap();
    drop(client);
    desk.thaw();
    assert_eq!(ask(relay.address, GET), SEVEN);
}

#[test]
fn a_hanging_exchange_ends_with_its_relay() {
    let (proxy, _backends) = haproxy();
    let desk = Desk::new(|_| Passage::Hang);
    let relay = Relay::haproxy(&desk, "proxy", &proxy.socket);
    let address = relay.address;
    let client = std::thread::spawn(move || ask(address, GET));
    while desk.exchanges().is_empty() {
        std::thread::yield_now();
    }
    assert!(!client.is_finished());
    drop(relay);
    assert_eq!(client.join().unwrap(), b"");
}

#[test]
fn statements_are_named_by_what_they_write_and_commits_by_what_they_show() {
    let postgres = Postgres::shared();
    let database = postgres.fresh_database();
    postgres.sql(&database, "CREATE TABLE t (stage integer, status text)");
    let desk = Desk::default();
    let relay = Relay::postgres(&desk, "database", postgres.port());
    let url = format!("postgres://{USER}:{PASSWORD}@{}/{database}", relay.address);
    let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    let insert = "INSERT INTO t (stage, status) VALUES ($1, $2)";
    let (stage, status) = (3, "passed");
    let (int, text) = (Type::INT4, Type::TEXT);
    let mut transaction = client.transaction().unwrap();
    transaction
        .execute_typed(insert, &[(&stage, int.clone()), (&status, text.clone())])
        .unwrap();
    assert_eq!(postgres.sql(&database, "SELECT count(*) FROM t"), "0");
    transaction.commit().unwrap();
    let known = [
        ("connect", Kind::Connect),
        ("START TRANSACTION", Kind::Read),
        ("INSERT t stage=3 status=passed", Kind::Pending),
        ("COMMIT of INSERT t stage=3 status=passed", Kind::Effect),
    ];
    let known: Vec<_> = known.map(|(name, kind)| (name.to_owned(), kind)).into();
    assert_eq!(names(&desk), known);
    // Half of the answer to a commit is one to a commit that was done.
    desk.rule(|one| match one.kind {
        Kind::Effect => Passage::Half,
        _ => Passage::Forward,
    });
    let mut transaction = client.transaction().unwrap();
    transaction
        .execute_typed(insert, &[(&stage, int), (&status, text)])
        .unwrap();
    assert!(transaction.commit().is_err());
    assert_eq!(postgres.sql(&database, "SELECT count(*) FROM t"), "2");
    desk.rule(|_| Passage::Garbage);
    assert!(postgres::Client::connect(&url, postgres::NoTls).is_err());
}

#[test]
fn a_request_is_named_by_its_path_and_by_what_it_asks_for() {
    let sink = Sink::start([]);
    let desk = Desk::default();
    let relay = Relay::http(&desk, "hook", sink.address());
    let body = r#"{"action":"update-traffic","percent":25,"stage":2}"#;
    let request = format!(
        "POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = ask(relay.address, &request);
    assert!(answer.ends_with(b"\r\n\r\nok"));
    desk.rule(|_| Passage::Half);
    assert_eq!(ask(relay.address, &request), answer[..answer.len() / 2]);
    let name = "POST /hook action=update-traffic percent=25 stage=2".to_owned();
    assert_eq!(names(&desk), vec![(name, Kind::Effect); 2]);
    assert_eq!(sink.requests().len(), 2);
}
