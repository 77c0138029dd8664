//! Times in which nothing is deployed.

use jiff::Timestamp;
use jiff::tz::Offset;

use super::Day;
use super::kind::{Instant, Scalar, Text, TimeOfDay};
use super::node::Node;
use super::reader::{Kind, List, Reader, section};

const DAY: u16 = 24 * 60;
const WEEK: u16 = 7 * DAY;

/// A time in which nothing is deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Freeze {
    /// Once.
    Once {
        /// The first instant of it.
        from: Timestamp,
        /// The first instant after it.
        until: Timestamp,
        /// Why.
        reason: Option<String>,
    },
    /// Every week, in UTC.
    Weekly {
        /// The days on which it begins.
        days: Vec<Day>,
        /// When it begins, in minutes since midnight, 0 to 1440.
        from: u16,
        /// When it ends, likewise; on the next day where that is not later than `from`.
        until: u16,
        /// Why.
        reason: Option<String>,
    },
}

section! {
    /// A time in which nothing is deployed: once, from an instant until another, or every week on some days.
    pub(super) struct WrittenFreeze {
        /// The days of every week on which it begins: mon, tue, wed, thu, fri, sat, sun. Without days it is once.
        days: Vec<Day> as List<Day>,
        /// When it begins. Once: an instant such as 2026-12-24T16:00:00Z. Every week: a time of day in UTC such as
        /// "16:00", by default "00:00".
        from: Option<String> as Text,
        /// When it is over. Once: an instant. Every week: a time of day in UTC, by default "24:00"; one that is not
        /// later than from is of the next day.
        until: Option<String> as Text,
        /// Why, for those who are stopped by it.
        reason: Option<String> as Text,
    }
}

/// A freeze as the file holds it.
pub(crate) struct FreezeKind;

impl Kind for FreezeKind {
    type Meant = Option<Freeze>;

    fn read(node: &Node, at: &mut Reader) -> Option<Freeze> {
        let before = at.findings.len();
        let written = WrittenFreeze::read(node, at);
        if at.findings.len() > before {
            return None;
        }
        if written.days.is_empty() {
            once(written, at)
        } else {
            weekly(written, at)
        }
    }

    fn keys(place: &str, out: &mut Vec<(String, &'static str)>) {
        WrittenFreeze::keys(place, out);
    }
}

fn once(written: WrittenFreeze, at: &mut Reader) -> Option<Freeze> {
    if written.from.is_none() || written.until.is_none() {
        let hint = "without days a freeze is once";
        at.refuse(None, "both from and until, or days", Some(hint));
        return None;
    }
    let (from, until) = (
        time::<Instant>("from", written.from, at),
        time::<Instant>("until", written.until, at),
    );
    let (from, until) = (from?, until?);
    if from >= until {
        at.within("until", |at| {
            at.refuse(Some(until.to_string()), format!("later than {from}"), None);
        });
        return None;
    }
    Some(Freeze::Once {
        from,
        until,
        reason: written.reason,
    })
}

fn weekly(written: WrittenFreeze, at: &mut Reader) -> Option<Freeze> {
    let before = at.findings.len();
    let from = time::<TimeOfDay>("from", written.from, at).unwrap_or(0);
    let until = time::<TimeOfDay>("until", written.until, at).unwrap_or(DAY);
    (at.findings.len() == before).then_some(Freeze::Weekly {
        days: written.days,
        from,
        until,
        reason: written.reason,
    })
}

fn time<S: Scalar>(key: &str, text: Option<String>, at: &mut Reader) -> Option<S::Value> {
    let text = text?;
    at.within(key, |at| S::read(&Node::Text(text), at))
}

/// Why nothing is deployed at `now`, such as `frozen until 2026-12-27T00:00:00Z: holidays`; absent when something
/// may be.
pub fn frozen(freezes: &[Freeze], now: Timestamp) -> Option<String> {
    let (freeze, end) = freezes
        .iter()
        .find_map(|freeze| Some((freeze, end(freeze, now)?)))?;
    let (Freeze::Once { reason, .. } | Freeze::Weekly { reason, .. }) = freeze;
    Some(match reason {
        Some(reason) => format!("frozen until {end}: {reason}"),
        None => format!("frozen until {end}"),
    })
}

/// When a freeze that is on at `now` is over.
fn end(freeze: &Freeze, now: Timestamp) -> Option<String> {
    match freeze {
        Freeze::Once { from, until, .. } => {
            (*from <= now && now < *until).then(|| until.to_string())
        }
        Freeze::Weekly {
            days, from, until, ..
        } => {
            let now = Offset::UTC.to_datetime(now);
            let hour = u16::from(now.hour().unsigned_abs());
            let minute = u16::from(now.minute().unsigned_abs());
            let weekday = u16::from(now.weekday().to_monday_zero_offset().unsigned_abs());
            let now = weekday * DAY + hour * 60 + minute;
            let length = if until > from {
                until - from
            } else {
                until + DAY - from
            };
            days.iter().find_map(|day| {
                let start = *day as u16 * DAY + from;
                // Counted around the week's end: what begins on Sunday can last into Monday.
                ((now + WEEK - start % WEEK) % WEEK < length).then(|| shown(start + length))
            })
        }
    }
}

/// A minute of the week, as `mon 09:00 UTC`.
fn shown(minute: u16) -> String {
    let minute = minute % WEEK;
    let day = Day::ALL[usize::from(minute / DAY)].word();
    format!("{day} {:02}:{:02} UTC", minute % DAY / 60, minute % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weekly(days: &[Day], from: u16, until: u16) -> Freeze {
        Freeze::Weekly {
            days: days.to_vec(),
            from,
            until,
            reason: None,
        }
    }

    fn at(freeze: &Freeze, now: &str) -> Option<String> {
        frozen(std::slice::from_ref(freeze), now.parse().unwrap())
    }

    #[test]
    fn a_freeze_that_is_once_begins_at_its_first_instant_and_is_over_at_its_last() {
        let freeze = Freeze::Once {
            from: "2026-12-24T00:00:00Z".parse().unwrap(),
            until: "2026-12-27T00:00:00Z".parse().unwrap(),
            reason: Some("holidays".into()),
        };
        assert_eq!(at(&freeze, "2026-12-23T23:59:59.999Z"), None);
        for now in ["2026-12-24T00:00:00Z", "2026-12-26T23:59:59.999Z"] {
            let reason = "frozen until 2026-12-27T00:00:00Z: holidays";
            assert_eq!(at(&freeze, now).as_deref(), Some(reason), "{now}");
        }
        assert_eq!(at(&freeze, "2026-12-27T00:00:00Z"), None);
    }

    #[test]
    fn a_weekly_freeze_within_a_day_is_on_that_day_only() {
        // 2026-11-25 is a Wednesday.
        let freeze = weekly(&[Day::Wednesday], 9 * 60, 17 * 60);
        for (now, on) in [
            ("2026-11-25T08:59:59Z", false),
            ("2026-11-25T09:00:00Z", true),
            ("2026-11-25T16:59:59Z", true),
            ("2026-11-25T17:00:00Z", false),
            ("2026-11-24T12:00:00Z", false),
            ("2026-11-25T00:30:00-09:00", true),
        ] {
            assert_eq!(at(&freeze, now).is_some(), on, "{now}");
        }
    }

    #[test]
    fn a_weekly_freeze_over_midnight_lasts_into_the_next_day() {
        let freeze = weekly(&[Day::Friday, Day::Saturday], 16 * 60, 9 * 60);
        for (now, end) in [
            ("2026-11-27T15:59:00Z", None),
            ("2026-11-27T16:00:00Z", Some("frozen until sat 09:00 UTC")),
            ("2026-11-28T08:59:59Z", Some("frozen until sat 09:00 UTC")),
            ("2026-11-28T09:00:00Z", None),
            ("2026-11-29T00:00:00Z", Some("frozen until sun 09:00 UTC")),
            ("2026-11-29T09:00:00Z", None),
        ] {
            assert_eq!(at(&freeze, now).as_deref(), end, "{now}");
        }
    }

    #[test]
    fn a_weekly_freeze_over_the_weeks_end_lasts_into_monday() {
        let freeze = weekly(&[Day::Sunday], 22 * 60, 6 * 60);
        for (now, on) in [
            ("2026-11-29T21:59:00Z", false),
            ("2026-11-29T22:00:00Z", true),
            ("2026-11-30T05:59:00Z", true),
            ("2026-11-30T06:00:00Z", false),
        ] {
            assert_eq!(at(&freeze, now).is_some(), on, "{now}");
        }
    }

    #[test]
    fn whole_days_and_days_from_midnight_to_midnight_are_the_same() {
        for until in [0, DAY] {
            let freeze = weekly(&[Day::Monday], 0, until);
            assert!(at(&freeze, "2026-11-30T00:00:00Z").is_some());
            assert!(at(&freeze, "2026-11-30T23:59:59Z").is_some());
            assert!(at(&freeze, "2026-12-01T00:00:00Z").is_none());
            assert!(at(&freeze, "2026-11-29T23:59:59Z").is_none());
        }
        let from_the_end = weekly(&[Day::Sunday], DAY, 6 * 60);
        assert!(at(&from_the_end, "2026-11-30T05:59:00Z").is_some());
        assert!(at(&from_the_end, "2026-11-29T05:59:00Z").is_none());
    }
}
