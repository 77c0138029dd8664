//! TLS and the login.

use std::fs;

use shared::store::{DatabaseConfig, check as look};
use testbed::postgres::{PASSWORD, Postgres, USER};
use testbed::scratch::Scratch;
use testbed::tls::Ca;

use super::{APPLICATION, database, limits};

struct Guarded {
    server: Postgres,
    folder: Scratch,
}

impl Guarded {
    /// A server whose certificate bears these names, from an authority in `ca.pem`; another one is in `other.pem`.
    fn new(names: &[&str], expired: bool) -> Self {
        let (ca, other) = (Ca::new("ours"), Ca::new("ours"));
        let folder = Scratch::new("tls");
        fs::write(folder.join("ca.pem"), &ca.pem).unwrap();
        fs::write(folder.join("other.pem"), &other.pem).unwrap();
        fs::write(folder.join("empty.pem"), "nothing").unwrap();
        let issued = if expired {
            ca.issue_expired(names)
        } else {
            ca.issue(names)
        };
        Self {
            server: Postgres::start_with_tls(&issued),
            folder,
        }
    }

    fn config(&self, query: &str) -> DatabaseConfig {
        let folder = self.folder.path().display().to_string();
        let query = query.replace("DIR", &folder);
        database(&format!("{}?{query}", self.server.admin_url()))
    }

    fn look(&self, query: &str) -> Result<String, String> {
        look(&self.config(query), APPLICATION, &limits()).map(|(how, _)| how)
    }
}

#[test]
fn every_tls_mode_proves_what_it_promises() {
    let right = Guarded::new(&["127.0.0.1", "localhost"], false);
    for (query, how) in [
        ("sslmode=disable", "without TLS (sslmode=disable)"),
        ("", "not checked (sslmode=prefer"),
        ("sslmode=require", "not checked (sslmode=require"),
        (
            "sslmode=require&sslrootcert=DIR/ca.pem",
            "authority checked, name not",
        ),
        (
            "sslmode=verify-ca&sslrootcert=DIR/ca.pem",
            "authority checked, name not",
        ),
        (
            "sslmode=verify-full&sslrootcert=DIR/ca.pem",
            "authority and name checked",
        ),
        (
            "sslmode=verify-full&sslrootcert=DIR/ca.pem&channel_binding=require",
            "authority and name checked",
        ),
    ] {
        let said = right.look(query).unwrap();
        assert!(said.contains(how), "{query}: {said}");
        assert!(!said.contains(PASSWORD), "{said}");
    }
    for query in [
        "sslmode=verify-ca&sslrootcert=DIR/other.pem",
        "sslmode=verify-full&sslrootcert=DIR/other.pem",
        "sslmode=require&sslrootcert=DIR/other.pem",
    ] {
        let why = right.look(query).unwrap_err();
        // Two authorities of one name: the signature tells them apart.
        assert!(why.contains("invalid peer certificate"), "{query}: {why}");
    }
    for (query, says) in [
        (
            "sslmode=verify-full",
            "UnknownIssuer; name the authority with ca_certificate",
        ),
        (
            "sslmode=verify-ca&sslrootcert=DIR/empty.pem",
            "holds no usable certificate",
        ),
        (
            "sslmode=verify-ca&sslrootcert=DIR/none.pem",
            "could not be read",
        ),
    ] {
        let why = right.look(query).unwrap_err();
        assert!(why.contains(says), "{query}: {why}");
    }
    let mut trusting = right.config("sslmode=verify-full");
    trusting.ca_certificate = Some(right.folder.join("ca.pem"));
    let (how, _) = look(&trusting, APPLICATION, &limits()).unwrap();
    assert!(how.contains("authority and name checked"), "{how}");
}

#[test]
fn a_certificate_of_another_name_passes_verify_ca_only() {
    let wrong = Guarded::new(&["elsewhere.example"], false);
    assert!(
        wrong
            .look("sslmode=verify-ca&sslrootcert=DIR/ca.pem")
            .is_ok()
    );
    let why = wrong
        .look("sslmode=verify-full&sslrootcert=DIR/ca.pem")
        .unwrap_err();
    assert!(why.contains("not valid for name"), "{why}");
}

#[test]
fn an_expired_certificate_passes_neither() {
    let old = Guarded::new(&["127.0.0.1"], true);
    for mode in ["verify-ca", "verify-full"] {
        let query = format!("sslmode={mode}&sslrootcert=DIR/ca.pem");
        let why = old.look(&query).unwrap_err();
        assert!(why.to_lowercase().contains("expired"), "{why}");
    }
    assert!(old.look("sslmode=require").is_ok());
}

#[test]
fn a_server_without_tls_is_used_only_where_that_was_not_asked_for() {
    let server = Postgres::shared();
    let look = |query: &str| {
        let url = format!("{}?{query}", server.admin_url());
        look(&database(&url), APPLICATION, &limits()).map(|(how, _)| how)
    };
    assert!(look("").unwrap().contains("does not offer"));
    let why = look("sslmode=require").unwrap_err();
    assert!(why.contains("server does not support TLS"), "{why}");
}

#[test]
fn a_wrong_password_is_refused_and_shown_nowhere() {
    let port = Postgres::shared().port();
    let url = format!("postgres://{USER}:hunter22@127.0.0.1:{port}/postgres");
    let why = look(&database(&url), APPLICATION, &limits()).unwrap_err();
    assert!(why.contains("password authentication failed"), "{why}");
    assert!(!why.contains("hunter22"), "{why}");
}

#[test]
fn of_several_hosts_the_first_that_answers_is_used() {
    let port = Postgres::shared().port();
    // Nothing listens on the discard port.
    let url = format!(
        "postgres://{USER}:{PASSWORD}@127.0.0.1:9,127.0.0.1:{port}/postgres?target_session_attrs=read-write"
    );
    assert!(look(&database(&url), APPLICATION, &limits()).is_ok());
    let url = format!(
        "host=nowhere.invalid hostaddr=127.0.0.1 port={port} user={USER} password={PASSWORD} dbname=postgres"
    );
    assert!(look(&database(&url), APPLICATION, &limits()).is_ok());
    let url = format!("postgres://{USER}:{PASSWORD}@127.0.0.1:9/postgres");
    let why = look(&database(&url), APPLICATION, &limits()).unwrap_err();
    assert!(why.contains("Connection refused"), "{why}");
}
