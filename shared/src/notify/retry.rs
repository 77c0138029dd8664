//! Whether and when to try again: pure.

use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;

use crate::value::show_duration;

/// How often a channel is tried at most.
const ATTEMPTS: u32 = 3;
/// The pause after the first attempt; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// What a failure says about another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// It would fail in the same way.
    Never,
    /// It may help.
    Soon,
    /// It may help, but not before this time has passed: the receiver said so.
    After(Duration),
}

/// An attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// What happened and what to do, without secrets.
    pub(super) text: String,
    /// Whether to try again.
    pub(super) again: Again,
}

impl Failure {
    pub(super) fn never(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            again: Again::Never,
        }
    }

    pub(super) fn soon(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            again: Again::Soon,
        }
    }
}

/// How long to wait before the next attempt; else why there is none, to be put after the failure's own text.
pub(super) fn pause(again: Again, attempts: u32, left: Duration) -> Result<Duration, String> {
    let backoff = FIRST_PAUSE * 2_u32.pow(attempts.saturating_sub(1).min(8));
    let pause = match again {
        Again::Never => return Err(String::new()),
        Again::Soon => backoff,
        Again::After(asked) => asked.max(backoff),
    };
    if attempts >= ATTEMPTS {
        return Err(format!(", {attempts} times in a row"));
    }
    if pause >= left {
        let pause = show_duration(pause);
        return Err(format!(
            "; the next attempt, {pause} later, would be past the deadline"
        ));
    }
    Ok(pause)
}

/// What `Retry-After` asks for: seconds, or a date, which is held against the same answer's `Date` because the two
/// come from one clock.
pub(super) fn retry_after(value: &str, date: Option<&str>) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u32>() {
        return Some(Duration::from_secs(u64::from(seconds)));
    }
    let read = |text: &str| DateTimeParser::new().parse_timestamp(text.trim()).ok();
    let wait = read(value)?.duration_since(read(date?)?);
    Some(Duration::try_from(wait).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn pauses_double_and_the_third_failure_is_the_last() {
        assert_eq!(pause(Again::Soon, 1, LONG), Ok(Duration::from_millis(500)));
        assert_eq!(pause(Again::Soon, 2, LONG), Ok(Duration::from_secs(1)));
        assert_eq!(
            pause(Again::Soon, 3, LONG),
            Err(", 3 times in a row".into())
        );
        assert_eq!(pause(Again::Never, 1, LONG), Err(String::new()));
    }

    #[test]
    fn a_receivers_wish_is_honoured_within_the_deadline() {
        let wish = |s| Again::After(Duration::from_secs(s));
        assert_eq!(pause(wish(7), 1, LONG), Ok(Duration::from_secs(7)));
        assert_eq!(pause(wish(0), 1, LONG), Ok(FIRST_PAUSE));
        assert_eq!(
            pause(wish(60), 1, LONG),
            Err("; the next attempt, 1m later, would be past the deadline".into())
        );
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after(" 30 ", None), Some(Duration::from_secs(30)));
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        let later = "Sun, 06 Nov 1994 08:50:07 GMT";
        assert_eq!(retry_after(later, date), Some(Duration::from_secs(30)));
        assert_eq!(retry_after(later, None), None);
        assert_eq!(
            retry_after("Sun, 06 Nov 1994 08:00:00 GMT", date),
            Some(Duration::ZERO)
        );
        assert_eq!(retry_after("-1", date), None);
        assert_eq!(retry_after("soon", date), None);
    }
}
