//! Redirects: followed a little way, with the credentials left at home.

use shared::answer::StatusRanges;
use shared::http::Method;
use shared::secret::Secret;
use testbed::hostile::{Behaviour, Server, json_answer};
use testbed::tls::Ca;

use super::{at, look, said, target};

fn redirect(location: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

/// A server that answers by the path of the request.
fn by_path(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Server {
    Server::start(Behaviour::Says(Box::new(move |head| {
        answer(head.split(' ').nth(1).unwrap_or_default())
    })))
}

#[test]
fn a_redirect_is_followed_and_its_times_are_summed() {
    let server = by_path(|path| match path {
        "/health" => redirect("/healthz/"),
        "/healthz/" => redirect("live"),
        "/healthz/live" => json_answer("{}"),
        other => format!("HTTP/1.1 404 {other}\r\n\r\n").into_bytes(),
    });
    let sample = look(&at(server.address));
    assert_eq!(sample.outcome.unwrap().status, Some(200));
    assert_eq!(server.heads().len(), 3);
    assert!(sample.phases.first_byte.unwrap() < sample.phases.total);
}

#[test]
fn a_loop_is_noticed() {
    let server = by_path(|path| {
        redirect(if path == "/health" {
            "/a?x=1"
        } else {
            "/health"
        })
    });
    let address = server.address;
    assert_eq!(
        said(&look(&at(address))),
        format!("redirected back to http://{address}/health, a page already visited")
    );
    assert_eq!(server.heads().len(), 2);
}

#[test]
fn more_redirects_than_five_are_not_followed() {
    let server = by_path(|path| redirect(&format!("{path}x")));
    let address = server.address;
    assert_eq!(
        said(&look(&at(address))),
        format!("more than 5 redirects, the last to http://{address}/healthxxxxxx")
    );
    assert_eq!(server.heads().len(), 6);
}

#[test]
fn nothing_secret_goes_to_another_origin() {
    let elsewhere = Server::json("{}");
    let there = format!("http://{}/there", elsewhere.address);
    let server = by_path(move |path| {
        if path == "/health" {
            redirect("/again")
        } else {
            redirect(&there)
        }
    });
    let mut target = target(&format!("http://bob:s3cret@{}/health", server.address));
    target.headers = vec![("X-Key".into(), Secret::new("k1"))];
    assert!(look(&target).outcome.is_ok());
    let secrets = |head: &String| {
        let head = head.to_lowercase();
        (head.contains("authorization"), head.contains("x-key"))
    };
    let home: Vec<_> = server.heads().iter().map(secrets).collect();
    assert_eq!(home, [(true, true), (true, true)]);
    let away: Vec<_> = elsewhere.heads().iter().map(secrets).collect();
    assert_eq!(away, [(false, false)]);
}

#[test]
fn nothing_leads_from_https_to_http() {
    let ca = Ca::new("redirects");
    let issued = ca.issue(&["127.0.0.1"]);
    let server = Server::start_with_tls(
        Behaviour::Says(Box::new(|_| {
            redirect("http://127.0.0.1:1/plain?token=abcdefgh")
        })),
        &issued,
    );
    assert_eq!(
        super::tls::said_of(&server, "127.0.0.1", &ca),
        "redirected from https to http://127.0.0.1:1/plain?***, which anyone on the way can read and change"
    );
}

#[test]
fn a_redirect_to_no_web_address_is_refused() {
    let server = by_path(|_| redirect("ftp://files.example/"));
    assert_eq!(
        said(&look(&at(server.address))),
        "redirected to something that is no http address"
    );
}

#[test]
fn a_redirect_that_is_expected_or_posted_is_the_answer() {
    let server = by_path(|_| redirect("/elsewhere"));
    let mut expecting = at(server.address);
    expecting.expect.status = StatusRanges::parse("302").unwrap();
    assert_eq!(look(&expecting).outcome.unwrap().status, Some(302));
    let mut posting = at(server.address);
    posting.method = Method::Post;
    assert_eq!(said(&look(&posting)), "status 302, expected 200-299");
    assert_eq!(server.heads().len(), 2);
}
