//! The remote repository: what the branch is like, and putting it back.

use std::cell::OnceCell;
use std::sync::Arc;

use shared::clock::Clock;
use shared::http::Http;
use shared::log::Log;

use crate::git::acts::{Restore, Standing};
use crate::git::address::Address;
use crate::git::error::GitError;
use crate::git::history::{History, Listed};
use crate::git::lease::Pushed;
use crate::git::login::{self, Login, Netrc, Offered};
use crate::git::remote::{Limits, Means, Remote};
use crate::git::work::{Identity, Work};
use crate::git::{Oid, commit_id};
use crate::plan::branch::Way;
use crate::plan::facts::{Bad, Branch, Commit, Git, short};
use crate::plan::irreversible;
use crate::plan::target::Target;
use crate::settings::{Settings, TRAILER};

/// How often a remote that is not there is asked.
const TRIES: u32 = 3;

/// The remote, opened when it is first needed, with a repository of our own beside it.
pub struct Repository<'a> {
    settings: &'a Settings,
    http: &'a Arc<Http>,
    clock: &'a dyn Clock,
    opened: OnceCell<Result<Opened, String>>,
}

struct Opened {
    work: Work,
    address: Address,
    login: Login,
}

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

impl<'a> Repository<'a> {
    /// The repository that the settings name. Nothing is asked yet.
    pub fn new(settings: &'a Settings, http: &'a Arc<Http>, clock: &'a dyn Clock) -> Self {
        Self {
            settings,
            http,
            clock,
            opened: OnceCell::new(),
        }
    }

    fn opened(&self) -> Result<(&Opened, Remote<'_>), String> {
        let opened = self.opened.get_or_init(|| self.open()).as_ref();
        let opened = opened.map_err(Clone::clone)?;
        let means = Means {
            http: self.http,
            clock: self.clock,
            limits: Limits::default(),
        };
        let remote = Remote::open(&opened.address, &opened.login, means, &opened.work);
        Ok((opened, remote.map_err(|error| error.to_string())?))
    }

    fn open(&self) -> Result<Opened, String> {
        let remote = &self.settings.remote;
        let address = remote
            .address
            .as_ref()
            .ok_or("there is no remote, set remote")?;
        let address = Address::parse(address.reveal())?;
        let offered = Offered {
            user: remote.username.clone(),
            password: remote.password.clone(),
            key: remote.ssh_key.clone(),
            known_hosts: remote.ssh_known_hosts.clone(),
            netrc: remote.netrc.clone().map(|(machine, user, password)| Netrc {
                machine,
                user,
                password,
            }),
            forge: remote.forge.clone(),
        };
        let login = login::choose(&address, &offered)?;
        let places = Work::places(&self.settings.ci.workspace);
        let work = Work::create(&places).map_err(|error| error.to_string())?;
        Ok(Opened {
            work,
            address,
            login,
        })
    }

    /// What git says of the branch. `protected` is what the forge says of it.
    pub fn look(&self, bad: &Bad, target: &Target, protected: Option<bool>) -> Git {
        let Some(name) = &self.settings.remote.branch else {
            return Git::Unasked;
        };
        match self.is_at(name, target) {
            // Reset already: the bad commit may be on no branch any more, and is not given out then.
            Ok(true) => return Git::Seen(reset_already(name, target)),
            Ok(false) => {}
            Err(why) => return Git::Unseen(why),
        }
        match self.seen(name, bad, target) {
            Ok((head, standing, history)) => {
                Git::Seen(self.branch(name, head, standing, history, protected))
            }
            Err(why) => Git::Unseen(why),
        }
    }

    fn is_at(&self, name: &str, target: &Target) -> Result<bool, String> {
        let good = id(&target.commit)?;
        let (_, remote) = self.opened()?;
        Ok(patiently(|| remote.branch(name))? == Some(good))
    }

    fn seen(
        &self,
        name: &str,
        bad: &Bad,
        target: &Target,
    ) -> Result<(Oid, Standing, History), String> {
        let (bad, good) = (id(&bad.commit)?, id(&target.commit)?);
        let (opened, remote) = self.opened()?;
        let work = &opened.work;
        let head = patiently(|| work.gather(&remote, name, bad, good))?;
        let words = |error: GitError| error.to_string();
        let standing = work.standing(head, bad, good).map_err(words)?;
        let history = work.history(head, bad, good).map_err(words)?;
        Ok((head, standing, history))
    }

    fn branch(
        &self,
        name: &str,
        head: Oid,
        standing: Standing,
        history: History,
        protected: Option<bool>,
    ) -> Branch {
        Branch {
            name: name.to_owned(),
            head: head.to_string(),
            has_bad: history.bad_on_branch,
            has_good: true,
            good_is_older: history.good_is_ancestor,
            is_back: matches!(standing, Standing::AtGood | Standing::GoodTree(_)),
            after: history.after_bad.into_iter().map(listed).collect(),
            irreversible: irreversible::matching(&history.changed, &self.settings.irreversible),
            protected,
        }
    }

    /// The bad commit's first parent.
    ///
    /// # Errors
    /// When git cannot be asked, or there is none.
    pub fn parent(&self, bad: &Bad) -> Result<String, String> {
        let bad = id(&bad.commit)?;
        let (opened, remote) = self.opened()?;
        patiently(|| opened.work.fetch(&remote, &[bad], Some(2)))?;
        let parent = opened
            .work
            .parent_of(bad)
            .map_err(|error| error.to_string())?;
        let parent =
            parent.ok_or("the bad commit has no parent, set previous_commit to a commit")?;
        Ok(parent.to_string())
    }

    /// The commit that the marker in git names.
    ///
    /// # Errors
    /// When git cannot be asked.
    pub fn marker(&self) -> Result<Option<String>, String> {
        let (opened, remote) = self.opened()?;
        let environment = &self.settings.subject.environment;
        let marker = patiently(|| opened.work.read_marker(&remote, environment))?;
        Ok(marker.map(|id| id.to_string()))
    }

    /// Moves the marker in git.
    ///
    /// # Errors
    /// When it is not moved.
    pub fn mark(&self, commit: &str) -> Result<(), String> {
        let new = id(commit)?;
        let (opened, remote) = self.opened()?;
        let environment = &self.settings.subject.environment;
        let old = patiently(|| opened.work.read_marker(&remote, environment))?;
        match patiently(|| opened.work.write_marker(&remote, environment, old, new))? {
            Pushed::Done(_) | Pushed::Already(_) => Ok(()),
            Pushed::LeaseLost { .. } => Err("somebody else moved it in this moment".to_owned()),
            Pushed::Protected { said, .. } | Pushed::Refused { said } => {
                Err(format!("the remote refuses it: {said}"))
            }
        }
    }

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

/// Asks again where it may pass.
fn patiently<T>(mut act: impl FnMut() -> Result<T, GitError>) -> Result<T, String> {
    let mut tries = 1;
    loop {
        match act() {
            Err(error) if error.may_pass() && tries < TRIES => tries += 1,
            outcome => return outcome.map_err(|error| error.to_string()),
        }
    }
}

fn id(commit: &str) -> Result<Oid, String> {
    commit_id(commit).ok_or_else(|| {
        format!(
            "found the commit {}, expected all 40 hexadecimal digits of it",
            short(commit)
        )
    })
}

fn reset_already(name: &str, target: &Target) -> Branch {
    Branch {
        name: name.to_owned(),
        head: target.commit.clone(),
        has_bad: false,
        has_good: true,
        good_is_older: true,
        is_back: true,
        after: Vec::new(),
        irreversible: Vec::new(),
        protected: None,
    }
}

fn listed(listed: Listed) -> Commit {
    Commit {
        id: listed.id.to_string(),
        subject: listed.subject,
        author: listed.author,
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
