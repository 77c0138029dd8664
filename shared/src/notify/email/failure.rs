//! What SMTP failures mean: pure.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::Duration;

use lettre::transport::smtp;

use crate::notify::retry::Failure;
use crate::notify::text::shortened;
use crate::secret::Mask;
use crate::tls::refusal_within;
use crate::value::show_duration;

use super::Email;

/// How much of a server's answer is shown, in characters.
const SHOWN: usize = 300;

/// What happened, in words without the login, and whether to try again.
pub(super) fn failure(error: &smtp::Error, email: &Email, limit: Duration) -> Failure {
    if let Some(code) = error.status() {
        let said = error.source().map(ToString::to_string);
        let said = said.map_or(String::new(), |text| said_by(&text, email));
        let text = format!("the mail server answered {code}{said}");
        return if error.is_transient() {
            Failure::soon(text)
        } else {
            Failure::never(text)
        };
    }
    if let Some(refusal) = refusal_within(error) {
        return Failure::never(format!("TLS refused: {refusal}"));
    }
    if error.is_client() {
        return Failure::never(client(error, email));
    }
    if let Some(error) = error.source().and_then(<dyn Error>::downcast_ref) {
        return io(error, limit);
    }
    if error.is_response() {
        return Failure::soon("the mail server closed the connection or does not speak SMTP");
    }
    Failure::soon("no connection to the mail server came about")
}

/// What the server said, on one line.
fn said_by(text: &str, email: &Email) -> String {
    let mut mask = Mask::default();
    if let Some(login) = &email.login {
        let (user, password) = (login.username.reveal(), login.password.reveal());
        mask.hide(user);
        mask.hide(password);
        // As it is sent (RFC 4616): a server may repeat the line it did not like.
        mask.hide(&format!("\0{user}\0{password}"));
    }
    let masked = mask.apply(text);
    let words: Vec<&str> = masked.split_whitespace().collect();
    let line: String = words
        .join(" ")
        .chars()
        .filter(|c| !c.is_control())
        .collect();
    format!(": {}", shortened(&line, SHOWN))
}

/// What lettre itself refuses to do.
fn client(error: &smtp::Error, email: &Email) -> String {
    let said = error.source().map(ToString::to_string).unwrap_or_default();
    if said.contains("STARTTLS") {
        return "the mail server offers no STARTTLS and nothing was sent in clear; \
                set smtp_tls to implicit, or to none if the way there is safe"
            .to_owned();
    }
    if said.contains("authentication mechanism") {
        return "the mail server offers no login by PLAIN or LOGIN; \
                leave smtp_username out if it asks for none"
            .to_owned();
    }
    let server = &email.server;
    format!("the mail could not be handed to {server}: {said}")
}

fn io(error: &io::Error, limit: Duration) -> Failure {
    match error.kind() {
        // A read that ran out of time shows as "would block".
        ErrorKind::TimedOut | ErrorKind::WouldBlock => {
            Failure::never(format!("timed out after {}", show_duration(limit)))
        }
        ErrorKind::ConnectionRefused => Failure::soon("connection refused"),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => {
            Failure::soon("the mail server closed the connection")
        }
        // What the resolver says has no kind of its own.
        _ if error.to_string().contains("lookup address") => {
            Failure::soon("the mail server's name could not be resolved")
        }
        kind => Failure::soon(kind.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::email::{Login, Tls, address};
    use crate::secret::{Secret, base64};

    #[test]
    fn a_server_that_repeats_the_login_gives_nothing_away() {
        let email = Email {
            server: "mail.example".into(),
            port: 587,
            login: Some(Login {
                username: Secret::new("tok3nuser"),
                password: Secret::new("s3cr3t"),
            }),
            tls: Tls::StartTls,
            from: address("ci@acme.example").unwrap(),
            to: vec![],
        };
        let plain = base64(b"\0tok3nuser\0s3cr3t");
        let said = format!(
            "bad AUTH PLAIN {plain}\r\nfor tok3nuser, {}",
            base64(b"s3cr3t")
        );
        assert_eq!(said_by(&said, &email), ": bad AUTH PLAIN *** for ***, ***");
        let long = said_by(&"x ".repeat(500), &email);
        assert_eq!(long.chars().count(), SHOWN + 2);
    }
}
