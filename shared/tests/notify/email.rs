//! Mail through a real SMTP server, read back as that server decoded it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use shared::notify::email::{Email, Login, Tls, address};
use shared::notify::{Channels, Reach};
use shared::secret::Secret;
use testbed::smtp::{Behaviour, Encryption, Smtp};
use testbed::tls::Ca;

use crate::{PATIENT, message, reach, tell, tell_one};

fn email(server: &Smtp, tls: Tls) -> Email {
    Email {
        server: "localhost".into(),
        port: server.port,
        login: None,
        tls,
        from: address("CI of Acme <ci@acme.example>").unwrap(),
        to: vec![address("ops@acme.example").unwrap()],
    }
}

fn login(password: &str) -> Login {
    Login {
        username: Secret::new("mailuser"),
        password: Secret::new(password),
    }
}

fn channels(email: Email) -> Channels {
    Channels {
        email: Some(email),
        ..Channels::default()
    }
}

fn outcome(email: Email, reach: &Arc<Reach>) -> Result<(), String> {
    tell_one(&channels(email), reach, PATIENT)
}

/// A server with a certificate for `localhost`, and its authority.
fn encrypted(wrap: fn(testbed::tls::Issued) -> Encryption, rest: Behaviour) -> (Smtp, Ca) {
    let ca = Ca::new("house");
    let server = Smtp::start(&Behaviour {
        encryption: wrap(ca.issue(&["localhost"])),
        ..rest
    });
    (server, ca)
}

fn with_login() -> Behaviour {
    Behaviour {
        login: Some(("mailuser".into(), "s3cr3t pass".into())),
        ..Behaviour::default()
    }
}

fn header<'a>(mail: &'a Value, name: &str) -> Vec<&'a str> {
    let headers = mail["headers"].as_array().unwrap();
    headers
        .iter()
        .filter(|pair| pair[0].as_str().unwrap().eq_ignore_ascii_case(name))
        .map(|pair| pair[1].as_str().unwrap())
        .collect()
}

#[test]
fn starttls_with_login_and_a_private_authority_delivers_the_whole_message() {
    let (server, ca) = encrypted(Encryption::StartTls, with_login());
    let mut email = email(&server, Tls::StartTls);
    email.login = Some(login("s3cr3t pass"));
    email.to.push(address("boss@acme.example").unwrap());
    assert_eq!(outcome(email, &reach(&[&ca.der])), Ok(()));
    let mails = server.mails();
    assert_eq!(mails.len(), 1);
    let mail = &mails[0];
    assert_eq!(mail["encrypted"], true);
    assert_eq!(mail["login"], "mailuser");
    assert_eq!(mail["envelope_from"], "ci@acme.example");
    assert_eq!(
        mail["envelope_to"],
        serde_json::json!(["ops@acme.example", "boss@acme.example"])
    );
    assert_eq!(mail["subject"], message().title);
    assert_eq!(header(mail, "From"), ["CI of Acme <ci@acme.example>"]);
    assert_eq!(header(mail, "To"), ["ops@acme.example, boss@acme.example"]);
    assert_eq!(header(mail, "Auto-Submitted"), ["auto-generated"]);
    assert!(header(mail, "Message-ID")[0].ends_with("@acme.example>"));
    assert!(header(mail, "Date")[0].ends_with("+0000"));
    let plain = mail["plain"].as_str().unwrap();
    assert!(plain.contains("* error rate 7.1 % > limit 5 % (reported)"));
    assert!(plain.contains("Next: look at <the log>"));
    assert!(plain.contains("pipeline: https://ci.example/repos/7/pipeline/8"));
    let html = mail["html"].as_str().unwrap();
    assert!(html.contains("look at &lt;the log&gt;"));
}

#[test]
fn implicit_tls_delivers() {
    let (server, ca) = encrypted(Encryption::Implicit, Behaviour::default());
    let email = email(&server, Tls::Implicit);
    assert_eq!(outcome(email, &reach(&[&ca.der])), Ok(()));
    assert_eq!(server.mails()[0]["encrypted"], true);
}

#[test]
fn mail_without_encryption_is_sent_only_when_that_is_asked_for() {
    let server = Smtp::start(&with_login());
    let mut email = email(&server, Tls::None);
    email.login = Some(login("s3cr3t pass"));
    assert_eq!(outcome(email, &reach(&[])), Ok(()));
    assert_eq!(server.mails()[0]["encrypted"], false);
    assert_eq!(server.mails()[0]["login"], "mailuser");
}

#[test]
fn an_unknown_authority_is_refused_before_anything_is_said() {
    let (server, _) = encrypted(Encryption::StartTls, with_login());
    let stranger = Ca::new("stranger");
    let text = "TLS refused: the certificate's issuer is not trusted \
                (ca_certificate names a private one)";
    for roots in [reach(&[]), reach(&[&stranger.der])] {
        let mut email = email(&server, Tls::StartTls);
        email.login = Some(login("s3cr3t pass"));
        assert_eq!(outcome(email, &roots), Err(text.into()));
    }
    let commands = server.commands();
    assert!(
        commands
            .iter()
            .all(|line| line.starts_with("EHLO") || line == "STARTTLS"),
        "{commands:?}"
    );
    assert!(server.mails().is_empty());
}

#[test]
fn a_certificate_for_another_name_or_an_expired_one_is_refused() {
    let ca = Ca::new("house");
    for (issued, text) in [
        (
            ca.issue(&["mail.acme.example"]),
            "TLS refused: the certificate is for mail.acme.example, not for localhost",
        ),
        (
            ca.issue_expired(&["localhost"]),
            "TLS refused: the certificate expired at 2021-01-01T00:00:00Z",
        ),
        (
            ca.issue_not_yet_valid(&["localhost"]),
            "TLS refused: the certificate is not valid before 4000-01-01T00:00:00Z",
        ),
    ] {
        let server = Smtp::start(&Behaviour {
            encryption: Encryption::Implicit(issued),
            ..Behaviour::default()
        });
        let email = email(&server, Tls::Implicit);
        assert_eq!(outcome(email, &reach(&[&ca.der])), Err(text.into()));
        assert!(server.mails().is_empty());
    }
}

#[test]
fn a_server_without_starttls_is_told_nothing_in_clear() {
    let server = Smtp::start(&with_login());
    let mut email = email(&server, Tls::StartTls);
    email.login = Some(login("s3cr3t pass"));
    assert_eq!(
        outcome(email, &reach(&[])),
        Err(
            "the mail server offers no STARTTLS and nothing was sent in clear; \
             set smtp_tls to implicit, or to none if the way there is safe"
                .into()
        )
    );
    let commands = server.commands();
    assert!(
        commands
            .iter()
            .all(|line| line.starts_with("EHLO") || line == "QUIT"),
        "{commands:?}"
    );
    assert!(commands[0].starts_with("EHLO"));
}

#[test]
fn implicit_tls_asked_of_a_plain_server_says_so() {
    let server = Smtp::start(&Behaviour::default());
    assert_eq!(
        outcome(email(&server, Tls::Implicit), &reach(&[])),
        Err("TLS refused: the port does not speak TLS".into())
    );
}

#[test]
fn a_wrong_password_is_not_tried_again_and_not_shown() {
    let (server, ca) = encrypted(Encryption::StartTls, with_login());
    let mut email = email(&server, Tls::StartTls);
    email.login = Some(login("wr0ng pass"));
    let text = outcome(email, &reach(&[&ca.der])).unwrap_err();
    assert_eq!(
        text,
        "the mail server answered 535: 5.7.8 Authentication credentials invalid"
    );
    let tried = server.commands();
    assert_eq!(
        tried.iter().filter(|line| line.starts_with("AUTH")).count(),
        1
    );
}

#[test]
fn a_login_that_the_server_does_not_offer_is_explained() {
    // It offers AUTH only after STARTTLS, which is not asked for here.
    let (server, _) = encrypted(Encryption::StartTls, with_login());
    let mut email = email(&server, Tls::None);
    email.login = Some(login("s3cr3t pass"));
    assert_eq!(
        outcome(email, &reach(&[])),
        Err(
            "the mail server offers no login by PLAIN or LOGIN; leave smtp_username out if it asks for none"
                .into()
        )
    );
}

#[test]
fn a_busy_server_is_tried_again_with_the_same_mail() {
    let server = Smtp::start(&Behaviour {
        busy: 2,
        ..Behaviour::default()
    });
    assert_eq!(outcome(email(&server, Tls::None), &reach(&[])), Ok(()));
    assert_eq!(server.mails().len(), 1);
    let mail_commands = server.commands();
    let mails = mail_commands.iter().filter(|line| line.starts_with("MAIL"));
    assert_eq!(mails.count(), 3);
}

#[test]
fn a_server_that_stays_busy_is_given_up_after_three_attempts() {
    let server = Smtp::start(&Behaviour {
        busy: 9,
        ..Behaviour::default()
    });
    assert_eq!(
        outcome(email(&server, Tls::None), &reach(&[])),
        Err("the mail server answered 451: 4.3.0 busy, come back later, 3 times in a row".into())
    );
}

#[test]
fn a_refusal_is_not_tried_again() {
    let server = Smtp::start(&Behaviour {
        refuse: vec!["*".into()],
        ..Behaviour::default()
    });
    assert_eq!(
        outcome(email(&server, Tls::None), &reach(&[])),
        Err("1 of 1 receivers were refused: ops@acme.example: \
             the mail server answered 550: 5.1.1 no such user here"
            .into())
    );
    let commands = server.commands();
    assert_eq!(
        commands
            .iter()
            .filter(|line| line.starts_with("MAIL"))
            .count(),
        1
    );
    assert!(!commands.iter().any(|line| line == "DATA"));
}

#[test]
fn a_receiver_that_is_refused_does_not_keep_the_mail_from_the_others() {
    let server = Smtp::start(&Behaviour {
        refuse: vec!["gone@acme.example".into()],
        ..Behaviour::default()
    });
    let mut email = email(&server, Tls::None);
    email.to.insert(0, address("gone@acme.example").unwrap());
    let text = outcome(email, &reach(&[])).unwrap_err();
    assert!(
        text.starts_with("1 of 2 receivers were refused: gone@acme.example: "),
        "{text}"
    );
    assert_eq!(
        server.mails()[0]["envelope_to"],
        serde_json::json!(["ops@acme.example"])
    );
}

#[test]
fn a_server_that_is_silent_or_never_done_greeting_ends_at_the_deadline() {
    for silent in [true, false] {
        let server = Smtp::start(&Behaviour {
            silent,
            endless: !silent,
            ..Behaviour::default()
        });
        let channels = channels(email(&server, Tls::StartTls));
        assert_eq!(
            tell_one(&channels, &reach(&[]), Duration::from_millis(1200)),
            Err("timed out after 1.2s".into())
        );
    }
}

#[test]
fn a_server_that_is_not_there_is_tried_again_and_named_in_words() {
    let server = Smtp::start(&Behaviour::default());
    let gone = email(&server, Tls::None);
    drop(server);
    assert_eq!(
        outcome(gone, &reach(&[])),
        Err("connection refused, 3 times in a row".into())
    );
}

#[test]
fn a_title_with_line_breaks_adds_no_header_and_no_receiver() {
    let server = Smtp::start(&Behaviour::default());
    let mut hostile = message();
    hostile.title = "failed\r\nBcc: thief@evil.example\r\n\r\n.\r\nRCPT TO:<x@y.example>".into();
    hostile.reasons = vec!["line\r\n.\r\nQUIT".into()];
    let deliveries = tell(
        &channels(email(&server, Tls::None)),
        &hostile,
        &reach(&[]),
        PATIENT,
    );
    assert_eq!(deliveries[0].outcome, Ok(()));
    let mails = server.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(
        mails[0]["envelope_to"],
        serde_json::json!(["ops@acme.example"])
    );
    assert!(header(&mails[0], "Bcc").is_empty());
    let subject = mails[0]["subject"].as_str().unwrap();
    assert!(subject.starts_with("failed") && subject.contains("Bcc: thief@evil.example"));
    let plain = mails[0]["plain"].as_str().unwrap();
    assert!(plain.contains("* line\r\n.\r\nQUIT\r\n"), "{plain:?}");
}

#[test]
fn nobody_to_write_to_is_said() {
    let server = Smtp::start(&Behaviour::default());
    let mut email = email(&server, Tls::None);
    email.to.clear();
    assert_eq!(
        outcome(email, &reach(&[])),
        Err("there is nobody to write to; set email_to".into())
    );
}

#[test]
fn a_server_that_refuses_the_greeting_is_named_by_its_answer() {
    let server = Smtp::start(&Behaviour {
        refuse_hello: true,
        ..Behaviour::default()
    });
    assert_eq!(
        outcome(email(&server, Tls::None), &reach(&[])),
        Err("the mail server answered 550: 5.7.1 you are not welcome here".into())
    );
}
