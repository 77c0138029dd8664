//! What weighs against a version, in words.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Pair, real};
use crate::split::Counts;
use crate::value::show_number;

/// Odds beyond which nobody counts.
const MILLION: f64 = 1e6;

/// What is bad about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bad {
    /// It failed.
    Failed,
    /// It took longer than the latency limit.
    Slow,
}

/// What a version is said to be worse than.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "word", rename_all = "snake_case")]
pub enum Than {
    /// The old version at the same time.
    Baseline {
        /// So many times is allowed.
        times: f64,
    },
    /// What was usual here before.
    Usual {
        /// The rate up to which it is usual, a fraction.
        limit: f64,
        /// The requests that say so.
        of: Counts,
    },
    /// Its limit.
    Limit {
        /// A fraction.
        limit: f64,
    },
}

/// What weighs against a version, with the requests that it rests on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Weighed {
    /// What is bad about the requests.
    pub bad: Bad,
    /// Those of this stage.
    pub stage: Pair,
    /// The new version's before this stage.
    pub before: Counts,
    /// What they are compared with.
    pub than: Than,
    /// ln of the odds that the version is worse: how many times an honest bet on its being no worse was multiplied
    /// against it.
    pub log_e: f64,
    /// Whether it is all answers of the service that were weighed, whichever version gave them.
    #[serde(default)]
    pub of_service: bool,
}

impl Weighed {
    /// Such as "210 to 1".
    pub fn odds(&self) -> String {
        odds(self.log_e)
    }
}

impl fmt::Display for Weighed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.bad {
            Bad::Failed => "failed",
            Bad::Slow => "were slow",
        };
        let Counts { requests, failed } = self.stage.canary;
        let rate_of_it = rate(self.stage.canary);
        if self.of_service {
            write!(
                f,
                "{failed} of {requests} of the service's answers {word} ({rate_of_it}"
            )?;
        } else {
            write!(f, "canary {failed} of {requests} {word} ({rate_of_it}")?;
        }
        if self.before.requests > 0 {
            write!(
                f,
                "; {} of {} before",
                self.before.failed, self.before.requests
            )?;
        }
        let beside = |side: &str, of: Counts| {
            format!("{side} {} of {} ({})", of.failed, of.requests, rate(of))
        };
        let (other, claim) = match (self.than, self.bad) {
            (Than::Baseline { times }, bad) => (
                beside("stable", self.stage.baseline),
                match (bad, times > 1.0) {
                    (Bad::Failed, false) => "worse".to_owned(),
                    (Bad::Slow, false) => "slower".to_owned(),
                    (Bad::Failed, true) => format!("more than {} times as bad", show_number(times)),
                    (Bad::Slow, true) => format!("more than {} times as slow", show_number(times)),
                },
            ),
            (Than::Usual { limit, of }, _) => (
                beside("usual here", of),
                format!("over the usual {}", percent(limit)),
            ),
            (Than::Limit { limit }, _) => {
                (format!("limit {}", percent(limit)), "over it".to_owned())
            }
        };
        write!(f, "), {other}: {} that it is {claim}", self.odds())
    }
}

/// Odds as a person says them: `3 to 1`, `210 to 1`, `3,400 to 1`, `over a million to 1`; `even` below 2.
pub fn odds(log_e: f64) -> String {
    // A bar of ln 200 is 199.999… to 1 by the last bit.
    let times = log_e.exp() * (1.0 + 1e-9);
    if times >= MILLION {
        return "over a million to 1".to_owned();
    }
    if times < 2.0 {
        return "even".to_owned();
    }
    // Two digits are all that anybody hears of it. Rounded down: it is never less than said.
    let digits = times.log10().floor();
    let unit = 10_f64.powf((digits - 1.0).max(0.0));
    let whole = format!("{:.0}", (times / unit).floor() * unit);
    match whole.len() {
        ..=3 => format!("{whole} to 1"),
        length => format!("{},{} to 1", &whole[..length - 3], &whole[length - 3..]),
    }
}

/// A rate as a person reads it: `4.5 %`, `0.22 %`, `0.031 %`.
pub fn rate(of: Counts) -> String {
    if of.requests == 0 {
        return "–".to_owned();
    }
    percent(real(of.failed) / real(of.requests))
}

/// The same for a fraction, with two digits that mean something.
pub fn percent(fraction: f64) -> String {
    let percent = 100.0 * fraction;
    let decimals = match percent {
        p if p >= 10.0 => 0,
        p if p >= 1.0 => 1,
        p if p >= 0.1 => 2,
        _ => 3,
    };
    let text = format!("{percent:.decimals$}");
    let plain = if decimals > 0 {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    format!("{plain} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weighed(than: Than, bad: Bad) -> Weighed {
        let counts = |requests, failed| Counts { requests, failed };
        Weighed {
            bad,
            stage: Pair {
                canary: counts(310, 14),
                baseline: counts(2790, 6),
            },
            before: Counts::default(),
            than,
            log_e: 213_f64.ln(),
            of_service: false,
        }
    }

    #[test]
    fn it_is_said_in_one_sentence_with_counts_rates_and_odds() {
        let one = weighed(Than::Baseline { times: 1.0 }, Bad::Failed);
        assert_eq!(
            one.to_string(),
            "canary 14 of 310 failed (4.5 %), stable 6 of 2790 (0.22 %): 210 to 1 that it is worse"
        );
        let before = Counts {
            requests: 4000,
            failed: 12,
        };
        assert_eq!(
            Weighed { before, ..one }.to_string(),
            "canary 14 of 310 failed (4.5 %; 12 of 4000 before), stable 6 of 2790 (0.22 %): 210 to 1 that it is worse"
        );
        let slow = weighed(Than::Baseline { times: 1.5 }, Bad::Slow);
        assert!(slow.to_string().contains("310 were slow (4.5 %)"), "{slow}");
        assert!(
            slow.to_string()
                .ends_with("that it is more than 1.5 times as slow"),
            "{slow}"
        );
        let over = weighed(Than::Limit { limit: 0.01 }, Bad::Failed);
        assert_eq!(
            over.to_string(),
            "canary 14 of 310 failed (4.5 %), limit 1 %: 210 to 1 that it is over it"
        );
        let of = Counts {
            requests: 9000,
            failed: 40,
        };
        let usual = weighed(Than::Usual { limit: 0.006, of }, Bad::Failed);
        assert!(
            usual.to_string().ends_with(
                "usual here 40 of 9000 (0.44 %): 210 to 1 that it is over the usual 0.6 %"
            ),
            "{usual}"
        );
    }

    #[test]
    fn where_nobody_knows_whose_answers_they_are_it_is_the_services_that_are_told() {
        let counts = |requests, failed| Counts { requests, failed };
        let all = Weighed {
            stage: Pair {
                canary: counts(112, 12),
                baseline: counts(0, 0),
            },
            of_service: true,
            ..weighed(Than::Limit { limit: 0.01 }, Bad::Failed)
        };
        let text = "12 of 112 of the service's answers failed (11 %), limit 1 %: 210 to 1 that it is over it";
        assert_eq!(all.to_string(), text);
    }

    #[test]
    fn odds_are_rounded_down_to_what_anybody_hears() {
        for (times, said) in [
            (0.001, "even"),
            (1.9, "even"),
            (2.0001, "2 to 1"),
            (200.0, "200 to 1"),
            (9.9, "9 to 1"),
            (10.001, "10 to 1"),
            (219.9, "210 to 1"),
            (999.0, "990 to 1"),
            (1001.0, "1,000 to 1"),
            (123_456.0, "120,000 to 1"),
            (1_000_001.0, "over a million to 1"),
        ] {
            assert_eq!(odds(f64::ln(times)), said, "{times}");
        }
        assert_eq!(odds(1e9), "over a million to 1");
        assert_eq!(odds(f64::NEG_INFINITY), "even");
    }

    #[test]
    fn rates_have_two_digits_that_mean_something() {
        let of = |failed, requests| rate(Counts { requests, failed });
        assert_eq!(of(0, 0), "–");
        assert_eq!(of(0, 10), "0 %");
        assert_eq!(of(10, 10), "100 %");
        assert_eq!(of(1, 3), "33 %");
        assert_eq!(of(14, 310), "4.5 %");
        assert_eq!(of(31, 100_000), "0.031 %");
    }
}
