//! The record as the world in which a rollout is played: what was seen is seen again, every write takes effect, and time
//! passes as it did.

use std::time::Duration;

use shared::evidence::Trials;
use shared::intent::{At, Intent};
use shared::split::{Share, Snapshot};

use super::record::{Attempt, Seen, Stretch};
use crate::rollout::{Facts, Guards, Lease, Outcome, Plan, Reading, Span, Step, Taken, What};
use crate::stage::{Evidence, Look, Rules, Watch, judged};

/// One run as it was recorded, and how far it is played.
pub(super) struct World<'a> {
    attempt: &'a Attempt,
    plan: &'a Plan,
    /// Whether the history's word on bursts still holds.
    keeps_icc: bool,
    past: Option<Intent>,
    pub(super) now: Duration,
    /// The stretch that is watched, by its place.
    place: usize,
    /// How many of its looks were seen.
    seen: usize,
    /// What was seen of it, for the figures.
    pub(super) watch: Option<Watch>,
    /// The last look that was seen at all.
    pub(super) last: Option<&'a Seen>,
    /// Requests that were counted of the canary's clients; absent where nobody counted.
    pub(super) canary: Option<u64>,
    /// When the canary got its first share.
    pub(super) first_share: Option<Duration>,
}

impl<'a> World<'a> {
    /// A run before it begins. `evidence` is what an earlier run of the same deployment left.
    pub(super) fn new(
        attempt: &'a Attempt,
        plan: &'a Plan,
        keeps_icc: bool,
        evidence: Option<Box<Trials>>,
    ) -> Self {
        let past = Intent {
            at: At::Closed,
            evidence,
            ..Intent::begun(&plan.deployment_id, plan.commit.as_deref())
        };
        Self {
            attempt,
            plan,
            keeps_icc,
            past: past.evidence.is_some().then_some(past),
            now: Duration::ZERO,
            place: 0,
            seen: 0,
            watch: None,
            last: None,
            canary: None,
            first_share: None,
        }
    }

    pub(super) fn facts(&self, outcome: Outcome) -> Facts {
        Facts {
            now: self.now,
            cancelled: false,
            abort: None,
            lease: Lease::Good,
            outcome,
        }
    }

    /// Goes to where this span was watched, and makes it begin when that did, however much sooner these rules come to it.
    /// Not so where it was not watched: then the record ends before it.
    pub(super) fn open(&mut self, span: &mut Span) -> bool {
        let from = self.place + usize::from(self.seen > 0);
        let stretches = self.attempt.stretches.iter().enumerate().skip(from);
        let mut wanted = stretches.filter(|(_, stretch)| stretch.what == span.what);
        let Some((place, stretch)) = wanted.next() else {
            return false;
        };
        (self.place, self.seen) = (place, 0);
        self.now = stretch.opened;
        let watch = Watch::open(stretch.opened, stretch.wait);
        span.watch = watch.clone();
        self.watch = Some(watch);
        if let What::Stage(stage) = span.what
            && self.share(stage) > Share::NONE
        {
            self.first_share.get_or_insert(stretch.opened);
        }
        true
    }

    pub(super) fn share(&self, stage: usize) -> Share {
        let stages = self.plan.stages.all();
        stages.get(stage).map_or(Share::ALL, |stage| stage.share)
    }

    /// What a step comes to; nothing where that was not recorded.
    pub(super) fn outcome(&mut self, step: &Step) -> Option<Outcome> {
        Some(match step {
            Step::Preflight => Outcome::Preflight(Ok(Guards::default())),
            Step::Acquire => Outcome::Lease(Taken::Unneeded),
            Step::LookBack => Outcome::Past(Ok(self.past.take())),
            Step::ReadTraffic { .. } => Outcome::Traffic(Ok(Reading {
                share: Some(Share::NONE),
                snapshot: Snapshot {
                    manager: "record".to_owned(),
                    share: Share::NONE,
                    detail: serde_json::Value::Null,
                },
            })),
            Step::Look(_) => return self.look(),
            Step::Sleep(wait) => {
                let wakes = self.now + *wait;
                if self
                    .ahead()
                    .is_some_and(|seen| seen.look.new.started < wakes)
                {
                    return self.look();
                }
                self.now = wakes;
                Outcome::Slept
            }
            Step::Pause(_) => Outcome::Slept,
            Step::Journal(_)
            | Step::Hook { .. }
            | Step::Set { .. }
            | Step::Restore(_)
            | Step::Drain { .. }
            | Step::Flags(_)
            | Step::Record(_)
            | Step::Succeed { .. }
            | Step::Incident
            | Step::Recover(_)
            | Step::Notify
            | Step::Release
            | Step::Say(_)
            | Step::Finish(_) => Outcome::Done,
        })
    }

    fn stretch(&self) -> Option<&'a Stretch> {
        self.attempt.stretches.get(self.place)
    }

    /// The next look of what is watched.
    fn ahead(&self) -> Option<&'a Seen> {
        self.stretch()?.looks.get(self.seen)
    }

    fn look(&mut self) -> Option<Outcome> {
        let (seen, what) = (self.ahead()?, self.stretch()?.what);
        self.seen += 1;
        self.last = Some(seen);
        let mut look = anew(&seen.look, &self.plan.rules, self.keeps_icc);
        self.now = self.now.max(look.new.ended);
        // Before the first share and at a promote nobody but the probes comes to the version.
        let counts = look
            .counts
            .as_ref()
            .filter(|_| matches!(what, What::Stage(_) | What::Soak));
        if let Some(counts) = counts {
            let all = self.canary.get_or_insert(0);
            *all = all.saturating_add(counts.failed.pair().canary.requests);
        }
        if let Some(watch) = &mut self.watch {
            watch.relate(&mut look);
            watch.push(look.clone());
        }
        Some(Outcome::Looked(Box::new(look)))
    }
}

/// The same look, judged by these rules from what was measured.
fn anew(look: &Look, rules: &Rules, keeps_icc: bool) -> Look {
    let mut look = Look {
        evidence: Evidence::Silent,
        weighed: None,
        ..look.clone()
    };
    look.new.judged = judged(&look.new.samples, look.burst, rules);
    if let Some(old) = &mut look.baseline {
        old.judged = judged(&old.samples, None, rules);
    }
    if let Some(counts) = &mut look.counts {
        counts.judge(&rules.thresholds);
        counts.icc = counts.icc.filter(|_| keeps_icc);
    }
    look
}
