//! The file as a tree, before any key of it means anything. Anchors and merge keys (`<<`) are resolved here.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, Visitor};

use super::finding::Spot;

/// The keys of a section.
pub(super) type Map = BTreeMap<String, Node>;

/// A value of the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    /// A number that YAML sees as one, in Rust's spelling.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Map),
}

impl Node {
    /// The value as it may be shown in an error.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Null => "nothing".to_owned(),
            Self::Bool(flag) => flag.to_string(),
            Self::Number(text) | Self::Text(text) => text.clone(),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "a section of keys".to_owned(),
        }
    }
}

/// Why a text is no tree.
#[derive(Debug, PartialEq)]
pub(super) struct Unreadable {
    pub(super) spot: Option<Spot>,
    pub(super) expected: String,
    pub(super) hint: Option<String>,
}

/// The most values a file may hold once its anchors are resolved: a few lines of nested aliases name billions, and
/// the YAML library limits only how often an alias is followed.
const NODES_MAX: u32 = 50_000;

/// The most `[` and `{` a file may hold: the YAML library's time grows with the square of how deep they nest, and a
/// file of nothing else would keep it busy for hours.
const BRACKETS_MAX: usize = 5_000;

/// Reads one YAML document; an empty one is `Null`.
pub(super) fn parse(text: &str) -> Result<Node, Unreadable> {
    if text.bytes().filter(|b| b"[{".contains(b)).count() > BRACKETS_MAX {
        return Err(Unreadable {
            spot: None,
            expected: format!("at most {BRACKETS_MAX} opening brackets"),
            hint: None,
        });
    }
    let reading = Reading {
        left: Cell::new(NODES_MAX),
        refusal: RefCell::new(None),
    };
    let seed = ValueSeed(&reading);
    seed.deserialize(serde_yaml::Deserializer::from_str(text))
        .map_err(|error| {
            let spot = error.location().map(|location| Spot {
                line: location.line(),
                column: location.column(),
            });
            match reading.refusal.take() {
                Some((expected, hint)) => Unreadable {
                    spot,
                    expected,
                    hint,
                },
                None => translated(text, spot, &error.to_string()),
            }
        })
}

/// The library's own errors, in words for those who write the file.
fn translated(text: &str, spot: Option<Spot>, error: &str) -> Unreadable {
    let indented_by_tab = spot
        .and_then(|spot| text.lines().nth(spot.line.saturating_sub(1)))
        .is_some_and(|line| line.trim_start_matches(' ').starts_with('\t'));
    let (expected, hint) = if error.contains("more than one document") {
        ("one YAML document and nothing after it", None)
    } else if error.contains("recursion limit") {
        ("YAML nested no deeper than 128 levels", None)
    } else if error.contains("repetition limit") {
        ("fewer aliases", None)
    } else if indented_by_tab {
        (
            "valid YAML",
            Some("indent with spaces, not tabs".to_owned()),
        )
    } else {
        ("valid YAML", Some(format!("the parser says: {error}")))
    };
    Unreadable {
        spot,
        expected: expected.to_owned(),
        hint,
    }
}

struct Reading {
    left: Cell<u32>,
    /// What this file's own rules refused; the library carries only a text and a place.
    refusal: RefCell<Option<(String, Option<String>)>>,
}

impl Reading {
    fn refuse<E: serde::de::Error>(&self, expected: impl Into<String>, hint: Option<&str>) -> E {
        *self.refusal.borrow_mut() = Some((expected.into(), hint.map(str::to_owned)));
        E::custom("refused")
    }
}

#[derive(Clone, Copy)]
struct ValueSeed<'r>(&'r Reading);

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        let Some(left) = self.0.left.get().checked_sub(1) else {
            let expected = format!("at most {NODES_MAX} values once aliases are resolved");
            return Err(self.0.refuse(expected, None));
        };
        self.0.left.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Node, A::Error> {
        Err(self.0.refuse("a plain value, without a tag (!…)", None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut own = Map::new();
        while let Some(key) = entries.next_key_seed(KeySeed(self.0, &own))? {
            let value = entries.next_value_seed(self)?;
            own.insert(key, value);
        }
        match own.remove("<<") {
            Some(merged) => merge(own, merged).ok_or_else(|| {
                self.0
                    .refuse("a section or a list of sections after <<", None)
            }),
            None => Ok(Node::Map(own)),
        }
    }
}

/// What `<<` brings: a key written in place wins over it, an earlier section over a later one.
fn merge(mut own: Map, merged: Node) -> Option<Node> {
    let sections = match merged {
        Node::List(sections) => sections,
        section => vec![section],
    };
    for section in sections {
        let Node::Map(section) = section else {
            return None;
        };
        for (key, value) in section {
            own.entry(key).or_insert(value);
        }
    }
    Some(Node::Map(own))
}

struct KeySeed<'r>(&'r Reading, &'r Map);

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a key that is a text")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<String, E> {
        if self.1.contains_key(key) {
            let expected = format!("every key once, but {key:?} is written twice here");
            return Err(self.0.refuse(expected, None));
        }
        Ok(key.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(text: &str) -> Map {
        match parse(text) {
            Ok(Node::Map(map)) => map,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn merge_keys_bring_what_is_not_written_in_place() {
        let text = "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {<<: [*a, *b], x: 9}\n";
        assert_eq!(map(text)["c"], parse("{x: 9, y: 2, z: 4}").unwrap());
    }

    #[test]
    fn an_empty_text_is_an_empty_tree() {
        for text in ["", "\n# nothing\n", "---\n", "~"] {
            assert_eq!(parse(text), Ok(Node::Null), "{text:?}");
        }
    }

    #[test]
    fn dos_line_ends_do_no_harm() {
        assert_eq!(map("a: 1\r\nb: x\r\n"), map("a: 1\nb: x\n"));
    }

    #[test]
    fn a_key_written_twice_is_found_where_it_stands_again() {
        let found = parse("a:\n  x: 1\n  y: 2\n  x: 3\n").unwrap_err();
        assert_eq!(found.spot, Some(Spot { line: 4, column: 3 }));
        assert!(found.expected.contains("\"x\""), "{found:?}");
    }

    #[test]
    fn aliases_that_name_billions_of_values_are_refused() {
        let level = |n: u32| {
            let list = format!("*a{}, ", n.saturating_sub(1)).repeat(9);
            format!("a{n}: &a{n} [{}]", if n == 0 { "x" } else { &list })
        };
        let bomb: Vec<String> = (0..20).map(level).collect();
        assert_eq!(
            parse(&bomb.join("\n")).unwrap_err().expected,
            "fewer aliases"
        );
        let wide = format!(
            "a: &a [{}]\nb: [{}]\n",
            "x, ".repeat(20_000),
            "*a, ".repeat(20_000)
        );
        assert!(parse(&wide).unwrap_err().expected.contains("values"));
        assert!(parse("a: &a [*a, *a]\n").is_err());
    }

    #[test]
    fn deep_nesting_is_refused_without_harm() {
        for unit in ["[", "{a: ", "- ", "? ", "a: [", "[{"] {
            let text = unit.repeat(super::super::BYTES_MAX / unit.len());
            assert!(parse(&text).is_err(), "{unit}");
        }
    }
}
