//! The same over SSH, through the real program and a real server.

use plugin_rollback::git::barrier::Barrier;
use plugin_rollback::git::error::GitError;
use plugin_rollback::git::lease::Pushed;
use plugin_rollback::git::login::Login;
use shared::secret::Secret;
use testbed::git_shell::Sshd;

use super::{Run, Shop, identity};

fn with_key(key: &str, known_hosts: &str) -> Login {
    Login::Key {
        // As a secret often comes: without its last line break.
        key: Secret::new(key.trim_end()),
        known_hosts: known_hosts.trim_end().to_owned(),
    }
}

#[test]
fn every_way_back_works_over_ssh() {
    let sshd = Sshd::start();
    let shop = Shop::fill(sshd.repository("it's a shop.git"));
    shop.repository.config("uploadpack.allowFilter", "true");
    let login = with_key(&sshd.key, &sshd.known_hosts);
    let run = Run::trusting(None);
    let remote = run.open(&sshd.url(&shop.repository), &login).unwrap();
    let head = run
        .work
        .gather(&remote, "main", shop.bad, shop.good)
        .unwrap();
    let history = run.work.history(head, shop.bad, shop.good).unwrap();
    assert!(history.bad_is_head && history.good_is_ancestor);
    let identity = identity();
    let restore = run
        .work
        .restore(&remote, "main", shop.restore(head, &identity));
    let Pushed::Done(made) = restore.unwrap() else {
        panic!("not done");
    };
    assert_eq!(shop.tree(made), shop.tree(shop.good));
    let reset = |from| run.work.reset(&remote, "main", from, shop.good).unwrap();
    assert_eq!(reset(shop.bad), Pushed::LeaseLost { now: Some(made) });
    shop.repository.hook(
        "pre-receive",
        "echo 'branch main is protected from force push' >&2; exit 1",
    );
    assert!(matches!(
        reset(made),
        Pushed::Protected {
            barrier: Barrier::History,
            ..
        }
    ));
    shop.repository.unhook("pre-receive");
    assert_eq!(reset(made), Pushed::Done(shop.good));
    assert_eq!(shop.main(), shop.good);
}

#[test]
fn a_wrong_key_a_strange_host_and_a_missing_repository_are_told_apart() {
    let sshd = Sshd::start();
    let shop = Shop::fill(sshd.repository("shop.git"));
    let run = Run::trusting(None);
    let refs = |path: &std::path::Path, login: &Login| {
        let remote = run.open(&sshd.url_of(path), login).unwrap();
        remote.refs().map(|refs| refs.len())
    };
    let right = with_key(&sshd.key, &sshd.known_hosts);
    assert_eq!(refs(&shop.repository.path, &right), Ok(2));
    for (login, words) in [
        (
            with_key(&sshd.wrong_key, &sshd.known_hosts),
            "Permission denied",
        ),
        (
            with_key(&sshd.key, &sshd.wrong_hosts),
            "expected the host's key in ssh_known_hosts",
        ),
        (
            with_key(&sshd.key, ""),
            "expected the host's key in ssh_known_hosts",
        ),
    ] {
        let error = refs(&shop.repository.path, &login).unwrap_err();
        assert!(matches!(&error, GitError::Ssh { .. }), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
    }
    let absent = refs(&sshd.home().join("nothing.git"), &right);
    assert!(matches!(absent, Err(GitError::Absent { .. })), "{absent:?}");
}

#[test]
fn a_key_lies_in_a_folder_of_our_own_and_goes_with_it() {
    use std::os::unix::fs::PermissionsExt;
    let run = Run::trusting(None);
    let folder = run.work.folder().to_owned();
    let login = with_key("secret", "host key");
    let remote = run.open("git@127.0.0.1:x", &login).unwrap();
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.join("key")), 0o600);
    assert_eq!(mode(&folder), 0o700);
    drop(remote);
    drop(run);
    assert!(!folder.exists());
}

#[test]
fn an_ssh_server_that_says_nothing_is_left_after_the_idle_limit() {
    let silent = testbed::hostile::Server::start(testbed::hostile::Behaviour::Silent);
    let mut run = Run::trusting(None);
    run.limits.idle = std::time::Duration::from_millis(200);
    let url = format!("ssh://git@{}/x", silent.address);
    let remote = run.open(&url, &with_key("k", "h k")).unwrap();
    let error = remote.refs().unwrap_err();
    let limit = run.limits.idle;
    assert!(
        matches!(error, GitError::TimedOut { limit: passed, .. } if passed == limit),
        "{error:?}"
    );
}
