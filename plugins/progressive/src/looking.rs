//! One look at both sides: probes, counters, the share.

use shared::log::{Level, Tone};
use shared::probe::probe_all;
use shared::record::Record;
use shared::split::Side;
use shared::tick::{self, Tick};

use crate::carry::Hands;
use crate::report::lines;
use crate::rollout::{Mode, Outcome, Span};
use crate::stage::Look;
use crate::{counting, rows, targets};

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
        let tick = |samples: Vec<_>| Tick {
            started,
            ended,
            judged: tick::judge_named(&samples, &rules.thresholds),
            samples,
        };
        let baseline = (!old.is_empty()).then(|| tick(old));
        let mut new = tick(samples);
        if let Some(many) = many {
            counting::hold(&mut new, many, rules);
        }
        let counts = self.counts(side, span, (&new, baseline.as_ref()), many);
        let look = Look::new(new, baseline, counts, self.mover.share());
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
            let row = rows::look(look, span, self.looks, &self.settings.plan);
            if let Err(why) = self.ledger.write(Record::Look(row)) {
                self.log
                    .line(Level::Debug, Tone::Faint, &format!("not written: {why}"));
            }
        }
        self.seen.push(look.new.clone());
        self.last = Some(look.clone());
    }
}
