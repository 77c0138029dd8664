//! Which forge, where its interface is, which repository: pure.

use crate::endpoint::{Endpoint, Scheme};
use crate::secret::{Secret, url_encoded};
use crate::value::Expected;

/// How a forge is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// GitHub, its Enterprise editions included.
    GitHub,
    /// Gitea and Forgejo, which speak alike.
    Gitea,
    /// GitLab.
    GitLab,
}

impl Kind {
    /// Reads `github`, `gitea`, `forgejo` or `gitlab`, in any case.
    ///
    /// # Errors
    /// When it is none of them.
    pub fn parse(text: &str) -> Result<Self, Expected> {
        match text.trim().to_ascii_lowercase().as_str() {
            "github" => Ok(Self::GitHub),
            "gitea" | "forgejo" => Ok(Self::Gitea),
            "gitlab" => Ok(Self::GitLab),
            _ => Err("github, forgejo, gitea or gitlab"),
        }
    }

    /// The name as a person knows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::GitHub => "GitHub",
            Self::Gitea => "Gitea/Forgejo",
            Self::GitLab => "GitLab",
        }
    }

    /// The forge behind a well-known address.
    pub fn known(host: &str) -> Option<Self> {
        match host.to_ascii_lowercase().as_str() {
            "github.com" | "www.github.com" | "api.github.com" => Some(Self::GitHub),
            "gitlab.com" => Some(Self::GitLab),
            "codeberg.org" | "gitea.com" => Some(Self::Gitea),
            host if host.ends_with(".ghe.com") => Some(Self::GitHub),
            _ => None,
        }
    }

    /// The longest text of an issue or a comment, in bytes, with room to spare: what counts as a character differs.
    pub(super) fn text_max(self) -> usize {
        match self {
            Self::GitHub | Self::Gitea => 60_000,
            Self::GitLab => 500_000,
        }
    }
}

/// One repository on one forge, and the right to speak there.
#[derive(Debug, Clone)]
pub struct Place {
    /// How it is spoken to.
    pub kind: Kind,
    /// Where its interface is, such as `https://api.github.com`; the path is empty or has no `/` at its end.
    api: String,
    /// `owner/name`; on GitLab groups may stand before it.
    repo: String,
    token: Secret,
}

impl Place {
    /// The repository `repo` on the forge whose pages or whose interface are at `url`.
    ///
    /// # Errors
    /// What was expected, when the address or the repository's name cannot be one.
    pub fn new(kind: Kind, url: &str, repo: &str, token: Secret) -> Result<Self, Expected> {
        let parts: Vec<&str> = repo.split('/').collect();
        let named = parts
            .iter()
            .all(|part| !part.is_empty() && *part != "." && *part != "..");
        let deep = match kind {
            Kind::GitLab => parts.len() >= 2,
            Kind::GitHub | Kind::Gitea => parts.len() == 2,
        };
        if !named || !deep {
            return Err("a repository as owner/name");
        }
        Ok(Self {
            kind,
            api: interface(kind, url)?,
            repo: repo.to_owned(),
            token,
        })
    }

    /// The repository's name as it was given.
    pub fn repo(&self) -> &str {
        &self.repo
    }

    /// The address of a path of the interface.
    pub(super) fn endpoint(&self, path: &str) -> Result<Endpoint, Expected> {
        Endpoint::parse(&format!("{}{path}", self.api))
    }

    /// The path of the repository in the interface.
    pub(super) fn repo_path(&self) -> String {
        match self.kind {
            Kind::GitLab => format!("/projects/{}", url_encoded(&self.repo)),
            Kind::GitHub | Kind::Gitea => {
                let parts: Vec<String> = self.repo.split('/').map(url_encoded).collect();
                format!("/repos/{}", parts.join("/"))
            }
        }
    }

    /// The owner of the repository.
    pub(super) fn owner(&self) -> &str {
        self.repo.split('/').next().unwrap_or_default()
    }

    /// The header that carries the token.
    pub(super) fn authorization(&self) -> (String, Secret) {
        let token = self.token.reveal();
        match self.kind {
            Kind::GitHub => (
                "authorization".into(),
                Secret::new(format!("Bearer {token}")),
            ),
            Kind::Gitea => (
                "authorization".into(),
                Secret::new(format!("token {token}")),
            ),
            Kind::GitLab => ("private-token".into(), self.token.clone()),
        }
    }

    pub(super) fn token(&self) -> &Secret {
        &self.token
    }
}

/// The interface of the forge at an address; one that is the interface's already stays.
fn interface(kind: Kind, url: &str) -> Result<String, Expected> {
    let wanted = "the forge's address, such as https://git.example, without a login";
    let endpoint = Endpoint::parse(url).map_err(|_| wanted)?;
    let given = endpoint.url();
    if endpoint.scheme == Scheme::Tcp || endpoint.authorization().is_some() || given.contains('?') {
        return Err(wanted);
    }
    let base = given.trim_end_matches('/');
    let host = endpoint.host.to_ascii_lowercase();
    let suffix = match kind {
        Kind::GitHub if matches!(host.as_str(), "github.com" | "www.github.com") => {
            return Ok("https://api.github.com".to_owned());
        }
        Kind::GitHub if host.ends_with(".ghe.com") && !host.starts_with("api.") => {
            return Ok(format!("https://api.{host}"));
        }
        Kind::GitHub if host.starts_with("api.") && given.matches('/').count() == 3 => "",
        Kind::GitHub => "/api/v3",
        Kind::Gitea => "/api/v1",
        Kind::GitLab => "/api/v4",
    };
    if base.ends_with(suffix) {
        return Ok(base.to_owned());
    }
    Ok(format!("{base}{suffix}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interface_is_found_from_the_pages() {
        for (kind, url, api) in [
            (Kind::GitHub, "https://github.com", "https://api.github.com"),
            (
                Kind::GitHub,
                "https://github.com/",
                "https://api.github.com",
            ),
            (
                Kind::GitHub,
                "https://api.github.com/",
                "https://api.github.com",
            ),
            (
                Kind::GitHub,
                "https://acme.ghe.com",
                "https://api.acme.ghe.com",
            ),
            (
                Kind::GitHub,
                "https://ghe.example",
                "https://ghe.example/api/v3",
            ),
            (
                Kind::GitHub,
                "https://ghe.example/api/v3/",
                "https://ghe.example/api/v3",
            ),
            (
                Kind::Gitea,
                "https://git.example:3000",
                "https://git.example:3000/api/v1",
            ),
            (
                Kind::Gitea,
                "https://x.example/git/",
                "https://x.example/git/api/v1",
            ),
            (
                Kind::GitLab,
                "https://gitlab.com",
                "https://gitlab.com/api/v4",
            ),
        ] {
            assert_eq!(interface(kind, url).as_deref(), Ok(api), "{url}");
        }
        for url in [
            "git.example",
            "tcp://git.example:1",
            "https://u:p@git.example",
            "https://x/?a=b",
        ] {
            assert!(interface(Kind::Gitea, url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_repository_has_an_owner_and_a_name() {
        let of = |kind, repo| Place::new(kind, "https://git.example", repo, Secret::new("t"));
        assert_eq!(of(Kind::GitHub, "a/b").unwrap().repo_path(), "/repos/a/b");
        assert_eq!(
            of(Kind::GitLab, "g/s/b").unwrap().repo_path(),
            "/projects/g%2Fs%2Fb"
        );
        for repo in ["b", "a/", "a/b/c", "a/..", ""] {
            assert!(of(Kind::GitHub, repo).is_err(), "{repo}");
        }
    }

    #[test]
    fn a_place_never_shows_its_token() {
        let place = Place::new(
            Kind::GitHub,
            "https://x.example",
            "a/b",
            Secret::new("s3cr3t"),
        );
        assert!(!format!("{place:?}").contains("s3cr3t"));
    }
}
