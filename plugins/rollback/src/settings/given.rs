//! Settings that stand for themselves: the policy file, the database, proxies, the report.

use std::path::PathBuf;

use shared::ci::Ci;
use shared::http::Proxies;
use shared::page::Format;
use shared::policy::{self, Policy};
use shared::problem::Problem;
use shared::settings::common;
use shared::settings::environment::Environment;
use shared::settings::read::Reader;
use shared::store::DatabaseConfig;
use shared::store::url::DatabaseUrl;
use shared::value;

pub(super) fn switch(read: &mut Reader, name: &str) -> bool {
    read.read(name, value::boolean).unwrap_or(false)
}

/// Whether the rollback is recorded at the forge, which needs a token.
pub(super) fn forge_deployment(read: &mut Reader) -> bool {
    let on = switch(read, "forge_deployment");
    let has_token = read.given("forge_token").is_some();
    if on && !has_token && !read.is_misspelt("forge_token") {
        let name = read.written("forge_deployment");
        read.problem(Problem::unseen(name, "a forge_token beside it"));
    }
    on && has_token
}

/// The policy, if there is one.
pub(super) fn policy(read: &mut Reader, ci: &Ci, notes: &mut Vec<String>) -> Policy {
    let Some((name, text)) = common::policy_text(read, ci) else {
        return Policy::default();
    };
    let environment = common::environment(read);
    match policy::load(&text, &name, &environment) {
        Ok(loaded) => {
            notes.extend(loaded.notes);
            loaded.policy
        }
        Err(problems) => {
            read.problems(problems);
            Policy::default()
        }
    }
}

pub(super) fn database(read: &mut Reader, ci: &Ci) -> Option<DatabaseConfig> {
    let ca_certificate = common::path(read, "ca_certificate", ci);
    let given = read.given("database_url")?;
    match DatabaseUrl::parse(given.text.trim()) {
        Ok(url) => Some(DatabaseConfig {
            url,
            ca_certificate,
        }),
        Err(expected) => {
            read.refuse("database_url", expected);
            None
        }
    }
}

pub(super) fn proxies(read: &mut Reader, environment: &Environment) -> Proxies {
    Proxies::from_pairs(environment.iter()).unwrap_or_else(|problems| {
        read.problems(problems);
        Proxies::default()
    })
}

pub(super) fn report(read: &mut Reader, ci: &Ci) -> Option<(PathBuf, Format)> {
    let format = read.read("report_file", Format::from_path)?;
    Some((common::path(read, "report_file", ci)?, format))
}
