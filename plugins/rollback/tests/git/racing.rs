//! Somebody pushes at the worst of moments.

use std::sync::Arc;

use plugin_rollback::git::lease::Pushed;
use testbed::git_relay::{Fate, Relay};
use testbed::git_server::GitServer;

use super::{Run, Shop, identity};

/// The same repository through a relay.
fn through(relay: &Relay, name: &str) -> String {
    format!("https://localhost:{}/git/{name}", relay.address.port())
}

#[test]
fn who_pushed_before_us_keeps_what_was_pushed() {
    let (shop, url) = Shop::served("before-us.git");
    let run = Run::new();
    let remote = run.remote(&url);
    let head = run
        .work
        .gather(&remote, "main", shop.bad, shop.good)
        .unwrap();
    let theirs = shop.push();
    let lost = Pushed::LeaseLost { now: Some(theirs) };
    let reset = run.work.reset(&remote, "main", shop.bad, shop.good);
    assert_eq!(reset.unwrap(), lost);
    let identity = identity();
    let restore = run
        .work
        .restore(&remote, "main", shop.restore(head, &identity));
    assert_eq!(restore.unwrap(), lost);
    assert_eq!(shop.main(), theirs);
    // Who it was can be asked then.
    run.work.fetch(&remote, &[theirs], Some(1)).unwrap();
    assert_eq!(run.work.listed(theirs).unwrap().subject, "sell socks");
}

#[test]
fn a_push_between_our_look_and_our_push_is_not_lost() {
    let (shop, _) = Shop::served("between.git");
    let shop = Arc::new(shop);
    let theirs = Arc::clone(&shop);
    // The first connection looks, the second pushes.
    let relay = Relay::start(GitServer::shared().address, move |count| {
        if count == 1 {
            theirs.push();
        }
        Fate::Pass
    });
    let run = Run::new();
    let remote = run.remote(&through(&relay, "between.git"));
    let lost = run
        .work
        .reset(&remote, "main", shop.bad, shop.good)
        .unwrap();
    assert_ne!(shop.main(), shop.bad);
    assert_eq!(
        lost,
        Pushed::LeaseLost {
            now: Some(shop.main())
        }
    );
}

#[test]
fn a_push_while_the_server_runs_its_hooks_is_not_lost() {
    let (shop, url) = Shop::served("in-hook.git");
    let theirs = shop.repository.commit("other", "theirs", &[("x", "y\n")]);
    // What the server compared at first is no longer so when it comes to write.
    let hook = format!(
        "unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES
git update-ref refs/heads/main {theirs}"
    );
    shop.repository.hook("pre-receive", &hook);
    let run = Run::new();
    let remote = run.remote(&url);
    let lost = run
        .work
        .reset(&remote, "main", shop.bad, shop.good)
        .unwrap();
    assert_eq!(
        lost,
        Pushed::LeaseLost {
            now: Some(super::id(&theirs))
        }
    );
    assert_eq!(shop.main(), super::id(&theirs));
}

#[test]
fn a_branch_that_was_removed_is_not_made_again() {
    let (shop, url) = Shop::served("removed.git");
    shop.repository
        .git(&["update-ref", "-d", "refs/heads/main"]);
    let run = Run::new();
    let remote = run.remote(&url);
    let lost = run
        .work
        .reset(&remote, "main", shop.bad, shop.good)
        .unwrap();
    assert_eq!(lost, Pushed::LeaseLost { now: None });
    assert_eq!(shop.repository.at("refs/heads/main"), None);
}
