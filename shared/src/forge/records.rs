//! Deployments as GitHub and GitLab record them, as data. Pure.

use serde_json::{Value, json};

use super::call::{Call, number, query, short, text, web};
use super::{DESCRIPTION_MAX, Deployment, Good, Progress, Purpose};

/// How many deployments are looked at.
const NEWEST: &str = "50";

/// GitHub's records.
pub(super) mod github {
    use super::{
        Call, DESCRIPTION_MAX, Deployment, NEWEST, Progress, Purpose, Value, json, number, query,
        short, text, web,
    };

    fn task(purpose: &Purpose) -> &'static str {
        match purpose {
            Purpose::Deploy => "deploy",
            Purpose::Rollback { .. } => "rollback",
        }
    }

    /// The newest of an environment, the newest first; of one task, or of all.
    pub(in crate::forge) fn list(repo: &str, environment: &str, purpose: Option<&Purpose>) -> Call {
        let mut pairs = vec![("environment", environment), ("per_page", NEWEST)];
        pairs.extend(purpose.map(|purpose| ("task", task(purpose))));
        Call::get(format!("{repo}/deployments{}", query(&pairs)))
    }

    /// The number of the deployment of that name.
    pub(in crate::forge) fn find(list: &Value, name: &str) -> Option<u64> {
        let mut entries = list.as_array().into_iter().flatten();
        let found = entries.find(|entry| payload(entry, "/deployment") == name)?;
        number(found, "/id")
    }

    /// A field of the payload, which comes back as an object or, from older editions, as its text.
    fn payload(entry: &Value, pointer: &str) -> String {
        match &entry["payload"] {
            Value::String(inner) => serde_json::from_str(inner)
                .map_or_else(|_| String::new(), |inner: Value| text(&inner, pointer)),
            inner => text(inner, pointer),
        }
    }

    /// Makes a record. Nothing is merged by it, and no other status stands in its way.
    pub(in crate::forge) fn create(repo: &str, deployment: &Deployment) -> Call {
        let mut payload = json!({ "deployment": deployment.name });
        if let Purpose::Rollback { of, sha } = &deployment.purpose {
            payload["rolls_back"] = json!({ "deployment": of, "commit": sha });
        }
        if let Some(url) = web(deployment.url.as_deref()) {
            payload["pipeline"] = json!(url);
        }
        let body = json!({
            "ref": deployment.sha,
            "task": task(&deployment.purpose),
            "auto_merge": false,
            "required_contexts": [],
            "environment": deployment.environment,
            "description": short(&deployment.description, DESCRIPTION_MAX),
            "production_environment": is_production(&deployment.environment),
            "payload": payload,
        });
        Call::post(format!("{repo}/deployments"), body)
    }

    /// GitHub retires what was live before by itself, but not in production.
    pub(in crate::forge) fn is_production(environment: &str) -> bool {
        environment == "production"
    }

    pub(in crate::forge) fn state(progress: Progress) -> &'static str {
        match progress {
            Progress::InProgress => "in_progress",
            Progress::Success => "success",
            Progress::Failure => "failure",
            Progress::Cancelled => "error",
        }
    }

    /// What becomes of a record.
    pub(in crate::forge) fn status(
        repo: &str,
        id: u64,
        state: &str,
        description: &str,
        url: Option<&str>,
    ) -> Call {
        let mut body = json!({
            "state": state,
            "description": short(description, DESCRIPTION_MAX),
        });
        if let Some(url) = web(url) {
            body["log_url"] = json!(url);
        }
        Call::post(format!("{repo}/deployments/{id}/statuses"), body).repeatable()
    }

    /// What became of a record, the newest first.
    pub(in crate::forge) fn statuses(repo: &str, id: u64) -> Call {
        Call::get(format!("{repo}/deployments/{id}/statuses?per_page=30"))
    }

    /// What a record came to; that another one took its place says nothing of itself.
    pub(in crate::forge) fn came_to(statuses: &Value) -> Option<&str> {
        let mut states = statuses.as_array().into_iter().flatten();
        states.find_map(|status| {
            let state = status["state"].as_str()?;
            (state != "inactive").then_some(state)
        })
    }

    /// The newest state, whatever it is.
    pub(in crate::forge) fn newest(statuses: &Value) -> Option<&str> {
        statuses.pointer("/0/state").and_then(Value::as_str)
    }
}

/// GitLab's records.
pub(super) mod gitlab {
    use super::{Call, Deployment, Good, NEWEST, Progress, Value, json, number, query, text};

    /// The newest of an environment, the newest first; only good ones, or all.
    pub(in crate::forge) fn list(repo: &str, environment: &str, only_good: bool) -> Call {
        let mut pairs = vec![
            ("environment", environment),
            ("order_by", "id"),
            ("sort", "desc"),
            ("per_page", NEWEST),
        ];
        if only_good {
            pairs.push(("status", "success"));
        }
        Call::get(format!("{repo}/deployments{}", query(&pairs)))
    }

    pub(in crate::forge) fn state(progress: Progress) -> &'static str {
        match progress {
            Progress::InProgress => "running",
            Progress::Success => "success",
            Progress::Failure => "failed",
            Progress::Cancelled => "canceled",
        }
    }

    /// The newest deployment of a commit, with its state.
    pub(in crate::forge) fn find(list: &Value, sha: &str) -> Option<(u64, String)> {
        let mut entries = list.as_array().into_iter().flatten();
        let found = entries.find(|entry| text(entry, "/sha") == sha)?;
        Some((number(found, "/id")?, text(found, "/status")))
    }

    /// Whether a record in that state still goes on.
    pub(in crate::forge) fn goes_on(state: &str) -> bool {
        matches!(state, "created" | "running" | "blocked")
    }

    pub(in crate::forge) fn create(repo: &str, deployment: &Deployment) -> Call {
        let body = json!({
            "environment": deployment.environment,
            "sha": deployment.sha,
            "ref": deployment.reference,
            "tag": false,
            "status": state(deployment.progress),
        });
        Call::post(format!("{repo}/deployments"), body)
    }

    pub(in crate::forge) fn update(repo: &str, id: u64, state: &str) -> Call {
        Call::put(
            format!("{repo}/deployments/{id}"),
            json!({ "status": state }),
        )
    }

    pub(in crate::forge) fn good(list: &Value) -> Vec<Good> {
        let entries = list.as_array().into_iter().flatten();
        let mut good: Vec<Good> = entries.filter_map(super::good).collect();
        good.sort_by_key(|good| std::cmp::Reverse(good.id));
        good
    }
}

/// A record of either forge, taken for a good one.
pub(super) fn good(entry: &Value) -> Option<Good> {
    Some(Good {
        id: number(entry, "/id")?,
        sha: Some(text(entry, "/sha")).filter(|sha| !sha.is_empty())?,
        created_at: text(entry, "/created_at"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_took_its_place_says_nothing_of_a_deployment() {
        let states =
            |all: &[&str]| -> Value { all.iter().map(|state| json!({ "state": state })).collect() };
        assert_eq!(
            github::came_to(&states(&["inactive", "success", "in_progress"])),
            Some("success")
        );
        assert_eq!(
            github::came_to(&states(&["inactive", "failure", "success"])),
            Some("failure")
        );
        assert_eq!(github::came_to(&states(&[])), None);
    }

    #[test]
    fn a_record_is_found_by_the_deployments_name_in_either_kind_of_payload() {
        let list = json!([
            { "id": 1, "payload": "" },
            { "id": 2, "payload": { "deployment": "b" } },
            { "id": 3, "payload": "{\"deployment\":\"c\"}" },
        ]);
        assert_eq!(github::find(&list, "b"), Some(2));
        assert_eq!(github::find(&list, "c"), Some(3));
        assert_eq!(github::find(&list, "d"), None);
    }
}
