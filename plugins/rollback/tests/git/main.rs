//! Git against real servers: HTTPS with a login, SSH, and repositories on this machine.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod doors;
mod gathering;
mod killing;
mod local;
mod markers;
mod protecting;
mod racing;
mod shell;
mod strategies;

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use plugin_rollback::git::acts::Restore;
use plugin_rollback::git::address::Address;
use plugin_rollback::git::error::GitError;
use plugin_rollback::git::login::Login;
use plugin_rollback::git::remote::{Limits, Means, Remote};
use plugin_rollback::git::work::{Identity, Work};
use plugin_rollback::git::{Oid, commit_id};
use shared::clock::SystemClock;
use shared::http::{Http, Proxies};
use shared::secret::Secret;
use shared::signal::Cancel;
use shared::tls::Roots;
use testbed::git_repository::Repository;
use testbed::git_server::{GitServer, PASSWORD, USER};
use testbed::scratch::Scratch;

/// What a run brings along.
struct Run {
    http: Http,
    clock: SystemClock,
    work: Work,
    limits: Limits,
    scratch: Scratch,
}

impl Run {
    fn new() -> Self {
        Self::trusting(Some(&GitServer::shared().ca_file))
    }

    fn trusting(ca_file: Option<&Path>) -> Self {
        let scratch = Scratch::new("run");
        let roots = Roots::load(ca_file).unwrap();
        Self {
            http: Http::new(roots, Proxies::default(), "git-tests"),
            clock: SystemClock::start(Cancel::default()),
            work: Work::create(&[scratch.path().to_owned()]).unwrap(),
            limits: Limits {
                // Nothing hangs for longer, on the busiest machine.
                whole: Duration::from_secs(120),
                idle: Duration::from_secs(60),
                ..Limits::default()
            },
            scratch,
        }
    }

    fn open(&self, url: &str, login: &Login) -> Result<Remote<'_>, GitError> {
        let means = Means {
            http: &self.http,
            clock: &self.clock,
            limits: self.limits,
        };
        Remote::open(&Address::parse(url).unwrap(), login, means, &self.work)
    }

    /// A remote that lets in the usual login.
    fn remote(&self, url: &str) -> Remote<'_> {
        self.open(url, &login()).unwrap()
    }
}

fn login() -> Login {
    password(USER, PASSWORD)
}

fn password(user: &str, password: &str) -> Login {
    Login::Password {
        user: user.into(),
        password: Secret::new(password),
    }
}

/// A shop's repository: a good commit, one in between, a bad one.
struct Shop {
    repository: Repository,
    good: Oid,
    bad: Oid,
}

impl Shop {
    fn fill(repository: Repository) -> Self {
        let good = repository.commit(
            "main",
            "sell shoes",
            &[("src/shop.txt", "shoes\n"), ("README", "shop\n")],
        );
        repository.commit(
            "main",
            "sell hats",
            &[("src/shop.txt", "shoes, hats\n"), ("README", "shop\n")],
        );
        let bad = repository.commit(
            "main",
            "sell \u{7}nothing\n\nIt seemed a good idea.",
            &[
                ("src/shop.txt", "\n"),
                ("README", "shop\n"),
                ("migrations/2.sql", "DROP TABLE shoes;\n"),
            ],
        );
        let (good, bad) = (id(&good), id(&bad));
        Self {
            repository,
            good,
            bad,
        }
    }

    /// On the shared server, with its address.
    fn served(name: &str) -> (Self, String) {
        let server = GitServer::shared();
        let shop = Self::fill(server.repository(name));
        (shop, server.url("git", name))
    }

    /// Somebody pushes.
    fn push(&self) -> Oid {
        let files = [("src/shop.txt", "socks\n")];
        id(&self.repository.commit("main", "sell socks", &files))
    }

    fn main(&self) -> Oid {
        id(&self.repository.at("refs/heads/main").unwrap())
    }

    /// The names and contents of all that a commit holds.
    fn tree(&self, commit: Oid) -> String {
        let commit = commit.to_string();
        self.repository.git(&["ls-tree", "-r", &commit])
    }

    /// A way back by a new commit.
    fn restore<'a>(&self, head: Oid, identity: &'a Identity) -> Restore<'a> {
        Restore {
            head,
            good: self.good,
            message: "Restore the last good version [CI SKIP]\n",
            identity,
        }
    }
}

fn id(text: &str) -> Oid {
    commit_id(text).unwrap()
}

fn identity() -> Identity {
    Identity {
        name: "Rollback".into(),
        email: "rollback@shop.example".into(),
        at: Timestamp::from_second(1_800_000_000).unwrap(),
    }
}
