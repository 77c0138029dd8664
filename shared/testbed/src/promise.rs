//! What a version promises, recorded: settings with their meaning, which every later version has to keep.
//!
//! Recorded files are named after the version that promised. A later version may add to them; what it takes away or
//! changes breaks somebody's pipeline, and is a matter for a major version.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::example::top;

/// The version that the tests are of.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What to do about a promise that is not kept.
pub const ADVICE: &str = "a version that does so has to be a major one, and CHANGELOG.md has to say it; only before the \
                          release of what was recorded it may be recorded anew, with .ci/record";

/// Makes sure that what this version promises can still be changed.
///
/// # Panics
/// When it is released.
pub fn must_be_unreleased() {
    let text = fs::read_to_string(top().join("CHANGELOG.md")).unwrap();
    let heading = format!("## [{VERSION}] - ");
    let released = |line: &str| {
        line.strip_prefix(&heading)
            .is_some_and(|day| day != "unreleased")
    };
    assert!(
        !text.lines().any(released),
        "{VERSION} is released: what it promises stays as it is recorded"
    );
}

/// Makes sure that this version's record is whole: what it does not name, a later version could take away unseen.
///
/// # Panics
/// When the file has another text, or is not there.
pub fn must_be_recorded(file: &Path, text: &str) {
    let recorded = fs::read_to_string(file).unwrap_or_default();
    assert!(
        recorded == text,
        "{} is not what {VERSION} promises by now: run .ci/record before its release; after that raise the version first",
        file.display()
    );
}

/// An environment, what it is an example of, and what it means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Case {
    /// The setting, and perhaps more words.
    pub name: String,
    /// The variables.
    pub variables: BTreeMap<String, String>,
    /// What comes of them, by its path in the settings.
    pub meaning: BTreeMap<String, String>,
}

/// Reads cases: a line `[name]` begins one, `NAME=value` is a variable of it, `= path: value` a part of its meaning. The
/// variables of `[base]` or `[base word]` go for every case after it, up to the next base; one without a value takes the
/// variable away.
///
/// # Panics
/// When a line is none of these.
pub fn cases(text: &str) -> Vec<Case> {
    let (mut base, mut cases) = (BTreeMap::new(), Vec::<Case>::new());
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            if let Some(before) = cases.last().filter(|case| is_base(case)) {
                base.clone_from(&before.variables);
            }
            let mut case = Case {
                name: name.to_owned(),
                ..Case::default()
            };
            if !is_base(&case) {
                case.variables.clone_from(&base);
            }
            cases.push(case);
            continue;
        }
        let case = cases
            .last_mut()
            .unwrap_or_else(|| panic!("{line} is of no case"));
        if let Some((path, value)) = line
            .strip_prefix("= ")
            .map(|rest| rest.split_once(": ").unwrap())
        {
            case.meaning.insert(path.to_owned(), value.to_owned());
        } else {
            let (name, value) = line
                .split_once('=')
                .unwrap_or_else(|| panic!("{line} is no variable"));
            case.variables.insert(name.to_owned(), value.to_owned());
        }
    }
    for case in &mut cases {
        case.variables.retain(|_, value| !value.is_empty());
    }
    cases
}

fn is_base(case: &Case) -> bool {
    case.name == "base" || case.name.starts_with("base ")
}

/// The text of a record: every base with its whole meaning, every other case with what it changes in it.
///
/// # Panics
/// When a case is not understood or changes nothing, or a setting has no case.
pub fn record(
    examples: &str,
    settings: impl IntoIterator<Item = &'static str>,
    understand: impl Fn(&BTreeMap<String, String>) -> Result<String, String>,
) -> String {
    let mut text = String::new();
    let (mut base, mut set) = (Case::default(), BTreeSet::new());
    for case in cases(examples) {
        let found = meaning(
            &understand(&case.variables).unwrap_or_else(|why| panic!("[{}]: {why}", case.name)),
        );
        let _ = writeln!(text, "[{}]", case.name);
        let changed =
            |path: &String, value: &String| is_base(&case) || base.meaning.get(path) != Some(value);
        let shown = |name: &String, value: &String| {
            is_base(&case) || base.variables.get(name) != Some(value)
        };
        for (name, value) in case
            .variables
            .iter()
            .filter(|(name, value)| shown(name, value))
        {
            set.extend(name.strip_prefix("PLUGIN_").map(str::to_lowercase));
            let _ = writeln!(text, "{name}={value}");
        }
        for name in base
            .variables
            .keys()
            .filter(|name| !is_base(&case) && !case.variables.contains_key(*name))
        {
            let _ = writeln!(text, "{name}=");
        }
        let lines: Vec<_> = found
            .iter()
            .filter(|(path, value)| changed(path, value))
            .collect();
        assert!(!lines.is_empty(), "[{}] changes nothing", case.name);
        for (path, value) in lines {
            let _ = writeln!(text, "= {path}: {value}");
        }
        text.push('\n');
        if is_base(&case) {
            base = Case {
                meaning: found,
                ..case
            };
        }
    }
    let missing: Vec<&str> = settings
        .into_iter()
        .filter(|name| !set.contains(*name))
        .collect();
    assert!(
        missing.is_empty(),
        "settings without an example: {missing:?}"
    );
    text
}

/// Everything that is not as these records have it, a line each.
///
/// # Panics
/// When there are no records.
pub fn broken(
    folder: &Path,
    understand: impl Fn(&BTreeMap<String, String>) -> Result<String, String>,
) -> Vec<String> {
    let mut broken = Vec::new();
    let records: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(
        !records.is_empty(),
        "nothing is recorded in {}",
        folder.display()
    );
    for path in records {
        let place = path.file_stem().unwrap().to_string_lossy();
        let cases = cases(&fs::read_to_string(&path).unwrap());
        assert!(cases.len() > 1, "{} has no cases", path.display());
        for case in cases {
            match understand(&case.variables).map(|debug| meaning(&debug)) {
                Err(why) => broken.push(format!("{place} [{}] is refused: {why}", case.name)),
                Ok(found) => broken.extend(
                    differing(&case.meaning, &found)
                        .map(|line| format!("{place} [{}] {line}", case.name)),
                ),
            }
        }
    }
    broken
}

/// What was meant and is not found. More may be found.
fn differing<'a>(
    meant: &'a BTreeMap<String, String>,
    found: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = String> + 'a {
    meant
        .iter()
        .filter_map(move |(path, value)| match found.get(path) {
            Some(now) if now == value => None,
            Some(now) => Some(format!("meant {path}: {value}, and now {now}")),
            None => Some(format!("meant {path}: {value}, and now nothing")),
        })
}

/// What is said to people may always change, and what is hidden from them follows from the rest.
const NO_MEANING: &[&str] = &["mask", "notes"];

/// A value's pretty debug text as paths with their values. An added field is a path more, and nothing else.
pub fn meaning(debug: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    // Where we are: the path, how many things without a name were in it, and whether only their number tells.
    let mut open: Vec<(String, usize, bool)> = Vec::new();
    for line in debug.lines().map(|line| line.trim().trim_end_matches(',')) {
        if matches!(line, "}" | ")" | "]") {
            let Some((path, count, listed)) = open.pop() else {
                continue;
            };
            if listed && !path.is_empty() {
                found.insert(format!("{path}.count"), count.to_string());
            }
            continue;
        }
        let (name, value) = named(line);
        let path = match (open.last_mut(), name) {
            (None, _) => String::new(),
            (Some((path, count, _)), name) => {
                let last = name.map_or_else(|| count.to_string(), str::to_owned);
                *count += 1;
                if path.is_empty() {
                    last
                } else {
                    format!("{path}.{last}")
                }
            }
        };
        if let Some(kind) = value.strip_suffix(['{', '(', '[']) {
            let kind = kind.trim();
            if !path.is_empty() {
                found.insert(
                    path.clone(),
                    if kind.is_empty() { "several" } else { kind }.to_owned(),
                );
            }
            open.push((path, 0, kind.is_empty()));
        } else {
            found.insert(path, value.to_owned());
        }
    }
    let told = |path: &String| NO_MEANING.contains(&path.split('.').next().unwrap_or_default());
    found.retain(|path, _| !told(path));
    found
}

/// A line of debug text, parted into a field's or key's name and the rest.
fn named(line: &str) -> (Option<&str>, &str) {
    let Some((name, value)) = line.split_once(": ") else {
        return (None, line);
    };
    let field = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let key = name.len() > 1 && name.starts_with('"') && name.ends_with('"');
    if field || key {
        (Some(name), value)
    } else {
        (None, line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    #[expect(dead_code, reason = "they are shown")]
    enum Kind {
        Plain,
        Held { share: u8 },
        Two(u8, &'static str),
    }

    #[derive(Debug)]
    #[expect(dead_code, reason = "they are shown")]
    struct Whole {
        name: &'static str,
        kinds: Vec<Kind>,
        maybe: Option<u8>,
        map: BTreeMap<&'static str, u8>,
        notes: Vec<&'static str>,
    }

    fn whole() -> String {
        let whole = Whole {
            name: "a: b, {",
            kinds: vec![Kind::Plain, Kind::Held { share: 10 }, Kind::Two(1, "c: d")],
            maybe: Some(3),
            map: [("k", 1)].into(),
            notes: vec!["said"],
        };
        format!("{whole:#?}")
    }

    #[test]
    fn a_values_debug_text_becomes_paths() {
        let lines: Vec<String> = meaning(&whole())
            .into_iter()
            .map(|(p, v)| format!("{p}: {v}"))
            .collect();
        assert_eq!(
            lines,
            [
                "kinds: several",
                "kinds.0: Plain",
                "kinds.1: Held",
                "kinds.1.share: 10",
                "kinds.2: Two",
                "kinds.2.0: 1",
                "kinds.2.1: \"c: d\"",
                "kinds.count: 3",
                "map: several",
                "map.\"k\": 1",
                "map.count: 1",
                "maybe: Some",
                "maybe.0: 3",
                "name: \"a: b, {\"",
            ]
        );
    }

    const EXAMPLES: &str = "# Examples.\n[base]\nA=1\nPLUGIN_SHARE=10\n\n[share]\nPLUGIN_SHARE=20\n[a is gone]\nA=\nB=2\n";

    /// Settings that are the variables themselves.
    fn echo(variables: &BTreeMap<String, String>) -> Result<String, String> {
        match variables.get("PLUGIN_GONE") {
            Some(_) => Err("there is no setting gone".into()),
            None => Ok(format!("{variables:#?}")),
        }
    }

    #[test]
    fn what_is_recorded_is_read_back_and_holds() {
        let text = record(EXAMPLES, ["share"], echo);
        assert!(
            text.contains("[share]\nPLUGIN_SHARE=20\n= \"PLUGIN_SHARE\": \"20\"\n\n"),
            "{text}"
        );
        assert!(
            text.contains("[a is gone]\nB=2\nA=\n= \"B\": \"2\"\n"),
            "{text}"
        );
        let folder = crate::scratch::Scratch::new("promise");
        fs::write(folder.join("0.1.0.txt"), &text).unwrap();
        assert_eq!(broken(folder.path(), echo), [""; 0]);
        // A later version adds something of its own: fine.
        let more = |variables: &BTreeMap<String, String>| {
            echo(variables).map(|text| text.replacen('{', "{\n    new: 1,", 1))
        };
        assert_eq!(broken(folder.path(), more), [""; 0]);
        // It means something else by it: not fine.
        let other = |variables: &BTreeMap<String, String>| {
            echo(variables).map(|text| text.replace("20", "21"))
        };
        assert_eq!(
            broken(folder.path(), other),
            ["0.1.0 [share] meant \"PLUGIN_SHARE\": \"20\", and now \"21\""]
        );
        let refuses =
            |variables: &BTreeMap<String, String>| match variables["PLUGIN_SHARE"].as_str() {
                "20" => Err("no".to_owned()),
                _ => echo(variables),
            };
        assert_eq!(
            broken(folder.path(), refuses),
            ["0.1.0 [share] is refused: no"]
        );
    }

    #[test]
    #[should_panic(expected = "settings without an example: [\"stages\"]")]
    fn a_setting_without_an_example_is_not_recorded() {
        record(EXAMPLES, ["share", "stages"], echo);
    }

    #[test]
    #[should_panic(expected = "[nothing] changes nothing")]
    fn an_example_that_changes_nothing_is_not_recorded() {
        record(&format!("{EXAMPLES}\n[nothing]\nA=1\n"), ["share"], echo);
    }
}
