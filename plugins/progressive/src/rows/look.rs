//! The row of one look.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::evidence::Pair;
use shared::record;
use shared::split::{Counts, Served};

use crate::rollout::{Outline, Plan, Span, What};
use crate::stage::{Look, Rules};

/// The row of one look, with all that it takes to judge it again.
pub fn look(look: &Look, span: &Span, number: i32, plan: &Plan, outline: Outline) -> record::Look {
    let (what, stage) = words(span.what);
    let served = |side: fn(Pair) -> Counts| {
        let counts = look.counts.as_ref()?;
        let failed = side(counts.failed.pair());
        let slow = counts.slow.map(|slow| side(slow.pair()).failed);
        Some(Served {
            requests: failed.requests,
            failed: failed.failed,
            slow,
        })
    };
    let kept = Kept {
        look: look.clone(),
        opened: span.watch.opened,
        wait: span.watch.wait,
        rules: plan.rules.clone(),
        outline,
    };
    record::Look {
        stage: i32::try_from(stage).unwrap_or(i32::MAX),
        what: what.to_owned(),
        number,
        traffic_percentage: look
            .share
            .as_ref()
            .ok()
            .map(|share| i32::from(share.percent())),
        source: look.counts.as_ref().map(|counts| counts.source.clone()),
        stable: served(|pair| pair.baseline),
        canary: served(|pair| pair.canary),
        seen: serde_json::to_value(kept).unwrap_or_default(),
        dry_run: plan.is_dry(),
    }
}

/// What the records keep of a look, whole: `seen` of its row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// What was seen; not weighed yet.
    pub look: Look,
    /// When its span began, since the run began.
    pub opened: Duration,
    /// How long that was to last.
    pub wait: Duration,
    /// What it was judged by.
    pub rules: Rules,
    /// What was planned.
    pub outline: Outline,
}

/// How a row says what was watched, with the stage from 1; 0 where it is none.
fn words(what: What) -> (&'static str, usize) {
    match what {
        What::First => ("first", 0),
        What::Stage(place) => ("stage", place + 1),
        What::Promoted => ("promoted", 0),
        What::Soak => ("soak", 0),
    }
}

/// What the words of a row say was watched; `None` where they say nothing that this version knows.
pub fn watched(what: &str, stage: i32) -> Option<What> {
    let place = usize::try_from(stage).ok().and_then(|n| n.checked_sub(1));
    match (what, place) {
        ("first", None) => Some(What::First),
        ("stage", Some(place)) => Some(What::Stage(place)),
        ("promoted", None) => Some(What::Promoted),
        ("soak", None) => Some(What::Soak),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use shared::evidence::{Against, Counted, Window};
    use shared::split::Share;
    use shared::tick::{Judged, Tick};

    use super::*;

    #[test]
    fn a_look_is_troubled_where_the_old_version_was_known_to_be_ill() {
        use crate::rollout::some_plan;
        use crate::stage::Watch;

        let plan = some_plan();
        let span = Span {
            what: What::Stage(0),
            watch: Watch::open(Duration::ZERO, Duration::from_secs(60)),
        };
        let told = |baseline: Judged, failed| {
            let tick = |judged| Tick {
                started: Duration::ZERO,
                ended: Duration::ZERO,
                samples: Vec::new(),
                judged,
            };
            let good = tick(Judged::Good {
                warnings: Vec::new(),
            });
            let counts = |requests, failed| Counts { requests, failed };
            let pair = Pair {
                canary: counts(10, 0),
                baseline: counts(900, failed),
            };
            let limits = &plan.rules.thresholds;
            let window = Window::Beside(pair);
            let counted = Counted::new("haproxy", window, None, Against::Beside, limits);
            let seen = Look::new(good, Some(tick(baseline)), Some(counted), Ok(Share::NONE));
            let outline = Outline::of(&plan, None, false);
            look(&seen, &span, 1, &plan, outline).is_troubled()
        };
        let well = || Judged::Good {
            warnings: Vec::new(),
        };
        let reasons = Vec::new;
        assert!(!told(well(), 3));
        assert!(told(well(), 400));
        assert!(told(Judged::Bad { reasons: reasons() }, 3));
        assert!(told(Judged::Critical { reasons: reasons() }, 3));
    }

    #[test]
    fn what_was_watched_comes_back_from_its_words() {
        for what in [
            What::First,
            What::Stage(0),
            What::Stage(7),
            What::Promoted,
            What::Soak,
        ] {
            let (word, stage) = words(what);
            assert_eq!(watched(word, i32::try_from(stage).unwrap()), Some(what));
        }
        for (word, stage) in [("stage", 0), ("stage", -1), ("soak", 1), ("later", 0)] {
            assert_eq!(watched(word, stage), None, "{word} {stage}");
        }
    }
}
