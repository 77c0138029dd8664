//! A message in words: pure.

use std::fmt::Write as _;

use crate::message::{Message, Outcome};
use crate::page::html::escaped;

/// The whole message as plain text.
pub(super) fn plain(message: &Message) -> String {
    let mut out = format!("{}\n", message.title);
    if !message.reasons.is_empty() {
        out.push('\n');
    }
    for reason in &message.reasons {
        let _ = writeln!(out, "* {reason}");
    }
    if let Some(next) = &message.next {
        let _ = writeln!(out, "\nNext: {next}");
    }
    let pairs: Vec<_> = message.facts.iter().chain(&message.links).collect();
    if !pairs.is_empty() {
        out.push('\n');
    }
    for (name, value) in pairs {
        let _ = writeln!(out, "{name}: {value}");
    }
    let _ = writeln!(out, "\n-- \n{}", message.plugin);
    out
}

/// The whole message as HTML for a mail: no scripts, nothing fetched.
pub(super) fn html(message: &Message) -> String {
    let colour = match message.outcome {
        Outcome::Success => "#1a7f37",
        Outcome::Warning => "#9a6700",
        Outcome::Failure => "#d1242f",
    };
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/></head>\n\
         <body style=\"font-family:sans-serif\">\n<h2 style=\"color:{colour}\">{}</h2>\n",
        escaped(&message.title)
    );
    if !message.reasons.is_empty() {
        out.push_str("<ul>\n");
        for reason in &message.reasons {
            let _ = writeln!(out, "<li>{}</li>", escaped(reason));
        }
        out.push_str("</ul>\n");
    }
    if let Some(next) = &message.next {
        let _ = writeln!(out, "<p><b>Next:</b> {}</p>", escaped(next));
    }
    out.push_str("<table>\n");
    for (name, value) in message.facts.iter().chain(&message.links) {
        let (name, value) = (escaped(name), escaped(value));
        let _ = writeln!(out, "<tr><td>{name}</td><td>{value}</td></tr>");
    }
    let _ = writeln!(
        out,
        "</table>\n<p style=\"color:gray\">{}</p>\n</body></html>",
        escaped(&message.plugin)
    );
    out
}

/// The start of a text, at most `most` UTF-16 units long (the unit in which chat servers count), with `…` where
/// something was cut off.
pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.encode_utf16().count() <= most {
        return text.to_owned();
    }
    let mut room = most.saturating_sub(1);
    let mut out: String = text
        .chars()
        .take_while(|c| {
            let fits = c.len_utf16() <= room;
            room = room.saturating_sub(c.len_utf16());
            fits
        })
        .collect();
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message {
            outcome: Outcome::Failure,
            plugin: "plugin-health".into(),
            title: "health check failed: acme/shop".into(),
            reasons: vec!["error rate 7.1 % > limit 5 %".into()],
            facts: vec![("commit".into(), "abc".into())],
            links: vec![("pipeline".into(), "https://ci.example/1".into())],
            next: Some("look at <the log>".into()),
        }
    }

    #[test]
    fn plain_text_holds_all_of_a_message() {
        assert_eq!(
            plain(&message()),
            "health check failed: acme/shop\n\n* error rate 7.1 % > limit 5 %\n\nNext: look at <the log>\n\n\
             commit: abc\npipeline: https://ci.example/1\n\n-- \nplugin-health\n"
        );
    }

    #[test]
    fn html_holds_all_of_a_message_escaped() {
        let html = html(&message());
        for part in [
            "limit 5 %",
            "look at &lt;the log&gt;",
            "abc",
            "https://ci.example/1",
        ] {
            assert!(html.contains(part), "{part}");
        }
    }

    #[test]
    fn a_text_is_cut_between_letters() {
        assert_eq!(shortened("abcdef", 6), "abcdef");
        assert_eq!(shortened("abcdefg", 6), "abcde…");
        assert_eq!(shortened("😀😀😀😀", 6), "😀😀…");
        assert_eq!(shortened("", 6), "");
    }
}
