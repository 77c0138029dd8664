//! Statuses, deployments, pull requests and branches.

use serde_json::{Value, json};

use super::Teller;
use crate::forge::state::{Asked, Data, Deployed, Item, linked};
use crate::forge::{Flavour, json, message};
use crate::sink::Reply;

impl Teller<'_> {
    pub(super) fn status(&self, asked: &Asked, data: &mut Data, sha: &str) -> Reply {
        if sha.len() < 40 {
            return message(422, &format!("No commit found for SHA: {sha}"));
        }
        data.statuses.push((sha.to_owned(), asked.body.clone()));
        let (context, state) = (&asked.body["context"], &asked.body["state"]);
        let fields = match self.flavour {
            Flavour::GitHub => json!({ "context": context, "state": state }),
            _ => json!({ "context": context, "status": state }),
        };
        json(201, &self.like("POST", "/statuses/{sha}", fields))
    }

    fn deployment(&self, deployed: &Deployed) -> Value {
        let fields = json!({ "id": deployed.id, "sha": deployed.sha, "environment": deployed.environment,
            "task": deployed.task, "payload": deployed.payload });
        self.like("POST", "/deployments", fields)
    }

    pub(super) fn deployments(&self, asked: &Asked, data: &Data) -> Reply {
        let wanted = |name: &str, have: &str| asked.query(name).is_none_or(|want| want == have);
        let same = data.deployments.iter().rev().filter(|one| {
            wanted("environment", &one.environment)
                && wanted("task", &one.task)
                && wanted("sha", &one.sha)
        });
        let entries: Vec<Value> = same.map(|one| self.deployment(one)).collect();
        let (page, more) = asked.page(&entries, "per_page");
        linked(json(200, &page), more)
    }

    pub(super) fn deploy(&self, asked: &Asked, data: &mut Data) -> Reply {
        if asked.body["auto_merge"] != false || asked.body["required_contexts"] != json!([]) {
            return message(409, "Conflict merging main into topic");
        }
        let deployed = data.deploy(Deployed {
            sha: asked.text("ref").unwrap(),
            environment: asked.text("environment").unwrap_or("production".into()),
            task: asked.text("task").unwrap_or("deploy".into()),
            payload: asked.body["payload"].clone(),
            ..Deployed::default()
        });
        json(201, &self.deployment(&deployed))
    }

    fn state(&self, state: &str) -> Value {
        self.like(
            "POST",
            "/deployments/{deployment_id}/statuses",
            json!({ "state": state }),
        )
    }

    pub(super) fn states(&self, data: &mut Data, id: &str) -> Reply {
        let Some(deployed) = data.deployed(id) else {
            return message(404, "Not Found");
        };
        let states = deployed.states.iter().rev();
        json(200, &states.map(|state| self.state(state)).collect())
    }

    pub(super) fn tell(&self, asked: &Asked, data: &mut Data, id: &str) -> Reply {
        let Some(deployed) = data.deployed(id) else {
            return message(404, "Not Found");
        };
        let state = asked.text("state").unwrap();
        deployed.states.push(state.clone());
        json(201, &self.state(&state))
    }

    fn pull(&self, item: &Item, page: &str) -> Value {
        let (head, base) = item.pull.clone().unwrap();
        let mut value = self.like(
            "POST",
            "/pulls",
            json!({ "number": item.number, "requested_teams": [],
                "html_url": format!("{page}/pull/{}", item.number) }),
        );
        for (side, branch) in [("head", head), ("base", base)] {
            if value[side].is_null() {
                value[side] = json!({});
            }
            value[side]["ref"] = json!(branch);
        }
        value
    }

    /// What GitHub lists is a smaller thing than what it opens.
    fn listed_pull(&self, item: &Item, page: &str) -> Value {
        let whole = self.pull(item, page);
        if self.flavour == Flavour::Forgejo {
            return whole;
        }
        let mut value = self.like(
            "GET",
            "/pulls",
            json!({ "number": whole["number"], "requested_teams": [], "html_url": whole["html_url"] }),
        );
        for side in ["head", "base"] {
            value[side]["ref"] = whole[side]["ref"].clone();
        }
        value
    }

    pub(super) fn pulls(&self, asked: &Asked, data: &Data) -> Reply {
        let head = asked.query("head").and_then(|head| head.split(':').nth(1));
        let open = data.listed(false).filter(|item| {
            let Some((have_head, have_base)) = &item.pull else {
                return false;
            };
            head.is_none_or(|head| head == have_head)
                && asked.query("base").is_none_or(|base| base == have_base)
        });
        let entries: Vec<Value> = open
            .map(|item| self.listed_pull(item, &data.page))
            .collect();
        let (page, more) = asked.page(&entries, self.size_name());
        linked(json(200, &page), more)
    }

    pub(super) fn open_pull(&self, asked: &Asked, data: &mut Data) -> Reply {
        let pull = (asked.text("head").unwrap(), asked.text("base").unwrap());
        if data
            .listed(false)
            .any(|item| item.pull.as_ref() == Some(&pull))
        {
            let status = if self.flavour == Flavour::GitHub {
                422
            } else {
                409
            };
            return message(status, "A pull request already exists for acme:revert.");
        }
        let page = data.page.clone();
        let number = data.add(Item {
            title: asked.text("title").unwrap_or_default(),
            pull: Some(pull),
            ..Item::default()
        });
        let item = data.item(&number.to_string()).unwrap();
        json(201, &self.pull(item, &page))
    }

    pub(super) fn branch(&self, data: &Data, name: &str) -> Reply {
        match data.branches.get(name) {
            Some(protected) => {
                let fields = json!({ "name": name, "protected": protected });
                json(200, &self.like("GET", "/branches/{branch}", fields))
            }
            None => message(404, "Branch not found"),
        }
    }
}
