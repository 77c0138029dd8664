//! Addresses of remotes: `https://…`, `ssh://…`, `git@host:path`, `file://…` and paths.

use std::path::PathBuf;

use shared::endpoint::{Endpoint, Scheme};
use shared::secret::Secret;

/// Where a repository is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// Over HTTP. Its login, if one was written, stands beside it.
    Web {
        /// The repository's address, without a login and without a slash at its end.
        at: Box<Endpoint>,
        /// User and password from the address.
        login: Option<(String, Secret)>,
    },
    /// Over SSH.
    Shell(Shell),
    /// On this machine.
    Local(PathBuf),
}

/// Where a repository is that is reached by SSH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shell {
    /// The user to log in as.
    pub user: Option<String>,
    /// The host.
    pub host: String,
    /// The port, if not SSH's own.
    pub port: Option<u16>,
    /// The path, as the server is given it.
    pub path: String,
}

const WANTED: &str = "expected an address such as https://git.example/team/shop.git, \
    ssh://git@git.example/team/shop.git, git@git.example:team/shop.git or file:///srv/git/shop.git";

impl Address {
    /// Reads an address. What is wrong with it is told without it, since it may hold a password.
    ///
    /// # Errors
    /// When it is none, or one that could be taken for an option of a program.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let wrong = || Err(WANTED.to_owned());
        if text.is_empty() || text.contains(char::is_control) {
            return wrong();
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Self::without_scheme(text).map_or_else(wrong, Ok);
        };
        match scheme.to_ascii_lowercase().as_str() {
            "http" | "https" => web(text).map_or_else(wrong, Ok),
            "ssh" | "git+ssh" | "ssh+git" => shell(rest).map_or_else(wrong, Ok),
            "file" => {
                let path = rest.strip_prefix("localhost").unwrap_or(rest);
                let path = percent_decoded(path);
                match path.filter(|path| path.starts_with('/')) {
                    Some(path) => Ok(Self::Local(path.into())),
                    None => wrong(),
                }
            }
            "git" => Err(
                "git:// has neither encryption nor login, use the https:// or ssh:// address"
                    .into(),
            ),
            _ => wrong(),
        }
    }

    fn without_scheme(text: &str) -> Option<Self> {
        // As git tells them apart: a colon before the first slash makes it a host.
        let colon = text.find(':').filter(|at| !text[..*at].contains('/'));
        let Some(at) = colon else {
            let path = !text.starts_with('-') && (text.contains('/') || text.starts_with('.'));
            return path.then(|| Self::Local(text.into()));
        };
        let (user, host) = login(&text[..at]);
        Shell {
            user,
            host,
            port: None,
            path: text[at + 1..].to_owned(),
        }
        .checked()
    }

    /// The host, for choosing a login that belongs to it.
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Web { at, .. } => Some(&at.host),
            Self::Shell(shell) => Some(&shell.host),
            Self::Local(_) => None,
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Web { at, .. } => at.fmt(f),
            Self::Shell(shell) => {
                let port = shell.port.map(|port| format!(":{port}"));
                let port = port.unwrap_or_default();
                let path = shell.path.trim_start_matches('/');
                write!(f, "ssh://{}{port}/{path}", shell.host)
            }
            Self::Local(path) => path.display().fmt(f),
        }
    }
}

impl Shell {
    /// Nothing that the program `ssh` or the server's shell could take for an option or a command.
    fn checked(self) -> Option<Address> {
        let plain = |text: &str| {
            !text.is_empty()
                && !text.starts_with('-')
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-._~%[]:@+".contains(&byte))
        };
        let path = !self.path.is_empty() && !self.path.starts_with('-');
        let good = plain(&self.host) && path && self.user.as_deref().is_none_or(plain);
        good.then_some(Address::Shell(self))
    }
}

fn login(text: &str) -> (Option<String>, String) {
    match text.rsplit_once('@') {
        Some((user, host)) => (Some(user.to_owned()), host.to_owned()),
        None => (None, text.to_owned()),
    }
}

fn shell(rest: &str) -> Option<Address> {
    let (authority, path) = rest.split_at(rest.find('/')?);
    let (user, host) = login(authority);
    // A password in an ssh address is of no use: nobody would type it.
    let user = user.map(|user| user.split(':').next().unwrap_or_default().to_owned());
    let (host, port) = match host.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => {
            (name.to_owned(), Some(port.parse().ok()?))
        }
        _ => (host, None),
    };
    let host = host.trim_matches(['[', ']']).to_owned();
    // `/~user/…` is for the server to expand.
    let path = path
        .strip_prefix("/~")
        .map_or_else(|| path.to_owned(), |rest| format!("~{rest}"));
    Shell {
        user,
        host,
        port,
        path,
    }
    .checked()
}

fn web(text: &str) -> Option<Address> {
    let (scheme, rest) = text.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (user, host) = login(authority);
    let login = match user {
        None => None,
        Some(login) => {
            let (user, password) = login.split_once(':').unwrap_or((&login, ""));
            Some((
                percent_decoded(user)?,
                Secret::new(percent_decoded(password)?),
            ))
        }
    };
    let path = path.trim_end_matches('/');
    let at = Endpoint::parse(&format!("{scheme}://{host}{path}")).ok()?;
    let plain = !path.contains(['?', '#']) && at.scheme != Scheme::Tcp;
    plain.then_some(Address::Web {
        at: Box::new(at),
        login,
    })
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            let digits = std::str::from_utf8(&digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_shown_without_its_login() {
        for (text, shown) in [
            (
                "https://u:p@git.example/a/b.git/",
                "https://git.example/a/b.git",
            ),
            ("http://git.example:3000/a/b", "http://git.example:3000/a/b"),
            (
                "ssh://git@git.example:2222/a/b.git",
                "ssh://git.example:2222/a/b.git",
            ),
            ("git@git.example:a/b.git", "ssh://git.example/a/b.git"),
            ("file:///srv/git/a%20b.git", "/srv/git/a b.git"),
            ("/srv/git/b.git", "/srv/git/b.git"),
            ("./b.git", "./b.git"),
        ] {
            assert_eq!(Address::parse(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn a_path_on_a_server_stays_as_the_server_wants_it() {
        let path = |text: &str| match Address::parse(text) {
            Ok(Address::Shell(shell)) => shell.path,
            other => panic!("{other:?}"),
        };
        assert_eq!(path("ssh://h/srv/b.git"), "/srv/b.git");
        assert_eq!(path("ssh://h/~bob/b.git"), "~bob/b.git");
        assert_eq!(path("h:b.git"), "b.git");
    }

    #[test]
    fn a_login_in_the_address_is_decoded() {
        let Ok(Address::Web { login, .. }) = Address::parse("https://bob:p%40ss@h/x") else {
            panic!("no web address");
        };
        let (user, password) = login.unwrap();
        assert_eq!((user.as_str(), password.reveal()), ("bob", "p@ss"));
    }

    #[test]
    fn what_is_no_address_or_an_option_is_refused() {
        for text in [
            "",
            "main",
            "ftp://h/x",
            "git://h/x",
            "https://",
            "https://h/x?y=1",
            "ssh://-oProxyCommand=x/y",
            "-oProxyCommand=x:y",
            "ssh://h",
            "h:-x",
            "a b:c",
            "$(x)@h:y",
            "file://elsewhere/x",
            "/x\n",
        ] {
            let wrong = text.trim() == text;
            assert!(Address::parse(text).is_err() || !wrong, "{text}");
        }
    }
}
