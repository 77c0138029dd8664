//! TLS: what is wrong with a certificate is said as it is.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use shared::http::{Http, Proxies};
use shared::probe::probe;
use shared::sample::Sample;
use shared::tls::Roots;
use testbed::hostile::{Behaviour, Server, json_answer};
use testbed::tls::{Ca, Issued};

use super::{at, clock, look, said, target};

/// A file that goes with the test.
struct Pem(PathBuf);

impl Pem {
    fn of(text: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("probe-ca-{}-{count}.pem", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for Pem {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn serving(issued: &Issued) -> Server {
    let answer = Behaviour::Says(Box::new(|_| json_answer(r#"{"status":"healthy"}"#)));
    Server::start_with_tls(answer, issued)
}

fn sample_of(server: &Server, host: &str, ca: &Ca) -> Sample {
    let pem = Pem::of(&ca.pem);
    let roots = Roots::load(Some(&pem.0)).unwrap();
    let http = Http::new(roots, Proxies::default(), "probe-tests");
    let url = format!("https://{host}:{}/health", server.address.port());
    probe(&target(&url), &http, &clock())
}

pub(crate) fn said_of(server: &Server, host: &str, ca: &Ca) -> String {
    said(&sample_of(server, host, ca))
}

#[test]
fn a_private_authority_is_trusted_and_the_handshake_is_timed() {
    let ca = Ca::new("private");
    let server = serving(&ca.issue(&["localhost", "127.0.0.1"]));
    for host in ["localhost", "127.0.0.1"] {
        let sample = sample_of(&server, host, &ca);
        assert!(sample.outcome.is_ok(), "{host}: {}", said(&sample));
        assert!(sample.phases.tls.is_some() && sample.phases.connect.is_some());
    }
}

#[test]
fn every_wrong_certificate_has_its_own_reason() {
    let (ca, other) = (Ca::new("trusted"), Ca::new("other"));
    for (issued, expected) in [
        (
            ca.issue_expired(&["localhost"]),
            "TLS refused: the certificate expired at 2021-01-01T00:00:00Z",
        ),
        (
            ca.issue_not_yet_valid(&["localhost"]),
            "TLS refused: the certificate is not valid before 4000-01-01T00:00:00Z",
        ),
        (
            ca.issue(&["shop.example", "*.shop.example"]),
            "TLS refused: the certificate is for shop.example, *.shop.example, not for localhost",
        ),
        (
            other.issue(&["localhost"]),
            "TLS refused: the certificate's issuer is not trusted (ca_certificate names a private one)",
        ),
    ] {
        assert_eq!(said_of(&serving(&issued), "localhost", &ca), expected);
    }
}

#[test]
fn plain_http_on_a_tls_port_and_tls_on_a_plain_port_are_told_apart() {
    let ca = Ca::new("mixed");
    let secure = serving(&ca.issue(&["localhost"]));
    assert_eq!(
        said(&look(&at(secure.address))),
        "malformed answer: the port speaks TLS, not plain http (use https://)"
    );
    let plain = Server::start(Behaviour::Resets("HTTP/1.1 400 Bad Request\r\n\r\n"));
    assert_eq!(
        said_of(&plain, "localhost", &ca),
        "TLS refused: the port does not speak TLS"
    );
}

#[test]
fn a_handshake_that_does_not_come_about_is_named() {
    let ca = Ca::new("broken");
    for (behaviour, expected) in [
        (
            Behaviour::Silent,
            "no answer within 3s while shaking hands for TLS",
        ),
        (
            Behaviour::Resets(""),
            "connection reset while shaking hands for TLS",
        ),
    ] {
        let server = Server::start(behaviour);
        assert_eq!(said_of(&server, "localhost", &ca), expected);
    }
}

#[test]
fn an_authority_that_cannot_be_read_is_refused_by_name() {
    let (empty, broken) = (
        Pem::of("no certificate\n"),
        Pem::of("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    );
    let missing = PathBuf::from("/nonexistent/ca.pem");
    for (path, expected) in [
        (
            &empty.0,
            "holds no certificate, expected PEM (-----BEGIN CERTIFICATE-----)",
        ),
        (&broken.0, "holds a broken certificate: "),
        (&missing, "cannot be read: No such file or directory"),
    ] {
        let error = Roots::load(Some(path)).unwrap_err();
        let expected = format!("ca_certificate {} {expected}", path.display());
        assert!(error.starts_with(&expected), "{error}");
    }
}
