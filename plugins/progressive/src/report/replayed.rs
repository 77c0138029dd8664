//! A replay as its reader sees it: a table of what was watched, as recorded and by the rules of now, and the verdict.

use jiff::Timestamp;
use shared::evidence::{Pair, rate};
use shared::exit::Exit;
use shared::page::Table;
use shared::split::{Counts, Share};
use shared::value::show_duration;

use crate::replay::{Course, End, Moment, Passage};
use crate::rollout::{Cause, Place, Way, What};
use crate::stage::Ended;

/// Counted by our own requests: these are nobody's clients.
const PROBES: &str = "probes";

/// A span a row. Its figures are by the rules of now, or as recorded where these never came to it.
pub fn table(recorded: &Course, now: &Course) -> Table {
    let rows: Vec<(&Passage, Option<&Passage>, Option<&Passage>)> = recorded
        .passages
        .iter()
        .map(|old| (old, Some(old), find(now, old)))
        .map(|(old, recorded, now)| (now.unwrap_or(old), recorded, now))
        .chain(
            now.passages
                .iter()
                .filter(|new| find(recorded, new).is_none())
                .map(|new| (new, None, Some(new))),
        )
        .collect();
    let runs = rows.iter().any(|(one, ..)| one.attempt > 1);
    let counted = rows.iter().any(|(one, ..)| one.summary.counts.is_some());
    let mut header = vec!["watched", "share", "looks", "failed"];
    header.extend(
        counted
            .then_some(["canary failed", "stable failed", "odds"])
            .into_iter()
            .flatten(),
    );
    header.extend(["as recorded", "now"]);
    let cells = |(figures, old, new): &(&Passage, Option<&Passage>, Option<&Passage>)| {
        let run = if runs {
            format!("run {}: ", figures.attempt)
        } else {
            String::new()
        };
        let summary = &figures.summary;
        let mut cells = vec![
            format!("{run}{}", name(figures)),
            share(figures),
            summary.looks.to_string(),
            summary.failed.to_string(),
        ];
        if counted {
            cells.push(side(summary.counts, |pair| pair.canary));
            cells.push(side(summary.counts, |pair| pair.baseline));
            let odds = summary.weighed.map(|weighed| weighed.odds());
            cells.push(odds.unwrap_or_else(none));
        }
        cells.push(old.map_or_else(none, |old| came_to(old, recorded)));
        cells.push(new.map_or_else(none, |new| came_to(new, now)));
        cells
    };
    Table {
        title: "replay".to_owned(),
        rows: rows.iter().map(cells).collect(),
        header: header.into_iter().map(str::to_owned).collect(),
    }
}

fn find<'c>(course: &'c Course, like: &Passage) -> Option<&'c Passage> {
    let mut passages = course.passages.iter();
    passages.find(|one| (one.attempt, one.what) == (like.attempt, like.what))
}

fn none() -> String {
    "–".to_owned()
}

fn name(passage: &Passage) -> String {
    match passage.what {
        What::First => "the canary alone".to_owned(),
        What::Stage(stage) => format!("stage {}", stage + 1),
        What::Promoted => "the stable side".to_owned(),
        What::Soak => "soak".to_owned(),
    }
}

fn share(passage: &Passage) -> String {
    match passage.what {
        What::Stage(_) => passage.summary.share.to_string(),
        What::First | What::Promoted | What::Soak => none(),
    }
}

fn side(counts: Option<Pair>, of: fn(Pair) -> Counts) -> String {
    let counts = counts.map(of).filter(|counts| counts.requests > 0);
    counts.map_or_else(none, |counts| {
        format!(
            "{} of {} ({})",
            counts.failed,
            counts.requests,
            rate(counts)
        )
    })
}

/// What a span came to, and when.
fn came_to(passage: &Passage, of: &Course) -> String {
    let is_last = of.passages.last() == Some(passage);
    let word = match passage.summary.ended {
        Ended::Passed => "passed",
        Ended::Failed => "FAILED",
        Ended::Inconclusive => "inconclusive",
        Ended::CutOff if is_last && matches!(of.end, End::RecordEnds { .. }) => "undecided",
        Ended::CutOff => "cut off",
    };
    let look = passage
        .look
        .map_or_else(String::new, |look| format!(", look {look}"));
    format!("{word} {}{look}", time(passage.at))
}

fn time(at: Timestamp) -> String {
    at.strftime("%H:%M:%SZ").to_string()
}

/// How it ended as it was recorded.
pub fn as_recorded(recorded: &Course, source: Option<&str>) -> String {
    let when = when(&recorded.at, source);
    match &recorded.end {
        End::Over { cause, .. } => {
            let came = came(&recorded.end);
            format!("as recorded it {came} {when}: {}", why(cause))
        }
        End::RecordEnds { what, share } => format!(
            "as recorded it ended in {} without a judgement, {when}: it was cancelled, aborted or killed, or something \
             ended it that no look shows",
            place(*what, *share)
        ),
    }
}

fn why(cause: &Cause) -> String {
    match cause {
        Cause::Success { warnings } if warnings.is_empty() => cause.to_string(),
        Cause::Success { .. } => format!("{cause}, but: {}", cause.why().join("; ")),
        Cause::DryRun => "the canary proved itself; a dry run watches no stage".to_owned(),
        other => other.why().join("; "),
    }
}

fn place(what: What, share: Option<Share>) -> Place {
    match what {
        What::First => Place::BeforeFirst,
        What::Stage(stage) => Place::Stage {
            number: stage + 1,
            share: share.unwrap_or(Share::ALL),
        },
        What::Promoted => Place::Promoted,
        What::Soak => Place::Soak,
    }
}

/// A moment in words.
fn when(moment: &Moment, source: Option<&str>) -> String {
    let since = moment.since_share;
    let since = since.map(|since| format!("{} after the first share", show_duration(since)));
    let look = moment.look.map(|look| format!("at look {look}"));
    let canary = moment.canary.filter(|requests| *requests > 0);
    let canary = canary.map(|requests| {
        if source == Some(PROBES) {
            format!("after {requests} requests of our own")
        } else {
            format!("when clients had sent it {requests} requests")
        }
    });
    let at = format!("at {}", time(moment.at));
    let parts: Vec<String> = [Some(at), since, look, canary]
        .into_iter()
        .flatten()
        .collect();
    parts.join(", ")
}

/// The last line, and how it ends.
pub fn verdict(recorded: &Course, now: &Course, source: Option<&str>) -> (Exit, String) {
    let (exit, word) = word(&now.end);
    let when = when(&now.at, source);
    let text = match &now.end {
        End::Over { cause, .. } => {
            let beside = beside(recorded, now);
            format!("{}; {when}{beside}", why(cause))
        }
        End::RecordEnds { what, share } => {
            let beyond = match &recorded.end {
                End::Over { cause, .. } if !matches!(cause, Cause::Success { .. }) => {
                    " it would not have ended there, and"
                }
                _ => "",
            };
            format!(
                "the record ends {when}: by these rules{beyond} {} would have been watched on",
                place(*what, *share)
            )
        }
    };
    let next = next(recorded, now).map_or_else(String::new, |next| format!(". Next: {next}"));
    (exit, format!("{word} (exit {}): {text}{next}", exit.code()))
}

fn word(end: &End) -> (Exit, &'static str) {
    let End::Over { cause, way } = end else {
        return (Exit::Inconclusive, "UNDECIDED");
    };
    let word = match (cause, way) {
        (Cause::Success { warnings }, _) if !warnings.is_empty() => "WOULD PASS WITH WARNINGS",
        (Cause::Success { .. } | Cause::DryRun, _) => "WOULD PASS",
        (Cause::Inconclusive { .. }, _) => "WOULD BE INCONCLUSIVE",
        (_, Way::Back) => "WOULD ROLL BACK",
        (_, Way::Nothing | Way::Hold | Way::Leave | Way::Accept) => "WOULD FAIL",
    };
    (cause.exit(), word)
}

/// How that compares with what was recorded.
fn beside(recorded: &Course, now: &Course) -> String {
    let (End::Over { .. }, (_, old), (_, new)) =
        (&recorded.end, word(&recorded.end), word(&now.end))
    else {
        return String::new();
    };
    let was = if old == new {
        String::new()
    } else {
        format!(", where it was recorded that it {}", came(&recorded.end))
    };
    let (before, after) = (recorded.at.at, now.at.at);
    let apart = before.duration_since(after);
    let apart = show_duration(apart.unsigned_abs());
    if recorded.at == now.at && was.is_empty() {
        ": as recorded".to_owned()
    } else if recorded.at.at == now.at.at {
        was
    } else if after < before {
        format!(": {apart} sooner than recorded{was}")
    } else {
        format!(": {apart} later than recorded{was}")
    }
}

fn came(end: &End) -> &'static str {
    match end {
        End::Over { cause, way } => match (cause, way) {
            (Cause::Success { .. } | Cause::DryRun, _) => "passed",
            (Cause::Inconclusive { .. }, _) => "was inconclusive",
            (_, Way::Back) => "was rolled back",
            _ => "failed",
        },
        End::RecordEnds { .. } => "ended without a judgement",
    }
}

fn next(recorded: &Course, now: &Course) -> Option<&'static str> {
    let passes = |end: &End| word(end).0 == Exit::Passed;
    let (before, after) = (&recorded.end, &now.end);
    match after {
        End::RecordEnds { .. } => {
            Some("try these settings on a rollout that went further, or roll out with them")
        }
        End::Over {
            cause: Cause::Inconclusive { .. },
            ..
        } => Some("longer stages, more traffic or fewer min_samples would decide it"),
        End::Over { .. } if matches!(before, End::RecordEnds { .. }) => None,
        End::Over { .. } => match (passes(before), passes(after)) {
            (true, false) => Some(
                "see whether the version was bad; if it was well, these settings are too strict",
            ),
            (false, true) => {
                Some("see whether the version was bad; if it was, these settings are too loose")
            }
            (false, false) if now.at.at < recorded.at.at => {
                Some("if sooner is what you want, set these settings in the step or the policy")
            }
            (false, false) if now.at.at > recorded.at.at => {
                Some("if sooner is what you want, keep what was recorded")
            }
            _ => None,
        },
    }
}
