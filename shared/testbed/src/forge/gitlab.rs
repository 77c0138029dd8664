//! GitLab's answers, and what it refuses: it publishes no description of this kind, so the fields stand here.

use serde_json::{Value, json};

use super::state::{Asked, Data, Deployed, Item};
use super::{json, message};
use crate::sink::Reply;

/// Fields that each request may have; the first `needed` of them it must have.
const FIELDS: &[(&str, &str, usize, &[&str])] = &[
    (
        "POST",
        "issues",
        1,
        &[
            "title",
            "description",
            "issue_type",
            "labels",
            "assignee_ids",
        ],
    ),
    ("POST", "notes", 1, &["body"]),
    (
        "POST",
        "statuses",
        1,
        &["state", "name", "description", "target_url"],
    ),
    (
        "POST",
        "deployments",
        5,
        &["environment", "sha", "ref", "tag", "status"],
    ),
    ("PUT", "deployments", 1, &["status"]),
    ("PUT", "issues", 1, &["state_event"]),
    (
        "POST",
        "merge_requests",
        3,
        &[
            "source_branch",
            "target_branch",
            "title",
            "description",
            "remove_source_branch",
        ],
    ),
];

/// What it does and says.
pub(super) fn answer(asked: &Asked, data: &mut Data) -> Reply {
    let parts: Vec<&str> = asked.parts.iter().map(String::as_str).collect();
    if let ["users"] = parts[..] {
        let name = asked.query("username").unwrap();
        let place = data.users.iter().position(|have| have == name);
        let found = place.map(|place| json!({ "id": place + 1, "username": name }));
        return json(200, &found.into_iter().collect());
    }
    if parts.len() < 2 || parts[..2] != ["projects", "acme/shop"] {
        return json(404, &json!({ "message": "404 Project Not Found" }));
    }
    let parts = &parts[2..];
    if let Some(refused) = refused(asked, parts) {
        return json(400, &json!({ "error": refused }));
    }
    match (asked.method, parts) {
        ("GET", []) => json(
            200,
            &json!({ "issues_enabled": !data.issues_off, "archived": false,
            "permissions": { "project_access": { "access_level": if data.no_push { 20 } else { 40 } },
                "group_access": null } }),
        ),
        (_, ["issues", ..]) if data.issues_off => message(403, "403 Forbidden"),
        ("GET", ["issues"]) => issues(asked, data),
        ("POST", ["issues"]) => open_issue(asked, data),
        ("PUT", ["issues", number]) => turn_issue(asked, data, number),
        ("GET", ["issues", number, "notes"]) => {
            let Some(item) = data.item(number) else {
                return message(404, "404 Not found");
            };
            let notes: Vec<Value> = item
                .comments
                .iter()
                .map(|body| json!({ "body": body }))
                .collect();
            json(200, &asked.page(&notes, "per_page").0)
        }
        ("POST", ["issues", number, "notes"]) => {
            let body = asked.text("body").unwrap();
            data.item(number).unwrap().comments.push(body.clone());
            json(201, &json!({ "id": 1, "body": body }))
        }
        ("POST", ["statuses", sha]) => status(asked, data, sha),
        ("GET", ["deployments"]) => deployments(asked, data),
        ("POST", ["deployments"]) => {
            let deployed = data.deploy(Deployed {
                sha: asked.text("sha").unwrap(),
                environment: asked.text("environment").unwrap(),
                states: vec![asked.text("status").unwrap()],
                ..Deployed::default()
            });
            json(201, &deployment(&deployed))
        }
        ("PUT", ["deployments", id]) => {
            let deployed = data.deployed(id).unwrap();
            deployed.states.push(asked.text("status").unwrap());
            json(200, &deployment(deployed))
        }
        ("GET", ["merge_requests"]) => merge_requests(asked, data),
        ("POST", ["merge_requests"]) => open_merge_request(asked, data),
        ("GET", ["repository", "branches", name]) => match data.branches.get(*name) {
            Some(protected) => json(200, &json!({ "name": name, "protected": protected })),
            None => message(404, "404 Branch Not Found"),
        },
        _ => message(404, "404 Not Found"),
    }
}

fn refused(asked: &Asked, parts: &[&str]) -> Option<String> {
    let kind = match parts {
        ["issues", _, "notes"] => "notes",
        [kind, ..] => kind,
        [] => return None,
    };
    let (_, _, needed, fields) = FIELDS
        .iter()
        .find(|(method, path, ..)| *method == asked.method && *path == kind)?;
    let missing = fields[..*needed]
        .iter()
        .find(|name| asked.body[**name].is_null());
    let sent = asked.body.as_object()?;
    let unknown = sent.keys().find(|name| !fields.contains(&name.as_str()));
    match (missing, unknown) {
        (Some(name), _) => Some(format!("{name} is missing")),
        (None, Some(name)) => Some(format!("{name} is unknown")),
        (None, None) => None,
    }
}

fn issue(item: &Item, page: &str) -> Value {
    let users: Vec<Value> = item
        .assignees
        .iter()
        .map(|name| json!({ "username": name }))
        .collect();
    json!({
        "id": item.number + 1000,
        "iid": item.number,
        "title": item.title,
        "description": item.body,
        "state": if item.closed { "closed" } else { "opened" },
        "labels": item.labels,
        "assignees": users,
        "web_url": format!("{page}/-/issues/{}", item.number),
    })
}

fn issues(asked: &Asked, data: &Data) -> Reply {
    let closed = asked.query("state") == Some("closed");
    // Merge requests have numbers and a list of their own.
    let items = data.listed(closed).filter(|item| item.pull.is_none());
    let entries: Vec<Value> = items.map(|item| issue(item, &data.page)).collect();
    json(200, &asked.page(&entries, "per_page").0)
}

fn open_issue(asked: &Asked, data: &mut Data) -> Reply {
    let labels = asked.text("labels").unwrap_or_default();
    let labels = labels.split(',').filter(|label| !label.is_empty());
    let ids = asked.body["assignee_ids"].as_array().into_iter().flatten();
    let users = ids.filter_map(|id| {
        data.users
            .get(usize::try_from(id.as_u64()?).ok()? - 1)
            .cloned()
    });
    let item = Item {
        title: asked.text("title").unwrap(),
        body: asked.text("description").unwrap_or_default(),
        labels: labels.map(str::to_owned).collect(),
        // Without a licence an issue has one assignee.
        assignees: users.take(1).collect(),
        ..Item::default()
    };
    let number = data.add(item);
    let page = data.page.clone();
    json(201, &issue(data.item(&number.to_string()).unwrap(), &page))
}

fn turn_issue(asked: &Asked, data: &mut Data, number: &str) -> Reply {
    let page = data.page.clone();
    let Some(item) = data.item(number) else {
        return message(404, "404 Not found");
    };
    item.closed = asked.text("state_event").as_deref() == Some("close");
    json(200, &issue(item, &page))
}

fn status(asked: &Asked, data: &mut Data, sha: &str) -> Reply {
    let same = |(have, body): &&(String, Value)| have == sha && body["name"] == asked.body["name"];
    let before = data.statuses.iter().rev().find(same);
    if before.is_some_and(|(_, body)| body["state"] == asked.body["state"]) {
        let text = "Cannot transition status via :enqueue from :pending (Reason(s): Status cannot transition)";
        return json(400, &json!({ "message": text }));
    }
    data.statuses.push((sha.to_owned(), asked.body.clone()));
    json(201, &json!({ "id": 1, "status": asked.body["state"] }))
}

fn deployment(deployed: &Deployed) -> Value {
    json!({ "id": deployed.id, "sha": deployed.sha, "status": deployed.states.last(),
        "created_at": "2026-01-01T00:00:00.000Z" })
}

fn deployments(asked: &Asked, data: &Data) -> Reply {
    let wanted = |name: &str, have: &str| asked.query(name).is_none_or(|want| want == have);
    let same = data.deployments.iter().rev().filter(|one| {
        wanted("environment", &one.environment)
            && wanted("status", one.states.last().map_or("", String::as_str))
    });
    let entries: Vec<Value> = same.map(deployment).collect();
    json(200, &asked.page(&entries, "per_page").0)
}

fn merge_request(item: &Item, page: &str) -> Value {
    let (head, base) = item.pull.clone().unwrap();
    json!({ "iid": item.number, "source_branch": head, "target_branch": base,
        "web_url": format!("{page}/-/merge_requests/{}", item.number) })
}

fn merge_requests(asked: &Asked, data: &Data) -> Reply {
    let open = data.listed(false).filter(|item| {
        let Some((head, base)) = &item.pull else {
            return false;
        };
        asked.query("source_branch").is_none_or(|want| want == head)
            && asked.query("target_branch").is_none_or(|want| want == base)
    });
    let entries: Vec<Value> = open.map(|item| merge_request(item, &data.page)).collect();
    json(200, &asked.page(&entries, "per_page").0)
}

fn open_merge_request(asked: &Asked, data: &mut Data) -> Reply {
    let pull = (
        asked.text("source_branch").unwrap(),
        asked.text("target_branch").unwrap(),
    );
    if data
        .listed(false)
        .any(|item| item.pull.as_ref() == Some(&pull))
    {
        let text = "Another open merge request already exists for this source branch: !1";
        return json(409, &json!({ "message": [text] }));
    }
    let number = data.add(Item {
        title: asked.text("title").unwrap(),
        pull: Some(pull),
        ..Item::default()
    });
    let page = data.page.clone();
    json(
        201,
        &merge_request(data.item(&number.to_string()).unwrap(), &page),
    )
}
