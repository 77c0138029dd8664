//! What is wrong in the file, by key path, and where that stands in the text.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::problem::Problem;

/// One step from a value to a value within it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    /// Counted from 0.
    Item(usize),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Item(index)
    }
}

/// A key path as it is shown: `progressive_deployment.stages[1].percentage`.
pub(super) fn shown(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Item(index) => text.extend(["[", &index.to_string(), "]"]),
            Step::Key(key) => {
                if !text.is_empty() {
                    text.push('.');
                }
                // A key can be anything, also a whole paragraph or an escape sequence for the terminal.
                let mut letters = key.chars();
                let head = letters.by_ref().take(60).flat_map(char::escape_debug);
                text.extend(head);
                if letters.next().is_some() {
                    text.push('…');
                }
            }
        }
    }
    text
}

/// One thing wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) path: Vec<Step>,
    /// Whether the key itself is wrong rather than its value.
    pub(super) at_key: bool,
    pub(super) found: Option<String>,
    pub(super) expected: String,
    pub(super) hint: Option<String>,
}

impl Finding {
    /// The finding as users are told it, with where it stands in `text`.
    pub(super) fn problem(self, file_name: &str, text: &str) -> (Spot, Problem) {
        let spot = locate(text, &self.path, self.at_key);
        let path = shown(&self.path);
        let separator = if path.is_empty() { "" } else { ": " };
        let subject = format!("{file_name} {spot}{separator}{path}");
        let mut problem = match self.found {
            Some(found) => Problem::new(subject, &found, self.expected),
            None => Problem::unseen(subject, self.expected),
        };
        problem.hint = self.hint;
        (spot, problem)
    }
}

/// A place in the text, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} column {}", self.line, self.column)
    }
}

/// Where the value at `path` stands, or its key; if it came by a merge key, where it was written; else where the
/// nearest section around it begins.
fn locate(text: &str, path: &[Step], at_key: bool) -> Spot {
    let lengths = (0..=path.len()).rev();
    lengths
        .flat_map(|length| [(length, false), (length, true)])
        .find_map(|(length, through_merges)| {
            let seek = Seek {
                path: &path[..length],
                at_key: at_key && length == path.len(),
                through_merges,
            };
            // The YAML library tells a place only with an error: so one is raised there on purpose.
            let error = seek
                .deserialize(serde_yaml::Deserializer::from_str(text))
                .err()?;
            error.location()
        })
        .map_or(Spot { line: 1, column: 1 }, |location| Spot {
            line: location.line(),
            column: location.column(),
        })
}

/// Walks down `path` and fails where it ends.
#[derive(Clone, Copy)]
struct Seek<'p> {
    path: &'p [Step],
    at_key: bool,
    through_merges: bool,
}

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.path.split_first() {
            None => deserializer.deserialize_any(Here),
            Some((step, rest)) => deserializer.deserialize_any(Through {
                step,
                inner: Seek { path: rest, ..self },
            }),
        }
    }
}

/// Accepts nothing.
struct Here;

impl Visitor<'_> for Here {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("nothing: this is the place")
    }
}

struct Through<'p> {
    step: &'p Step,
    inner: Seek<'p>,
}

impl<'de> Visitor<'de> for Through<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a section or a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let mut index = 0;
        loop {
            let wanted = *self.step == Step::Item(index);
            let more = if wanted {
                items.next_element_seed(self.inner)?.is_some()
            } else if self.inner.through_merges && matches!(self.step, Step::Key(_)) {
                // A list after `<<`: the value is in one of its sections.
                let again = AgainSeed(&self);
                items.next_element_seed(again)?.is_some()
            } else {
                items.next_element::<IgnoredAny>()?.is_some()
            };
            if !more {
                return Ok(());
            }
            index += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let Step::Key(wanted) = self.step else {
            while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(());
        };
        let stop = self.inner.at_key && self.inner.path.is_empty();
        while let Some(key) = entries.next_key_seed(KeySeed(stop.then_some(wanted)))? {
            if key == *wanted {
                entries.next_value_seed(self.inner)?;
            } else if key == "<<" && self.inner.through_merges {
                entries.next_value_seed(AgainSeed(&self))?;
            } else {
                entries.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// Takes the same step in what a merge key brings.
struct AgainSeed<'a, 'p>(&'a Through<'p>);

impl<'de> DeserializeSeed<'de> for AgainSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Through { step, inner } = *self.0;
        deserializer.deserialize_any(Through { step, inner })
    }
}

/// Reads a key, and fails at the one that is looked for.
struct KeySeed<'p>(Option<&'p String>);

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<String, E> {
        match self.0 {
            Some(wanted) if wanted == key => Err(E::custom("this is the place")),
            _ => Ok(key.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, path: &[Step], at_key: bool) -> (usize, usize) {
        let spot = locate(text, path, at_key);
        (spot.line, spot.column)
    }

    #[test]
    fn a_value_is_found_where_it_stands() {
        let text = "a: 1\nb:\n  c: [x, {d: 5}]\n";
        let d: [Step; 4] = ["b".into(), "c".into(), 1.into(), "d".into()];
        assert_eq!(at(text, &d, false), (3, 14));
        assert_eq!(at(text, &d, true), (3, 11));
    }

    #[test]
    fn what_is_missing_is_found_at_the_section_around_it() {
        let text = "a: 1\nb:\n  c: 2\n";
        assert_eq!(at(text, &["b".into(), "x".into()], false), (3, 3));
        assert_eq!(at(text, &["x".into()], false), (1, 1));
        assert_eq!(at("", &["x".into()], false), (1, 1));
    }

    #[test]
    fn what_came_by_an_anchor_is_found_where_it_was_written() {
        let text = "a: &a\n  c: 1\nb:\n  <<: *a\n  d: 2\ne: {<<: [{f: 1}, *a]}\n";
        assert_eq!(at(text, &["b".into(), "c".into()], false), (2, 6));
        assert_eq!(at(text, &["e".into(), "c".into()], false), (2, 6));
        assert_eq!(at("a: &a 1\nb: *a\n", &["b".into()], false), (1, 4));
    }

    #[test]
    fn a_key_cannot_write_to_the_terminal() {
        assert_eq!(shown(&["a\u{1b}[2J".into(), 2.into()]), "a\\u{1b}[2J[2]");
        assert_eq!(shown(&["é".repeat(90).as_str().into()]).chars().count(), 61);
    }
}
