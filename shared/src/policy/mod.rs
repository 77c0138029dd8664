//! The policy file: one YAML per repository that says what the plugins do, and when.
//!
//! [`load`] takes its text and gives a [`Policy`] in which a value that was not written is absent: settings win over
//! the policy, the policy wins over built-in defaults, and both are somebody else's to apply. Nothing else in the
//! program knows YAML.
//!
//! On the way the text is first a tree without meaning (`node`), then one [`Policy`] for the base and one for each
//! environment laid over it (`overlay`), read key by key (`reader`, `kind`, `word`, `sections`) and checked for
//! contradictions (`check`). Whatever is wrong is collected by key path and told all at once, in the order of the file.

mod check;
mod finding;
mod freeze;
mod gate;
mod kind;
mod limits;
mod node;
mod overlay;
mod reader;
#[cfg(feature = "schema")]
pub mod schema;
mod sections;
mod stage;
mod word;

use crate::problem::{Problem, nearest};

pub use freeze::{Freeze, frozen};
pub use gate::{Gate, GateSource};
pub use limits::GivenLimits;
pub use sections::{
    Advanced, AlertThresholds, Analysis, BlueGreen, FeatureFlags, GracefulShutdown, HealthChecks,
    IncidentManagement, MetricLimits, MonitoringWindows, Policy, ProgressiveDeployment,
    RollbackThresholds, TrafficSplitting,
};
pub use stage::Stage;
pub use word::{Day, Finish, Method, Severity};

use finding::Finding;
use node::{Map, Node};
use reader::{ENVIRONMENTS, Kind, Reader};

/// The longest file that is read, in bytes.
pub const BYTES_MAX: usize = 1024 * 1024;

/// The most environments a file may have: each is laid over the whole base.
const ENVIRONMENTS_MAX: usize = 100;

/// The most problems that are told; a file that is not a policy at all has thousands.
const PROBLEMS_MAX: usize = 50;

/// A policy that is in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Loaded {
    /// The base with the environment's section laid over it.
    pub policy: Policy,
    /// What is not wrong but may not be meant, one sentence each.
    pub notes: Vec<String>,
}

/// The key of the file with this name, such as `analysis.icc`: the least deep one where there are several.
pub fn key_named(name: &str) -> Option<String> {
    let places = reader::places(name);
    let place = places
        .into_iter()
        .min_by_key(|place| place.matches('.').count())?;
    Some(if place.is_empty() {
        name.to_owned()
    } else {
        format!("{place}.{name}")
    })
}

/// Reads a policy file for one environment. `file_name` is only for the messages.
///
/// The sections of all environments are checked, not only those of the one that is asked for.
///
/// # Errors
/// When the text is over 1 MiB or no YAML (that problem alone), or when keys or values are wrong: every problem, with
/// line, column and key path, in the order of the file.
pub fn load(text: &str, file_name: &str, environment: &str) -> Result<Loaded, Vec<Problem>> {
    if text.len() > BYTES_MAX {
        let found = format!("{} bytes", text.len());
        let expected = format!("at most {BYTES_MAX} bytes");
        return Err(vec![Problem::new(file_name, &found, expected)]);
    }
    // Windows editors write a byte order mark, and the YAML library takes it for a value.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let root = match node::parse(text) {
        Ok(Node::Null) => Node::Map(Map::new()),
        Ok(root) => root,
        Err(unreadable) => return Err(vec![refused(unreadable, file_name)]),
    };
    let mut reader = Reader::default();
    let mut chosen = Policy::read(&root, &mut reader);
    let contradictions = check::contradictions(&chosen);
    reader.findings.extend(contradictions.iter().cloned());
    let mut names = Vec::new();
    for (name, section) in environments(&root, &mut reader) {
        let policy = overlay::read(&root, &contradictions, (name, section), &mut reader);
        if name == environment {
            chosen = policy;
        }
        names.push(name);
    }
    if !reader.findings.is_empty() {
        return Err(told(reader.findings, file_name, text));
    }
    Ok(Loaded {
        policy: chosen,
        notes: without_section(file_name, environment, &names)
            .into_iter()
            .collect(),
    })
}

fn refused(unreadable: node::Unreadable, file_name: &str) -> Problem {
    let subject = match unreadable.spot {
        Some(spot) => format!("{file_name} {spot}"),
        None => file_name.to_owned(),
    };
    let mut problem = Problem::unseen(subject, unreadable.expected);
    problem.hint = unreadable.hint;
    problem
}

/// The names under `environments` with their sections.
fn environments<'n>(root: &'n Node, reader: &mut Reader) -> Vec<(&'n str, &'n Node)> {
    let Node::Map(root) = root else {
        return Vec::new();
    };
    match root.get(ENVIRONMENTS) {
        None | Some(Node::Null) => Vec::new(),
        Some(Node::Map(sections)) if sections.len() <= ENVIRONMENTS_MAX => {
            sections.iter().map(|(n, s)| (n.as_str(), s)).collect()
        }
        Some(other) => {
            let expected = format!(
                "a section with a name, such as staging, for each of at most {ENVIRONMENTS_MAX} environments"
            );
            reader.within(ENVIRONMENTS, |at| {
                at.refuse(Some(other.shown()), expected, None);
            });
            Vec::new()
        }
    }
}

fn told(mut findings: Vec<Finding>, file_name: &str, text: &str) -> Vec<Problem> {
    let more = findings.len().saturating_sub(PROBLEMS_MAX);
    findings.truncate(PROBLEMS_MAX);
    let mut located: Vec<_> = findings
        .into_iter()
        .map(|finding| finding.problem(file_name, text))
        .collect();
    located.sort_by_key(|(spot, _)| *spot);
    let mut problems: Vec<Problem> = located.into_iter().map(|(_, problem)| problem).collect();
    if more > 0 {
        let found = format!("{more} more problems");
        problems.push(Problem::new(file_name, &found, "none"));
    }
    problems
}

fn without_section(file_name: &str, environment: &str, names: &[&str]) -> Option<String> {
    if names.is_empty() || names.contains(&environment) {
        return None;
    }
    let meant = nearest(environment, names.iter().copied())
        .map_or_else(String::new, |name| format!("; did you mean {name}?"));
    let names = names.join(", ");
    Some(format!(
        "{file_name} has no section for the environment {environment:?}, only for {names}: the values outside \
         environments apply{meant}"
    ))
}
