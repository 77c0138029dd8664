//! A runtime API that hangs, dribbles or talks nonsense ends a call in time and by name.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};
use shared::hook::Call;
use shared::traffic::haproxy::Settings;
use shared::traffic::{Fault, Haproxy, TrafficManager};
use testbed::scratch::Scratch;

use crate::{manager, settings, share};

/// Short enough to be waited for.
const LIMIT: Duration = Duration::from_millis(200);

fn hasty(address: &str) -> Haproxy {
    Haproxy::new(Settings {
        limit: LIMIT,
        ..settings(&[address])
    })
    .unwrap()
}

/// A socket whose every connection is given to `speak` after its command was read.
fn speaking(scratch: &Scratch, speak: fn(UnixStream)) -> String {
    let path = scratch.join("api.sock");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut command = String::new();
                let _ = BufReader::new(stream.try_clone().unwrap()).read_line(&mut command);
                speak(stream);
            });
        }
    });
    path.display().to_string()
}

fn fault(speak: fn(UnixStream)) -> Fault {
    let scratch = Scratch::new("hostile-api");
    let manager = hasty(&speaking(&scratch, speak));
    let error = manager.set(share(10), Call::FIRST).unwrap_err();
    assert_eq!(manager.read().unwrap_err(), error);
    assert!(manager.preflight().is_err() && manager.observe().is_err());
    error.faults[0].1.clone()
}

fn until_the_client_leaves(mut stream: UnixStream) {
    let _ = std::io::copy(&mut stream, &mut std::io::sink());
}

#[test]
fn a_socket_that_is_silent_times_out() {
    let found = fault(until_the_client_leaves);
    let limit = LIMIT;
    let doing = "reading the answer";
    assert_eq!(found, Fault::Timeout { doing, limit });
}

#[test]
fn a_socket_that_dribbles_times_out() {
    let found = fault(|mut stream| {
        while stream.write_all(b"#").is_ok() {
            std::thread::park_timeout(Duration::from_millis(10));
        }
    });
    assert!(matches!(found, Fault::Timeout { .. }), "{found}");
}

#[test]
fn a_socket_that_nobody_accepts_on_times_out() {
    let scratch = Scratch::new("full-queue");
    let path = scratch.join("api.sock");
    let listener = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&listener, &SocketAddrUnix::new(&path).unwrap()).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    // The queue has one place; whoever comes after that would wait for ever.
    let _first = UnixStream::connect(&path).unwrap();
    let error = hasty(path.to_str().unwrap()).read().unwrap_err();
    let limit = LIMIT;
    let doing = "connecting";
    assert_eq!(error.faults[0].1, Fault::Timeout { doing, limit });
}

#[test]
fn nonsense_and_half_answers_are_named() {
    for (found, detail) in [
        (
            fault(|_| ()),
            "the connection was closed without a word, expected a runtime api of haproxy",
        ),
        (
            fault(|mut stream| stream.write_all(b"# pxname,svname\nshop,bl").unwrap()),
            "it ends before its last line, expected an empty line at its end",
        ),
        (
            fault(|mut stream| {
                stream
                    .write_all(b"HTTP/1.1 400 Bad request\r\n\n\n")
                    .unwrap();
            }),
            "found \"HTTP/1.1 400 Bad request\", expected the columns of show stat",
        ),
        (
            fault(|mut stream| stream.write_all(b"\xff\xfe\n\n").unwrap()),
            "it is no text",
        ),
    ] {
        let detail = detail.to_owned();
        assert_eq!(found, Fault::Garbage { detail });
    }
}

#[test]
fn an_endless_answer_is_cut_off() {
    let found = fault(|mut stream| while stream.write_all(&[b'x'; 8192]).is_ok() {});
    assert!(
        matches!(found, Fault::Garbage { .. } | Fault::Timeout { .. }),
        "{found}"
    );
}

#[test]
fn nobody_there_is_said_so() {
    let scratch = Scratch::new("nobody");
    let none = scratch.join("none.sock");
    let error = manager(&[none.to_str().unwrap()]).read().unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{}: unreachable: there is no such socket: is it mounted into this step",
            none.display()
        )
    );
    drop(UnixListener::bind(&none).unwrap());
    let error = manager(&[none.to_str().unwrap()]).read().unwrap_err();
    assert!(
        error
            .to_string()
            .contains("connection refused while connecting"),
        "{error}"
    );
    let port = testbed::program::free_port();
    let error = manager(&[&format!("tcp://127.0.0.1:{port}")])
        .read()
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("connection refused while connecting"),
        "{error}"
    );
}

#[test]
fn a_file_that_is_no_socket_is_said_so() {
    let scratch = Scratch::new("file");
    let path = scratch.join("file");
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let error = manager(&[path.to_str().unwrap()]).read().unwrap_err();
    assert!(
        matches!(error.faults[0].1, Fault::Unreachable { .. }),
        "{error}"
    );
}
