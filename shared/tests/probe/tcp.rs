//! `tcp://`: a connection is all that is asked for.

use std::net::TcpListener;

use super::{look, said, target};

#[test]
fn an_open_port_is_healthy_by_name_and_by_either_kind_of_address() {
    for (bind, host) in [
        ("127.0.0.1:0", "127.0.0.1"),
        ("[::1]:0", "[::1]"),
        ("127.0.0.1:0", "localhost"),
    ] {
        let listener = TcpListener::bind(bind).unwrap();
        let port = listener.local_addr().unwrap().port();
        let sample = look(&target(&format!("tcp://{host}:{port}")));
        let answer = sample.outcome.clone().unwrap();
        assert_eq!((answer.status, answer.health), (None, None));
        assert!(sample.phases.connect.is_some() && sample.phases.tls.is_none());
        assert_eq!(sample.phases.resolve.is_some(), host == "localhost");
        assert_eq!(sample.endpoint, format!("tcp://{host}:{port}"));
    }
}

#[test]
fn a_closed_port_and_an_unknown_name_fail_with_their_reasons() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let sample = look(&target(&format!("tcp://127.0.0.1:{port}")));
    assert_eq!(said(&sample), "connection refused while connecting");
    let unknown = said(&look(&target("tcp://no-such-host.invalid:5432")));
    let expected = "the host's name could not be resolved: no-such-host.invalid: ";
    assert!(unknown.starts_with(expected), "{unknown}");
}
