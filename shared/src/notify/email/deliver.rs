//! The conversation with the mail server.

use std::time::Duration;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{
    Certificate, CertificateStore, SmtpConnection, TlsParameters,
};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;

use crate::notify::retry::Failure;

use super::failure::failure;
use super::{Email, Tls};

/// Hands a mail over. A receiver that the server refuses does not keep it from the others.
pub(super) fn deliver(
    email: &Email,
    mail: &[u8],
    roots: &[Vec<u8>],
    limit: Duration,
) -> Result<(), Failure> {
    let explain = |error: Error| failure(&error, email, limit);
    let mut connection = connect(email, roots, limit).map_err(explain)?;
    let result = converse(&mut connection, email, mail, limit);
    connection.abort();
    result
}

fn connect(email: &Email, roots: &[Vec<u8>], limit: Duration) -> Result<SmtpConnection, Error> {
    let hello = hello_name(ClientId::default());
    let tls = match email.tls {
        Tls::StartTls | Tls::Implicit => Some(tls(&email.server, roots)?),
        Tls::None => None,
    };
    let wrapper = tls.as_ref().filter(|_| email.tls == Tls::Implicit);
    let server = (email.server.as_str(), email.port);
    let mut connection = SmtpConnection::connect(server, Some(limit), &hello, wrapper, None)?;
    if let (Tls::StartTls, Some(tls)) = (email.tls, &tls)
        && let Err(error) = connection.starttls(tls, &hello)
    {
        connection.abort();
        return Err(error);
    }
    Ok(connection)
}

fn converse(
    connection: &mut SmtpConnection,
    email: &Email,
    mail: &[u8],
    limit: Duration,
) -> Result<(), Failure> {
    let explain = |error: Error| failure(&error, email, limit);
    if let Some(login) = &email.login {
        let (user, password) = (login.username.reveal(), login.password.reveal());
        let credentials = Credentials::new(user.to_owned(), password.to_owned());
        connection
            .auth(DEFAULT_MECHANISMS, &credentials)
            .map_err(explain)?;
    }
    let from = email.from.mailbox.clone();
    connection
        .command(Mail::new(Some(from), vec![]))
        .map_err(explain)?;
    let mut refused = Vec::new();
    for to in &email.to {
        match connection.command(Rcpt::new(to.mailbox.clone(), vec![])) {
            Ok(_) => {}
            // Only an answer speaks of this receiver; anything else means the connection.
            Err(error) if error.is_permanent() => {
                refused.push(format!("{}: {}", to.mailbox, explain(error).text));
            }
            Err(error) => return Err(explain(error)),
        }
    }
    if refused.len() < email.to.len() {
        connection.command(Data).map_err(explain)?;
        connection.message(mail).map_err(explain)?;
    }
    if refused.is_empty() {
        return Ok(());
    }
    let (count, all) = (refused.len(), email.to.len());
    let refused = refused.join("; ");
    Err(Failure::never(format!(
        "{count} of {all} receivers were refused: {refused}"
    )))
}

fn tls(server: &str, roots: &[Vec<u8>]) -> Result<TlsParameters, Error> {
    let mut builder =
        TlsParameters::builder(server.to_owned()).certificate_store(CertificateStore::WebpkiRoots);
    for der in roots {
        // One root that cannot be read, as systems have them, must not make all TLS impossible.
        let readable = rustls::RootCertStore::empty().add(der.as_slice().into());
        if readable.is_ok() {
            builder = builder.add_root_certificate(Certificate::from_der(der.clone())?);
        }
    }
    builder.build()
}

/// The name to greet with. A container's host name is no domain, and servers that check it refuse it: they take the
/// address literal instead (RFC 5321, section 4.1.4).
fn hello_name(own: ClientId) -> ClientId {
    let fits = match &own {
        ClientId::Domain(name) => {
            let label = |label: &str| {
                !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            };
            name.contains('.') && name.split('.').all(label)
        }
        _ => false,
    };
    if fits {
        own
    } else {
        ClientId::Ipv4(std::net::Ipv4Addr::LOCALHOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_domain_is_greeted_with() {
        for (own, greeting) in [
            ("ci-1.acme.example", "ci-1.acme.example"),
            ("3f2a9c1d7b6e", "[127.0.0.1]"),
            ("", "[127.0.0.1]"),
            ("my_host.local", "[127.0.0.1]"),
            ("a..b", "[127.0.0.1]"),
            ("a.b\r\nMAIL", "[127.0.0.1]"),
        ] {
            let name = hello_name(ClientId::Domain(own.to_owned()));
            assert_eq!(name.to_string(), greeting, "{own:?}");
        }
    }
}
