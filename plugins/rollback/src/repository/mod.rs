//! The remote repository: what the branch is like, and putting it back.

mod pushing;

use std::cell::OnceCell;
use std::sync::Arc;

use shared::clock::Clock;
use shared::http::Http;

use crate::git::acts::Standing;
use crate::git::address::Address;
use crate::git::error::GitError;
use crate::git::history::{History, Listed};
use crate::git::lease::Pushed;
use crate::git::login::{self, Login, Netrc, Offered};
use crate::git::remote::{Limits, Means, Remote};
use crate::git::work::Work;
use crate::git::{Oid, commit_id};
use crate::plan::facts::{Bad, Branch, Commit, Git, short};
use crate::plan::irreversible;
use crate::plan::target::Target;
use crate::settings::Settings;

pub use pushing::Back;

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
        let is_reset = match self.is_at(name, target) {
            Ok(is_reset) => is_reset,
            Err(why) => return Git::Unseen(why),
        };
        match self.seen(name, bad, target) {
            Ok((head, standing, history)) => {
                Git::Seen(self.branch(name, head, standing, history, protected))
            }
            // The bad commit may be on no branch any more, and is not given out then.
            Err(_) if is_reset => Git::Seen(reset_already(name, target)),
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
