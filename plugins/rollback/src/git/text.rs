//! Text from outside, made fit for a line of a log.

/// How many lines of what a server says are kept.
const LINES: usize = 6;
/// How many characters of each.
const WIDTH: usize = 200;

/// One line: without control characters and colours, cut where it is too long.
pub(super) fn line(text: &str) -> String {
    let mut out = String::new();
    let mut escaped = false;
    let mut count = 0;
    for c in text.trim().chars() {
        if c == '\u{1b}' {
            escaped = true;
        } else if escaped {
            escaped = !c.is_ascii_alphabetic();
        } else if c.is_control() || c == ' ' {
            if !out.ends_with(' ') {
                out.push(' ');
            }
        } else if count == WIDTH {
            out.push('…');
            break;
        } else {
            out.push(c);
            count += 1;
        }
    }
    out.trim().to_owned()
}

/// What a server says over several lines, as one: without empty lines and git's own prefixes, and only the first few.
pub(super) fn said(text: &str) -> String {
    let lines = text.split(['\n', '\r']).map(line);
    let lines = lines.map(|line| {
        let line = line.strip_prefix("remote:").unwrap_or(&line).trim();
        line.to_owned()
    });
    let kept: Vec<String> = lines
        .filter(|line| line.chars().any(char::is_alphanumeric))
        .take(LINES)
        .collect();
    kept.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_becomes_one_line_without_colours_or_controls() {
        let text = "\u{1b}[31mremote: error: GH006\u{1b}[0m\n\n  ====\nremote:   no\tforce\u{7} push  \r\n";
        assert_eq!(said(text), "error: GH006; no force push");
        assert_eq!(line(&"x".repeat(300)).chars().count(), 201);
        assert_eq!(said(&"a\n".repeat(50)).matches('a').count(), 6);
    }
}
