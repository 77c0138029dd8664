//! Counters in a Prometheus server: what both sides served, window by window.
//!
//! The server is asked for what it scraped, sample by sample, and the windows are made here: `increase()` extrapolates to
//! the edges of its range, loses the first of new series, and its ranges overlap from look to look.

use std::time::Duration;

use super::growth::{Side, Whole};
use super::prometheus::Prometheus;
use crate::http::{Http, Progress};
use crate::reason::Reason;
use crate::split::Served;

/// What stands for the side in a selector.
pub const SIDE: &str = "$side";

/// Scrapes of each instance after each change of the traffic whose time belongs to the traffic before it, in part or
/// whole.
const LAG: usize = 2;

/// How far back the server is asked beyond the last window: a scrape that is older is no neighbour any more.
const NEIGHBOUR: Duration = Duration::from_secs(300);
/// How far back it is asked at most.
const BACK_MAX: Duration = Duration::from_secs(3600);

/// Selectors of counters, such as `http_requests_total{job="shop",track="$side"}`: no functions, because the windows are
/// made of the bare samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selectors {
    /// All requests.
    pub requests: String,
    /// Those that failed.
    pub failed: String,
    /// Those that were fast enough, such as a histogram's bucket; the rest is slow. Absent where nobody asks.
    pub fast: Option<String>,
}

impl Selectors {
    /// A selector that can be used: it names the side, and is neither an expression nor a range.
    ///
    /// # Errors
    /// What was expected.
    pub fn check(text: &str) -> Result<String, &'static str> {
        let text = text.trim();
        if !text.contains(SIDE) {
            return Err(
                "a counter with $side where the side's name belongs, such as http_requests_total{track=\"$side\"}",
            );
        }
        let is_plain = bare(text).all(|c| c.is_ascii_alphanumeric() || "_:{}=!~, ".contains(c));
        let quotes = text.matches('"').count().is_multiple_of(2);
        if !is_plain || !quotes {
            return Err(
                "a counter without rate(), sum() or a range, such as http_requests_total{track=\"$side\"}: the windows \
                 are made of its bare samples",
            );
        }
        Ok(text.to_owned())
    }
}

/// The characters outside of quotes.
fn bare(text: &str) -> impl Iterator<Item = char> {
    text.split('"').step_by(2).flat_map(str::chars)
}

/// What both sides served in the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sides {
    /// The stable one.
    pub stable: Served,
    /// The canary.
    pub canary: Served,
}

/// Reads counters of both sides and makes windows that do not overlap.
#[derive(Debug, Clone)]
pub struct Counters {
    /// The server; its queries are not asked.
    pub server: Prometheus,
    /// What it is asked.
    pub selectors: Selectors,
    /// What [`SIDE`] stands for: the stable side, then the canary.
    pub names: [String; 2],
    state: State,
    /// What is left over of either side.
    whole: [Whole; 2],
}

/// Where the next window begins.
#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    /// Nothing is counted.
    Off,
    /// The traffic was changed at this time of ours; what was scraped until then is not known yet.
    Changed(Duration),
    /// The traffic was changed after this instant of the server's.
    Lagging(f64, Duration),
    /// At the end of the last one; read at this time of ours.
    Since(f64, Duration),
}

impl Counters {
    /// Nothing is counted until the traffic is changed.
    pub fn new(server: Prometheus, selectors: Selectors, names: [String; 2]) -> Self {
        Self {
            server,
            selectors,
            names,
            state: State::Off,
            whole: [Whole::default(); 2],
        }
    }

    /// The traffic was changed: what belongs to the time before it, or may, is never counted. `elapsed`: the time since
    /// the run began.
    pub fn begin(&mut self, elapsed: Duration) {
        self.state = State::Changed(elapsed);
        self.whole = [Whole::default(); 2];
    }

    /// What both sides served since the last window; absent while no new scrape of both is there.
    ///
    /// # Errors
    /// When the server does not tell. Nothing is lost by it: the next window is the longer.
    pub fn window(&mut self, http: &Http, elapsed: Duration) -> Result<Option<Sides>, Reason> {
        let since = match self.state {
            State::Off => return Ok(None),
            State::Changed(at) | State::Lagging(_, at) | State::Since(_, at) => at,
        };
        let back = (elapsed.saturating_sub(since) + NEIGHBOUR).min(BACK_MAX);
        let sides = self.ask(http, back)?;
        let Some(to) = common(&sides, Side::complete, f64::min) else {
            return Ok(None);
        };
        let from = match self.state {
            State::Off => return Ok(None),
            State::Changed(at) => {
                // The first answer comes at once after the change, so that what it has is from before.
                let changed = common(&sides, Side::newest, f64::max).unwrap_or(to);
                self.state = State::Lagging(changed, at);
                return Ok(None);
            }
            State::Lagging(changed, at) => {
                let after = |side: &Side| side.scraped_after(changed, LAG);
                let Some(from) = sides.iter().map(after).collect::<Option<Vec<_>>>() else {
                    return Ok(None);
                };
                let from = from.into_iter().fold(changed, f64::max);
                self.state = State::Since(from, at);
                from
            }
            State::Since(from, _) => from,
        };
        if to <= from {
            return Ok(None);
        }
        self.state = State::Since(to, elapsed);
        let [stable, canary] = &sides;
        let [old, new] = &mut self.whole;
        Ok(Some(Sides {
            stable: old.take(stable.grown(from, to)),
            canary: new.take(canary.grown(from, to)),
        }))
    }

    fn ask(&self, http: &Http, back: Duration) -> Result<[Side; 2], Reason> {
        let progress = Progress::start(self.server.timeout);
        let one = |name: &String| -> Result<Side, Reason> {
            let ask = |setting: &str, selector: &str| {
                let query = format!("{}[{}s]", selector.replace(SIDE, name), back.as_secs());
                self.server.series(setting, &query, http, &progress)
            };
            let selectors = &self.selectors;
            let fast = selectors.fast.as_deref();
            Ok(Side {
                requests: ask("query_requests", &selectors.requests)?,
                failed: ask("query_failed", &selectors.failed)?,
                fast: fast.map(|fast| ask("query_fast", fast)).transpose()?,
            })
        };
        let [stable, canary] = &self.names;
        Ok([one(stable)?, one(canary)?])
    }
}

/// One of what both sides say; absent where one of them says nothing.
fn common(
    sides: &[Side; 2],
    of: impl Fn(&Side) -> Option<f64>,
    choose: impl Fn(f64, f64) -> f64,
) -> Option<f64> {
    let [stable, canary] = sides;
    Some(choose(of(stable)?, of(canary)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_a_counter_of_one_side_and_nothing_else() {
        for right in [
            "http_requests_total{track=\"$side\"}",
            " a:b_total{side=\"$side\", code=~\"5..|429\", path!~\"/(live|ready)\"} ",
        ] {
            assert!(Selectors::check(right).is_ok(), "{right}");
        }
        for wrong in [
            "",
            "http_requests_total",
            "rate(http_requests_total{track=\"$side\"}[1m])",
            "http_requests_total{track=\"$side\"}[5m]",
            "http_requests_total{track=\"$side\"} offset 5m / 2",
            "sum(a{track=\"$side\"})",
            "a{track=\"$side\"} + b",
            "a{track=\"$side}",
        ] {
            assert!(Selectors::check(wrong).is_err(), "{wrong}");
        }
    }
}
