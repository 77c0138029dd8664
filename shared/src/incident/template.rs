//! A team's own text of an incident, with named places.

use crate::problem::nearest;

/// The longest template that is taken, in bytes.
const BYTES_MAX: usize = 20_000;

/// The names that may stand between `{{` and `}}`.
pub(super) const PLACES: [&str; 17] = [
    "title",
    "severity",
    "what",
    "when",
    "repository",
    "environment",
    "deployment",
    "commit",
    "plugin",
    "reasons",
    "facts",
    "chart",
    "timeline",
    "done",
    "not_done",
    "checklist",
    "links",
];

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text as written.
    Text(String),
    /// What goes by this name; one of [`PLACES`].
    Place(&'static str),
}

/// A template that names nothing unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pub(super) pieces: Vec<Piece>,
}

impl Template {
    /// Reads a template: Markdown with `{{name}}` where something is to stand. The front matter of a forge's own
    /// issue template is left out.
    ///
    /// # Errors
    /// What was expected, when it is too long, a name is unknown, or a `{{` is not closed.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > BYTES_MAX {
            return Err(format!("a template of at most {BYTES_MAX} bytes"));
        }
        let mut rest = without_front_matter(text);
        let mut pieces = Vec::new();
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, after)) = after.split_once("}}") else {
                return Err("a }} after every {{ of the template".to_owned());
            };
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::Place(place(name.trim())?));
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self { pieces })
    }
}

fn place(name: &str) -> Result<&'static str, String> {
    if let Some(place) = PLACES.into_iter().find(|place| *place == name) {
        return Ok(place);
    }
    Err(match nearest(name, PLACES) {
        Some(near) => {
            format!("a template without the unknown {{{{{name}}}}}: did you mean {near}?")
        }
        None => format!(
            "a template without the unknown {{{{{name}}}}}: there are {}",
            PLACES.join(", ")
        ),
    })
}

/// GitHub's and Forgejo's templates begin with lines between two `---` that say who is assigned.
fn without_front_matter(text: &str) -> &str {
    let text = text.trim_start_matches('\u{feff}');
    let body = text.strip_prefix("---\n").or(text.strip_prefix("---\r\n"));
    let Some(body) = body else {
        return text;
    };
    let mut at = 0;
    for line in body.split_inclusive('\n') {
        at += line.len();
        if line.trim_end() == "---" {
            return body[at..].trim_start_matches(['\r', '\n']);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_text_and_places() {
        let template = Template::parse("# {{ title }}\n{{chart}}").unwrap();
        assert_eq!(
            template.pieces,
            [
                Piece::Text("# ".into()),
                Piece::Place("title"),
                Piece::Text("\n".into()),
                Piece::Place("chart"),
                Piece::Text(String::new()),
            ]
        );
    }

    #[test]
    fn front_matter_is_left_out_only_where_it_is_closed() {
        let of = |text| Template::parse(text).unwrap().pieces;
        assert_eq!(
            of("---\nname: x\n---\n\nbody"),
            [Piece::Text("body".into())]
        );
        assert_eq!(of("---\nbody"), [Piece::Text("---\nbody".into())]);
    }

    #[test]
    fn an_unknown_name_is_told_with_the_nearest_one() {
        assert_eq!(
            Template::parse("{{titel}}"),
            Err("a template without the unknown {{titel}}: did you mean title?".into())
        );
        assert!(Template::parse("{{ what").unwrap_err().contains("}}"));
        assert!(Template::parse(&"x".repeat(BYTES_MAX + 1)).is_err());
    }
}
