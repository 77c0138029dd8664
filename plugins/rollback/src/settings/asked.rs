//! What is to be rolled back, to what, and how.

use shared::ci::Ci;
use shared::policy::Policy;
use shared::problem::Problem;
use shared::record::Subject;
use shared::settings::environment::Environment;
use shared::settings::read::{Reader, choice};
use shared::settings::showing::{Shown, shown};
use shared::traffic::haproxy::Address;
use shared::value;

use super::given::switch;
use super::{HookSettings, Woodpecker};
use crate::plan::facts::{Asked, Lifted, Occasion, Previous, Strategy};
use crate::plan::irreversible::DATABASE_MIGRATIONS;

/// A line of this name in a commit's message says that a rollback made it.
pub const TRAILER: &str = "Rollback-Of-Deployment:";

pub(super) fn asked(
    read: &mut Reader,
    subject: &Subject,
    ci: &Ci,
    environment: &Environment,
    hook: &HookSettings,
) -> Asked {
    let words = Strategy::WORDS;
    let expected = "auto, reset, restore, pull-request, redeploy or none";
    let strategy = read.read("strategy", |text| choice(text, &words, expected));
    let commit_said = read
        .given("commit")
        .is_some_and(|given| given.written != "CI_COMMIT_SHA");
    let message = environment.get("CI_COMMIT_MESSAGE").unwrap_or_default();
    Asked {
        deployment_id: subject.deployment_id.clone(),
        id_said: read.given("deployment_id").is_some(),
        commit: subject.commit.clone(),
        commit_said,
        occasion: occasion(ci, environment),
        on_rollback: message.lines().any(|line| line.starts_with(TRAILER)),
        previous: previous(read),
        strategy: strategy.unwrap_or(Strategy::Auto),
        lifted: lifted(read),
        hook: hook.hook.is_some(),
        endpoint: read.given("endpoint").is_some(),
        incident: false,
        status: false,
        pull_requests: false,
        waits: switch(read, "wait"),
    }
}

/// In a pipeline that failed, that pipeline's deployment is meant, whoever started it.
fn occasion(ci: &Ci, environment: &Environment) -> Occasion {
    let failed = environment.get("CI_PIPELINE_STATUS") == Some("failure");
    match ci.event.as_str() {
        _ if ci.is_pull_request() => Occasion::PullRequest,
        "manual" | "cron" if failed => Occasion::Pipeline,
        "cron" => Occasion::Clock,
        "manual" | "" => Occasion::Person,
        _ => Occasion::Pipeline,
    }
}

fn previous(read: &mut Reader) -> Option<Previous> {
    read.read("previous_commit", |text| {
        let text = text.trim().to_ascii_lowercase();
        let hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match text.len() {
            6 if text == "parent" => Ok(Previous::Parent),
            40 | 64 if hex => Ok(Previous::Commit(text)),
            _ => Err("a commit in full (40 or 64 hexadecimal digits), or parent"),
        }
    })
}

fn lifted(read: &mut Reader) -> Lifted {
    let wanted = "a list of hold, freeze, irreversible and moved-branch";
    let known = ["hold", "freeze", "irreversible", "moved-branch"];
    let words = read.read("override", |text| {
        let words = value::list(text)?;
        let right = words.iter().all(|word| known.contains(&word.as_str()));
        right.then_some(words).ok_or(wanted)
    });
    let has = |word: &str| words.iter().flatten().any(|one| one == word);
    Lifted {
        hold: has("hold"),
        irreversible: has("irreversible"),
        moved_branch: has("moved-branch"),
    }
}

/// Patterns of paths whose changes cannot be rolled back.
pub(super) fn irreversible(read: &mut Reader) -> Vec<String> {
    let said = read.read("irreversible_paths", |text| {
        let none = text.trim().eq_ignore_ascii_case("none");
        if none {
            Ok(Vec::new())
        } else {
            value::list(text)
        }
    });
    said.unwrap_or_else(|| {
        DATABASE_MIGRATIONS
            .iter()
            .map(|one| (*one).to_owned())
            .collect()
    })
}

/// HAProxy, to settle what a rollout left.
#[derive(Debug, Clone, Default)]
pub struct Haproxy {
    /// Where it can be reached; empty where nobody says.
    pub addresses: Vec<Address>,
    /// For `tls://` addresses.
    pub shown: Option<Shown>,
}

pub(super) fn haproxy(read: &mut Reader, policy: &Policy, ci: &Ci) -> Haproxy {
    let parse = |parts: &[String]| -> Result<Vec<Address>, value::Expected> {
        parts.iter().map(|part| Address::parse(part)).collect()
    };
    let said = read.read("haproxy_address", |text| parse(&value::list(text)?));
    let splitting = &policy.advanced.traffic_splitting;
    let addresses = said
        .or_else(|| parse(&splitting.haproxy_address).ok())
        .unwrap_or_default();
    let secured = addresses
        .iter()
        .any(|address| matches!(address, Address::Tls(_)));
    Haproxy {
        shown: shown(read, ci, secured),
        addresses,
    }
}

/// Whether two pools take turns, so that the script is told which one it is about.
pub(super) fn pools(read: &mut Reader, policy: &Policy) -> bool {
    let said = read.read("pools", |text| {
        let names = value::list(text)?;
        let two = names.len() == 2 && names[0] != names[1];
        two.then_some(true)
            .ok_or("two different servers, such as blue,green")
    });
    said.unwrap_or(policy.advanced.traffic_splitting.pools.len() == 2)
}

/// Woodpecker's address and token, for `strategy: redeploy`.
pub(super) fn woodpecker(read: &mut Reader, strategy: Strategy) -> Option<Woodpecker> {
    let url = read.read("woodpecker_url", |text| {
        super::hooks::web_address(text).map(|text| text.trim_end_matches('/').to_owned())
    });
    let token = read
        .text("woodpecker_token")
        .map(shared::secret::Secret::new);
    if strategy != Strategy::Redeploy {
        return None;
    }
    for (name, missing, expected) in [
        (
            "woodpecker_url",
            read.given("woodpecker_url").is_none(),
            "Woodpecker's address, because strategy is redeploy",
        ),
        (
            "woodpecker_token",
            token.is_none(),
            "a personal token of Woodpecker (from a secret), because strategy is redeploy",
        ),
    ] {
        if missing && !read.is_misspelt(name) {
            read.problem(Problem::unseen(name, expected));
        }
    }
    Some(Woodpecker {
        url: url?,
        token: token?,
    })
}
