//! Which forge, and what is told there.

use std::path::Path;

use crate::ci::Ci;
use crate::endpoint::Endpoint;
use crate::forge::{Desk, Kind, Place};
use crate::incident::Template;
use crate::policy::{IncidentManagement, Severity};
use crate::problem::Problem;
use crate::secret::Secret;
use crate::settings::read::Reader;
use crate::value;

/// The longest name of a status that every forge takes, in characters.
const CONTEXT_MAX: usize = 100;

/// What is told at the forge.
#[derive(Debug, Clone)]
pub struct Forging {
    /// Where, when there is a token.
    pub place: Option<Place>,
    /// The name of the commit's status, when it is to be set.
    pub status_context: Option<String>,
    /// How an incident is opened, when one is to be.
    pub desk: Option<Desk>,
    /// How bad it is.
    pub severity: Severity,
}

/// The status of a commit, where it is set.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Where.
    pub place: Place,
    /// Under which name.
    pub context: String,
}

/// Reads where the forge is and what is told there. `plugin` names the status where nobody else does. What is asked
/// for by name needs a token; what is on by itself is left out without one.
pub fn forging(read: &mut Reader, ci: &Ci, policy: &IncidentManagement, plugin: &str) -> Forging {
    let place = place(read);
    let severity = policy.severity.unwrap_or(Severity::High);
    let status_context = context(read, plugin);
    let issue = asked(read, "create_issue");
    let opens = issue.or(policy.create_issue).unwrap_or(true) && place.is_some();
    let desk = desk(read, ci, policy, severity);
    Forging {
        status_context: status_context.filter(|_| place.is_some()),
        desk: desk.filter(|_| opens),
        severity,
        place,
    }
}

/// Reads where the commit's status is set, for who tells the forge nothing else: what is said of the forge is not
/// looked at unless a status is asked for.
pub fn standing(read: &mut Reader, plugin: &str) -> Option<Standing> {
    let context = context(read, plugin)?;
    let place = place(read)?;
    Some(Standing { place, context })
}

/// The name of the commit's status, when one is asked for.
fn context(read: &mut Reader, plugin: &str) -> Option<String> {
    let is_set = asked(read, "commit_status") == Some(true);
    let context = read.read("status_context", |text| {
        let text = text.trim();
        let fits = text.chars().count() <= CONTEXT_MAX && !text.chars().any(char::is_control);
        fits.then(|| text.to_owned())
            .ok_or("a name of at most 100 characters")
    });
    is_set.then(|| context.unwrap_or_else(|| plugin.to_owned()))
}

/// A switch; what is asked for by name needs a token.
fn asked(read: &mut Reader, name: &str) -> Option<bool> {
    let asked = read.read(name, value::boolean);
    let has_token = read.given("forge_token").is_some() || read.is_misspelt("forge_token");
    if asked == Some(true) && !has_token {
        read.problem(Problem::unseen(
            read.written(name),
            "a forge_token beside it",
        ));
    }
    asked
}

/// The forge and the repository; absent without a token.
fn place(read: &mut Reader) -> Option<Place> {
    let token = Secret::new(read.text("forge_token")?);
    let url = read.text("forge_url");
    let kind = kind(read, url.as_deref())?;
    let url = match (url, kind) {
        (Some(url), _) => url,
        (None, Kind::GitHub) => "https://github.com".to_owned(),
        (None, Kind::GitLab) => "https://gitlab.com".to_owned(),
        (None, Kind::Gitea) => {
            read.problem(Problem::unseen(
                "forge_url",
                "the forge's address, such as https://git.example",
            ));
            return None;
        }
    };
    let Some(repo) = read.text("repo") else {
        read.problem(Problem::unseen(
            "repo",
            "the repository as owner/name, because a forge_token is set",
        ));
        return None;
    };
    match Place::new(kind, &url, &repo, token) {
        Ok(place) => Some(place),
        Err(expected) => {
            let about = if expected.starts_with("a repository") {
                "repo"
            } else {
                "forge_url"
            };
            // An address can hold a login by mistake.
            read.problem(Problem::unseen(read.written(about), expected));
            None
        }
    }
}

/// What the forge is: as said, else by a well-known address; GitHub where only the variable that is named after it
/// speaks.
fn kind(read: &mut Reader, url: Option<&str>) -> Option<Kind> {
    if read.given("forge_type").is_some() {
        return read.read("forge_type", Kind::parse);
    }
    let host = url
        .and_then(|url| Endpoint::parse(url).ok())
        .map(|url| url.host);
    let known = host.as_deref().and_then(Kind::known);
    let plain = read
        .given("forge_token")
        .is_some_and(|given| given.written == "GITHUB_TOKEN");
    if known.is_some() {
        return known;
    }
    if plain && url.is_none() {
        return Some(Kind::GitHub);
    }
    read.problem(
        Problem::unseen(
            "forge_type",
            "github, forgejo, gitea or gitlab, because a forge_token is set",
        )
        .hint("Woodpecker gives it as CI_FORGE_TYPE"),
    );
    None
}

fn desk(
    read: &mut Reader,
    ci: &Ci,
    policy: &IncidentManagement,
    severity: Severity,
) -> Option<Desk> {
    let labels = read.read("issue_labels", value::list);
    let assignees = read.read("issue_assignees", value::list);
    let file = read
        .text("issue_template")
        .or_else(|| policy.template.clone());
    let template = match file {
        Some(file) => Some(template(read, ci, &file)?),
        None => None,
    };
    let of_policy = |list: &Vec<String>| Some(list.clone()).filter(|list| !list.is_empty());
    let labels = labels
        .or_else(|| of_policy(&policy.labels))
        .unwrap_or_else(|| {
            let level = format!("severity:{}", severity.word());
            vec!["automated".to_owned(), "rollback".to_owned(), level]
        });
    Some(Desk {
        labels,
        assignees: assignees.unwrap_or_else(|| policy.assignees.clone()),
        template,
    })
}

fn template(read: &mut Reader, ci: &Ci, file: &str) -> Option<Template> {
    let path = ci.workspace.join(Path::new(file));
    let parsed = match std::fs::read_to_string(&path) {
        Ok(text) => Template::parse(&text),
        Err(error) => {
            let path = path.display();
            Err(format!("a readable template, but {path} is not: {error}"))
        }
    };
    parsed
        .map_err(|expected| {
            read.problem(Problem::new(read.written("issue_template"), file, expected));
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::settings::catalog::Plugin;
    use crate::settings::environment::Environment;
    use crate::settings::raw::Raw;

    fn of(pairs: &[(&str, &str)], policy: &IncidentManagement) -> (Forging, Vec<String>) {
        let environment = Environment::of(pairs.iter().map(|(n, v)| (n.into(), v.into())));
        let (raw, _) = Raw::gather(Plugin::Rollback, &BTreeMap::new(), &environment);
        let mut read = Reader::new(&raw);
        let ci = Ci::read(&environment);
        let forging = forging(&mut read, &ci, policy, "plugin-rollback");
        let problems = read.finish().iter().map(ToString::to_string).collect();
        (forging, problems)
    }

    const TOKEN: (&str, &str) = ("PLUGIN_FORGE_TOKEN", "s3cr3t-s3cr3t");
    const REPO: (&str, &str) = ("CI_REPO", "acme/shop");

    #[test]
    fn the_pipelines_forge_is_the_forge() {
        let pairs = [
            TOKEN,
            REPO,
            ("CI_FORGE_TYPE", "forgejo"),
            ("CI_FORGE_URL", "https://git.example"),
        ];
        let (forging, problems) = of(&pairs, &IncidentManagement::default());
        let place = forging.place.unwrap();
        assert_eq!((place.kind, place.repo()), (Kind::Gitea, "acme/shop"));
        assert_eq!(
            forging.desk.unwrap().labels,
            ["automated", "rollback", "severity:high"]
        );
        assert_eq!(forging.status_context, None);
        assert!(problems.is_empty(), "{problems:?}");
    }

    #[test]
    fn githubs_own_variable_is_enough() {
        let pairs = [
            ("GITHUB_TOKEN", "s3cr3t-s3cr3t"),
            ("GITHUB_REPO", "acme/shop"),
        ];
        let (forging, problems) = of(&pairs, &IncidentManagement::default());
        assert_eq!(forging.place.unwrap().kind, Kind::GitHub);
        assert!(problems.is_empty(), "{problems:?}");
    }

    #[test]
    fn without_a_token_nothing_is_told_and_only_what_was_asked_for_is_a_problem() {
        let (forging, problems) = of(&[REPO], &IncidentManagement::default());
        assert!(forging.place.is_none() && forging.desk.is_none() && problems.is_empty());
        let asked = [
            REPO,
            ("PLUGIN_COMMIT_STATUS", "true"),
            ("PLUGIN_CREATE_ISSUE", "true"),
        ];
        let (_, problems) = of(&asked, &IncidentManagement::default());
        assert_eq!(
            problems,
            [
                "PLUGIN_COMMIT_STATUS: expected a forge_token beside it",
                "PLUGIN_CREATE_ISSUE: expected a forge_token beside it",
            ]
        );
    }

    #[test]
    fn what_cannot_be_a_forge_is_named_and_the_token_never_shown() {
        for (pairs, subject) in [
            (vec![TOKEN, REPO], "forge_type"),
            (
                vec![TOKEN, REPO, ("CI_FORGE_TYPE", "bitbucket")],
                "CI_FORGE_TYPE",
            ),
            (
                vec![TOKEN, REPO, ("PLUGIN_FORGE_TYPE", "gitea")],
                "forge_url",
            ),
            (
                vec![
                    TOKEN,
                    REPO,
                    ("PLUGIN_FORGE_TYPE", "gitea"),
                    ("PLUGIN_FORGE_URL", "https://u:pass-pass@git.example"),
                ],
                "PLUGIN_FORGE_URL",
            ),
            (vec![TOKEN, ("CI_FORGE_TYPE", "github")], "repo"),
            (
                vec![TOKEN, ("CI_REPO", "shop"), ("CI_FORGE_TYPE", "github")],
                "CI_REPO",
            ),
            (
                vec![
                    TOKEN,
                    REPO,
                    ("CI_FORGE_TYPE", "github"),
                    ("PLUGIN_ISSUE_TEMPLATE", "no.md"),
                ],
                "PLUGIN_ISSUE_TEMPLATE",
            ),
        ] {
            let (_, problems) = of(&pairs, &IncidentManagement::default());
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].starts_with(subject), "{problems:?}");
            assert!(!problems[0].contains("s3cr3t") && !problems[0].contains("pass-pass"));
        }
    }

    #[test]
    fn who_only_sets_a_status_looks_at_the_forge_when_one_is_asked_for() {
        let of = |pairs: &[(&str, &str)]| {
            let environment = Environment::of(pairs.iter().map(|(n, v)| (n.into(), v.into())));
            let (raw, _) = Raw::gather(Plugin::Health, &BTreeMap::new(), &environment);
            let mut read = Reader::new(&raw);
            let standing = standing(&mut read, "plugin-health");
            (standing.map(|one| one.context), read.finish().len())
        };
        let elsewhere = [REPO, TOKEN, ("CI_FORGE_TYPE", "bitbucket")];
        assert_eq!(of(&elsewhere), (None, 0));
        let asked = ("PLUGIN_COMMIT_STATUS", "true");
        assert_eq!(of(&[&elsewhere[..], &[asked]].concat()), (None, 1));
        let here = [REPO, TOKEN, ("CI_FORGE_TYPE", "github"), asked];
        assert_eq!(of(&here), (Some("plugin-health".to_owned()), 0));
        let named = [&here[..], &[("PLUGIN_STATUS_CONTEXT", "gate")]].concat();
        assert_eq!(of(&named), (Some("gate".to_owned()), 0));
        assert_eq!(of(&[REPO, asked]), (None, 1));
    }

    #[test]
    fn settings_win_over_the_policy() {
        let policy = IncidentManagement {
            create_issue: Some(false),
            labels: vec!["a".into()],
            assignees: vec!["kim".into()],
            template: None,
            severity: Some(Severity::Critical),
        };
        let base = [
            TOKEN,
            REPO,
            ("CI_FORGE_TYPE", "github"),
            ("PLUGIN_COMMIT_STATUS", "true"),
        ];
        let (forging, _) = of(&base, &policy);
        assert!(forging.desk.is_none());
        assert_eq!(forging.status_context.as_deref(), Some("plugin-rollback"));
        assert_eq!(forging.severity, Severity::Critical);
        let more = [
            ("PLUGIN_CREATE_ISSUE", "true"),
            ("PLUGIN_ISSUE_LABELS", "x,y"),
        ];
        let (forging, problems) = of(&[base.as_slice(), &more].concat(), &policy);
        let desk = forging.desk.unwrap();
        assert_eq!(
            (desk.labels, desk.assignees),
            (vec!["x".into(), "y".into()], vec!["kim".into()])
        );
        assert!(problems.is_empty(), "{problems:?}");
    }
}
