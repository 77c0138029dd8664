//! The remote repository, and how it is logged in to.

use shared::problem::Problem;
use shared::secret::Secret;
use shared::settings::environment::Environment;
use shared::settings::read::Reader;
use shared::value;

use crate::plan::facts::Strategy;

/// The remote repository and the branch on it.
#[derive(Debug, Clone)]
pub struct Remote {
    /// Its address, which may hold a login.
    pub address: Option<Secret>,
    /// The branch to put back.
    pub branch: Option<String>,
    /// The login.
    pub username: Option<String>,
    /// The password or token.
    pub password: Option<Secret>,
    /// A private key.
    pub ssh_key: Option<Secret>,
    /// The hosts that are trusted.
    pub ssh_known_hosts: Option<String>,
    /// A login for one machine: its name, user and password.
    pub netrc: Option<(String, String, Secret)>,
    /// The kind of forge, which says what a token's user is called.
    pub forge: Option<String>,
    /// Whether a commit of ours starts no pipeline.
    pub ci_skip: bool,
}

pub(super) fn remote(read: &mut Reader, environment: &Environment, strategy: Strategy) -> Remote {
    let own = |name: &str| environment.get(name).map(str::to_owned);
    let netrc = || {
        let (machine, user) = (own("CI_NETRC_MACHINE")?, own("CI_NETRC_USERNAME")?);
        Some((machine, user, Secret::new(own("CI_NETRC_PASSWORD")?)))
    };
    let ci_skip = read.read("ci_skip", value::boolean);
    let named = [Strategy::Reset, Strategy::Restore, Strategy::PullRequest].contains(&strategy);
    for (name, expected) in [
        ("branch", "the branch to put back"),
        ("remote", "the address of the repository"),
    ] {
        if named && read.given(name).is_none() && !read.is_misspelt(name) {
            read.problem(Problem::unseen(name, expected));
        }
    }
    Remote {
        address: read.text("remote").map(Secret::new),
        branch: read.text("branch"),
        username: read.text("git_username"),
        password: read.text("git_password").map(Secret::new),
        ssh_key: read.text("ssh_key").map(Secret::new),
        ssh_known_hosts: read.text("ssh_known_hosts"),
        netrc: netrc(),
        forge: read.text("forge_type"),
        ci_skip: ci_skip.unwrap_or(true),
    }
}

/// The password in `https://user:password@host/…`; the user where it stands alone, which may be a token.
pub(super) fn login_of(address: &str) -> Option<&str> {
    let (_, rest) = address.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (login, _) = authority.rsplit_once('@')?;
    Some(
        login
            .split_once(':')
            .map_or(login, |(_, password)| password),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_login_in_a_remote_is_found() {
        assert_eq!(
            login_of("https://git:t0k3n@git.example/a.git"),
            Some("t0k3n")
        );
        assert_eq!(login_of("https://t0k3n@git.example/a.git"), Some("t0k3n"));
        assert_eq!(login_of("https://git.example/a@b.git"), None);
        assert_eq!(login_of("git@git.example:a.git"), None);
    }
}
