//! One look at both sides: probes, counters, the share.

use shared::evidence::{Against, Counted, Window};
use shared::log::{Level, Tone};
use shared::probe::probe_all;
use shared::record::Record;
use shared::split::Side;
use shared::tick::{self, Tick};

use crate::carry::Hands;
use crate::report::lines;
use crate::rollout::Outcome;
use crate::stage::Look;
use crate::{rows, targets};

impl Hands<'_> {
    /// Looks at the version on a side; it ends when the run is cancelled.
    pub(crate) fn look(&mut self, side: Side) -> Outcome {
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
        let old = samples.split_off(of_new);
        let ended = self.clock.elapsed();
        let tick = |samples: Vec<_>| Tick {
            started,
            ended,
            judged: tick::judge_named(&samples, &rules.thresholds),
            samples,
        };
        let baseline = (!old.is_empty()).then(|| tick(old));
        let counts = self.counts(side);
        let look = Look::new(tick(samples), baseline, counts, self.mover.share());
        self.keep(&look);
        Outcome::Looked(Box::new(look))
    }

    /// What was counted since the look before. HAProxy tells how long answers take on average and not how many take
    /// too long: no average is a count, so that nobody says how many were slow.
    fn counts(&mut self, side: Side) -> Option<Counted> {
        let pair = self.mover.counts(side)?;
        Some(Counted::new(
            self.mover.name(),
            Window::Beside(pair),
            None,
            Against::Beside,
            &self.settings.plan.rules.thresholds,
        ))
    }

    fn keep(&mut self, look: &Look) {
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
        self.seen.push(look.new.clone());
        self.last = Some(look.clone());
    }
}
