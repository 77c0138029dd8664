//! Repositories on this machine, as pipelines without a forge use them.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

use plugin_rollback::git::barrier::Barrier;
use plugin_rollback::git::error::GitError;
use plugin_rollback::git::lease::Pushed;
use plugin_rollback::git::login::Login;
use testbed::git_repository::Repository;
use testbed::scratch::Scratch;

use super::{Run, Shop, identity};

/// Gives everything below a folder to whoever runs the tests.
fn take(path: &Path) {
    let me = fs::metadata("/proc/self").unwrap();
    chown(path, Some(me.uid()), Some(me.gid())).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            take(&entry.unwrap().path());
        }
    }
}

/// The references of a repository that is made our own first, or why there are none.
pub(crate) fn refs_as_owner(url: &str) -> Result<usize, String> {
    take(Path::new(url.trim_start_matches("file://")));
    let run = Run::trusting(None);
    let remote = run.open(url, &Login::Nobody).unwrap();
    let refs = remote.refs().map_err(|error| error.to_string())?;
    Ok(refs.len())
}

fn home() -> Scratch {
    use std::os::unix::fs::PermissionsExt;
    let home = Scratch::new("local");
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o777)).unwrap();
    home
}

#[test]
fn every_way_back_works_without_a_server_and_without_a_program() {
    let home = home();
    let shop = Shop::fill(Repository::create(home.join("a shop.git"), "sha1"));
    let url = format!("file://{}/a%20shop.git", home.path().display());
    take(&shop.repository.path);
    let run = Run::trusting(None);
    let remote = run.open(&url, &Login::Nobody).unwrap();
    let head = run
        .work
        .gather(&remote, "main", shop.bad, shop.good)
        .unwrap();
    let history = run.work.history(head, shop.bad, shop.good).unwrap();
    assert!(history.bad_is_head && history.good_is_ancestor);
    let identity = identity();
    let restore = || {
        run.work
            .restore(&remote, "main", shop.restore(head, &identity))
    };
    let Pushed::Done(made) = restore().unwrap() else {
        panic!("not done");
    };
    assert_eq!(restore().unwrap(), Pushed::Already(made));
    let reset = |from| run.work.reset(&remote, "main", from, shop.good).unwrap();
    assert_eq!(reset(shop.bad), Pushed::LeaseLost { now: Some(made) });
    assert_eq!(reset(made), Pushed::Done(shop.good));
    assert_eq!(reset(made), Pushed::Already(shop.good));
    let marker = run
        .work
        .write_marker(&remote, "production", None, shop.good);
    assert_eq!(marker.unwrap(), Pushed::Done(shop.good));
    assert_eq!(
        run.work.read_marker(&remote, "production").unwrap(),
        Some(shop.good)
    );
    assert_eq!(remote.branch("main").unwrap(), Some(shop.good));
}

#[test]
fn what_the_repository_forbids_is_kept_to() {
    let home = home();
    let shop = Shop::fill(Repository::create(home.join("shop.git"), "sha1"));
    shop.repository
        .config("receive.denyNonFastForwards", "true");
    let url = shop.repository.path.display().to_string();
    take(&shop.repository.path);
    let run = Run::trusting(None);
    let remote = run.open(&url, &Login::Nobody).unwrap();
    let refused = run
        .work
        .reset(&remote, "main", shop.bad, shop.good)
        .unwrap();
    assert!(
        matches!(
            refused,
            Pushed::Protected {
                barrier: Barrier::History,
                ..
            }
        ),
        "{refused:?}"
    );
    assert_eq!(remote.branch("main").unwrap(), Some(shop.bad));
}

#[test]
fn a_path_without_a_repository_and_one_of_another_user_are_told_apart() {
    let home = home();
    let run = Run::trusting(None);
    let refs = |path: &Path| {
        let url = format!("file://{}", path.display());
        run.open(&url, &Login::Nobody).unwrap().refs()
    };
    assert!(matches!(refs(home.path()), Err(GitError::Absent { .. })));
    let repository = Repository::create(home.join("theirs.git"), "sha1");
    let owner = fs::metadata(&repository.path).unwrap().uid();
    let me = fs::metadata("/proc/self").unwrap().uid();
    let refs = refs(&repository.path);
    if owner == me {
        // Who runs the tests without being root has no other user to make a repository.
        assert!(refs.is_ok());
    } else {
        let text = refs.unwrap_err().to_string();
        assert!(text.contains("belongs to another user"), "{text}");
    }
}
