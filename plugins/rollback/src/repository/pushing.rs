//! Putting the branch back: by the first way that the server takes.

use shared::log::Log;

use super::{Repository, id, patiently};
use crate::git::Oid;
use crate::git::acts::Restore;
use crate::git::lease::Pushed;
use crate::git::work::Identity;
use crate::plan::branch::Way;
use crate::plan::facts::{Bad, short};
use crate::plan::target::Target;
use crate::settings::TRAILER;

/// How a branch was put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Back {
    /// It is, in words.
    Done(String),
    /// A branch with the change is there, and a person has to merge it.
    Proposed {
        /// Its name.
        head: String,
    },
}

impl Repository<'_> {
    /// Puts the branch back, by the first way that the server takes; `head` is where it was seen.
    ///
    /// # Errors
    /// When it is not back.
    pub fn push(
        &self,
        bad: &Bad,
        target: &Target,
        head: &str,
        ways: &[Way],
        log: &Log,
    ) -> Result<Back, String> {
        let branch = self
            .settings
            .remote
            .branch
            .as_deref()
            .ok_or("there is no branch, set branch")?;
        let (head, good) = (id(head)?, id(&target.commit)?);
        let mut refused = Vec::new();
        for way in ways {
            let proposed = format!("rollback/{}", name_of(&bad.id));
            match self.by(*way, branch, &proposed, (head, good), bad, target)? {
                Pushed::Done(_) | Pushed::Already(_) if *way == Way::PullRequest => {
                    return Ok(Back::Proposed { head: proposed });
                }
                Pushed::Done(now) | Pushed::Already(now) => {
                    let now = now.to_string();
                    return Ok(Back::Done(format!(
                        "{branch} is at {} by {}",
                        short(&now),
                        way.words()
                    )));
                }
                Pushed::LeaseLost { now } => {
                    let now = now.map_or("gone".to_owned(), |now| format!("at {now}"));
                    return Err(format!(
                        "somebody else pushed meanwhile: {branch} is {now}, and nothing was pushed"
                    ));
                }
                Pushed::Protected { said, .. } => {
                    log.warn(&format!("{} is not let through: {said}", way.words()));
                    refused.push(format!("{}: {said}", way.words()));
                }
                Pushed::Refused { said } => {
                    return Err(format!("the remote refuses {}: {said}", way.words()));
                }
            }
        }
        Err(format!(
            "{branch} is protected ({}), let this login push there or set strategy: pull-request and a forge_token",
            refused.join("; ")
        ))
    }

    fn by(
        &self,
        way: Way,
        branch: &str,
        proposed: &str,
        (head, good): (Oid, Oid),
        bad: &Bad,
        target: &Target,
    ) -> Result<Pushed, String> {
        let (opened, remote) = self.opened()?;
        let work = &opened.work;
        let message = message(
            bad,
            target,
            self.settings.remote.ci_skip && way == Way::Restore,
        );
        let identity = Identity {
            name: "plugin-rollback".to_owned(),
            email: "plugin-rollback@localhost".to_owned(),
            at: self.clock.now(),
        };
        let restore = Restore {
            head,
            good,
            message: &message,
            identity: &identity,
        };
        patiently(|| match way {
            Way::Reset => work.reset(&remote, branch, head, good),
            Way::Restore => work.restore(&remote, branch, restore),
            Way::PullRequest => work.push_branch(&remote, proposed, restore),
        })
    }
}

/// A deployment's name as a part of a branch's.
fn name_of(deployment_id: &str) -> String {
    let good = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' {
            c
        } else {
            '-'
        }
    };
    deployment_id.chars().map(good).collect()
}

fn message(bad: &Bad, target: &Target, skips: bool) -> String {
    let skip = if skips { " [CI SKIP]" } else { "" };
    format!(
        "Roll back to {}{skip}\n\nThe tree of {}, in place of what came with {}.\n\n{TRAILER} {}\n",
        short(&target.commit),
        target.commit,
        bad.commit,
        bad.id
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::facts::Source;
    use crate::plan::tests::{GOOD, bad};

    #[test]
    fn a_commit_of_ours_says_whose_rollback_it_is() {
        let target = Target {
            commit: GOOD.into(),
            source: Source::Marker,
            passed_over: Vec::new(),
        };
        let text = message(&bad(), &target, true);
        assert!(
            text.starts_with("Roll back to aaaaaaaaaaaa [CI SKIP]\n\n"),
            "{text}"
        );
        assert!(
            text.lines()
                .any(|line| line == "Rollback-Of-Deployment: d1"),
            "{text}"
        );
        assert!(!message(&bad(), &target, false).contains("CI SKIP"));
    }

    #[test]
    fn a_deployments_name_becomes_a_branchs() {
        assert_eq!(name_of("acme/shop..8:x"), "acme-shop--8-x");
    }
}
