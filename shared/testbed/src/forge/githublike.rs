//! GitHub's and Forgejo's answers, made of the descriptions' own examples.

use serde_json::{Value, json};

use super::description::Description;
use super::state::{Asked, Data, Item, linked, texts};
use super::{Flavour, json, message};
use crate::sink::Reply;

mod beyond;

const HERE: &str = "/repos/{owner}/{repo}";

/// What it does and says.
pub(super) fn answer(asked: &Asked, data: &mut Data, flavour: Flavour, all: &Description) -> Reply {
    let parts: Vec<&str> = asked.parts.iter().map(String::as_str).collect();
    let teller = Teller { flavour, all };
    if parts.len() < 3 || parts[..3] != ["repos", "acme", "shop"] {
        return message(404, "Not Found");
    }
    match (asked.method, &parts[3..]) {
        ("GET", []) => teller.repository(data),
        (_, ["issues", ..]) if data.issues_off => message(410, "Issues are disabled for this repo"),
        ("GET", ["issues"]) => teller.issues(asked, data),
        ("POST", ["issues"]) => teller.open_issue(asked, data),
        ("PATCH", ["issues", number]) => teller.turn_issue(asked, data, number),
        ("GET", ["issues", number, "comments"]) => teller.comments(asked, data, number),
        ("POST", ["issues", number, "comments"]) => teller.comment(asked, data, number),
        ("GET", ["labels"]) => teller.labels(asked, data),
        ("POST", ["labels"]) => teller.make_label(asked, data),
        ("POST", ["statuses", sha]) => teller.status(asked, data, sha),
        ("GET", ["deployments"]) => teller.deployments(asked, data),
        ("POST", ["deployments"]) => teller.deploy(asked, data),
        ("GET", ["deployments", id, "statuses"]) => teller.states(data, id),
        ("POST", ["deployments", id, "statuses"]) => teller.tell(asked, data, id),
        ("GET", ["pulls"]) => teller.pulls(asked, data),
        ("POST", ["pulls"]) => teller.open_pull(asked, data),
        ("GET", ["branches", name]) => teller.branch(data, name),
        ("GET", ["rules", "branches", _]) => {
            let rules = data.rules.iter();
            let rule = |kind: &String| json!({ "type": kind, "ruleset_id": 1 });
            json(200, &rules.map(rule).collect())
        }
        _ => message(404, "Not Found"),
    }
}

struct Teller<'a> {
    flavour: Flavour,
    all: &'a Description,
}

impl Teller<'_> {
    /// The description's example with these fields instead of its own.
    fn like(&self, method: &str, path: &str, fields: Value) -> Value {
        let mut value = self.all.example(method, &format!("{HERE}{path}"));
        let Value::Object(fields) = fields else {
            return value;
        };
        for (name, field) in fields {
            value[name] = field;
        }
        value
    }

    fn size_name(&self) -> &'static str {
        if self.flavour == Flavour::GitHub {
            "per_page"
        } else {
            "limit"
        }
    }

    fn repository(&self, data: &Data) -> Reply {
        let push = !data.no_push;
        let permissions = json!({ "admin": false, "push": push, "pull": true });
        let fields = json!({ "has_issues": !data.issues_off, "permissions": permissions, "language": "Rust" });
        let mut value = self.like("GET", "", fields);
        // The example's own forks lack what the description asks for.
        for name in ["parent", "source", "template_repository"] {
            value.as_object_mut().unwrap().remove(name);
        }
        json(200, &value)
    }

    /// A person as the forge shows one.
    fn user(&self, login: &str) -> Value {
        let example = self.all.example("POST", &format!("{HERE}/issues"));
        let mut user = match &example["user"] {
            Value::Object(user) => Value::Object(user.clone()),
            _ => json!({}),
        };
        user["login"] = json!(login);
        user
    }

    fn item(&self, item: &Item, page: &str) -> Value {
        let label = |name: &String| {
            json!({ "id": 1, "node_id": "x", "url": page, "name": name, "description": "", "color": "d73a4a",
                "default": false })
        };
        let users = item.assignees.iter().map(|name| self.user(name));
        let kind = if item.pull.is_some() {
            "pull"
        } else {
            "issues"
        };
        let mut fields = json!({
            "number": item.number,
            "title": item.title,
            "body": item.body,
            "state": if item.closed { "closed" } else { "open" },
            "html_url": format!("{page}/{kind}/{}", item.number),
            "labels": item.labels.iter().map(label).collect::<Vec<_>>(),
            "assignees": users.collect::<Vec<_>>(),
        });
        if self.flavour == Flavour::GitHub {
            fields["state_reason"] = json!(item.reason);
        }
        let mut value = self.like("POST", "/issues", fields);
        if let Some(object) = value.as_object_mut() {
            object.remove("pull_request");
        }
        if item.pull.is_some() {
            value["pull_request"] =
                json!({ "url": page, "html_url": page, "diff_url": page, "patch_url": page });
            if self.flavour == Flavour::Forgejo {
                value["pull_request"] = json!({ "html_url": page });
            }
        }
        value
    }

    fn issues(&self, asked: &Asked, data: &Data) -> Reply {
        let closed = asked.query("state") == Some("closed");
        let issues_only = asked.query("type") == Some("issues");
        let items = data.listed(closed);
        let items = items.filter(|item| !(issues_only && item.pull.is_some()));
        let entries: Vec<Value> = items.map(|item| self.item(item, &data.page)).collect();
        let (page, more) = asked.page(&entries, self.size_name());
        linked(json(200, &page), more)
    }

    fn open_issue(&self, asked: &Asked, data: &mut Data) -> Reply {
        let wanted = texts(&asked.body["assignees"]);
        if let Some(stranger) = wanted.iter().find(|name| !data.users.contains(name)) {
            let error = json!({ "resource": "Issue", "field": "assignees", "code": "invalid", "value": stranger });
            return json(
                422,
                &json!({ "message": "Validation Failed", "errors": [error] }),
            );
        }
        let labels = match self.flavour {
            _ if data.no_push => Vec::new(),
            Flavour::GitHub => texts(&asked.body["labels"]),
            _ => {
                let ids = asked.body["labels"].as_array().into_iter().flatten();
                // An unknown number is dropped without a word.
                ids.filter_map(|id| {
                    data.labels
                        .iter()
                        .find(|(have, _)| Some(*have) == id.as_u64())
                })
                .map(|(_, name)| name.clone())
                .collect()
            }
        };
        let number = data.add(Item {
            title: asked.text("title").unwrap(),
            body: asked.text("body").unwrap_or_default(),
            labels,
            assignees: wanted,
            ..Item::default()
        });
        let page = data.page.clone();
        let item = data.item(&number.to_string()).unwrap();
        json(201, &self.item(item, &page))
    }

    fn turn_issue(&self, asked: &Asked, data: &mut Data, number: &str) -> Reply {
        let page = data.page.clone();
        let Some(item) = data.item(number) else {
            return message(404, "Not Found");
        };
        item.closed = asked.text("state").as_deref() == Some("closed");
        item.reason = asked.text("state_reason");
        // Forgejo answers a change with 201.
        let status = if self.flavour == Flavour::GitHub {
            200
        } else {
            201
        };
        json(status, &self.item(item, &page))
    }

    fn comments(&self, asked: &Asked, data: &mut Data, number: &str) -> Reply {
        let Some(item) = data.item(number) else {
            return message(404, "Not Found");
        };
        let one = |body: &String| {
            self.like(
                "POST",
                "/issues/{N}/comments".replace("{N}", self.index()).as_str(),
                json!({ "body": body }),
            )
        };
        let entries: Vec<Value> = item.comments.iter().map(one).collect();
        if self.flavour == Flavour::Forgejo {
            return json(200, &Value::Array(entries));
        }
        let (page, more) = asked.page(&entries, self.size_name());
        linked(json(200, &page), more)
    }

    fn index(&self) -> &'static str {
        if self.flavour == Flavour::GitHub {
            "{issue_number}"
        } else {
            "{index}"
        }
    }

    fn comment(&self, asked: &Asked, data: &mut Data, number: &str) -> Reply {
        let Some(item) = data.item(number) else {
            return message(404, "Not Found");
        };
        let body = asked.text("body").unwrap();
        item.comments.push(body.clone());
        let path = format!("/issues/{}/comments", self.index());
        json(201, &self.like("POST", &path, json!({ "body": body })))
    }

    fn labels(&self, asked: &Asked, data: &Data) -> Reply {
        let one = |(id, name): &(u64, String)| json!({ "id": id, "name": name, "color": "d73a4a" });
        let entries: Vec<Value> = data.labels.iter().map(one).collect();
        let (page, more) = asked.page(&entries, self.size_name());
        linked(json(200, &page), more)
    }

    fn make_label(&self, asked: &Asked, data: &mut Data) -> Reply {
        if data.no_push {
            return message(
                403,
                "token does not have at least one of required scope(s): [write:repository]",
            );
        }
        let name = asked.text("name").unwrap();
        let id = data.label(&name);
        json(
            201,
            &self.like(
                "POST",
                "/labels",
                json!({ "id": id, "name": name, "color": "d73a4a" }),
            ),
        )
    }
}
