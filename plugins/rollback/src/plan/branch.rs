//! What becomes of the branch: which ways may be tried, and what stands in the way.

use super::facts::{Asked, Branch, Git, Strategy, short};

/// A way to bring a branch back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It goes back to the good commit.
    Reset,
    /// A new commit with the good commit's tree.
    Restore,
    /// The same as a pull request.
    PullRequest,
}

impl Way {
    /// What it does, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Restore => "restore",
            Self::PullRequest => "pull-request",
        }
    }
}

/// What is to be done with the branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    /// Nothing: nobody asked for it.
    None,
    /// It is back already.
    Done,
    /// One of these, the first that the server takes.
    Back(Vec<Way>),
    /// It may not or cannot be done, in words, with what to do.
    Blocked(String),
}

/// Decides from what was asked for and what git says.
pub fn decide(asked: &Asked, git: &Git) -> Put {
    if matches!(asked.strategy, Strategy::None | Strategy::Redeploy) {
        return Put::None;
    }
    let branch = match git {
        Git::Seen(branch) => branch,
        Git::Unasked => return Put::None,
        Git::Unseen(why) => return Put::Blocked(why.clone()),
    };
    if branch.is_back {
        return Put::Done;
    }
    if let Some(why) = irreversible(asked, branch) {
        return Put::Blocked(why);
    }
    if !branch.has_good {
        return Put::Blocked(
            "the good commit is not on the remote, set previous_commit to one that is".to_owned(),
        );
    }
    let ways = ways(asked, branch);
    if !ways.is_empty() {
        return Put::Back(ways);
    }
    Put::Blocked(moved(branch))
}

/// Why what changed cannot be rolled back; nothing when it can, or when somebody insists.
pub fn irreversible(asked: &Asked, branch: &Branch) -> Option<String> {
    let paths = &branch.irreversible;
    if paths.is_empty() || asked.lifted.irreversible {
        return None;
    }
    let shown: Vec<&str> = paths.iter().take(5).map(String::as_str).collect();
    let more = match paths.len().saturating_sub(5) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    Some(format!(
        "between the good and the bad commit these changed, which cannot be rolled back: {}{more}; take them back by hand, then set override: irreversible",
        shown.join(", ")
    ))
}

fn ways(asked: &Asked, branch: &Branch) -> Vec<Way> {
    let is_head = branch.has_bad && branch.after.is_empty();
    // A pull request undoes nothing silently: a person merges it.
    // `moved-branch` undoes commits after the bad one; a branch that never had it is another branch.
    let may_push = is_head || (branch.has_bad && asked.lifted.moved_branch);
    // What is reset has to lie on the branch's own past.
    let resets = is_head && branch.good_is_older;
    match asked.strategy {
        Strategy::Reset if may_push && branch.good_is_older => vec![Way::Reset],
        Strategy::Restore if may_push => vec![Way::Restore],
        Strategy::PullRequest => vec![Way::PullRequest],
        Strategy::Auto => {
            let all = [
                (Way::Reset, resets && branch.protected != Some(true)),
                (Way::Restore, may_push),
                (Way::PullRequest, asked.pull_requests),
            ];
            let may = all.into_iter().filter(|(_, may)| *may);
            may.map(|(way, _)| way).collect()
        }
        Strategy::Reset | Strategy::Restore | Strategy::Redeploy | Strategy::None => Vec::new(),
    }
}

/// Why nothing may be pushed.
fn moved(branch: &Branch) -> String {
    let name = &branch.name;
    if !branch.has_bad {
        return format!(
            "the bad commit is not on {name}, whose head is {}; set branch, or strategy: pull-request",
            short(&branch.head)
        );
    }
    if branch.after.is_empty() {
        return format!(
            "{name} cannot be reset, because the good commit is not in its past; set strategy: restore"
        );
    }
    let each: Vec<String> = branch
        .after
        .iter()
        .take(5)
        .map(|commit| {
            format!(
                "{} {} ({})",
                short(&commit.id),
                commit.subject,
                commit.author
            )
        })
        .collect();
    let count = branch.after.len();
    format!(
        "{count} commits came to {name} after the bad one and would be undone with it: {}; set strategy: pull-request, or override: moved-branch to undo them",
        each.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::super::facts::{Commit, Lifted};
    use super::super::tests::{asked, branch};
    use super::*;

    fn put(strategy: Strategy, change: impl Fn(&mut Branch), lifted: Lifted) -> Put {
        let mut branch = branch();
        change(&mut branch);
        let asked = Asked {
            strategy,
            lifted,
            pull_requests: true,
            ..asked()
        };
        decide(&asked, &Git::Seen(branch))
    }

    fn back(ways: &[Way]) -> Put {
        Put::Back(ways.to_vec())
    }

    fn later(branch: &mut Branch) {
        branch.after = vec![Commit {
            id: "e".repeat(40),
            subject: "add a page".into(),
            author: "kim".into(),
        }];
    }

    const NONE: Lifted = Lifted {
        hold: false,
        irreversible: false,
        moved_branch: false,
    };

    #[test]
    fn auto_resets_an_unprotected_head_and_goes_on_to_milder_ways() {
        let auto = |change: fn(&mut Branch)| put(Strategy::Auto, change, NONE);
        let all = [Way::Reset, Way::Restore, Way::PullRequest];
        assert_eq!(auto(|_| {}), back(&all));
        assert_eq!(auto(|branch| branch.protected = None), back(&all));
        assert_eq!(
            auto(|branch| branch.protected = Some(true)),
            back(&all[1..])
        );
        assert_eq!(auto(|branch| branch.good_is_older = false), back(&all[1..]));
        assert_eq!(auto(later), back(&all[2..]));
    }

    #[test]
    fn what_is_asked_for_by_name_is_done_and_nothing_else() {
        let asked = |strategy| put(strategy, |_| {}, NONE);
        assert_eq!(asked(Strategy::Reset), back(&[Way::Reset]));
        assert_eq!(asked(Strategy::Restore), back(&[Way::Restore]));
        assert_eq!(asked(Strategy::PullRequest), back(&[Way::PullRequest]));
        assert_eq!(asked(Strategy::None), Put::None);
        assert_eq!(asked(Strategy::Redeploy), Put::None);
    }

    #[test]
    fn later_commits_are_listed_and_not_silently_undone() {
        for strategy in [Strategy::Reset, Strategy::Restore] {
            let Put::Blocked(why) = put(strategy, later, NONE) else {
                panic!("not blocked")
            };
            assert!(why.contains("eeeeeeeeeeee add a page (kim)"), "{why}");
            let lifted = Lifted {
                moved_branch: true,
                ..NONE
            };
            assert!(matches!(put(strategy, later, lifted), Put::Back(_)));
        }
    }

    #[test]
    fn a_bad_commit_that_is_not_on_the_branch_is_not_rolled_back_there() {
        let Put::Blocked(why) = put(Strategy::Restore, |branch| branch.has_bad = false, NONE)
        else {
            panic!("not blocked")
        };
        assert!(why.starts_with("the bad commit is not on main"), "{why}");
        let lifted = Lifted {
            moved_branch: true,
            ..NONE
        };
        for strategy in [Strategy::Reset, Strategy::Restore] {
            let other = put(strategy, |branch| branch.has_bad = false, lifted);
            assert!(matches!(other, Put::Blocked(_)), "{other:?}");
        }
        let proposed = put(Strategy::Auto, |branch| branch.has_bad = false, lifted);
        assert_eq!(proposed, back(&[Way::PullRequest]));
    }

    #[test]
    fn changes_that_cannot_be_rolled_back_block_it_until_somebody_insists() {
        let migrated = |branch: &mut Branch| branch.irreversible = vec!["migrations/7.sql".into()];
        let Put::Blocked(why) = put(Strategy::Auto, migrated, NONE) else {
            panic!("not blocked")
        };
        assert!(why.contains("migrations/7.sql"), "{why}");
        let lifted = Lifted {
            irreversible: true,
            ..NONE
        };
        assert!(matches!(
            put(Strategy::Auto, migrated, lifted),
            Put::Back(_)
        ));
    }

    #[test]
    fn a_good_commit_that_is_nowhere_blocks_it() {
        assert!(matches!(
            put(Strategy::Auto, |branch| branch.has_good = false, NONE),
            Put::Blocked(_)
        ));
    }

    #[test]
    fn what_is_back_is_not_pushed_again() {
        assert_eq!(
            put(Strategy::Auto, |branch| branch.is_back = true, NONE),
            Put::Done
        );
    }

    #[test]
    fn without_git_it_is_blocked_in_words() {
        let unseen = Git::Unseen("no route".into());
        assert_eq!(decide(&asked(), &unseen), Put::Blocked("no route".into()));
    }

    #[test]
    fn a_branch_is_not_reset_to_what_is_not_in_its_past() {
        let Put::Blocked(why) = put(Strategy::Reset, |branch| branch.good_is_older = false, NONE)
        else {
            panic!("not blocked")
        };
        assert!(why.contains("not in its past"), "{why}");
    }
}
