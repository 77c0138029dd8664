//! Turning what was written into what is meant, with every problem on the way.

use crate::problem::Problem;
use crate::settings::catalog;
use crate::settings::raw::{Given, Raw};
use crate::value::Expected;

/// Reads settings one by one and collects what is wrong with them.
pub struct Reader<'a> {
    raw: &'a Raw,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    /// A reader of these settings.
    pub fn new(raw: &'a Raw) -> Self {
        Self {
            raw,
            problems: Vec::new(),
        }
    }

    /// The setting as written.
    pub fn given(&self, name: &str) -> Option<&'a Given> {
        self.raw.get(name)
    }

    /// The setting as text, trimmed.
    pub fn text(&self, name: &str) -> Option<String> {
        self.raw.get(name).map(|given| given.text.trim().to_owned())
    }

    /// The setting through a parser; a refusal is noted and counts as unset.
    pub fn read<T>(
        &mut self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, Expected>,
    ) -> Option<T> {
        let given = self.raw.get(name)?;
        match parse(&given.text) {
            Ok(value) => Some(value),
            Err(expected) => {
                self.refuse(name, expected);
                None
            }
        }
    }

    /// Notes that a setting is not as expected. Its value is shown unless it can hold a secret.
    pub fn refuse(&mut self, name: &str, expected: impl Into<String>) {
        let problem = match self.raw.get(name) {
            Some(given) if catalog::find(name).is_some_and(|setting| setting.secret) => {
                Problem::unseen(&given.written, expected)
            }
            Some(given) => Problem::new(&given.written, &given.text, expected),
            None => Problem::unseen(name, expected),
        };
        self.problems.push(problem);
    }

    /// The name under which a setting was written, or its own name when it was not.
    pub fn written(&self, name: &str) -> String {
        self.raw
            .get(name)
            .map_or_else(|| name.to_owned(), |given| given.written.clone())
    }

    /// Whether the setting is missing only because its name was misspelt.
    pub fn is_misspelt(&self, name: &str) -> bool {
        self.raw.is_misspelt(name)
    }

    /// Notes a problem of another kind.
    pub fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Notes problems that somebody else found.
    pub fn problems(&mut self, problems: Vec<Problem>) {
        self.problems.extend(problems);
    }

    /// The problems, in the order in which they were found.
    pub fn finish(self) -> Vec<Problem> {
        self.problems
    }
}

/// Picks one of a few words, in any case.
///
/// # Errors
/// `expected`, when it is none of them.
pub fn choice<T: Copy>(text: &str, words: &[(&str, T)], expected: Expected) -> Result<T, Expected> {
    let text = text.trim();
    words
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(text))
        .map(|(_, value)| *value)
        .ok_or(expected)
}
