//! Who is let in, and what is said to those who are not.

use std::collections::BTreeMap;

use plugin_rollback::git::Oid;
use plugin_rollback::git::error::GitError;
use plugin_rollback::git::lease::Pushed;
use plugin_rollback::git::login::Login;
use testbed::git_server::{GitServer, PASSWORD, USER};

use super::{Run, Shop, login, password};

fn refs(url: &str, login: &Login) -> Result<BTreeMap<String, Oid>, GitError> {
    let run = Run::new();
    run.open(url, login).unwrap().refs()
}

#[test]
fn the_right_login_is_let_in_and_every_other_is_told_what_to_do() {
    let (_, url) = Shop::served("login.git");
    assert_eq!(refs(&url, &login()).unwrap().len(), 2);
    for (login, shown, hint) in [
        (
            password(USER, "wrong"),
            true,
            "expected a git_username and git_password",
        ),
        (Login::Nobody, false, "set git_password"),
    ] {
        let error = refs(&url, &login).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, GitError::Login { shown: known, .. } if known == shown));
        assert!(text.contains(hint) && !text.contains("wrong"), "{text}");
    }
}

#[test]
fn a_public_repository_needs_no_login_to_be_read_and_one_to_be_written() {
    let (shop, _) = Shop::served("public.git");
    let run = Run::new();
    let url = GitServer::shared().url("open", "public.git");
    let remote = run.open(&url, &Login::Nobody).unwrap();
    assert_eq!(remote.branch("main").unwrap(), Some(shop.bad));
    let wrong = run.work.reset(&remote, "main", shop.bad, shop.good);
    assert!(
        matches!(wrong, Err(GitError::Forbidden { .. })),
        "{wrong:?}"
    );
    assert_eq!(shop.main(), shop.bad);
}

#[test]
fn refusals_are_told_apart() {
    let (_, _) = Shop::served("told-apart.git");
    let at = |place: &str, name: &str| {
        let url = GitServer::shared().url(place, name);
        refs(&url, &login()).unwrap_err()
    };
    let forbidden = at("forbidden", "told-apart.git");
    assert!(
        matches!(&forbidden, GitError::Forbidden { said, .. } if said == "Permission to shop.git denied to ci."),
        "{forbidden:?}"
    );
    let absent = at("git", "nothing.git");
    assert!(matches!(absent, GitError::Absent { .. }), "{absent:?}");
    let page = at("page", "told-apart.git");
    assert!(
        page.to_string().contains("an answer of type text/html"),
        "{page}"
    );
    let round = at("round", "told-apart.git");
    assert!(
        round.to_string().contains("more than 5 redirects"),
        "{round}"
    );
}

#[test]
fn a_redirect_is_followed_and_the_login_goes_to_no_other_host() {
    let (shop, _) = Shop::served("redirected.git");
    let server = GitServer::shared();
    let run = Run::new();
    let moved = run.remote(&server.url("moved", "redirected.git"));
    let done = run.work.reset(&moved, "main", shop.bad, shop.good);
    assert_eq!(done.unwrap(), Pushed::Done(shop.good));
    let elsewhere = server.url("elsewhere", "redirected.git");
    let error = refs(&elsewhere, &login()).unwrap_err();
    assert!(
        matches!(&error, GitError::Login { shown: false, remote } if remote.contains("redirects to https://127.0.0.1")),
        "{error:?}"
    );
}

#[test]
fn a_private_authority_is_trusted_only_when_it_is_given() {
    let (_, url) = Shop::served("authority.git");
    let run = Run::trusting(None);
    let error = run.open(&url, &login()).unwrap().refs().unwrap_err();
    assert!(error.to_string().contains("TLS refused"), "{error}");
    assert!(error.to_string().contains("ca_certificate") && error.may_pass());
}

#[test]
fn a_repository_of_sha256_is_refused_clearly() {
    let server = GitServer::shared();
    let repository = server.sha256_repository("sha256.git");
    repository.commit("main", "x", &[("a", "b\n")]);
    let error = refs(&server.url("git", "sha256.git"), &login()).unwrap_err();
    assert!(matches!(error, GitError::Sha256 { .. }), "{error:?}");
    let path = format!("file://{}", repository.path.display());
    let error = super::local::refs_as_owner(&path).unwrap_err();
    assert!(error.contains("SHA-256"), "{error}");
}

#[test]
fn the_password_is_in_no_error() {
    let url = GitServer::shared().url("git", "nothing.git");
    let url = url.replace("https://", &format!("https://{USER}:{PASSWORD}@"));
    let error = refs(&url, &login()).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(PASSWORD));
}
