//! One look at both sides: probes, counters, the share.

use shared::log::{Level, Tone};
use shared::probe::probe_all;
use shared::record::Record;
use shared::split::Side;
use shared::tick::Tick;

use crate::carry::Hands;
use crate::report::lines;
use crate::rollout::{Mode, Outcome, Outline, Span, What};
use crate::stage::{Look, judged};
use crate::{rows, targets};

impl Hands<'_> {
    /// Looks at the version on a side; it ends when the run is cancelled.
    pub(crate) fn look(&mut self, side: Side, span: &Span) -> Outcome {
        let (sources, rules) = (&self.settings.sources, &self.settings.plan.rules);
        let started = self.clock.elapsed();
        let (places, carries_all) = (self.mover.places(), self.mover.carries_all(side));
        let mut probes = targets::new_version(sources, side, places, carries_all);
        let of_new = probes.len();
        probes.extend(targets::baseline(sources, side, places));
        let clock = &**self.clock;
        let Some(mut samples) = probe_all(&probes, &self.http, clock, self.cancel) else {
            return Outcome::Slept;
        };
        let Ok(many) = self.ask_much(side, span) else {
            return Outcome::Slept;
        };
        let old = samples.split_off(of_new);
        let ended = self.clock.elapsed();
        let burst = many.map(|many| many.of_new());
        let tick = |samples: Vec<_>, burst| Tick {
            started,
            ended,
            judged: judged(&samples, burst, rules),
            samples,
        };
        let baseline = (!old.is_empty()).then(|| tick(old, None));
        let new = tick(samples, burst);
        let counts = self.counts(side, span, (&new, baseline.as_ref()), many);
        let (counts, uncounted) = match counts {
            Some(Ok(counted)) => (Some(counted), None),
            Some(Err(why)) if matches!(span.what, What::Stage(_)) => (None, Some(why)),
            Some(Err(_)) | None => (None, None),
        };
        let mut look = Look {
            uncounted,
            burst,
            ..Look::new(new, baseline, counts, self.mover.share())
        };
        span.watch.relate(&mut look);
        self.keep(&look, span);
        Outcome::Looked(Box::new(look))
    }

    fn keep(&mut self, look: &Look, span: &Span) {
        if let Some(line) = lines::look(self.last.as_ref(), look) {
            let tone = if look.new.judged.is_good() {
                Tone::Good
            } else {
                Tone::Bad
            };
            self.say(tone, &line);
        }
        if !self.settings.plan.is_dry() {
            for sample in &look.new.samples {
                let row = rows::check(sample, &self.settings.plan.rules.thresholds);
                if let Err(why) = self.ledger.write(Record::Check(row)) {
                    self.log
                        .line(Level::Debug, Tone::Faint, &format!("not written: {why}"));
                }
            }
        }
        if self.settings.plan.mode != (Mode::Dry { record: false }) {
            self.looks += 1;
            let (plan, counting) = (&self.settings.plan, &self.settings.counting);
            let outline = Outline::of(plan, counting.slow_over, counting.knows_usual);
            let row = rows::look(look, span, self.looks, plan, outline);
            if let Err(why) = self.ledger.write(Record::Look(row)) {
                self.log
                    .line(Level::Debug, Tone::Faint, &format!("not written: {why}"));
            }
        }
        self.seen.push(look.new.clone());
        self.last = Some(look.clone());
    }
}
