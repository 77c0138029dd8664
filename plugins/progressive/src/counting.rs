//! What was counted since the look before, by whoever counts.

mod recalling;

use shared::evidence::{self, Against, Counted, Pair, Window};
use shared::log::Tone;
use shared::metrics::counters::{Counters, Sides};
use shared::probe::{self, Burst, Heard, Target};
use shared::reason::Reason;
use shared::sample::Role;
use shared::split::{Counts, Served, Share, Side};
use shared::tally::{self, Totals};
use shared::tick::Tick;

use crate::carry::Hands;
use crate::rollout::{Span, What};
use crate::settings::{CountBy, Settings};
use crate::stage::burst;
use crate::targets::{self, Places};
use crate::unnamed::Unnamed;

/// A burst at one look may take this long at most before it ends by itself.
const BURST_MAX: std::time::Duration = std::time::Duration::from_secs(30);

/// What is remembered from look to look.
#[derive(Default)]
pub struct Counting {
    counters: Option<Counters>,
    /// What the new version and the old one said last that they had counted.
    totals: [Option<Totals>; 2],
    /// What the service answered before the first share.
    before: Vec<Counts>,
    /// Its failures that named no version.
    unnamed: Unnamed,
    /// Whether it was said that these count against the new version.
    charges: bool,
    /// What was usual in this environment, as the records say.
    usual: Option<Against>,
    /// How much failures came in bursts.
    icc: Option<f64>,
    /// What was said of a source that does not answer.
    silent: Option<String>,
}

/// The run was cancelled meanwhile.
#[derive(Debug)]
pub(crate) struct Cancelled;

/// What a look's own requests came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Probed {
    new: Heard,
    old: Option<Heard>,
}

impl Probed {
    /// All of those at the new version, or at the service.
    pub(crate) fn of_new(&self) -> Counts {
        self.new.all().failures()
    }
}

impl Hands<'_> {
    /// The traffic was changed: what belongs to the time before it is not counted.
    pub(crate) fn begin_counting(&mut self) {
        self.counting.totals = [None, None];
        if let CountBy::Prometheus(_) = &self.settings.counting.by {
            let places = self.mover.places();
            let settings = self.settings;
            let counters = self.counting.counters.take();
            let mut counters = counters.or_else(|| counters_of(settings, places));
            if let Some(counters) = &mut counters {
                counters.begin(self.clock.elapsed());
                // What was scraped until now is the time before.
                let asked = counters.window(&self.http, self.clock.elapsed());
                if let Err(why) = asked {
                    self.log.warn(&format!("prometheus: {why}"));
                }
            }
            self.counting.counters = counters;
        }
    }

    /// Who counts; absent where nobody does.
    fn source(&self) -> Option<&'static str> {
        match &self.settings.counting.by {
            CountBy::Nobody => None,
            CountBy::Traffic => Some(self.mover.name()),
            other => other.word(),
        }
    }

    /// The requests that a look makes itself, where they are counted; absent when the run is cancelled.
    pub(crate) fn ask_much(&self, side: Side, span: &Span) -> Result<Option<Probed>, Cancelled> {
        let (sources, places) = (&self.settings.sources, self.mover.places());
        let (new, old) = targets::bursts(sources, side, places);
        let counts = matches!(self.settings.counting.by, CountBy::Probes);
        let Some(new) = new.filter(|_| counts) else {
            return Ok(None);
        };
        let rules = &self.settings.plan.rules;
        let wait = span.watch.wait;
        let requests = match (span.what, targets::has_own(sources, side, places)) {
            (What::First | What::Promoted, true) => 1,
            (_, true) => burst::own(wait, rules),
            (What::First, false) => {
                let first = self.settings.plan.stages.all().first();
                burst::before(first.map_or(Share::ALL, |stage| stage.share), rules)
            }
            (_, false) => burst::shared(self.mover.last_set(), wait, rules),
        };
        let ask = |target: &Target| {
            let asked = Burst {
                requests,
                within: rules.interval_of(wait).max(target.timeout).min(BURST_MAX),
                slow_over: self.settings.counting.slow_over,
            };
            let (http, clock) = (&self.http, &**self.clock);
            probe::burst(target, &asked, http, clock, self.cancel).ok_or(Cancelled)
        };
        let new = ask(&new)?;
        let old = old.as_ref().map(ask).transpose()?;
        Ok(Some(Probed { new, old }))
    }

    /// What was counted since the look before, or why nobody could tell; absent where nobody counts.
    pub(crate) fn counts(
        &mut self,
        side: Side,
        span: &Span,
        ticks: (&Tick, Option<&Tick>),
        probed: Option<Probed>,
    ) -> Option<Result<Counted, String>> {
        let source = self.source()?;
        let compared = match &self.settings.counting.by {
            CountBy::Nobody => return None,
            CountBy::Traffic => {
                let pair = self.mover.counts(side);
                let beside = |pair| (Window::Beside(pair), None, Against::Beside);
                pair.map(beside).ok_or("its counters could not be read")
            }
            CountBy::Prometheus(_) => match self.scraped(side) {
                Ok(sides) => sides.map(beside).ok_or(
                    "no scrapes of both sides since the share was set; see that query_requests and metrics_sides name \
                     counters which are there",
                ),
                Err(why) => return Some(Err(why.to_string())),
            },
            CountBy::Answers => self
                .told(ticks)
                .ok_or("no two answers in a row name requests_total and errors_total"),
            CountBy::Probes => probed
                .and_then(|probed| self.heard(side, span, probed))
                .ok_or("no request was made for it"),
        };
        let counted = compared.map(|compared| {
            let (failed, slow, against) = self.alone(compared, self.mover.carries_all(side));
            let limits = &self.settings.plan.rules.thresholds;
            Counted {
                icc: self.counting.icc,
                ..Counted::new(source, failed, slow, against, limits)
            }
        });
        Some(counted.map_err(str::to_owned))
    }

    /// Where the old version has no requests because it has no share, or is counted by nobody, what was usual takes its
    /// place. One that has a share and is asked nothing may be dead.
    fn alone(&self, (failed, slow, against): Compared, carries_all: bool) -> Compared {
        let Some(usual) = self.counting.usual else {
            return (failed, slow, against);
        };
        match failed {
            Window::Beside(pair) if carries_all && pair.baseline.requests == 0 => {
                let slow = slow.map(|slow| Window::Alone(slow.pair().canary));
                (Window::Alone(pair.canary), slow, usual)
            }
            Window::Alone(_) if against == Against::Limit => (failed, slow, usual),
            Window::Beside(_) | Window::Alone(_) => (failed, slow, against),
        }
    }

    /// What Prometheus scraped. One that does not answer is news once.
    fn scraped(&mut self, side: Side) -> Result<Option<[Served; 2]>, Reason> {
        let elapsed = self.clock.elapsed();
        let Some(counters) = self.counting.counters.as_mut() else {
            return Ok(None);
        };
        match counters.window(&self.http, elapsed) {
            Ok(window) => {
                self.counting.silent = None;
                Ok(window.map(|Sides { stable, canary }| match side {
                    Side::Canary => [canary, stable],
                    Side::Stable => [stable, canary],
                }))
            }
            Err(why) => {
                let text = format!("prometheus does not tell what it counted: {why}");
                if self.counting.silent.as_ref() != Some(&text) {
                    self.say(Tone::Caution, &text);
                    self.counting.silent = Some(text);
                }
                Err(why)
            }
        }
    }

    /// What the versions say of themselves: nothing at their first answer.
    fn told(&mut self, (new, old): (&Tick, Option<&Tick>)) -> Option<Compared> {
        let now = [totals(new), old.and_then(totals)];
        let [new, old] = &mut self.counting.totals;
        let grown = |before: &mut Option<Totals>, now: Option<Totals>| {
            let now = now?;
            let grown = before
                .as_ref()
                .and_then(|before| tally::grown(before, &now));
            *before = Some(now);
            grown
        };
        let [now_new, now_old] = now;
        let has_old = now_old.is_some();
        let (new, old) = (grown(new, now_new), grown(old, now_old));
        match (new, old) {
            (Some(new), Some(old)) => Some(beside([new, old])),
            // Its first answer, or another instance's: the same time cannot be compared.
            (Some(_), None) if has_old => None,
            // Nobody counts the old version at all.
            (Some(new), None) => Some(alone(new, Against::Limit)),
            (None, _) => None,
        }
    }

    /// What our own requests came to. Where they go to the service as a whole, answers that name their version are
    /// their side's, and failures that name none the new one's beyond what is usual; else all of them are held against
    /// what they came to before the first share.
    fn heard(&mut self, side: Side, span: &Span, probed: Probed) -> Option<Compared> {
        if let Some(old) = probed.old {
            return Some(beside([probed.new.all(), old.all()]));
        }
        let all = probed.new.all();
        if targets::has_own(&self.settings.sources, side, self.mover.places()) {
            return Some(alone(all, Against::Limit));
        }
        let nameless = Counts {
            requests: all.requests,
            failed: probed.new.unnamed.failures().failed,
        };
        if span.what == What::First {
            self.counting.before.push(all.failures());
            self.counting.unnamed.before(nameless);
            return None;
        }
        if self.settings.sources.probing.expect.version.is_some() {
            let charged = self.charge(side, nameless);
            let new = probed.new.expected.plus(charged);
            return Some(beside([new, probed.new.others]));
        }
        let alpha = self.settings.plan.rules.evidence.failed.alpha;
        let before = evidence::usual(&self.counting.before, alpha, self.icc());
        let before = before.and_then(Against::before);
        // Nothing was usual where nothing was asked: then it is the limit that holds.
        let (limit, of) = before.unwrap_or((1.0, Counts::default()));
        Some(alone(all, Against::Service { limit, of }))
    }

    /// The failures that name no version, as far as they count against the new one.
    fn charge(&mut self, side: Side, nameless: Counts) -> Served {
        let limit = self.settings.plan.rules.evidence.failed.limit;
        let has_none = side == Side::Canary && self.mover.last_set() == Share::NONE;
        let charged = if has_none {
            0
        } else if self.mover.carries_all(side) {
            nameless.failed
        } else {
            self.counting.unnamed.charge(nameless, limit)
        };
        if charged > 0 && !self.counting.charges {
            self.counting.charges = true;
            let text = format!(
                "answers fail without naming their version: beyond {} of all they count against the canary",
                evidence::percent(self.counting.unnamed.rate(limit))
            );
            self.say(Tone::Caution, &text);
        }
        let slow = self.settings.counting.slow_over.map(|_| 0);
        Served {
            requests: charged,
            failed: charged,
            slow,
        }
    }
}

/// What is compared with what.
type Compared = (Window, Option<Window>, Against);

fn beside([new, old]: [Served; 2]) -> Compared {
    let pair = |canary, baseline| Window::Beside(Pair { canary, baseline });
    let slow = new.slowness().zip(old.slowness());
    (
        pair(new.failures(), old.failures()),
        slow.map(|(new, old)| pair(new, old)),
        Against::Beside,
    )
}

fn alone(new: Served, against: Against) -> Compared {
    let slow = new.slowness().map(Window::Alone);
    (Window::Alone(new.failures()), slow, against)
}

fn totals(tick: &Tick) -> Option<Totals> {
    let mut health = tick.samples.iter().filter(|one| one.role == Role::Health);
    let answer = health.next()?.outcome.as_ref().ok()?;
    answer.totals.clone()
}

fn counters_of(settings: &Settings, places: Places) -> Option<Counters> {
    let CountBy::Prometheus(asked) = &settings.counting.by else {
        return None;
    };
    let server = asked.server(settings.sources.probing.timeout);
    let names = asked.sides(places);
    Some(Counters::new(server, asked.selectors.clone(), names))
}
