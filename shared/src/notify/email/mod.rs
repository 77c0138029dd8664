//! Mail over SMTP.

mod deliver;
mod failure;
mod write;

use std::fmt;
use std::str::FromStr as _;
use std::time::Duration;

use crate::message::Message;
use crate::secret::Secret;
use crate::value::Expected;

use super::retry::Failure;
use super::{Reach, Stamp};

/// How the connection to the server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tls {
    /// Clear first, then encrypted before anything is said; a server that offers no STARTTLS is refused.
    #[default]
    StartTls,
    /// Encrypted from the first byte.
    Implicit,
    /// Never encrypted: login and mail can be read on the way.
    None,
}

impl Tls {
    /// Reads `starttls`, `implicit` or `none`.
    ///
    /// # Errors
    /// When it is none of them.
    pub fn parse(text: &str) -> Result<Self, Expected> {
        match text.trim().to_ascii_lowercase().as_str() {
            "starttls" => Ok(Self::StartTls),
            "implicit" => Ok(Self::Implicit),
            "none" => Ok(Self::None),
            _ => Err("starttls, implicit or none"),
        }
    }

    /// The port that servers listen on for it: 587, 465 or 25.
    pub fn default_port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Implicit => 465,
            Self::None => 25,
        }
    }
}

/// An address that can be written to: `ops@acme.example`, with or without a name before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    name: Option<String>,
    mailbox: lettre::Address,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} <{}>", self.mailbox),
            None => write!(f, "{}", self.mailbox),
        }
    }
}

/// Reads `ops@acme.example` or `Operations <ops@acme.example>`.
///
/// # Errors
/// When it is anything else, several addresses included, or has letters beyond ASCII in the address itself, which
/// few servers take.
pub fn address(text: &str) -> Result<Address, Expected> {
    let wanted = "an e-mail address such as ops@acme.example or Operations <ops@acme.example>";
    let text = text.trim();
    if text.contains(char::is_control) {
        return Err(wanted);
    }
    let (name, plain) = match text.strip_suffix('>') {
        Some(rest) => rest.rsplit_once('<').ok_or(wanted)?,
        None => ("", text),
    };
    let name = name.trim();
    let name = name
        .strip_prefix('"')
        .and_then(|name| name.strip_suffix('"'))
        .unwrap_or(name);
    if !plain.is_ascii() || name.contains(['<', '>']) {
        return Err(wanted);
    }
    Ok(Address {
        name: (!name.is_empty()).then(|| name.to_owned()),
        mailbox: lettre::Address::from_str(plain).map_err(|_| wanted)?,
    })
}

/// User and password of the mail server.
#[derive(Debug, Clone)]
pub struct Login {
    /// Some services use a token as the user's name too.
    pub username: Secret,
    /// The password.
    pub password: Secret,
}

/// A mail server, the sender and the receivers.
#[derive(Debug, Clone)]
pub struct Email {
    /// A name or an address; its certificate must be for it.
    pub server: String,
    /// Such as [`Tls::default_port`].
    pub port: u16,
    /// Absent for a server that asks for none.
    pub login: Option<Login>,
    /// How the connection is encrypted.
    pub tls: Tls,
    /// The sender.
    pub from: Address,
    /// The receivers, at least one.
    pub to: Vec<Address>,
}

/// A message ready to be sent.
pub(super) struct Letter {
    email: Email,
    /// The mail as it goes over the wire, or why it could not be written.
    mail: Result<Vec<u8>, String>,
}

impl Letter {
    pub(super) fn new(email: &Email, message: &Message, stamp: &Stamp) -> Self {
        Self {
            email: email.clone(),
            mail: write::mail(email, message, stamp),
        }
    }

    pub(super) fn send(&self, reach: &Reach, limit: Duration) -> Result<(), Failure> {
        match &self.mail {
            Ok(mail) => deliver::deliver(&self.email, mail, &reach.roots, limit),
            Err(why) => Err(Failure::never(why)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_with_or_without_a_name() {
        for (text, shown) in [
            (" ops@acme.example ", "ops@acme.example"),
            ("Ops Team <ops@acme.example>", "Ops Team <ops@acme.example>"),
            ("\"Ops, Team\" <o@a.example>", "Ops, Team <o@a.example>"),
            ("<ops@acme.example>", "ops@acme.example"),
            ("Größe <ops@acme.example>", "Größe <ops@acme.example>"),
        ] {
            assert_eq!(address(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_single_address_is_refused() {
        for text in [
            "",
            "ops",
            "ops@",
            "@acme.example",
            "a@b.example, c@d.example",
            "a@b.example c@d.example",
            "Ops <a@b.example",
            "Ops a@b.example>",
            "<x> <a@b.example>",
            "a@b.example\r\nBcc: c@d.example",
            "Ops\nBcc: c@d.example <a@b.example>",
            "größe@acme.example",
        ] {
            assert!(address(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn each_encryption_has_its_word_and_port() {
        for (word, tls, port) in [
            ("starttls", Tls::StartTls, 587),
            ("Implicit", Tls::Implicit, 465),
            ("none", Tls::None, 25),
        ] {
            assert_eq!(Tls::parse(word), Ok(tls));
            assert_eq!(tls.default_port(), port);
        }
        assert!(Tls::parse("ssl").is_err() && Tls::parse("").is_err());
    }
}
