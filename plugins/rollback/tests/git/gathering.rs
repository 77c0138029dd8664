//! What is fetched, and what it tells.

use plugin_rollback::git::error::GitError;
use testbed::git_server::GitServer;

use super::{Run, Shop, id, login};

#[test]
fn a_history_tells_how_the_commits_belong_together() {
    let (shop, url) = Shop::served("history.git");
    let later = shop.push();
    let run = Run::new();
    let remote = run.remote(&url);
    let head = run
        .work
        .gather(&remote, "main", shop.bad, shop.good)
        .unwrap();
    let history = run.work.history(head, shop.bad, shop.good).unwrap();
    assert!(!history.bad_is_head && history.bad_on_branch && history.good_is_ancestor);
    assert_eq!(history.after_bad_total, 1);
    let after = &history.after_bad[0];
    assert_eq!(
        (after.id, after.subject.as_str(), after.author.as_str()),
        (later, "sell socks", "Ada")
    );
    assert_eq!(history.changed, ["migrations/2.sql", "src/shop.txt"]);
    assert_eq!(run.work.listed(shop.bad).unwrap().subject, "sell nothing");
    let back = run.work.history(head, shop.good, shop.bad).unwrap();
    assert!(!back.good_is_ancestor && back.after_bad_total == 3);
    assert_eq!(back.after_bad[0].id, later);
}

#[test]
fn files_are_left_out_where_the_server_can_do_that() {
    for (name, filters) in [("filtered.git", "true"), ("unfiltered.git", "false")] {
        let (shop, url) = Shop::served(name);
        shop.repository.config("uploadpack.allowFilter", filters);
        let run = Run::new();
        let remote = run.remote(&url);
        run.work
            .gather(&remote, "main", shop.bad, shop.good)
            .unwrap();
        let path = run.work.folder().join("repository");
        let objects = GitServer::shared()
            .client(&path)
            .args([
                "cat-file",
                "--batch-all-objects",
                "--batch-check=%(objecttype)",
            ])
            .output()
            .unwrap();
        let objects = String::from_utf8(objects.stdout).unwrap();
        assert_eq!(objects.contains("blob"), filters == "false", "{objects}");
        assert_eq!(objects.matches("commit").count(), 3);
    }
}

#[test]
fn a_good_commit_far_back_is_found_beyond_the_first_piece_of_history() {
    let (shop, url) = Shop::served("far-back.git");
    let bad = id(&shop.repository.grow("main", 110));
    let run = Run::new();
    let remote = run.remote(&url);
    let head = run.work.gather(&remote, "main", bad, shop.good).unwrap();
    let history = run.work.history(head, bad, shop.good).unwrap();
    assert!(history.bad_is_head && history.good_is_ancestor && history.after_bad.is_empty());
}

#[test]
fn a_commit_of_another_branch_is_found_and_known_to_be_no_ancestor() {
    for (name, any) in [("by-name.git", "true"), ("by-branches.git", "false")] {
        let (shop, url) = Shop::served(name);
        shop.repository
            .config("uploadpack.allowReachableSHA1InWant", any);
        let other = id(&shop.repository.commit("old", "before", &[("a", "b\n")]));
        shop.repository.commit("old", "tip", &[("a", "c\n")]);
        let run = Run::new();
        let remote = run.remote(&url);
        let head = run.work.gather(&remote, "main", shop.bad, other).unwrap();
        let history = run.work.history(head, shop.bad, other).unwrap();
        assert!(history.bad_is_head && !history.good_is_ancestor, "{name}");
        let absent = id(&"ab".repeat(20));
        let wrong = run.work.gather(&remote, "main", shop.bad, absent);
        assert!(
            matches!(wrong, Err(GitError::NoCommit { commit, .. }) if commit == absent),
            "{name}: {wrong:?}"
        );
        let wrong = run.work.gather(&remote, "mian", shop.bad, shop.good);
        assert!(matches!(wrong, Err(GitError::NoBranch { .. })), "{wrong:?}");
    }
}

#[test]
fn a_history_over_the_limit_is_not_taken() {
    let (shop, url) = Shop::served("limit.git");
    let mut run = Run::new();
    run.limits.history_bytes = 200;
    let remote = run.open(&url, &login()).unwrap();
    let wrong = run.work.gather(&remote, "main", shop.bad, shop.good);
    assert!(
        matches!(wrong, Err(GitError::TooLarge { limit: 200, .. })),
        "{wrong:?}"
    );
}
