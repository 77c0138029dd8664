//! Reading sections key by key, so that everything wrong is found in one go.

use crate::problem::nearest;

use super::finding::{Finding, Step};
use super::node::{Map, Node};

/// What a key can hold: how it is written, and what it comes to mean.
///
/// A value that is absent, null or wrong means the default; what is wrong goes to the reader.
pub(crate) trait Kind {
    /// What the rest of the program gets.
    type Meant: Default;

    /// Reads a value that is written and not null.
    fn read(node: &Node, at: &mut Reader) -> Self::Meant;

    /// Adds every key within, with the section it belongs to; `place` is the path of the value itself.
    fn keys(_place: &str, _out: &mut Vec<(String, &'static str)>) {}
}

/// The one key that only the top level has.
pub(super) const ENVIRONMENTS: &str = "environments";

/// Where the reading is, and what it found wrong.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    path: Vec<Step>,
    pub(super) findings: Vec<Finding>,
}

impl Reader {
    /// Reads one step further in.
    pub(super) fn within<T>(
        &mut self,
        step: impl Into<Step>,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        self.path.push(step.into());
        let value = read(self);
        self.path.pop();
        value
    }

    /// The value of a key.
    pub(super) fn key<K: Kind>(&mut self, section: &Map, key: &str) -> K::Meant {
        match section.get(key) {
            None | Some(Node::Null) => K::Meant::default(),
            Some(node) => self.within(key, |at| K::read(node, at)),
        }
    }

    /// The section's keys, after those that do not belong here were refused.
    pub(super) fn section<'n>(
        &mut self,
        node: &'n Node,
        keys: &'static [&'static str],
    ) -> Option<&'n Map> {
        let Node::Map(section) = node else {
            let expected = format!("a section with keys such as {}", listed(keys, 3));
            self.refuse(Some(node.shown()), expected, None);
            return None;
        };
        let also = self.path.is_empty().then_some(ENVIRONMENTS);
        let known: Vec<&'static str> = keys.iter().copied().chain(also).collect();
        for key in section.keys().map(String::as_str) {
            if !known.contains(&key) {
                self.within(key, |at| at.unknown(key, &known));
            }
        }
        Some(section)
    }

    fn unknown(&mut self, key: &str, known: &[&'static str]) {
        let meant = nearest(&key.to_lowercase().replace('-', "_"), known.iter().copied());
        let hint = match meant {
            Some(meant) => Some(format!("did you mean {meant}?")),
            None => belongs(key),
        };
        self.findings.push(Finding {
            path: self.path.clone(),
            at_key: true,
            found: None,
            expected: format!("one of the keys {}", listed(known, usize::MAX)),
            hint,
        });
    }

    /// Refuses the value that is being read; `found` is absent where it may be secret or is missing.
    pub(super) fn refuse(
        &mut self,
        found: Option<String>,
        expected: impl Into<String>,
        hint: Option<&str>,
    ) {
        self.findings.push(Finding {
            path: self.path.clone(),
            at_key: false,
            found,
            expected: expected.into(),
            hint: hint.map(str::to_owned),
        });
    }
}

/// The sections in which a key is known, as paths; empty for the top level.
pub(super) fn places(key: &str) -> Vec<String> {
    let mut known = vec![(String::new(), ENVIRONMENTS)];
    super::Policy::keys("", &mut known);
    let own = known.into_iter().filter(|(_, name)| *name == key);
    own.map(|(place, _)| place).collect()
}

/// The places where a key that is unknown here is known.
fn belongs(key: &str) -> Option<String> {
    let places = places(key);
    let places: Vec<&str> = places.iter().map(String::as_str).collect();
    match places.as_slice() {
        [] => None,
        ["", ..] => Some(format!("{key} belongs to the top level")),
        places => Some(format!("{key} belongs to {}", places.join(" or "))),
    }
}

fn listed(keys: &[&str], most: usize) -> String {
    keys.iter()
        .take(most)
        .copied()
        .collect::<Vec<_>>()
        .join(", ")
}

/// A list; an empty one means the same as none. One wrong item drops the whole list, so that no rule about a list
/// speaks of half of it.
pub(crate) struct List<K>(std::marker::PhantomData<K>);

impl<T, K: Kind<Meant = Option<T>>> Kind for List<K> {
    type Meant = Vec<T>;

    fn read(node: &Node, at: &mut Reader) -> Vec<T> {
        let Node::List(nodes) = node else {
            at.refuse(
                Some(node.shown()),
                "a list",
                Some("write [a, b], or each item after a dash"),
            );
            return Vec::new();
        };
        let before = at.findings.len();
        let mut list = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            list.extend(at.within(index, |at| K::read(node, at)));
        }
        if at.findings.len() > before {
            list.clear();
        }
        list
    }

    fn keys(place: &str, out: &mut Vec<(String, &'static str)>) {
        K::keys(place, out);
    }
}

/// Declares a section of the file: the struct that the program gets, the keys that can be written, and the JSON
/// Schema, from one list. `response_time: Option<Duration> as ResponseTime` is a key that is written as the kind
/// `ResponseTime` and means an `Option<Duration>`.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        $vis:vis struct $name:ident {
            $($(#[doc = $doc:literal])+ $field:ident: $meant:ty as $kind:ty,)+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Default, PartialEq)]
        $vis struct $name {
            $($(#[doc = $doc])+ $vis $field: $meant,)+
        }

        impl $crate::policy::reader::Kind for $name {
            type Meant = Self;

            fn read(
                node: &$crate::policy::node::Node,
                at: &mut $crate::policy::reader::Reader,
            ) -> Self {
                match at.section(node, &[$(stringify!($field)),+]) {
                    Some(keys) => Self {
                        $($field: at.key::<$kind>(keys, stringify!($field)),)+
                    },
                    None => Self::default(),
                }
            }

            fn keys(place: &str, out: &mut Vec<(String, &'static str)>) {
                $(
                    out.push((place.to_owned(), stringify!($field)));
                    let dot = if place.is_empty() { "" } else { "." };
                    let inner = format!(concat!("{}{}", stringify!($field)), place, dot);
                    <$kind as $crate::policy::reader::Kind>::keys(&inner, out);
                )+
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $crate::policy::schema::section(
                    concat!($($about),+),
                    [$((
                        stringify!($field),
                        concat!($($doc),+),
                        generator.subschema_for::<$kind>(),
                    )),+],
                )
            }
        }
    };
}

pub(super) use section;
