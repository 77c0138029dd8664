//! What was learned from the environment's history, in words.

use std::time::Duration;

use shared::evidence::{Rule, percent, rate};
use shared::split::Counts;
use shared::value::{show_duration, show_number};

/// How much failures are taken to come in bursts. `windows`: how many the history has.
pub fn bursts(icc: f64, guess: f64, windows: usize) -> String {
    if (icc - guess).abs() < 1e-9 {
        return format!(
            "bursts: a correlation of {} is allowed for; the {windows} windows of the history do not rule it out",
            show_number(guess)
        );
    }
    format!(
        "bursts: failures go together with a correlation of at most {icc:.4}, by {windows} windows of the history"
    )
}

/// What was seen, what follows from it, and which of both limits holds. `usual`: the rate up to which it was usual, a
/// fraction; `troubles`: how often something was wrong that is left out.
pub fn usual(
    (of, usual): (Counts, f64),
    troubles: usize,
    span: Duration,
    rule: &Rule,
    source: &str,
) -> String {
    let left_out = match troubles {
        0 => String::new(),
        1 => ", a time at which something was wrong left out".to_owned(),
        more => format!(", {more} times at which something was wrong left out"),
    };
    let allowed = if rule.allowed_factor > 1.0 {
        let times = show_number(rule.allowed_factor);
        format!(", of which {times} times as much is allowed")
    } else {
        String::new()
    };
    let holds = if rule.is_stricter_than(usual) {
        format!(
            "the limit of {} is stricter, and holds where the stable side has no requests of its own",
            percent(rule.limit)
        )
    } else {
        "that is the baseline where the stable side has no requests of its own".to_owned()
    };
    format!(
        "history: in the last {} {} of {} requests failed ({}){left_out}, so that up to {} is usual here{allowed}: \
         {holds} ({source})",
        show_duration(span),
        of.failed,
        of.requests,
        rate(of),
        percent(usual),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[test]
    fn the_stricter_of_what_was_usual_and_the_limit_is_said_to_hold() {
        let seen = |failed, rate, troubles, rule: &Rule| {
            let of = Counts {
                requests: 12_274,
                failed,
            };
            usual((of, rate), troubles, DAY, rule, "haproxy")
        };
        let rule = Rule::DEFAULT;
        assert_eq!(
            seen(169, 0.016, 0, &rule),
            "history: in the last 1d 169 of 12274 requests failed (1.4 %), so that up to 1.6 % is usual here: the limit \
             of 1 % is stricter, and holds where the stable side has no requests of its own (haproxy)"
        );
        assert_eq!(
            seen(40, 0.0046, 1, &rule),
            "history: in the last 1d 40 of 12274 requests failed (0.33 %), a time at which something was wrong left out, \
             so that up to 0.46 % is usual here: that is the baseline where the stable side has no requests of its own \
             (haproxy)"
        );
        let twice = Rule {
            allowed_factor: 2.0,
            ..rule
        };
        let text = seen(40, 0.0046, 3, &twice);
        assert!(
            text.contains("3 times at which something was wrong"),
            "{text}"
        );
        assert!(
            text.contains("usual here, of which 2 times as much is allowed: that is"),
            "{text}"
        );
        assert!(seen(40, 0.0056, 0, &twice).contains("the limit of 1 % is stricter"));
    }

    #[test]
    fn bursts_are_said_as_they_were_learned_or_guessed() {
        assert_eq!(
            bursts(0.0031, 0.02, 300),
            "bursts: failures go together with a correlation of at most 0.0031, by 300 windows of the history"
        );
        assert_eq!(
            bursts(0.02, 0.02, 31),
            "bursts: a correlation of 0.02 is allowed for; the 31 windows of the history do not rule it out"
        );
    }
}
