//! Branches that are protected, by hooks that speak as the forges do.

use plugin_rollback::git::barrier::Barrier;
use plugin_rollback::git::lease::Pushed;

use super::{Run, Shop, identity};

const GITHUB: &str = "echo 'error: GH006: Protected branch update failed for refs/heads/main.' >&2
echo 'error: Changes must be made through a pull request.' >&2; exit 1";
const GITLAB: &str = "while read old new ref; do
  [ \"$(git merge-base $old $new)\" = $old ] && continue
  echo 'GitLab: You are not allowed to force push code to a protected branch on this project.' >&2; exit 1
done";
const GITEA: &str = "while read old new ref; do
  [ \"$(git merge-base $old $new)\" = $old ] && continue
  echo 'Gitea: branch main is protected from force push' >&2; exit 1
done";
const BITBUCKET: &str =
    "echo 'Branch refs/heads/main can only be modified through pull requests.' >&2; exit 1";
const FRIDAY: &str = "printf '\\033[31mno deploys on friday\\033[0m\\n' >&2; exit 1";

#[test]
fn what_every_forge_says_of_a_reset_is_understood() {
    for (name, hook, expected, words) in [
        ("github.git", GITHUB, Barrier::Branch, "GH006"),
        (
            "gitlab.git",
            GITLAB,
            Barrier::History,
            "not allowed to force push",
        ),
        (
            "gitea.git",
            GITEA,
            Barrier::History,
            "protected from force push",
        ),
        ("bitbucket.git", BITBUCKET, Barrier::Branch, "pull requests"),
        (
            "friday.git",
            FRIDAY,
            Barrier::Branch,
            "(no deploys on friday)",
        ),
    ] {
        let (shop, url) = Shop::served(name);
        shop.repository.hook("pre-receive", hook);
        let run = Run::new();
        let remote = run.remote(&url);
        let refused = run
            .work
            .reset(&remote, "main", shop.bad, shop.good)
            .unwrap();
        let Pushed::Protected { barrier, said } = refused else {
            panic!("{name}: {refused:?}");
        };
        assert_eq!(barrier, expected, "{name}");
        assert!(
            said.contains(words) && !said.contains('\u{1b}'),
            "{name}: {said}"
        );
        assert_eq!(shop.main(), shop.bad);
    }
}

#[test]
fn a_branch_that_keeps_its_history_takes_a_restore() {
    for (name, hook) in [("keeps.git", None), ("keeps-by-hook.git", Some(GITLAB))] {
        let (shop, url) = Shop::served(name);
        match hook {
            Some(hook) => shop.repository.hook("pre-receive", hook),
            None => shop
                .repository
                .config("receive.denyNonFastForwards", "true"),
        }
        let run = Run::new();
        let remote = run.remote(&url);
        let head = run
            .work
            .gather(&remote, "main", shop.bad, shop.good)
            .unwrap();
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
            "{name}: {refused:?}"
        );
        let identity = identity();
        let done = run
            .work
            .restore(&remote, "main", shop.restore(head, &identity));
        assert!(matches!(done, Ok(Pushed::Done(_))), "{name}: {done:?}");
        assert_eq!(shop.tree(shop.main()), shop.tree(shop.good));
    }
}
