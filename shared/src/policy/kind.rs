//! The kinds of single values: how each is written, and what it means.

use std::time::Duration;

use jiff::Timestamp;

use crate::endpoint::{Endpoint, Scheme};
use crate::secret::Secret;
use crate::value::{self, Expected};

use super::node::Node;
use super::reader::{Kind, Reader};

/// Which YAML values a kind accepts. A bare `1.10` is the number 1.1 to YAML, so a text must be written as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A number, or a text that reads as one, with a unit perhaps.
    Number,
    /// `true` or `false`, also as the words or digits that stand for them.
    Flag,
    /// A text.
    Text,
}

/// A kind whose values stand in one piece.
pub(crate) trait Scalar {
    type Value;
    const FORM: Form;
    /// Whether a wrong value may be repeated in the error.
    const SHOWN: bool = true;
    fn parse(text: &str) -> Result<Self::Value, Expected>;
}

impl<S: Scalar> Kind for S {
    type Meant = Option<S::Value>;

    fn read(node: &Node, at: &mut Reader) -> Option<S::Value> {
        let written = match (S::FORM, node) {
            (_, Node::Text(text)) | (Form::Number | Form::Flag, Node::Number(text)) => {
                Some(text.clone())
            }
            (Form::Flag, Node::Bool(flag)) => Some(flag.to_string()),
            _ => None,
        };
        let quote = matches!(node, Node::Number(_) | Node::Bool(_));
        let (parsed, hint) = match &written {
            Some(text) => (S::parse(text), None),
            // Nothing is both the empty text and valid: its error says what was expected.
            None => (S::parse(""), quote.then_some("put it in quotes")),
        };
        match parsed {
            Ok(value) => Some(value),
            Err(expected) => {
                let hint = hint.filter(|_| S::FORM == Form::Text);
                at.refuse(S::SHOWN.then(|| node.shown()), expected, hint);
                None
            }
        }
    }
}

/// Declares kinds whose values a function reads.
macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident: $form:ident => $value:ty, $parse:expr;)+) => {$(
        $(#[doc = $doc])+
        pub(super) struct $name;

        impl Scalar for $name {
            type Value = $value;
            const FORM: Form = Form::$form;

            fn parse(text: &str) -> Result<$value, Expected> {
                $parse(text)
            }
        }
    )+};
}

kinds! {
    /// A percentage from 0 to 100.
    Percentage: Number => f64, value::percentage;
    /// A percentage above 0 and below 100.
    PercentageWithin: Number => f64, value::percentage_within;
    /// A share of the traffic: a whole percentage from 1 to 100.
    Share: Number => u8, share;
    /// A duration; a bare number is seconds.
    Seconds: Number => Duration, value::duration;
    /// A duration above zero; a bare number is seconds.
    SecondsAboveZero: Number => Duration, value::duration_above_zero;
    /// A duration above zero; a bare number is milliseconds.
    ResponseTime: Number => Duration, value::milliseconds;
    /// A whole number from 0.
    Count: Number => u32, value::count;
    /// A whole number from 1.
    CountAboveZero: Number => u32, value::count_above_zero;
    /// The chance of an error that is accepted.
    Chance: Number => f64, value::chance;
    /// How many times as bad as the baseline is allowed.
    Factor: Number => f64, value::factor;
    /// How much the failures of one time go together.
    Correlation: Number => f64, value::correlation;
    /// Any finite number.
    Number: Number => f64, number;
    /// Yes or no.
    Flag: Flag => bool, value::boolean;
    /// A text that is not empty.
    Text: Text => String, text;
    /// A file in the workspace.
    WorkspaceFile: Text => String, workspace_file;
    /// A JSON pointer, RFC 6901.
    Pointer: Text => String, pointer;
    /// A time of day in UTC, in minutes since midnight.
    TimeOfDay: Text => u16, time_of_day;
    /// An instant, RFC 3339.
    Instant: Text => Timestamp, instant;
    /// Where HAProxy's runtime API listens.
    RuntimeApi: Text => String, runtime_api;
}

/// An address that can hold a secret anywhere in it, as webhooks do.
pub(super) struct Webhook;

impl Scalar for Webhook {
    type Value = Secret;
    const FORM: Form = Form::Text;
    const SHOWN: bool = false;

    fn parse(text: &str) -> Result<Secret, Expected> {
        match Endpoint::parse(text) {
            Ok(endpoint) if endpoint.scheme != Scheme::Tcp => Ok(Secret::new(text.trim())),
            _ => Err("an address such as https://flags.example/hook"),
        }
    }
}

/// One address or a list of them.
pub(super) struct RuntimeApis;

impl Kind for RuntimeApis {
    type Meant = Vec<String>;

    fn read(node: &Node, at: &mut Reader) -> Vec<String> {
        match node {
            Node::List(_) => super::reader::List::<RuntimeApi>::read(node, at),
            one => RuntimeApi::read(one, at).into_iter().collect(),
        }
    }
}

fn share(text: &str) -> Result<u8, Expected> {
    let digits = text.trim();
    let digits = digits.strip_suffix('%').unwrap_or(digits);
    let share = value::count_above_zero(digits).ok();
    share
        .and_then(|n| u8::try_from(n).ok())
        .filter(|n| *n <= 100)
        .ok_or("a whole percentage from 1 to 100, such as 25 or 25%")
}

fn number(text: &str) -> Result<f64, Expected> {
    let text = text.trim();
    // "NaN" and "inf" are numbers to Rust, and a limit of NaN never fails.
    let plain = text
        .trim_start_matches('-')
        .starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let value: Option<f64> = text.parse().ok();
    value
        .filter(|value| plain && value.is_finite())
        .ok_or("a number such as 80, -1 or 0.5")
}

fn text(text: &str) -> Result<String, Expected> {
    if text.trim().is_empty() {
        Err("a text that is not empty")
    } else {
        Ok(text.trim().to_owned())
    }
}

fn workspace_file(text: &str) -> Result<String, Expected> {
    let file = text.trim();
    let inside = !file.is_empty()
        && !file.starts_with('/')
        && !file.contains('\0')
        && file.split('/').all(|part| part != "..");
    if inside {
        Ok(file.to_owned())
    } else {
        Err("the path of a file in the workspace, such as reports/coverage.json")
    }
}

fn pointer(text: &str) -> Result<String, Expected> {
    let escapes_end = text.split('~').skip(1).all(|s| s.starts_with(['0', '1']));
    if text.starts_with('/') && escapes_end {
        Ok(text.to_owned())
    } else {
        Err("a JSON pointer such as /total/lines/pct")
    }
}

fn time_of_day(text: &str) -> Result<u16, Expected> {
    let wanted = "a time of day in UTC from \"00:00\" to \"24:00\"";
    let two = |part: &str| match part.as_bytes() {
        [a, b] if a.is_ascii_digit() && b.is_ascii_digit() => {
            Some(u16::from(a - b'0') * 10 + u16::from(b - b'0'))
        }
        _ => None,
    };
    let (hours, minutes) = text.trim().split_once(':').ok_or(wanted)?;
    match (two(hours), two(minutes)) {
        (Some(24), Some(0)) => Ok(24 * 60),
        (Some(hours @ 0..24), Some(minutes @ 0..60)) => Ok(hours * 60 + minutes),
        _ => Err(wanted),
    }
}

fn instant(text: &str) -> Result<Timestamp, Expected> {
    let text = text.trim();
    // What else the parser takes (spaces, weeks, zone names) is no RFC 3339, and editors would mark it.
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    let shape = marks
        .iter()
        .all(|(at, mark)| text.as_bytes().get(*at) == Some(mark))
        && !text.contains('[');
    text.parse()
        .ok()
        .filter(|_| shape)
        .ok_or("an instant such as 2026-12-24T16:00:00Z")
}

fn runtime_api(text: &str) -> Result<String, Expected> {
    let address = text.trim();
    let is_tcp = |text: &str| Endpoint::parse(text).is_ok_and(|one| one.scheme == Scheme::Tcp);
    let secured = address.strip_prefix("tls://");
    let net = secured.map_or(is_tcp(address), |rest| is_tcp(&format!("tcp://{rest}")));
    if net || (address.starts_with('/') && address.len() > 1 && !address.contains('\0')) {
        Ok(address.to_owned())
    } else {
        Err(
            "a socket such as /run/haproxy.sock, tcp://haproxy.example:9999 or tls://haproxy.example:9999",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_kind_takes_an_empty_text() {
        assert!(share("").is_err() && number("").is_err());
        assert!(text(" ").is_err() && workspace_file("").is_err() && pointer("").is_err());
        assert!(time_of_day("").is_err() && instant("").is_err() && runtime_api("").is_err());
        assert!(Webhook::parse("").is_err());
    }

    #[test]
    fn numbers_are_finite() {
        assert_eq!(number("-1.5"), Ok(-1.5));
        for text in ["NaN", "inf", "-inf", "-NaN", "1e999", "--1", "1x"] {
            assert!(number(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_of_day_have_two_digits_each() {
        assert_eq!(time_of_day("09:30"), Ok(570));
        assert_eq!(time_of_day("24:00"), Ok(1440));
        for text in ["9:30", "24:01", "25:00", "12:60", "1200", "+1:00"] {
            assert!(time_of_day(text).is_err(), "{text}");
        }
    }

    #[test]
    fn instants_are_written_in_full() {
        assert!(instant("2026-12-24T16:00:00Z").is_ok());
        assert!(instant("2026-12-24T16:00:00.5+01:00").is_ok());
        for text in [
            "2026-12-24",
            "2026-12-24T16:00:00",
            "2026-12-24 16:00:00Z",
            "2026-02-30T00:00:00Z",
            "2026-12-24T16:00:00+01:00[Europe/Berlin]",
        ] {
            assert!(instant(text).is_err(), "{text}");
        }
    }

    #[test]
    fn files_lie_inside_the_workspace() {
        assert!(workspace_file("a/b..c.json").is_ok());
        for text in ["/etc/passwd", "../x", "a/../../x"] {
            assert!(workspace_file(text).is_err(), "{text}");
        }
    }

    #[test]
    fn runtime_apis_are_sockets_or_ports() {
        for text in ["/run/haproxy.sock", "tcp://a:9999", "tls://a:9999"] {
            assert!(runtime_api(text).is_ok(), "{text}");
        }
        for text in [
            "haproxy.sock",
            "/",
            "tcp://a",
            "tls://a",
            "tls://",
            "http://a:1",
        ] {
            assert!(runtime_api(text).is_err(), "{text}");
        }
    }
}
