//! What the forge remembers.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::sink::Reply;

/// A request, taken apart.
#[derive(Debug)]
pub struct Asked<'a> {
    /// Such as `POST`.
    pub method: &'a str,
    /// The path's parts, decoded.
    pub parts: Vec<String>,
    /// The query, decoded.
    pub query: BTreeMap<String, String>,
    /// The body; null when there is none.
    pub body: Value,
}

impl Asked<'_> {
    pub(super) fn text(&self, field: &str) -> Option<String> {
        self.body[field].as_str().map(str::to_owned)
    }

    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// One page of the entries, as the query asks for it, and whether there is another.
    pub(super) fn page(&self, entries: &[Value], size_name: &str) -> (Value, bool) {
        let number = |name: &str, otherwise: usize| {
            self.query(name)
                .map_or(otherwise, |value| value.parse().unwrap())
        };
        let (size, page) = (number(size_name, 30), number("page", 1));
        let from = (page - 1) * size;
        let shown = entries.iter().skip(from).take(size).cloned().collect();
        (Value::Array(shown), entries.len() > from + size)
    }
}

/// An issue or a pull request.
#[derive(Debug, Clone, Default)]
pub struct Item {
    /// Its number.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: String,
    /// Whether it is closed.
    pub closed: bool,
    /// Why, where the forge keeps that.
    pub reason: Option<String>,
    /// Its labels' names.
    pub labels: Vec<String>,
    /// The accounts it is assigned to.
    pub assignees: Vec<String>,
    /// Its comments.
    pub comments: Vec<String>,
    /// Head and base, when it is a pull request.
    pub pull: Option<(String, String)>,
}

/// A deployment.
#[derive(Debug, Clone, Default)]
pub struct Deployed {
    /// Its number.
    pub id: u64,
    /// Its commit.
    pub sha: String,
    /// Its environment.
    pub environment: String,
    /// Its task.
    pub task: String,
    /// Its payload.
    pub payload: Value,
    /// What became of it, the newest last.
    pub states: Vec<String>,
}

/// Everything it remembers.
#[derive(Debug, Default)]
pub struct Data {
    /// The repository's page.
    pub page: String,
    /// Issues and pull requests, by number.
    pub items: Vec<Item>,
    /// Labels with their numbers.
    pub labels: Vec<(u64, String)>,
    /// Commit statuses as they were sent, with the commit.
    pub statuses: Vec<(String, Value)>,
    /// Deployments, by number.
    pub deployments: Vec<Deployed>,
    /// Branches, and whether they are protected.
    pub branches: BTreeMap<String, bool>,
    /// Kinds of rules that hold for every branch.
    pub rules: Vec<String>,
    /// Accounts.
    pub users: Vec<String>,
    /// Whether issues are switched off.
    pub issues_off: bool,
    /// Whether the token may only read and write issues: labels are dropped.
    pub no_push: bool,
}

impl Data {
    pub(super) fn new(page: String) -> Self {
        Self {
            page,
            branches: BTreeMap::from([("main".to_owned(), false)]),
            users: vec!["kim".to_owned()],
            ..Self::default()
        }
    }

    /// Adds an issue or pull request, which gets the next number.
    pub fn add(&mut self, item: Item) -> u64 {
        let number = self.items.len() as u64 + 1;
        self.items.push(Item { number, ..item });
        number
    }

    pub(super) fn item(&mut self, number: &str) -> Option<&mut Item> {
        let number: usize = number.parse().ok()?;
        self.items.get_mut(number.checked_sub(1)?)
    }

    pub(super) fn deploy(&mut self, deployed: Deployed) -> Deployed {
        let id = self.deployments.len() as u64 + 1;
        self.deployments.push(Deployed { id, ..deployed });
        self.deployments.last().unwrap().clone()
    }

    pub(super) fn deployed(&mut self, id: &str) -> Option<&mut Deployed> {
        let id: usize = id.parse().ok()?;
        self.deployments.get_mut(id.checked_sub(1)?)
    }

    /// The number of the label of that name, which is made if it is not there.
    pub(super) fn label(&mut self, name: &str) -> u64 {
        if let Some((id, _)) = self.labels.iter().find(|(_, have)| have == name) {
            return *id;
        }
        let id = self.labels.len() as u64 + 1;
        self.labels.push((id, name.to_owned()));
        id
    }

    /// Open or closed issues, the newest first.
    pub(super) fn listed(&self, closed: bool) -> impl Iterator<Item = &Item> {
        self.items
            .iter()
            .rev()
            .filter(move |item| item.closed == closed)
    }
}

/// The same answer with a link to the next page, if there is one.
pub(super) fn linked(reply: Reply, more: bool) -> Reply {
    if more {
        return reply.header("Link", "<http://elsewhere.example/?page=2>; rel=\"next\"");
    }
    reply
}

pub(super) fn texts(value: &Value) -> Vec<String> {
    let entries = value.as_array().into_iter().flatten();
    entries
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

pub(super) fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        if *first == b'%' && after.len() >= 2 {
            let hex = std::str::from_utf8(&after[..2]).unwrap();
            bytes.push(u8::from_str_radix(hex, 16).unwrap());
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap()
}
