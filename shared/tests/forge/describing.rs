//! The descriptions refuse what is wrong: without this the other tests would prove nothing.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use testbed::forge::{Description, Flavour};
use testbed::sink::Reply;

fn refusal(flavour: Flavour, method: &str, path: &str, body: &Value) -> Option<String> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let asked = testbed::forge::Asked {
        method,
        parts: Vec::new(),
        query: pairs.collect::<BTreeMap<_, _>>(),
        body: body.clone(),
    };
    let description = Description::of(flavour).unwrap();
    description.request(&asked, path).err()
}

#[test]
fn wrong_requests_are_refused() {
    let (hub, jo) = (Flavour::GitHub, Flavour::Forgejo);
    for (flavour, method, path, body) in [
        (
            hub,
            "POST",
            "/repos/a/b/issues",
            json!({ "body": "no title" }),
        ),
        (
            hub,
            "POST",
            "/repos/a/b/issues",
            json!({ "title": "x", "labels": [7] }),
        ),
        (
            hub,
            "POST",
            "/repos/a/b/issues",
            json!({ "title": "x", "lables": ["y"] }),
        ),
        (hub, "POST", "/repos/a/b/issues", Value::Null),
        (
            hub,
            "PATCH",
            "/repos/a/b/issues/1",
            json!({ "state": "shut" }),
        ),
        (
            hub,
            "PATCH",
            "/repos/a/b/issues/1",
            json!({ "state_reason": "bored" }),
        ),
        (hub, "POST", "/repos/a/b/issues/1/comments", json!({})),
        (
            hub,
            "POST",
            "/repos/a/b/statuses/0a",
            json!({ "state": "failed" }),
        ),
        (
            hub,
            "POST",
            "/repos/a/b/statuses/0a",
            json!({ "context": "x" }),
        ),
        (
            hub,
            "POST",
            "/repos/a/b/deployments",
            json!({ "environment": "x" }),
        ),
        (
            hub,
            "POST",
            "/repos/a/b/deployments",
            json!({ "ref": "x", "required_contexts": "" }),
        ),
        (
            hub,
            "POST",
            "/repos/a/b/deployments/1/statuses",
            json!({ "state": "running" }),
        ),
        (hub, "POST", "/repos/a/b/pulls", json!({ "head": "x" })),
        (hub, "GET", "/repos/a/b/issues?state=opened", Value::Null),
        (hub, "GET", "/repos/a/b/issues?limit=5", Value::Null),
        (hub, "GET", "/repos/a/b/labels", Value::Null),
        (hub, "PUT", "/repos/a/b/issues", Value::Null),
        (
            jo,
            "POST",
            "/repos/a/b/issues",
            json!({ "body": "no title" }),
        ),
        (
            jo,
            "POST",
            "/repos/a/b/issues",
            json!({ "title": "x", "labels": ["by name"] }),
        ),
        (
            jo,
            "POST",
            "/repos/a/b/labels",
            json!({ "name": "no colour" }),
        ),
        (
            jo,
            "POST",
            "/repos/a/b/statuses/0a",
            json!({ "state": "failed" }),
        ),
        (jo, "GET", "/repos/a/b/issues?per_page=5", Value::Null),
    ] {
        assert!(
            refusal(flavour, method, path, &body).is_some(),
            "{flavour:?} takes {method} {path} {body}"
        );
    }
}

#[test]
fn right_requests_are_taken() {
    let title = json!({ "title": "x", "labels": ["y"], "assignees": ["kim"] });
    assert_eq!(
        refusal(Flavour::GitHub, "POST", "/repos/a/b/issues", &title),
        None
    );
    let state = json!({ "state": "open", "state_reason": null });
    assert_eq!(
        refusal(Flavour::GitHub, "PATCH", "/repos/a/b/issues/1", &state),
        None
    );
    let numbers = json!({ "title": "x", "labels": [7] });
    assert_eq!(
        refusal(Flavour::Forgejo, "POST", "/repos/a/b/issues", &numbers),
        None
    );
    let page = "/repos/a/b/issues?state=open&per_page=100&page=2";
    assert_eq!(refusal(Flavour::GitHub, "GET", page, &Value::Null), None);
}

#[test]
fn wrong_answers_are_refused() {
    let description = Description::of(Flavour::GitHub).unwrap();
    let asked = testbed::forge::Asked {
        method: "POST",
        parts: Vec::new(),
        query: BTreeMap::new(),
        body: json!({ "body": "x" }),
    };
    let operation = description
        .request(&asked, "/repos/a/b/issues/1/comments")
        .unwrap();
    for (status, body) in [
        (201, r#"{"body":"x"}"#),
        (200, "{}"),
        (201, "no json"),
        (201, "[]"),
    ] {
        let reply = Reply::new(status, body);
        assert!(
            description.answer(operation, &reply).is_err(),
            "{status} {body}"
        );
    }
}
