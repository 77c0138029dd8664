//! The fenced blocks of a Markdown page.

use std::fs;

use crate::example::top;

/// A fenced block.
#[derive(Debug, Clone)]
pub struct Block {
    /// What stands after the opening fence.
    pub language: String,
    /// What stands between the fences.
    pub text: String,
    /// Where it is, for a person.
    pub place: String,
    /// The heading above it.
    pub heading: String,
}

/// The blocks of a page, in their order; the path is from the repository's top.
///
/// # Panics
/// When a block is not closed.
pub fn blocks(path: &str) -> Vec<Block> {
    let text = fs::read_to_string(top().join(path)).unwrap();
    let mut found = Vec::new();
    let mut open: Option<Block> = None;
    let mut heading = String::new();
    for (number, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => {
                open = Some(Block {
                    language: language.to_owned(),
                    text: String::new(),
                    place: format!("{path} line {}", number + 1),
                    heading: heading.clone(),
                });
            }
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some(block), None) => block.text.extend([line, "\n"]),
            (None, None) if line.starts_with('#') => {
                line.trim_start_matches('#').trim().clone_into(&mut heading);
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{path} has a block that is not closed");
    found
}

/// Those of one language.
pub fn of<'a>(blocks: &'a [Block], language: &'a str) -> impl Iterator<Item = &'a Block> {
    blocks
        .iter()
        .filter(move |block| block.language == language)
}

/// The shell commands that a page shows, a line each.
pub fn commands(blocks: &[Block]) -> Vec<&str> {
    let lines = of(blocks, "sh").flat_map(|block| block.text.lines());
    lines.filter(|line| !line.is_empty()).collect()
}
