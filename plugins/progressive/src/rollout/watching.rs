//! Watching a version: the next look, drift, and what the looks so far lead to.

use std::time::Duration;

use shared::intent::At;
use shared::reason::Reason;
use shared::split::Share;

use super::step::Step;
use super::{Cause, OnInconclusive, Phase, Place, Reach, Span, Turn, What, Write};
use crate::stage::{Call, Ended, Look, Rule, Summary};

/// A traffic manager that reloads is out of reach for a moment, so one look is not enough to give it up; nor is it
/// waited for longer than this, whatever the thresholds allow the version.
const UNREAD_MIN: u32 = 2;
const UNREAD_MAX: u32 = 10;
/// A share that somebody raises is set back so often; who goes on wants something else than this rollout.
const DRIFTS_MAX: u32 = 3;

impl Turn<'_> {
    /// The next look, or the wait for it.
    pub(super) fn watch(&self, span: &Span) -> Step {
        if let Some(note) = self.note() {
            return note;
        }
        let rules = &self.plan.rules;
        if span.watch.due(rules) <= self.now {
            return Step::Look(self.side(span.what));
        }
        let wakes = span.watch.wakes(rules, self.now).min(self.plan.deadline);
        Step::Sleep(wakes.saturating_sub(self.now))
    }

    pub(super) fn looked(&mut self, mut span: Span, mut look: Look) -> Phase {
        self.state.proven = look.proves_version();
        let found = look.share.as_ref().ok().copied();
        self.learn(span.what, &span.watch, &mut look);
        span.watch.push(look);
        let drift = self
            .expected(span.what)
            .zip(found)
            .filter(|(expected, found)| expected != found);
        match drift {
            Some((expected, found)) => self.drifted(span, expected, found),
            None => self.weigh(span),
        }
    }

    /// Towards stable is accepted, whoever did it; towards the canary is set back.
    fn drifted(&mut self, span: Span, expected: Share, found: Share) -> Phase {
        if found < expected {
            self.state.share = Some(found);
            self.close(&span, Ended::CutOff);
            return self.conclude(Cause::Withdrawn { expected, found });
        }
        if self.state.drifts < DRIFTS_MAX && self.movable {
            self.state.drifts += 1;
            let is_journalled = self.state.reach >= Reach::Written;
            if !is_journalled {
                self.state.intent.at = At::Moving { to: expected };
            }
            return Phase::Correcting {
                span,
                to: expected,
                is_journalled,
            };
        }
        self.state.share = Some(found);
        self.close(&span, Ended::CutOff);
        self.conclude(Cause::Pushed { expected, found })
    }

    /// The step of setting a share back.
    pub(super) fn correct(&self, what: What, share: Share, is_journalled: bool) -> Step {
        if is_journalled {
            let stage = self.stage_number(what);
            Step::Set { share, stage }
        } else {
            Step::Journal(Box::new(self.state.intent.clone()))
        }
    }

    /// It is journalled, or set back.
    pub(super) fn corrected(&mut self, span: Span, to: Share, was_journalled: bool) -> Phase {
        if was_journalled {
            self.state.share = Some(to);
            return self.weigh(span);
        }
        self.state.reach = self.state.reach.max(Reach::Written);
        Phase::Correcting {
            span,
            to,
            is_journalled: true,
        }
    }

    /// What the looks so far lead to.
    pub(super) fn weigh(&mut self, span: Span) -> Phase {
        match span.what {
            What::First | What::Promoted => self.weigh_proof(span),
            What::Stage(stage) => {
                let latest = self.plan.latest(stage);
                self.weigh_span(span, latest)
            }
            What::Soak => {
                let latest = self.plan.latest(self.plan.stages.all().len());
                self.weigh_span(span, latest + self.plan.soak)
            }
        }
    }

    /// Good answers in a row are asked for, within a time.
    fn weigh_proof(&mut self, span: Span) -> Phase {
        let needed = self.plan.healthy_threshold.max(1);
        let good = span.watch.good_in_a_row();
        let readable = span.watch.unread_in_a_row().is_none();
        if good >= needed && (readable || !self.movable) {
            return if self.movable {
                self.proved(span.what)
            } else {
                Phase::Watching(span)
            };
        }
        let place = self.place(span.what);
        // Failures on the way are what a starting service does; only a failed integrity check ends it.
        let call = span.watch.call(&self.plan.rules, self.now, Duration::MAX);
        if let Call::Bad {
            rule: rule @ Rule::Integrity,
            reasons,
        } = call
        {
            return self.conclude(Cause::Bad {
                place,
                rule,
                reasons,
            });
        }
        if let Some(cause) = self.unreadable(&span) {
            return self.conclude(cause);
        }
        if self.now < span.watch.opened + self.plan.proving_max || !readable {
            return Phase::Watching(span);
        }
        let last = span.watch.seen().last();
        let mut reasons: Vec<Reason> =
            last.map_or_else(Vec::new, |look| look.new.judged.reasons().to_vec());
        reasons.push(Reason::NotSettled { good, needed });
        let rule = Rule::NeverGood;
        self.conclude(Cause::Bad {
            place,
            rule,
            reasons,
        })
    }

    fn proved(&mut self, what: What) -> Phase {
        if what == What::Promoted {
            self.enter(Write::Return)
        } else if self.plan.is_dry() {
            let settles = self.state.would_settle.take();
            self.said(0, settles)
        } else {
            self.stage(0)
        }
    }

    fn weigh_span(&mut self, span: Span, latest: Duration) -> Phase {
        let place = self.place(span.what);
        // Whoever does not know where the traffic is judges something else than it thinks.
        let readable = span.watch.unread_in_a_row().is_none();
        let may_go_on = self.movable && readable && !span.watch.seen().is_empty();
        let call = span.watch.call(&self.plan.rules, self.now, latest);
        if let (false, Some(cause)) = (matches!(call, Call::Bad { .. }), self.unreadable(&span)) {
            self.close(&span, Ended::CutOff);
            return self.conclude(cause);
        }
        match call {
            Call::Passed { warnings } if may_go_on => {
                self.warn(warnings);
                self.passed(span, Ended::Passed)
            }
            Call::Bad { rule, reasons } => {
                self.close(&span, Ended::Failed);
                self.conclude(Cause::Bad {
                    place,
                    rule,
                    reasons,
                })
            }
            Call::Inconclusive { reasons }
                if self.plan.on_inconclusive == OnInconclusive::Promote && may_go_on =>
            {
                self.warn(reasons);
                self.passed(span, Ended::Inconclusive)
            }
            Call::Inconclusive { reasons }
                if self.plan.on_inconclusive != OnInconclusive::Promote =>
            {
                self.close(&span, Ended::Inconclusive);
                self.conclude(Cause::Inconclusive { place, reasons })
            }
            // Good enough to go on, but the lease cannot be renewed, or the share not be read: watching goes on instead.
            Call::Wait | Call::Passed { .. } | Call::Inconclusive { .. } => Phase::Watching(span),
        }
    }

    /// As many looks in a row as a bad version gets have not told where the traffic is: nobody knows what is judged.
    fn unreadable(&self, span: &Span) -> Option<Cause> {
        let allowed = self.plan.rules.thresholds.consecutive_failures;
        let (times, detail) = span.watch.unread_in_a_row()?;
        (times >= allowed.clamp(UNREAD_MIN, UNREAD_MAX)).then(|| Cause::Unreadable {
            place: self.place(span.what),
            times,
            detail: detail.to_owned(),
        })
    }

    /// Each warning once, from whichever stage.
    fn warn(&mut self, warnings: Vec<Reason>) {
        for warning in warnings {
            if !self.state.warnings.contains(&warning) {
                self.state.warnings.push(warning);
            }
        }
    }

    fn passed(&mut self, span: Span, ended: Ended) -> Phase {
        match span.what {
            What::Stage(_) => {
                self.close(&span, ended);
                Phase::Recording(span)
            }
            What::First | What::Promoted | What::Soak => self.succeed(),
        }
    }

    /// The stage is recorded: on to the next, if the lease still allows it.
    pub(super) fn recorded(&mut self, span: Span) -> Phase {
        self.state.unrecorded_stage = None;
        let What::Stage(stage) = span.what else {
            return self.succeed();
        };
        if !self.movable {
            return Phase::Watching(span);
        }
        if stage + 1 < self.plan.stages.all().len() {
            self.stage(stage + 1)
        } else {
            self.finish()
        }
    }

    /// Keeps the figures of a stage that is over. A stage that had to be watched longer replaces its own figures.
    fn close(&mut self, span: &Span, ended: Ended) {
        let What::Stage(stage) = span.what else {
            return;
        };
        let (number, share) = (stage + 1, self.share_of(stage));
        let summary = Summary::of(number, share, &span.watch, ended, self.now);
        self.state.results.retain(|old| old.number != number);
        self.state.results.push(summary.clone());
        self.state.unrecorded_stage = Some(summary);
    }

    /// Keeps the figures of a stage that something else ends.
    pub(super) fn cut_off(&mut self) {
        if let Phase::Watching(span) | Phase::Correcting { span, .. } = &self.state.phase {
            let span = span.clone();
            self.close(&span, Ended::CutOff);
        }
    }

    pub(super) fn in_outage(&self) -> bool {
        matches!(&self.state.phase, Phase::Watching(span) if span.watch.in_outage())
    }

    fn place(&self, what: What) -> Place {
        match what {
            What::First => Place::BeforeFirst,
            What::Stage(stage) => Place::Stage {
                number: stage + 1,
                share: self.share_of(stage),
            },
            What::Promoted => Place::Promoted,
            What::Soak => Place::Soak,
        }
    }
}
