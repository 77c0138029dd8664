//! `${NAME}` in a workflow, replaced before the YAML is read.

use std::collections::BTreeMap;

/// The text with every variable in its place; one that is not there is nothing.
///
/// A value of several lines stands there in quotes, so that the YAML stays whole; one of a single line stands there as
/// it is, whatever that makes of the YAML. `$$` is a dollar sign, and `$NAME` without braces is left to the shell.
///
/// # Errors
/// When a variable is not closed, or is changed in a way that is not understood here.
pub(super) fn substituted(
    text: &str,
    variables: &BTreeMap<String, String>,
) -> Result<String, String> {
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        whole.push_str(before);
        rest = after;
        if let Some(after) = rest.strip_prefix('$') {
            whole.push('$');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('{') {
            let (inside, after) = after.split_once('}').ok_or("a ${ is never closed")?;
            whole.push_str(&value(inside, variables)?);
            rest = after;
        } else {
            whole.push('$');
        }
    }
    whole.push_str(rest);
    Ok(whole)
}

fn value(inside: &str, variables: &BTreeMap<String, String>) -> Result<String, String> {
    let is_named = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let (name, change) = inside.split_at(inside.find(|c| !is_named(c)).unwrap_or(inside.len()));
    let given = variables.get(name).map_or("", String::as_str);
    let given = if given.contains('\n') {
        format!("{given:?}")
    } else {
        given.to_owned()
    };
    changed(&given, change).ok_or_else(|| format!("${{{inside}}} is not understood here"))
}

/// A value as `^^`, `,,`, `:offset`, `:offset:length` or a default make it.
fn changed(value: &str, change: &str) -> Option<String> {
    let default = [":=", ":-", "="];
    let default = default.iter().find_map(|sign| change.strip_prefix(sign));
    Some(match (change, default) {
        ("", _) => value.to_owned(),
        ("^^", _) => value.to_uppercase(),
        (",,", _) => value.to_lowercase(),
        (_, Some(default)) if value.is_empty() => default.to_owned(),
        (_, Some(_)) => value.to_owned(),
        (_, None) => {
            let mut numbers = change.strip_prefix(':')?.split(':').map(str::parse);
            let from: usize = numbers.next()?.ok()?;
            let length: usize = numbers.next().unwrap_or(Ok(usize::MAX)).ok()?;
            value.chars().skip(from).take(length).collect()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(text: &str) -> Result<String, String> {
        let variables = [
            ("SHA", "5f3c2a9d"),
            ("BRANCH", "Main"),
            ("MESSAGE", "one\n\"two\""),
            ("TITLE", "a: b"),
        ];
        let pairs = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        substituted(text, &pairs.into())
    }

    #[test]
    fn what_stands_in_braces_is_replaced() {
        for (text, wanted) in [
            ("a ${SHA} b", "a 5f3c2a9d b"),
            ("${SHA}${BRANCH}", "5f3c2a9dMain"),
            ("[${NONE}]", "[]"),
            ("${SHA:0:4} ${SHA:4}", "5f3c 2a9d"),
            ("${BRANCH,,} ${BRANCH^^}", "main MAIN"),
            ("${NONE=x} ${NONE:-y} ${SHA:=z}", "x y 5f3c2a9d"),
            // The shell's, or nobody's.
            ("$SHA $${SHA} 5$", "$SHA ${SHA} 5$"),
            ("$$SHA", "$SHA"),
        ] {
            assert_eq!(done(text).as_deref(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn several_lines_are_quoted_and_one_line_is_not() {
        assert_eq!(
            done("m: ${MESSAGE}").unwrap(),
            "m: \"one\\n\\\"two\\\"\"",
            "the YAML stays whole"
        );
        assert_eq!(done("t: ${TITLE}").unwrap(), "t: a: b");
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for text in ["${SHA", "${SHA/a/b}", "${SHA:x}", "${SHA##*/}"] {
            assert!(done(text).is_err(), "{text}");
        }
    }
}
