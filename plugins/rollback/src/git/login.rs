//! Who asks: user and password, a key, or nobody.

use shared::secret::Secret;

use super::address::Address;

/// What a remote is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// Nothing.
    Nobody,
    /// Basic authentication; a token is a password.
    Password {
        /// The user.
        user: String,
        /// The password or token.
        password: Secret,
    },
    /// A key for SSH.
    Key {
        /// The private key, in the form in which OpenSSH writes it.
        key: Secret,
        /// Lines of a `known_hosts` file: no other host is trusted.
        known_hosts: String,
    },
}

/// What there is to log in with, before the remote is looked at.
#[derive(Debug, Clone, Default)]
pub struct Offered {
    /// `git_username`.
    pub user: Option<String>,
    /// `git_password`, or a token.
    pub password: Option<Secret>,
    /// `ssh_key`.
    pub key: Option<Secret>,
    /// `ssh_known_hosts`.
    pub known_hosts: Option<String>,
    /// `CI_NETRC_MACHINE`, `CI_NETRC_USERNAME` and `CI_NETRC_PASSWORD`.
    pub netrc: Option<Netrc>,
    /// `forge_type` or `CI_FORGE_TYPE`: says what a token's user is called.
    pub forge: Option<String>,
}

/// A login for one machine.
#[derive(Debug, Clone)]
pub struct Netrc {
    /// The host that it is for, and no other.
    pub machine: String,
    /// The user.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// The user that a forge wants beside a token.
pub fn token_user(forge: Option<&str>) -> &'static str {
    match forge {
        Some("gitlab") => "oauth2",
        Some("bitbucket" | "bitbucket_dc") => "x-token-auth",
        // Gitea and Forgejo take a token as the password of any user.
        _ => "x-access-token",
    }
}

/// Chooses what to show a remote: what the settings say, else what the address holds, else what the pipeline was given
/// for this very machine.
///
/// # Errors
/// When an SSH remote has no key or no known hosts.
pub fn choose(address: &Address, offered: &Offered) -> Result<Login, String> {
    match address {
        Address::Local(_) => Ok(Login::Nobody),
        Address::Shell(_) => match (&offered.key, &offered.known_hosts) {
            (Some(key), Some(known_hosts)) => Ok(Login::Key {
                key: key.clone(),
                known_hosts: known_hosts.clone(),
            }),
            (None, _) => Err(
                "the remote is reached by SSH, set ssh_key (from a secret) and \
                ssh_known_hosts, or set remote to the https:// address"
                    .into(),
            ),
            (_, None) => Err(
                "an SSH remote is trusted by its key only, set ssh_known_hosts to what \
                ssh-keyscan prints for it"
                    .into(),
            ),
        },
        Address::Web { at, login } => Ok(by_password(&at.host, login.as_ref(), offered)),
    }
}

fn by_password(host: &str, written: Option<&(String, Secret)>, offered: &Offered) -> Login {
    let user = || {
        let default = || token_user(offered.forge.as_deref()).to_owned();
        offered.user.clone().unwrap_or_else(default)
    };
    let given = offered.password.clone().map(|password| (user(), password));
    let machine = offered
        .netrc
        .iter()
        .find(|netrc| netrc.machine.eq_ignore_ascii_case(host))
        .map(|netrc| (netrc.user.clone(), netrc.password.clone()));
    match given.or_else(|| written.cloned()).or(machine) {
        Some((user, password)) => Login::Password { user, password },
        None => Login::Nobody,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(address: &str, offered: &Offered) -> String {
        match choose(&Address::parse(address).unwrap(), offered) {
            Ok(Login::Password { user, password }) => format!("{user}:{}", password.reveal()),
            Ok(Login::Key { .. }) => "key".into(),
            Ok(Login::Nobody) => "nobody".into(),
            Err(text) => text,
        }
    }

    fn netrc(machine: &str) -> Netrc {
        Netrc {
            machine: machine.into(),
            user: "ci".into(),
            password: Secret::new("netrc"),
        }
    }

    #[test]
    fn the_settings_win_then_the_address_then_the_machine() {
        let mut offered = Offered {
            netrc: Some(netrc("GIT.example")),
            ..Offered::default()
        };
        assert_eq!(chosen("https://git.example/x", &offered), "ci:netrc");
        assert_eq!(chosen("https://a:b@git.example/x", &offered), "a:b");
        offered.password = Some(Secret::new("token"));
        assert_eq!(
            chosen("https://a:b@git.example/x", &offered),
            "x-access-token:token"
        );
    }

    #[test]
    fn what_is_for_one_machine_is_shown_to_no_other() {
        let offered = Offered {
            netrc: Some(netrc("git.example")),
            ..Offered::default()
        };
        for address in ["https://evil.example/x", "https://git.example.evil/x"] {
            assert_eq!(chosen(address, &offered), "nobody");
        }
    }

    #[test]
    fn every_forge_has_its_user_for_a_token() {
        for (forge, user) in [
            ("github", "x-access-token"),
            ("gitlab", "oauth2"),
            ("forgejo", "x-access-token"),
            ("bitbucket", "x-token-auth"),
        ] {
            assert_eq!(token_user(Some(forge)), user);
        }
    }

    #[test]
    fn an_ssh_remote_needs_a_key_and_known_hosts() {
        let mut offered = Offered::default();
        assert!(chosen("git@h:x", &offered).contains("set ssh_key"));
        offered.key = Some(Secret::new("k"));
        assert!(chosen("git@h:x", &offered).contains("ssh_known_hosts"));
        offered.known_hosts = Some("h ssh-ed25519 AAAA".into());
        assert_eq!(chosen("git@h:x", &offered), "key");
    }
}
