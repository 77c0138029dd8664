//! What is wrong with the input, one value a problem, collected and reported together.

use std::fmt;

/// One thing wrong with a setting, a flag, a variable or a key of the policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting as the user wrote it: `PLUGIN_INTERVAL`, `--interval`, `deployment-policy.yaml: health_checks.interval`.
    pub subject: String,
    /// What was found; absent when the setting can hold a secret.
    pub found: Option<String>,
    /// What was expected, as the end of "expected …".
    pub expected: String,
    /// What to do, when that does not follow from what was expected.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem with a value that may be shown.
    pub fn new(subject: impl Into<String>, found: &str, expected: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            found: Some(shorten(found)),
            expected: expected.into(),
            hint: None,
        }
    }

    /// A problem with a value that must not be shown, or that is missing.
    pub fn unseen(subject: impl Into<String>, expected: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            found: None,
            expected: expected.into(),
            hint: None,
        }
    }

    /// The same problem with what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.subject)?;
        if let Some(found) = &self.found {
            write!(f, "found {found:?}, ")?;
        }
        write!(f, "expected {}", self.expected)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// The first 80 characters, so that a pasted file does not fill the log.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The candidate nearest to a misspelt name, if one is near enough to be meant.
///
/// Distance is Damerau's (insert, delete, replace, swap two neighbours); near enough is a third of the length, at
/// least one.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let width = b.len() + 1;
    let mut table: Vec<usize> = vec![0; (a.len() + 1) * width];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            let here = i * width + j;
            if i == 0 || j == 0 {
                table[here] = i + j;
                continue;
            }
            let cost = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (table[here - width] + 1)
                .min(table[here - 1] + 1)
                .min(table[here - width - 1] + cost);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(table[here - 2 * width - 2] + 1);
            }
            table[here] = best;
        }
    }
    table[table.len() - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swapped_letter_finds_the_name_that_was_meant() {
        let names = ["endpoint", "environment", "interval"];
        assert_eq!(nearest("endpiont", names), Some("endpoint"));
        assert_eq!(nearest("enviroment", names), Some("environment"));
        assert_eq!(nearest("colour", names), None);
        assert_eq!(nearest("", names), None);
    }

    #[test]
    fn a_problem_reads_as_one_sentence() {
        let problem = Problem::new("PLUGIN_WAIT", "maybe", "true or false");
        assert_eq!(
            problem.to_string(),
            "PLUGIN_WAIT: found \"maybe\", expected true or false"
        );
        let hidden =
            Problem::unseen("database_url", "a PostgreSQL URL").hint("start it with postgres://");
        assert_eq!(
            hidden.to_string(),
            "database_url: expected a PostgreSQL URL; start it with postgres://"
        );
    }

    #[test]
    fn a_long_value_is_cut() {
        let problem = Problem::new("x", &"é".repeat(200), "less");
        assert_eq!(problem.found.unwrap().chars().count(), 81);
    }
}
