//! What a server's refusal of a push means.

use super::text;

/// What stands in the way of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Barrier {
    /// The branch's past may not be rewritten: a new commit is welcome (`restore`).
    History,
    /// Nobody may push to the branch: a pull request is the way.
    Branch,
}

/// What speaks of rewriting, in lower case: forges say so when a branch is protected against that alone.
const HISTORY: &[&str] = &[
    "non-fast-forward",
    "non-fast forward",
    "force push",
    "force-push",
    "rewriting history",
    "rewrite history",
];
/// What speaks of a branch that takes no push, in lower case.
const BRANCH: &[&str] = &[
    // GitHub: classic protection and rule sets.
    "gh006",
    "gh013",
    "protected branch",
    "rule violations",
    // GitLab, Gitea and Forgejo.
    "protected branches",
    "is protected",
    "not allowed to push",
    // Bitbucket and Azure DevOps.
    "can only be modified through pull requests",
    "permission denied to update branch",
    "must use a pull request",
    // Whatever a team hooked in.
    "hook declined",
];

/// Reads a refusal: `why` from the report, `words` from what hooks and the server said. Nothing when it is no barrier
/// that another strategy would pass.
pub fn of(why: &str, words: &str) -> Option<Barrier> {
    let all = format!("{why}\n{words}").to_lowercase();
    let has = |known: &[&str]| known.iter().any(|text| all.contains(text));
    if has(HISTORY) {
        Some(Barrier::History)
    } else if has(BRANCH) {
        Some(Barrier::Branch)
    } else {
        None
    }
}

/// The refusal as one line of a log.
pub fn said(why: &str, words: &str) -> String {
    let (why, words) = (text::said(why), text::said(words));
    if words.is_empty() {
        why
    } else {
        format!("{why} ({words})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_every_forge_are_understood() {
        let (history, branch) = (Some(Barrier::History), Some(Barrier::Branch));
        for (why, words, barrier) in [
            (
                "protected branch hook declined",
                "error: GH006: Protected branch update failed for refs/heads/main.\nerror: Cannot force-push to this branch",
                history,
            ),
            (
                "protected branch hook declined",
                "error: GH006: Protected branch update failed for refs/heads/main.\nerror: Changes must be made through a pull request.",
                branch,
            ),
            (
                "push declined due to repository rule violations",
                "error: GH013: Repository rule violations found for refs/heads/main.\n- Changes must be made through a pull request.",
                branch,
            ),
            (
                "pre-receive hook declined",
                "GitLab: You are not allowed to force push code to a protected branch on this project.",
                history,
            ),
            (
                "pre-receive hook declined",
                "GitLab: You are not allowed to push code to protected branches on this project.",
                branch,
            ),
            (
                "pre-receive hook declined",
                "Gitea: branch main is protected from force push",
                history,
            ),
            (
                "pre-receive hook declined",
                "Forgejo: Not allowed to push to protected branch main",
                branch,
            ),
            (
                "pre-receive hook declined",
                "Branch refs/heads/main can only be modified through pull requests.",
                branch,
            ),
            (
                "pre-receive hook declined",
                "Rewriting history isn't permitted for refs/heads/main",
                history,
            ),
            (
                "non-fast-forward",
                "error: denying non-fast-forward refs/heads/main",
                history,
            ),
            ("pre-receive hook declined", "no deploys on friday", branch),
            ("failed to update ref", "", None),
            ("unpack index-pack abnormal exit", "fatal: disk full", None),
        ] {
            assert_eq!(of(why, words), barrier, "{why}: {words}");
        }
    }

    #[test]
    fn a_refusal_is_one_line_with_the_servers_words() {
        assert_eq!(
            said("hook declined", "remote: a\u{7}\nremote: b\n"),
            "hook declined (a; b)"
        );
        assert_eq!(said("non-fast-forward", ""), "non-fast-forward");
    }
}
