//! When a workflow or a step runs: by event, branch and the like, and by how the steps before it ended.

use std::collections::BTreeMap;

use serde_yaml::Value;

use crate::woodpecker::words;

/// Filters that hold a list of patterns against a variable.
const LISTS: &[(&str, &str)] = &[
    ("branch", "CI_COMMIT_BRANCH"),
    ("ref", "CI_COMMIT_REF"),
    ("repo", "CI_REPO"),
    ("instance", "CI_SYSTEM_HOST"),
];

/// What filters are held against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) variables: &'a BTreeMap<String, String>,
    /// The name of the cron that started the pipeline. No variable tells it.
    pub(super) cron: &'a str,
}

impl Given<'_> {
    /// Whether one of the filters lets it through; without any everything does.
    pub(super) fn matches(&self, when: &Value) -> bool {
        let filters = listed(when);
        filters.is_empty() || filters.iter().any(|filter| self.passes(filter))
    }

    fn passes(&self, filter: &Value) -> bool {
        let event = self.variable("CI_PIPELINE_EVENT");
        filter.as_mapping().unwrap().iter().all(|(key, value)| {
            match key.as_str().unwrap() {
                "event" => words(value).any(|word| word == event),
                // A tag is of no branch, and only a cron has the name of one.
                "branch" if event == "tag" => true,
                "cron" => event != "cron" || fits_one_of(value, self.cron),
                // By how the steps before it ended: see `runs_after`. An agent is never a local one.
                "status" | "local" => true,
                "evaluate" => self.evaluates(value.as_str().unwrap()),
                other => {
                    let list = LISTS.iter().find(|(name, _)| *name == other);
                    let (_, variable) =
                        list.unwrap_or_else(|| panic!("the filter {other} is not understood here"));
                    fits_one_of(value, self.variable(variable))
                }
            }
        })
    }

    fn variable(&self, name: &str) -> &str {
        self.variables.get(name).map_or("", String::as_str)
    }

    /// Comparisons of a variable with a text, joined by `&&` and `||`.
    fn evaluates(&self, expression: &str) -> bool {
        let holds = |comparison: &str| {
            let (name, text, wanted) = match comparison.split_once(" == ") {
                Some((name, text)) => (name, text, true),
                None => match comparison.split_once(" != ") {
                    Some((name, text)) => (name, text, false),
                    None => panic!("{expression} is not understood here"),
                },
            };
            (self.variable(name.trim()) == text.trim().trim_matches(['"', '\''])) == wanted
        };
        expression
            .split(" || ")
            .any(|all| all.split(" && ").all(holds))
    }
}

/// Success is meant wherever one of the filters names no status; failure only where one names it. So Woodpecker reads
/// all filters of a step together, also those that did not let it through.
pub(super) fn runs_after(when: &Value, failed: bool) -> bool {
    let filters = listed(when);
    let names = |filter: &Value, status: &str| words(&filter["status"]).any(|one| one == status);
    if failed {
        return filters.iter().any(|filter| names(filter, "failure"));
    }
    let success = |filter: &Value| filter["status"].is_null() || names(filter, "success");
    filters.is_empty() || filters.iter().any(success)
}

/// A list, or the one thing that stands for it.
fn listed(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Sequence(list) => list.clone(),
        one => vec![one.clone()],
    }
}

/// Whether a text is included and not excluded. Without `include` everything is.
fn fits_one_of(value: &Value, text: &str) -> bool {
    let any = |list: &Value| words(list).any(|pattern| fits(pattern, text));
    if !value.is_mapping() {
        return any(value);
    }
    let included = value["include"].is_null() || any(&value["include"]);
    included && !any(&value["exclude"])
}

/// `*` stands for anything without a slash, `**` for anything at all.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(rest) = text.strip_prefix(before) else {
        return false;
    };
    let (after, reach) = match after.strip_prefix('*') {
        Some(after) => (after, rest.len()),
        None => (after, rest.find('/').unwrap_or(rest.len())),
    };
    let mut ends = (0..=reach).filter(|end| rest.is_char_boundary(*end));
    ends.any(|end| fits(after, &rest[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yaml(text: &str) -> Value {
        serde_yaml::from_str(text).unwrap()
    }

    fn matches(when: &str, variables: &[(&str, &str)], cron: &str) -> bool {
        let pairs = variables.iter();
        let variables = pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let given = Given {
            variables: &variables,
            cron,
        };
        given.matches(&yaml(when))
    }

    #[test]
    fn a_step_runs_after_what_its_filters_name_all_together() {
        for (when, after_success, after_failure) in [
            ("", true, false),
            ("[{event: push}]", true, false),
            ("[{status: failure}]", false, true),
            ("{status: [success, failure]}", true, true),
            ("[{event: push, status: failure}]", false, true),
            // The trap: the second filter lets the first one run after a success.
            (
                "[{event: push, status: failure}, {event: manual}]",
                true,
                true,
            ),
        ] {
            assert_eq!(runs_after(&yaml(when), false), after_success, "{when}");
            assert_eq!(runs_after(&yaml(when), true), after_failure, "{when}");
        }
    }

    #[test]
    fn one_filter_is_enough_and_all_of_it_must_hold() {
        let push = [
            ("CI_PIPELINE_EVENT", "push"),
            ("CI_COMMIT_BRANCH", "release/1.2"),
            ("CI_REPO", "acme/shop"),
            ("TARGET", "live"),
        ];
        for (when, wanted) in [
            ("", true),
            ("{event: push}", true),
            ("{event: [tag, push]}", true),
            ("{event: tag}", false),
            ("[{event: tag}, {event: push}]", true),
            ("{event: push, branch: main}", false),
            ("{branch: release/*}", true),
            ("{branch: release*}", false),
            ("{branch: 're**'}", true),
            ("{branch: [main, '*/1.2']}", true),
            ("{branch: {exclude: [main, dev]}}", true),
            ("{branch: {include: 'release/*', exclude: '*/1.2'}}", false),
            ("{repo: acme/*}", true),
            // Only a cron has a name.
            ("{cron: nightly}", true),
            ("{evaluate: 'TARGET == \"live\"'}", true),
            ("{evaluate: 'TARGET != \"live\"'}", false),
            ("{evaluate: 'NONE == \"x\" || TARGET == \"live\"'}", true),
            ("{evaluate: 'NONE == \"x\" && TARGET == \"live\"'}", false),
        ] {
            assert_eq!(matches(when, &push, ""), wanted, "{when}");
        }
    }

    #[test]
    fn a_tag_is_of_no_branch_and_a_cron_has_its_name() {
        let tag = [("CI_PIPELINE_EVENT", "tag")];
        assert!(matches("{event: tag, branch: main}", &tag, ""));
        let cron = [("CI_PIPELINE_EVENT", "cron")];
        assert!(matches("{event: cron, cron: settle}", &cron, "settle"));
        assert!(!matches("{event: cron, cron: settle}", &cron, "nightly"));
    }

    #[test]
    #[should_panic(expected = "the filter path is not understood here")]
    fn a_filter_that_is_not_understood_is_not_passed_over() {
        matches("{path: 'src/**'}", &[], "");
    }
}
