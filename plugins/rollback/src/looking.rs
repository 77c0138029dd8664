//! Looks at what was gone back to, until the window is over.

use shared::clock::{Clock, Wake};
use shared::http::Http;
use shared::log::{Level, Log, Tone};
use shared::probe::{Probe, Target, probe_all};
use shared::record::{Record, Subject};
use shared::sample::Role;
use shared::signal::Cancel;
use shared::tick::{self, Tick};
use shared::verdict::Verdict;
use std::sync::Arc;

use crate::ledger::Ledger;
use crate::report::lines;
use crate::rows;
use crate::settings::Looking;
use crate::watch::{self, Next};

/// What one watch needs.
pub struct Eyes<'a> {
    /// What is looked at, and how long.
    pub looking: &'a Looking,
    /// HTTP.
    pub http: &'a Arc<Http>,
    /// The clock.
    pub clock: &'a dyn Clock,
    /// Ends it early.
    pub cancel: &'a Cancel,
    /// The log.
    pub log: &'a Log<'a>,
}

impl Eyes<'_> {
    /// Watches the window; nothing when the run was cancelled before it was over. Every look is written down as the
    /// subject's.
    pub fn watch(
        &self,
        ledger: &mut Ledger,
        subject: &Subject,
        seen: &mut Vec<Tick>,
    ) -> Option<Verdict> {
        let pace = (self.looking.interval, self.looking.window);
        let began = self.clock.elapsed();
        loop {
            let now = self.clock.elapsed();
            match watch::next(seen, &self.looking.thresholds, pace, began, now) {
                Next::Over(verdict) => return Some(verdict),
                Next::Sleep(wait) => {
                    if self.clock.sleep(wait) == Wake::Cancelled {
                        return None;
                    }
                }
                Next::Probe => {
                    let tick = self.look()?;
                    if let Some(line) = lines::look(seen.last(), &tick) {
                        let tone = if tick.judged.is_good() {
                            Tone::Good
                        } else {
                            Tone::Bad
                        };
                        self.log.line(Level::Info, tone, &line);
                    }
                    for sample in &tick.samples {
                        let mut row = rows::check(sample, &self.looking.thresholds);
                        row.checks_failed
                            .iter_mut()
                            .for_each(|text| *text = self.log.masked(text));
                        // A look that is written nowhere changes nothing about what was seen.
                        if let Err(why) = ledger.write(subject, Record::Check(row)) {
                            self.log.line(
                                Level::Debug,
                                Tone::Faint,
                                &format!("not written: {why}"),
                            );
                        }
                    }
                    seen.push(tick);
                }
            }
        }
    }

    fn look(&self) -> Option<Tick> {
        let probing = &self.looking.probing;
        let probe = |endpoint: &shared::endpoint::Endpoint| {
            Probe::Endpoint(Box::new(Target {
                timeout: probing.timeout,
                expect: probing.expect.clone(),
                ..Target::new(endpoint.clone(), Role::Health)
            }))
        };
        let probes: Vec<Probe> = probing.endpoints.iter().map(probe).collect();
        let started = self.clock.elapsed();
        let samples = probe_all(&probes, self.http, self.clock, self.cancel)?;
        Some(Tick {
            started,
            ended: self.clock.elapsed(),
            judged: tick::judge(&samples, &self.looking.thresholds),
            samples,
        })
    }
}
