//! What goes over the wire, and what comes back beside the verdict.

use std::time::Duration;

use shared::endpoint::Endpoint;
use shared::http::{Failure, Method, Request};
use shared::secret::Secret;
use testbed::hostile::Server;

use super::{at, look, plain_http, said, target};

#[test]
fn a_head_request_is_content_without_a_body() {
    let server = Server::says(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n",
    );
    let mut target = at(server.address);
    target.method = Method::Head;
    assert_eq!(look(&target).outcome.unwrap().status, Some(200));
    assert!(server.heads()[0].starts_with("HEAD /health HTTP/1.1"));
}

#[test]
fn login_and_headers_are_sent_and_compression_is_not_asked_for() {
    let server = Server::json("{}");
    let mut target = target(&format!("http://bob:s3cret@{}/health?a=b", server.address));
    target.headers = vec![("X-Key".into(), Secret::new("k1"))];
    assert!(look(&target).outcome.is_ok());
    let head = server.heads()[0].to_lowercase();
    for line in [
        "get /health?a=b http/1.1",
        "authorization: basic ym9ionmzy3jlda==",
        "x-key: k1",
        "user-agent: probe-tests",
        "accept: */*",
        "connection: close",
    ] {
        assert!(head.lines().any(|found| found == line), "{line} in {head}");
    }
    assert!(!head.contains("accept-encoding"), "{head}");
}

#[test]
fn a_header_that_cannot_be_sent_is_named_without_its_value() {
    let server = Server::json("{}");
    let mut target = at(server.address);
    target.headers = vec![("X-Key".into(), Secret::new("hunter22\n"))];
    assert_eq!(
        said(&look(&target)),
        "the value of the header X-Key has a character that no header can carry while sending the request"
    );
    assert!(server.heads().is_empty());
}

#[test]
fn a_body_is_posted_and_cut_answers_say_so() {
    let server = Server::says("HTTP/1.1 201 Created\r\nX-Id: 7\r\nContent-Length: 6\r\n\r\nabcdef");
    let endpoint = Endpoint::parse(&format!("http://{}/hook", server.address)).unwrap();
    let http = plain_http();
    let request = Request {
        method: Method::Post,
        body: Some(b"{}"),
        body_limit: 4,
        ..Request::get(&endpoint, Duration::from_secs(3))
    };
    let response = http.send(&request).unwrap();
    assert_eq!((response.status, response.header("x-id")), (201, Some("7")));
    assert_eq!(
        (response.body.as_slice(), response.cut),
        (&b"abcd"[..], true)
    );
    assert!(
        server.heads()[0]
            .to_lowercase()
            .contains("content-length: 2")
    );
    let exact = http
        .send(&Request {
            body: None,
            body_limit: 6,
            ..request
        })
        .unwrap();
    assert!(!exact.cut);
    drop(server);
    let Failure { reason, .. } = *http.send(&request).unwrap_err();
    assert_eq!(reason.to_string(), "connection refused while connecting");
}
