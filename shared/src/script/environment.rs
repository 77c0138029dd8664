//! What a script can see of the environment: nothing that was not meant for it.

use crate::hook::Call;

use super::Script;

/// Where programs are looked for when the step has no `PATH`.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The whole environment of one call. The deployment's facts win over what the team gives, which wins over the step's.
pub(super) fn of(script: &Script, call: Call) -> Vec<(String, String)> {
    let own = script
        .variables
        .iter()
        .filter(|(name, _)| name == "PATH" || name == "HOME" || name.starts_with("CI_"));
    let given = script.script_env.iter();
    let given = given.map(|(name, value)| (name.clone(), value.reveal().to_owned()));
    let facts = &script.facts;
    let told = [
        ("DEPLOYMENT_ID", facts.id.clone()),
        ("DEPLOYMENT_COMMIT", facts.commit.clone()),
        ("DEPLOYMENT_ENVIRONMENT", facts.environment.clone()),
        ("DEPLOYMENT_ATTEMPT", call.attempt.to_string()),
        ("DEPLOYMENT_STAGE", call.stage.to_string()),
    ];
    let pool = facts.pool.clone().map(|pool| ("DEPLOYMENT_POOL", pool));
    let previous = facts.previous_commit.clone();
    let previous = previous.map(|commit| ("DEPLOYMENT_PREVIOUS_COMMIT", commit));
    let told = told.into_iter().chain(pool).chain(previous);
    let path = ("PATH".to_owned(), PATH.to_owned());
    std::iter::once(path)
        .chain(own.cloned())
        .chain(given)
        .chain(told.map(|(name, value)| (name.to_owned(), value)))
        .filter(|(name, value)| can_be_set(name, value))
        .collect()
}

/// A name with `=` or a NUL would keep the whole script from starting.
fn can_be_set(name: &str, value: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::hook::Facts;
    use crate::secret::Secret;

    fn seen(variables: &[(&str, &str)], given: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let script = Script {
            path: "deploy.sh".into(),
            workspace: ".".into(),
            variables: variables.iter().map(owned).collect(),
            script_env: given
                .iter()
                .map(|(name, value)| ((*name).to_owned(), Secret::new(*value)))
                .collect(),
            facts: Facts {
                id: "d1".into(),
                commit: "abc".into(),
                environment: "production".into(),
                pool: None,
                previous_commit: None,
            },
            limit: Duration::from_secs(1),
            grace: Duration::ZERO,
        };
        let call = Call {
            stage: 3,
            attempt: 2,
        };
        of(&script, call).into_iter().collect()
    }

    #[test]
    fn our_own_settings_stay_with_us() {
        let variables = [
            ("PATH", "/opt/bin"),
            ("HOME", "/root"),
            ("CI_REPO", "acme/shop"),
            ("PLUGIN_DATABASE_URL", "postgres://u:secret@h/d"),
            ("DATABASE_URL", "postgres://u:secret@h/d"),
            ("GITHUB_TOKEN", "secret"),
            ("CI", "woodpecker"),
            ("DEPLOYMENT_SCRIPT", "deploy.sh"),
        ];
        let seen = seen(&variables, &[("TOKEN", "for the script")]);
        let names: Vec<&str> = seen.keys().map(String::as_str).collect();
        let expected = [
            "CI_REPO",
            "DEPLOYMENT_ATTEMPT",
            "DEPLOYMENT_COMMIT",
            "DEPLOYMENT_ENVIRONMENT",
            "DEPLOYMENT_ID",
            "DEPLOYMENT_STAGE",
            "HOME",
            "PATH",
            "TOKEN",
        ];
        assert_eq!(names, expected);
        assert_eq!(seen["PATH"], "/opt/bin");
        assert_eq!(seen["DEPLOYMENT_ATTEMPT"], "2");
    }

    #[test]
    fn facts_cannot_be_talked_over_and_a_path_is_always_there() {
        let given = [("DEPLOYMENT_ID", "other"), ("A=B", "x"), ("NUL", "a\0b")];
        let seen = seen(&[], &given);
        assert_eq!(seen["DEPLOYMENT_ID"], "d1");
        assert_eq!(seen["PATH"], PATH);
        assert!(!seen.contains_key("A=B") && !seen.contains_key("NUL"));
    }
}
