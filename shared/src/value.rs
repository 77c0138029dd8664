//! Values as people write them: durations, percentages, counts, lists, maps.
//!
//! Every parser returns what was *expected* when it refuses, never what was found: whether a found value may be
//! shown is the caller's decision, because only the caller knows if the setting can hold a secret.

use std::collections::BTreeMap;
use std::time::Duration;

/// What a parser wanted, as the end of the sentence "expected …".
pub type Expected = &'static str;

const DURATION: Expected = "a duration up to 30 days, such as 90, 90s, 5m or 1h30m";
const MILLISECONDS: Expected =
    "a response time such as 2000, 2000ms or 2s (a bare number is milliseconds)";
const PERCENTAGE: Expected = "a percentage from 0 to 100, such as 5 or 5%";
/// The longest duration accepted: 30 days.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// A duration; a bare number is seconds.
///
/// # Errors
/// When it is not a duration, is negative, or is longer than 30 days.
pub fn duration(text: &str) -> Result<Duration, Expected> {
    span(text, 1.0).ok_or(DURATION)
}

/// A duration above zero; a bare number is seconds.
///
/// # Errors
/// As [`duration`], and when it is zero.
pub fn duration_above_zero(text: &str) -> Result<Duration, Expected> {
    let wanted = "a duration above 0 and up to 30 days, such as 90, 90s, 5m or 1h30m";
    span(text, 1.0).filter(|d| !d.is_zero()).ok_or(wanted)
}

/// A response time above zero; a bare number is milliseconds.
///
/// # Errors
/// When it is not a duration above zero, or is longer than 30 days.
pub fn milliseconds(text: &str) -> Result<Duration, Expected> {
    span(text, 0.001)
        .filter(|d| !d.is_zero())
        .ok_or(MILLISECONDS)
}

/// A percentage from 0 to 100, with or without `%`.
///
/// # Errors
/// When it is not a number, is `NaN` or infinite, negative, or above 100.
pub fn percentage(text: &str) -> Result<f64, Expected> {
    let digits = text.trim();
    let digits = digits.strip_suffix('%').unwrap_or(digits).trim_end();
    match number(digits) {
        Some(value) if value <= 100.0 => Ok(value),
        _ => Err(PERCENTAGE),
    }
}

/// A percentage above 0 and below 100, with or without `%`.
///
/// # Errors
/// When it is anything else.
pub fn percentage_within(text: &str) -> Result<f64, Expected> {
    percentage(text)
        .ok()
        .filter(|value| *value > 0.0 && *value < 100.0)
        .ok_or("a percentage above 0 and below 100, such as 0.5 or 0.5%")
}

/// The chance of an error that is accepted, as a fraction or with a sign as a percentage.
///
/// # Errors
/// When it is not above 0 and at most 0.5.
pub fn chance(text: &str) -> Result<f64, Expected> {
    let text = text.trim();
    let chance = match text.strip_suffix('%') {
        Some(percent) => number(percent.trim_end()).map(|percent| percent / 100.0),
        None => number(text),
    };
    chance
        .filter(|chance| *chance > 0.0 && *chance <= 0.5)
        .ok_or("a probability above 0 and at most 0.5, such as 0.01 or 1%")
}

/// How many times as bad as something else is allowed.
///
/// # Errors
/// When it is not from 1 to 100.
pub fn factor(text: &str) -> Result<f64, Expected> {
    number(text.trim())
        .filter(|factor| (1.0..=100.0).contains(factor))
        .ok_or("a factor from 1 to 100, such as 1.5")
}

/// How much two of a kind go together: 0 is not at all.
///
/// # Errors
/// When it is not from 0 to 0.5.
pub fn correlation(text: &str) -> Result<f64, Expected> {
    number(text.trim())
        .filter(|value| (0.0..=0.5).contains(value))
        .ok_or("a correlation from 0 to 0.5, such as 0.02")
}

/// A whole number from 0 to one million. `3.0` and `1e+06` count as whole: Woodpecker writes large numbers so.
///
/// # Errors
/// When it is anything else.
pub fn count(text: &str) -> Result<u32, Expected> {
    whole(text).ok_or("a whole number from 0 to 1000000")
}

/// A whole number from 1 to one million.
///
/// # Errors
/// When it is anything else.
pub fn count_above_zero(text: &str) -> Result<u32, Expected> {
    whole(text)
        .filter(|n| *n > 0)
        .ok_or("a whole number from 1 to 1000000")
}

/// `true` or `false`; also `yes`/`no`, `on`/`off`, `1`/`0`, in any case.
///
/// # Errors
/// When it is anything else.
pub fn boolean(text: &str) -> Result<bool, Expected> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err("true or false"),
    }
}

/// A list: JSON when it starts with `[`, else parts between commas. Empty parts are dropped, because Woodpecker
/// writes a null in a list as nothing.
///
/// # Errors
/// When it starts with `[` and is not a JSON list of texts, numbers or booleans.
pub fn list(text: &str) -> Result<Vec<String>, Expected> {
    let text = text.trim();
    if !text.starts_with('[') {
        return Ok(text
            .split(',')
            .map(str::trim)
            .filter(|p| !p.is_empty())
            .map(str::to_owned)
            .collect());
    }
    let wanted = "a list such as a,b or [\"a\",\"b\"]";
    let items: Vec<serde_json::Value> = serde_json::from_str(text).map_err(|_| wanted)?;
    items
        .iter()
        .filter(|v| !v.is_null())
        .map(|v| scalar(v).ok_or(wanted))
        .collect()
}

/// A map of names to texts, in JSON, as Woodpecker hands over a YAML map.
///
/// # Errors
/// When it is not a JSON object whose values are texts, numbers or booleans.
pub fn map(text: &str) -> Result<BTreeMap<String, String>, Expected> {
    let wanted = "a map of names to values";
    let items: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|_| wanted)?;
    items
        .into_iter()
        .map(|(name, value)| Ok((name, scalar(&value).ok_or(wanted)?)))
        .collect()
}

fn scalar(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        serde_json::Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// A finite number that is not negative.
fn number(text: &str) -> Option<f64> {
    // `f64::from_str` takes "inf", "NaN" and "+1" as well: only digits, a point and an exponent are meant.
    let plain = text.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let value: f64 = text.parse().ok().filter(|_| plain)?;
    value.is_finite().then_some(value)
}

fn whole(text: &str) -> Option<u32> {
    let value = number(text.trim())?;
    if value.fract() != 0.0 || value > 1_000_000.0 {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole, and 0 to 1,000,000"
    )]
    Some(value as u32)
}

/// Reads `1h30m`, `500ms` or a bare number in units of `bare_s` seconds.
fn span(text: &str, bare_s: f64) -> Option<Duration> {
    let text = text.trim();
    if let Some(value) = number(text) {
        return seconds(value * bare_s);
    }
    let mut rest = text;
    let mut total_s = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let value = number(&rest[..digits])?;
        rest = &rest[digits..];
        let unit = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        total_s += value
            * match &rest[..unit] {
                "ms" => 0.001,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                "d" => 86400.0,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    if text.is_empty() {
        None
    } else {
        seconds(total_s)
    }
}

fn seconds(value: f64) -> Option<Duration> {
    // A millisecond is the finest step anything here is measured or waited in.
    let millis = (value * 1000.0).round() / 1000.0;
    Duration::try_from_secs_f64(millis)
        .ok()
        .filter(|d| *d <= LONGEST)
}

/// A duration as a person writes it: `1h 30m`, `45s`, `1.5s`, `250ms`.
pub fn show_duration(value: Duration) -> String {
    let millis = value.as_millis();
    if millis < 1000 {
        return format!("{millis}ms");
    }
    if millis < 60_000 {
        let text = format!("{:.1}", value.as_secs_f64());
        return format!("{}s", text.strip_suffix(".0").unwrap_or(&text));
    }
    let s = value.as_secs();
    let parts = [
        (s / 86400, "d"),
        (s / 3600 % 24, "h"),
        (s / 60 % 60, "m"),
        (s % 60, "s"),
    ];
    let shown: Vec<String> = parts
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, unit)| format!("{n}{unit}"))
        .collect();
    shown.join(" ")
}

/// A number without needless digits: `5`, `1.5`, `99.95`; at most three decimals.
pub fn show_number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_take_bare_seconds_units_and_sums() {
        for (text, millis) in [
            ("90", 90_000),
            ("90s", 90_000),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("250ms", 250),
            ("0", 0),
            ("1.5", 1500),
            ("1e+03", 1_000_000),
            ("1d", 86_400_000),
            ("1.001", 1001),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn durations_refuse_what_is_not_one() {
        for text in [
            "",
            "-1",
            "-5m",
            "5x",
            "m",
            "NaN",
            "inf",
            "5m-1s",
            "1h 30m",
            "99999999999",
            "5 minutes",
            "1e400",
        ] {
            assert_eq!(duration(text), Err(DURATION), "{text}");
        }
        assert!(duration_above_zero("0s").is_err());
    }

    #[test]
    fn a_bare_response_time_is_milliseconds() {
        assert_eq!(milliseconds("2000"), Ok(Duration::from_secs(2)));
        assert_eq!(milliseconds("2s"), Ok(Duration::from_secs(2)));
        assert!(milliseconds("0").is_err());
    }

    #[test]
    fn percentages_take_a_sign_and_refuse_the_impossible() {
        assert_eq!(percentage("5"), Ok(5.0));
        assert_eq!(percentage("99.5 %"), Ok(99.5));
        assert_eq!(percentage("1e+02"), Ok(100.0));
        for text in ["100.1", "-1", "NaN", "inf", "abc", "", "%", "+5"] {
            assert_eq!(percentage(text), Err(PERCENTAGE), "{text}");
        }
    }

    #[test]
    fn what_evidence_takes_has_bounds() {
        assert_eq!(chance(" 0.01 "), Ok(0.01));
        assert_eq!((chance("1%"), chance("50 %")), (Ok(0.01), Ok(0.5)));
        assert_eq!(factor("1.5"), Ok(1.5));
        assert_eq!((correlation("0"), correlation("0.5")), (Ok(0.0), Ok(0.5)));
        assert_eq!(percentage_within("0.5 %"), Ok(0.5));
        for text in [
            "", "0", "0.51", "-0.1", "NaN", "inf", "51%", "0%", "%", "1%%",
        ] {
            assert!(chance(text).is_err(), "{text}");
        }
        for text in ["", "0.99", "101", "NaN"] {
            assert!(factor(text).is_err(), "{text}");
        }
        for text in ["", "-0.1", "0.6", "NaN"] {
            assert!(correlation(text).is_err(), "{text}");
        }
        for text in ["", "0", "100", "NaN", "-1"] {
            assert!(percentage_within(text).is_err(), "{text}");
        }
    }

    #[test]
    fn counts_are_whole() {
        assert_eq!(count("3.0"), Ok(3));
        assert_eq!(count("1e+06"), Ok(1_000_000));
        assert!(count("1.5").is_err() && count("-1").is_err() && count("1000001").is_err());
        assert!(count_above_zero("0").is_err());
    }

    #[test]
    fn lists_come_joined_by_commas_or_as_json() {
        assert_eq!(list("a, b,,"), Ok(vec!["a".into(), "b".into()]));
        assert_eq!(
            list(r#"["a,b", 3, null, true]"#),
            Ok(vec!["a,b".into(), "3".into(), "true".into()])
        );
        assert!(list("[1,2").is_err() && list(r#"[{"a":1}]"#).is_err());
    }

    #[test]
    fn shown_durations_read_as_written() {
        for (millis, text) in [
            (0, "0ms"),
            (250, "250ms"),
            (1500, "1.5s"),
            (45_000, "45s"),
            (60_000, "1m"),
            (5_400_000, "1h 30m"),
            (90_061_000, "1d 1h 1m 1s"),
        ] {
            assert_eq!(show_duration(Duration::from_millis(millis)), text);
        }
        assert_eq!(show_number(5.0), "5");
        assert_eq!(show_number(99.95), "99.95");
    }
}
