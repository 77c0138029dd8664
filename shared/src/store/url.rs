//! `database_url`: what is connected to, how TLS is checked, and how it is shown.
//!
//! The `postgres` crate refuses the stricter TLS modes and `sslrootcert`. They are taken out here and mapped to its
//! own modes, with a verifier of ours behind them.

use std::fmt;
use std::path::PathBuf;

use postgres::config::{Config, Host, SslMode};

use crate::endpoint::percent_decoded;
use crate::secret::{Secret, url_encoded};

/// What TLS has to prove about the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// `disable`: none is spoken.
    Off,
    /// `prefer`, the default, and `allow`: spoken if the server offers it, nothing is checked.
    IfOffered,
    /// `require`: spoken, nothing is checked.
    Unchecked,
    /// `verify-ca`, and `require` with an `sslrootcert`: the certificate comes from a trusted authority.
    Chain,
    /// `verify-full`: it also bears the host's name.
    Full,
}

/// Which authorities are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    /// The system's, and those of the setting `ca_certificate`.
    System,
    /// Only those of this file: `sslrootcert`.
    File(PathBuf),
}

/// A database to connect to. `Display` and `Debug` show no password.
#[derive(Clone)]
pub struct DatabaseUrl {
    /// What TLS has to prove.
    pub tls: Tls,
    /// Which authorities are trusted.
    pub roots: Roots,
    config: Config,
}

const WANTED: &str = "a PostgreSQL URL such as postgres://user:password@host:5432/database";
const MODES: &str = "sslmode to be disable, allow, prefer, require, verify-ca or verify-full";

impl DatabaseUrl {
    /// Reads `postgres://…`, `postgresql://…` or `key=value` pairs as `libpq` takes them.
    ///
    /// # Errors
    /// When it is neither, names no user or no host, or names parameters that are unknown or contradict each other.
    /// The text is the end of "expected …" and shows nothing of the login.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let url = ["postgres://", "postgresql://"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme));
        let mut wishes = Wishes::default();
        let plain = match url {
            Some(rest) => wishes.taken_from_url(rest)?,
            None if text.contains('=') => wishes.taken_from_pairs(text)?,
            None => return Err(WANTED.to_owned()),
        };
        let mut config: Config = plain.parse().map_err(|error| describe(&error))?;
        if config.get_user().is_none_or(str::is_empty) {
            // The plugin's image has no /etc/passwd to take a default from.
            return Err(format!("{WANTED}; it must name a user"));
        }
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(format!("{WANTED}; it must name a host"));
        }
        if config.get_hosts().is_empty() {
            // TLS needs a name to ask for, be it an address.
            for address in config.get_hostaddrs().to_vec() {
                config.host(&address.to_string());
            }
        }
        let (tls, roots) = wishes.settled()?;
        let sockets = config.get_hosts().iter().all(|host| match host {
            Host::Unix(_) => true,
            Host::Tcp(_) => false,
        });
        // The server never speaks TLS over a socket file, and libpq does not ask it to.
        config.ssl_mode(match tls {
            _ if sockets => SslMode::Disable,
            Tls::Off => SslMode::Disable,
            Tls::IfOffered => SslMode::Prefer,
            Tls::Unchecked | Tls::Chain | Tls::Full => SslMode::Require,
        });
        Ok(Self { tls, roots, config })
    }

    /// What the `postgres` crate connects with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The password, for the mask.
    pub fn password(&self) -> Option<Secret> {
        let password = self.config.get_password()?;
        Some(Secret::new(String::from_utf8_lossy(password)))
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = url_encoded(self.config.get_user().unwrap_or_default());
        let password = self.config.get_password().map_or("", |_| ":***");
        write!(f, "postgres://{user}{password}@")?;
        let ports = self.config.get_ports();
        for (index, host) in self.config.get_hosts().iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            match host {
                Host::Tcp(name) if name.contains(':') => write!(f, "{comma}[{name}]")?,
                Host::Tcp(name) => write!(f, "{comma}{name}")?,
                Host::Unix(path) => {
                    write!(f, "{comma}{}", url_encoded(&path.to_string_lossy()))?;
                }
            }
            let port = ports.get(index).or(ports.first()).unwrap_or(&5432);
            write!(f, ":{port}")?;
        }
        match self.config.get_dbname() {
            Some(name) => write!(f, "/{}", url_encoded(name)),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

/// The parameters about TLS, as written.
#[derive(Default)]
struct Wishes {
    mode: Option<String>,
    root: Option<String>,
}

impl Wishes {
    /// Takes a parameter if it is one that the `postgres` crate must not see.
    fn takes(&mut self, key: &str, value: &str) -> bool {
        match key {
            "sslmode" => self.mode = Some(value.to_owned()),
            "sslrootcert" => self.root = Some(value.to_owned()),
            // Written by default in many places, and without meaning here.
            "gssencmode" if value != "require" => {}
            "sslcompression" => {}
            _ => return false,
        }
        true
    }

    /// Gives the URL back without the parameters that were taken.
    fn taken_from_url(&mut self, rest: &str) -> Result<String, String> {
        let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
        let login_end = before.find(['@', '/']).unwrap_or(before.len());
        let encode = "a login whose @ / and ? are percent-encoded (%40 %2F %3F)";
        // A second @, or one after a slash, means that a part of the password would be taken for the host.
        let authority_login = before[login_end..].starts_with('@');
        let strays = before.matches('@').count() - usize::from(authority_login);
        let cut = !before.contains('/') && query.contains('@');
        if strays > 0 || (cut && !authority_login) {
            return Err(encode.to_owned());
        }
        let mut kept = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or("parameters as name=value")?;
            let decoded = percent_decoded(key).zip(percent_decoded(value));
            let (name, meant) = decoded.ok_or("parameters whose % are followed by two digits")?;
            if !self.takes(&name, &meant) {
                // The crate looks for the end of the login in the whole text.
                kept.push(pair.replace('@', "%40"));
            }
        }
        Ok(format!("postgres://{before}?{}", kept.join("&")))
    }

    /// Gives `key=value` pairs back without those that were taken.
    fn taken_from_pairs(&mut self, text: &str) -> Result<String, String> {
        let mut kept = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (key, after) = rest.split_once('=').ok_or("pairs as key=value")?;
            let (value, after) = pair_value(after.trim_start()).ok_or("a closing quote")?;
            let key = key.trim();
            if !self.takes(key, &value) {
                let quoted = value.replace('\\', "\\\\").replace('\'', "\\'");
                kept.push(format!("{key}='{quoted}'"));
            }
            rest = after.trim_start();
        }
        Ok(kept.join(" "))
    }

    fn settled(self) -> Result<(Tls, Roots), String> {
        let system = self.root.as_deref() == Some("system");
        let tls = match self.mode.as_deref() {
            None if system => Tls::Full,
            None | Some("prefer" | "allow") => Tls::IfOffered,
            Some("disable") => Tls::Off,
            Some("require") if self.root.is_some() => Tls::Chain,
            Some("require") => Tls::Unchecked,
            Some("verify-ca") => Tls::Chain,
            Some("verify-full") => Tls::Full,
            Some(other) => return Err(format!("{MODES}, not {other:?}")),
        };
        if system && tls != Tls::Full {
            // Anyone can get a certificate from one of the system's authorities: without the name it proves nothing.
            return Err("sslmode=verify-full with sslrootcert=system".to_owned());
        }
        let roots = match self.root {
            Some(path) if !system => Roots::File(PathBuf::from(path)),
            _ => Roots::System,
        };
        Ok((tls, roots))
    }
}

/// One value of a pair, quoted or not, and what comes after it; absent when a quote is not closed.
fn pair_value(text: &str) -> Option<(String, &str)> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut chars = text.char_indices().skip(usize::from(quoted));
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.push(chars.next()?.1),
            '\'' if quoted => return Some((value, &text[at + 1..])),
            c if c.is_whitespace() && !quoted => return Some((value, &text[at..])),
            c => value.push(c),
        }
    }
    (!quoted).then_some((value, ""))
}

/// The crate names parameters and never values.
fn describe(error: &postgres::Error) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    format!("{WANTED}; {}", cause.unwrap_or_else(|| error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(text: &str) -> (Tls, Roots) {
        let url = DatabaseUrl::parse(text).unwrap();
        (url.tls, url.roots)
    }

    #[test]
    fn a_url_is_shown_without_its_password() {
        for (text, shown) in [
            (
                "postgres://bob:s3cr%40t@db.example/shop?sslmode=require",
                "postgres://bob:***@db.example:5432/shop",
            ),
            (
                "postgresql://bob@a:1,b:2/shop?target_session_attrs=read-write",
                "postgres://bob@a:1,b:2/shop",
            ),
            ("postgres://bob@[::1]:6432", "postgres://bob@[::1]:6432"),
            (
                "host=db user=bob password='it\\'s' sslmode=verify-full dbname=shop",
                "postgres://bob:***@db:5432/shop",
            ),
            (
                "postgres://u:p@/shop?hostaddr=127.0.0.1&port=7",
                "postgres://u:***@127.0.0.1:7/shop",
            ),
            (
                "postgres:///shop?user=a@b&password=p@q&host=db",
                "postgres://a%40b:***@db:5432/shop",
            ),
        ] {
            let url = DatabaseUrl::parse(text).unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), format!("DatabaseUrl({shown})"));
        }
    }

    #[test]
    fn a_password_arrives_as_it_was_meant() {
        for (text, password) in [
            ("postgres://u:p%40s%3Fs@h/d", "p@s?s"),
            ("host=h user=u password='it\\'s a \\\\'", "it's a \\"),
            ("host=h user=u password=p\\ q", "p q"),
        ] {
            let url = DatabaseUrl::parse(text).unwrap();
            assert_eq!(url.password().unwrap().reveal(), password);
        }
    }

    #[test]
    fn tls_is_checked_as_strictly_as_libpq_would() {
        let file = Roots::File("/ca.pem".into());
        for (query, expected) in [
            ("", (Tls::IfOffered, Roots::System)),
            ("sslmode=allow", (Tls::IfOffered, Roots::System)),
            ("sslmode=disable", (Tls::Off, Roots::System)),
            ("sslmode=require", (Tls::Unchecked, Roots::System)),
            (
                "sslmode=require&sslrootcert=/ca.pem",
                (Tls::Chain, file.clone()),
            ),
            (
                "sslmode=verify-ca&sslrootcert=%2Fca.pem",
                (Tls::Chain, file.clone()),
            ),
            (
                "sslmode=verify-full&gssencmode=disable",
                (Tls::Full, Roots::System),
            ),
            ("sslrootcert=system", (Tls::Full, Roots::System)),
        ] {
            assert_eq!(tls(&format!("postgres://u@h/d?{query}")), expected);
        }
    }

    #[test]
    fn what_cannot_be_a_database_is_refused_without_showing_the_password() {
        for (text, says) in [
            ("", "a PostgreSQL URL"),
            ("mysql://u:hunter22@h", "a PostgreSQL URL"),
            ("postgres://h/d", "name a user"),
            ("postgres://:hunter22@h/d", "name a user"),
            ("postgres://u:hunter22@/d", "name a host"),
            ("postgres://u:hunter@22@h/d", "percent-encoded"),
            ("postgres://u:hunter/22@h/d", "percent-encoded"),
            ("postgres://u:hunter?22@h/d", "percent-encoded"),
            ("postgres://u:hunter22@h:port/d", "`port`"),
            ("postgres://u:hunter22@h/d?sslmode=on", "not \"on\""),
            (
                "postgres://u:hunter22@h/d?sslmode=require&sslrootcert=system",
                "verify-full",
            ),
            ("postgres://u:hunter22@h/d?sslkey=x", "`sslkey`"),
            ("host=h user=u password='hunter22", "closing quote"),
        ] {
            let error = DatabaseUrl::parse(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
            assert!(
                !error.contains("hunter") && !error.contains("22@"),
                "{error}"
            );
        }
    }
}
