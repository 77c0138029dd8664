//! Each way back, over HTTPS with a login, beside the clone that Woodpecker makes.

use std::fs;
use std::path::Path;

use plugin_rollback::git::acts::Standing;
use plugin_rollback::git::lease::Pushed;
use testbed::git_server::{GitServer, PASSWORD, USER};

use super::{Run, Shop, identity};

/// The clone that a step finds, made by real git.
fn clone(folder: &Path, name: &str) {
    let server = GitServer::shared();
    let url = server.url("git", name);
    let url = url.replace("https://", &format!("https://{USER}:{PASSWORD}@"));
    let done = server
        .client(folder)
        .args([
            "clone",
            "--quiet",
            "--depth=1",
            "--filter=tree:0",
            "--no-tags",
        ])
        .args([&url, "clone"])
        .status();
    assert!(done.unwrap().success());
}

fn files(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let length = fs::metadata(&path).unwrap().len();
                names.push(format!("{} {length}", path.display()));
            }
        }
    }
    names.sort();
    names
}

#[test]
fn a_reset_takes_the_branch_back_and_leaves_the_clone_alone() {
    let (shop, url) = Shop::served("reset.git");
    shop.repository.config("uploadpack.allowFilter", "true");
    let run = Run::new();
    clone(run.scratch.path(), "reset.git");
    let clone = run.scratch.join("clone");
    let before = files(&clone);
    let remote = run.remote(&url);
    let head = run
        .work
        .gather(&remote, "main", shop.bad, shop.good)
        .unwrap();
    assert_eq!(
        run.work.standing(head, shop.bad, shop.good).unwrap(),
        Standing::AtBad
    );
    let reset = || {
        run.work
            .reset(&remote, "main", shop.bad, shop.good)
            .unwrap()
    };
    assert_eq!(reset(), Pushed::Done(shop.good));
    assert_eq!(shop.main(), shop.good);
    assert_eq!(reset(), Pushed::Already(shop.good));
    assert_eq!(
        run.work.standing(shop.good, shop.bad, shop.good).unwrap(),
        Standing::AtGood
    );
    assert_eq!(files(&clone), before);
}

#[test]
fn a_restore_puts_one_commit_with_the_good_tree_on_the_branch() {
    let (shop, url) = Shop::served("restore.git");
    shop.repository.config("uploadpack.allowFilter", "true");
    let run = Run::new();
    let remote = run.remote(&url);
    let head = run
        .work
        .gather(&remote, "main", shop.bad, shop.good)
        .unwrap();
    let identity = identity();
    let done = run
        .work
        .restore(&remote, "main", shop.restore(head, &identity));
    let Pushed::Done(made) = done.unwrap() else {
        panic!("not done");
    };
    assert_eq!(shop.main(), made);
    assert_eq!(shop.tree(made), shop.tree(shop.good));
    let parents = shop
        .repository
        .git(&["log", "-1", "--format=%P %an %s", "main"]);
    assert_eq!(
        parents,
        format!("{head} Rollback Restore the last good version [CI SKIP]")
    );
    shop.repository.git(&["fsck", "--strict"]);

    // The next run finds it done, and adds nothing.
    let next = Run::new();
    let remote = next.remote(&url);
    let head = next
        .work
        .gather(&remote, "main", shop.bad, shop.good)
        .unwrap();
    assert_eq!(
        next.work.standing(head, shop.bad, shop.good).unwrap(),
        Standing::GoodTree(made)
    );
    let again = next
        .work
        .restore(&remote, "main", shop.restore(head, &identity));
    assert_eq!(again.unwrap(), Pushed::Already(made));
    assert_eq!(shop.main(), made);
}

#[test]
fn a_branch_for_a_pull_request_is_pushed_once() {
    let (shop, url) = Shop::served("pull-request.git");
    let run = Run::new();
    let remote = run.remote(&url);
    let head = run
        .work
        .gather(&remote, "main", shop.bad, shop.good)
        .unwrap();
    let mut identity = identity();
    let push = |identity: &_| {
        let restore = shop.restore(head, identity);
        run.work
            .push_branch(&remote, "rollback/8", restore)
            .unwrap()
    };
    let Pushed::Done(made) = push(&identity) else {
        panic!("not done");
    };
    assert_eq!(push(&identity), Pushed::Already(made));
    // A killed run began at another second.
    identity.at += jiff::SignedDuration::from_secs(9);
    assert_eq!(push(&identity), Pushed::Already(made));
    assert_eq!(shop.main(), shop.bad);
    assert_eq!(shop.tree(made), shop.tree(shop.good));
    // What is somebody else's branch stays what it is.
    let other = shop
        .repository
        .commit("rollback/9", "mine", &[("x", "y\n")]);
    let restore = shop.restore(head, &identity);
    let lost = run
        .work
        .push_branch(&remote, "rollback/9", restore)
        .unwrap();
    assert_eq!(
        lost,
        Pushed::LeaseLost {
            now: Some(super::id(&other))
        }
    );
}
