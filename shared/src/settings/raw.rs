//! Settings as they were written: gathered from flags and variables, not yet understood.

use std::collections::BTreeMap;

use crate::policy::key_named;
use crate::problem::{Problem, nearest};
use crate::secret::Mask;
use crate::settings::catalog::{self, Plugin, Setting};
use crate::settings::environment::Environment;

/// A value with the name under which it was written.
#[derive(Clone, PartialEq, Eq)]
pub struct Given {
    /// As written.
    pub text: String,
    /// Where: `--interval`, `PLUGIN_INTERVAL`, `HEALTH_ENDPOINT`, `CI_COMMIT_SHA`.
    pub written: String,
}

/// All settings that have a value, by name.
#[derive(Clone, Default)]
pub struct Raw {
    given: BTreeMap<&'static str, Given>,
    /// Names that a misspelt one probably meant.
    meant: Vec<&'static str>,
}

/// What gathering found beside the values.
#[derive(Debug, Default)]
pub struct Found {
    /// Unknown names and unreadable values.
    pub problems: Vec<Problem>,
    /// What is worth a line in the log and no more.
    pub notes: Vec<String>,
}

impl Raw {
    /// Gathers the settings of `plugin`: flags first, then `PLUGIN_*`, then plain variables, then `CI_*`.
    pub fn gather(
        plugin: Plugin,
        flags: &BTreeMap<String, String>,
        environment: &Environment,
    ) -> (Self, Found) {
        let mut raw = Self::default();
        let mut found = Found::default();
        for setting in catalog::of(plugin) {
            if let Some(given) = look_up(setting, flags, environment) {
                if environment.is_broken(&given.written) {
                    found
                        .problems
                        .push(Problem::unseen(&given.written, "text in UTF-8"));
                } else {
                    raw.given.insert(setting.name, given);
                }
            }
        }
        raw.meant = refuse_strangers(plugin, environment, &mut found);
        (raw, found)
    }

    /// The value of a setting, with the name under which it was written.
    pub fn get(&self, name: &str) -> Option<&Given> {
        debug_assert!(
            catalog::find(name).is_some(),
            "{name} is not in the catalog"
        );
        self.given.get(name)
    }

    /// Whether the setting is missing only because its name was misspelt, which is reported already.
    pub fn is_misspelt(&self, name: &str) -> bool {
        self.meant.contains(&name)
    }

    /// Everything that must never be printed.
    pub fn hide_in(&self, mask: &mut Mask) {
        for (name, given) in &self.given {
            let secret = catalog::find(name).is_some_and(|setting| setting.secret);
            // Addresses and maps are taken apart where they are understood: hiding them whole would hide the host.
            if secret
                && ![
                    "endpoint",
                    "metrics_endpoint",
                    "integrity_endpoint",
                    "headers",
                    "script_env",
                ]
                .contains(name)
            {
                mask.hide(&given.text);
            }
        }
    }
}

fn look_up(
    setting: &Setting,
    flags: &BTreeMap<String, String>,
    environment: &Environment,
) -> Option<Given> {
    let flag = setting.flag();
    if let Some(text) = flags.get(&flag).filter(|text| !text.trim().is_empty()) {
        return Some(Given {
            text: text.clone(),
            written: format!("--{flag}"),
        });
    }
    let own = setting.variable();
    let others = setting
        .plain
        .iter()
        .chain(setting.ci)
        .map(|name| (*name).to_owned());
    std::iter::once(own).chain(others).find_map(|name| {
        let text = environment.get(&name)?.to_owned();
        Some(Given {
            text,
            written: name,
        })
    })
}

/// Every `PLUGIN_*` variable is meant for us: one that no plugin knows is a misspelling.
fn refuse_strangers(
    plugin: Plugin,
    environment: &Environment,
    found: &mut Found,
) -> Vec<&'static str> {
    let mut meant = Vec::new();
    let written: BTreeMap<String, String> = envy::prefixed("PLUGIN_")
        .from_iter(owned(environment))
        .unwrap_or_default();
    for name in written.keys() {
        match catalog::find(name) {
            Some(setting) if setting.plugins.contains(&plugin) => {}
            Some(setting) => {
                let owner = setting
                    .plugins
                    .first()
                    .map_or("another plugin", |plugin| plugin.name());
                found
                    .notes
                    .push(format!("setting {name} is ignored: it belongs to {owner}"));
            }
            None => {
                let subject = format!("PLUGIN_{}", name.to_ascii_uppercase());
                let mut problem =
                    Problem::unseen(subject, format!("a setting of {}", plugin.name()));
                if let Some(place) = key_named(name) {
                    let text = format!("it is a key of the policy file: {place}");
                    problem = problem.hint(text);
                } else if let Some(near) =
                    nearest(name, catalog::of(plugin).map(|setting| setting.name))
                {
                    problem = problem.hint(format!("did you mean {near}?"));
                    meant.push(near);
                } else {
                    problem = problem.hint("remove it, or see --help for all settings");
                }
                found.problems.push(problem);
            }
        }
    }
    meant
}

fn owned(environment: &Environment) -> impl Iterator<Item = (String, String)> {
    environment
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gather(pairs: &[(&str, &str)], flags: &[(&str, &str)]) -> (Raw, Found) {
        let environment = Environment::of(pairs.iter().map(|(n, v)| (n.into(), v.into())));
        let flags = flags
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        Raw::gather(Plugin::Health, &flags, &environment)
    }

    #[test]
    fn flags_beat_settings_beat_plain_variables_beat_ci() {
        let all = [
            ("PLUGIN_COMMIT", "b"),
            ("COMMIT_SHA", "c"),
            ("CI_COMMIT_SHA", "d"),
        ];
        let written = |pairs: &[(&str, &str)], flags: &[(&str, &str)]| {
            gather(pairs, flags)
                .0
                .get("commit")
                .map(|given| given.written.clone())
                .unwrap()
        };
        assert_eq!(written(&all, &[("commit", "a")]), "--commit");
        assert_eq!(written(&all, &[]), "PLUGIN_COMMIT");
        assert_eq!(written(&all[1..], &[]), "COMMIT_SHA");
        assert_eq!(written(&all[2..], &[]), "CI_COMMIT_SHA");
    }

    #[test]
    fn set_but_empty_is_unset() {
        let (raw, found) = gather(
            &[
                ("PLUGIN_COMMIT", ""),
                ("CI_COMMIT_SHA", "d"),
                ("PLUGIN_NOPE", ""),
            ],
            &[],
        );
        assert_eq!(raw.get("commit").unwrap().written, "CI_COMMIT_SHA");
        assert!(found.problems.is_empty());
    }

    #[test]
    fn a_siblings_setting_is_a_note_and_a_stranger_a_problem() {
        let (_, found) = gather(&[("PLUGIN_STAGES", "10"), ("PLUGIN_ENDPIONT", "x")], &[]);
        assert_eq!(
            found.notes,
            ["setting stages is ignored: it belongs to plugin-progressive"]
        );
        assert_eq!(
            found.problems[0].to_string(),
            "PLUGIN_ENDPIONT: expected a setting of plugin-health; did you mean endpoint?"
        );
    }
}
