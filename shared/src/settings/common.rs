//! What all three plugins are told: whose deployment, where it is written down, how much is said.

use std::path::{Path, PathBuf};

use crate::ci::Ci;
use crate::deployment;
use crate::log::Level;
use crate::problem::Problem;
use crate::record::Subject;
use crate::settings::read::{Reader, choice};
use crate::value;

/// What may be written and told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DryRun {
    /// Everything.
    Off,
    /// The rows of the checks only.
    Record,
    /// Nothing.
    On,
}

/// Whose records these are.
pub fn subject(read: &mut Reader, ci: &Ci) -> Subject {
    let repo = read.text("repo").unwrap_or_else(|| "local".to_owned());
    let environment = environment(read);
    let commit = read.read("commit", commit);
    let deployment_id = read
        .read("deployment_id", |text| {
            fits(text, deployment::ID_MAX, "a name of at most 100 characters")
        })
        .unwrap_or_else(|| made_id(&repo, &environment, ci.number.as_deref(), commit.as_deref()));
    let build_id = read.read("build_id", |text| {
        text.trim()
            .parse::<i32>()
            .ok()
            .filter(|n| *n >= 0)
            .ok_or("a whole number that is not negative")
    });
    Subject {
        repo,
        environment,
        deployment_id,
        commit,
        build_id,
    }
}

/// The environment deployed to. Needed before everything else, because it chooses the policy's section.
pub fn environment(read: &mut Reader) -> String {
    read.read("environment", |text| {
        fits(text, 50, "a name of at most 50 characters")
    })
    .unwrap_or_else(|| "production".to_owned())
}

/// `dry_run`.
pub fn dry_run(read: &mut Reader) -> DryRun {
    let parsed = read.read("dry_run", |text| {
        if text.trim().eq_ignore_ascii_case("record") {
            return Ok(DryRun::Record);
        }
        let on = value::boolean(text).map_err(|_| "true, false or record")?;
        Ok(if on { DryRun::On } else { DryRun::Off })
    });
    parsed.unwrap_or(DryRun::Off)
}

/// `log_level` and `verbose`.
pub fn log_level(read: &mut Reader) -> Level {
    let words = [
        ("error", Level::Error),
        ("warn", Level::Warn),
        ("info", Level::Info),
        ("debug", Level::Debug),
    ];
    let level = read.read("log_level", |text| {
        choice(text, &words, "error, warn, info or debug")
    });
    if read.read("verbose", value::boolean) == Some(true) {
        return Level::Debug;
    }
    level.unwrap_or(Level::Info)
}

/// A path, relative to the workspace.
pub fn path(read: &Reader, name: &str, ci: &Ci) -> Option<PathBuf> {
    Some(ci.workspace.join(read.text(name)?))
}

/// The journal's path.
pub fn journal(read: &Reader, ci: &Ci) -> PathBuf {
    path(read, "journal", ci).unwrap_or_else(|| ci.workspace.join(".deployment/journal.jsonl"))
}

/// The text of the policy file with its name, if there is one. A file that was asked for must be there.
pub fn policy_text(read: &mut Reader, ci: &Ci) -> Option<(String, String)> {
    let asked = read.text("policy");
    let name = asked
        .clone()
        .unwrap_or_else(|| "deployment-policy.yaml".to_owned());
    match std::fs::read_to_string(ci.workspace.join(&name)) {
        Ok(text) => Some((name, text)),
        Err(error) if asked.is_none() && error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            let subject = if asked.is_some() {
                read.written("policy")
            } else {
                name.clone()
            };
            let where_ = shown(&ci.workspace.join(&name));
            read.problem(
                Problem::new(
                    subject,
                    &name,
                    format!("a readable policy file, but {where_} is not: {error}"),
                )
                .hint("the path is relative to the workspace; is it committed?"),
            );
            None
        }
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn commit(text: &str) -> Result<String, value::Expected> {
    let text = text.trim();
    let whole = (7..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    if whole {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("a commit of 7 to 64 hexadecimal digits")
    }
}

fn fits(
    text: &str,
    characters_max: usize,
    expected: value::Expected,
) -> Result<String, value::Expected> {
    let text = text.trim();
    let fits = text.chars().count() <= characters_max && !text.chars().any(char::is_control);
    if fits {
        Ok(text.to_owned())
    } else {
        Err(expected)
    }
}

/// `acme-shop-production-8`: the same in every step of a pipeline.
fn made_id(repo: &str, environment: &str, number: Option<&str>, commit: Option<&str>) -> String {
    let last = number
        .or(commit.map(|commit| &commit[..commit.len().min(12)]))
        .unwrap_or("local");
    let whole = format!("{}-{environment}-{last}", repo.replace('/', "-"));
    deployment::short(&whole, deployment::ID_MADE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_id_is_the_same_in_every_step_and_never_too_long() {
        assert_eq!(
            made_id("acme/shop", "production", Some("8"), None),
            "acme-shop-production-8"
        );
        let long = "x".repeat(200);
        let (one, two) = (
            made_id(&long, "production", Some("8"), None),
            made_id(&long, "production", Some("9"), None),
        );
        assert_eq!(one.chars().count(), deployment::ID_MADE_MAX);
        assert_ne!(one, two);
    }

    #[test]
    fn a_commit_is_hexadecimal() {
        assert_eq!(commit("ABCDEF1"), Ok("abcdef1".to_owned()));
        assert!(
            commit("main").is_err() && commit("abc").is_err() && commit(&"a".repeat(65)).is_err()
        );
    }
}
