//! Text from outside that a forge shows and does not act on.

/// Breaks what it stands in and is not seen.
const BREAK: char = '\u{200b}';
/// Parts of addresses of which forges make references.
const REFERRED: [&str; 6] = [
    "/issues/",
    "/pull/",
    "/pulls/",
    "/merge_requests/",
    "/commit/",
    "/discussions/",
];

/// The text with mentions (`@name`), references (`#12`, `!12`, `GH-12`, addresses of issues) and commands (`/close`
/// at the start of a line) broken: nobody is called and nothing is linked or closed by what came from outside.
pub fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let refers = REFERRED.iter().any(|part| text.contains(part));
    let mut at_start = true;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let next = characters.peek().copied().unwrap_or(' ');
        if at_start && c == '/' {
            out.push(BREAK);
        }
        at_start = c == '\n' || (at_start && c.is_whitespace());
        out.push(c);
        let sign = matches!(c, '@' | '#' | '!') && (next.is_alphanumeric() || next == '_');
        let dash = c == '-' && next.is_ascii_digit() && ends_with_gh(&out);
        let address = refers && c == ':' && next == '/';
        if sign || dash || address {
            out.push(BREAK);
        }
    }
    out
}

fn ends_with_gh(text: &str) -> bool {
    let mut back = text.chars().rev().skip(1).map(|c| c.to_ascii_lowercase());
    back.next() == Some('h') && back.next() == Some('g')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_called_and_nothing_is_referred_to() {
        for (text, shown) in [
            ("ask @octocat", "ask @\u{200b}octocat"),
            (
                "fixes #12 and acme/x#3",
                "fixes #\u{200b}12 and acme/x#\u{200b}3",
            ),
            (
                "see !7, GH-12, gh-3",
                "see !\u{200b}7, GH-\u{200b}12, gh-\u{200b}3",
            ),
            ("/close", "\u{200b}/close"),
            ("ok\n  /assign me", "ok\n  \u{200b}/assign me"),
            (
                "https://github.com/a/b/issues/1",
                "https:\u{200b}//github.com/a/b/issues/1",
            ),
        ] {
            assert_eq!(harmless(text), shown, "{text}");
        }
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        for text in [
            "error rate 7.1 % > limit 5 % (reported)",
            "https://shop.example/health",
            "a/b, 3-4, x @ y # z!",
            "",
        ] {
            assert_eq!(harmless(text), text);
        }
    }
}
