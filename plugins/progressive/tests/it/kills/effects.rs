//! What others can see of a run: each effect once, in its order, with a name.

use testbed::relay::{Exchange, Kind};

/// Signs of life under the lease: how many there are is a matter of time, and none changes what a later run finds.
const BEATS: &str = "UPDATE deployment_leases SET renewed_at";
/// What is written of single looks: how many there are is a matter of time. The first of each counts for all that follow
/// in a row.
const LOOKS: [&str; 2] = ["INSERT health_checks", "INSERT deployment_looks"];

/// Counts effects as they pass.
#[derive(Debug, Default, Clone)]
pub(crate) struct Effects(pub(crate) Vec<String>);

impl Effects {
    /// The number of this exchange among the effects, from 1; nothing where it is none.
    pub(crate) fn count(&mut self, exchange: &Exchange) -> Option<usize> {
        let name = shortened(&exchange.name);
        if exchange.kind != Kind::Effect || name.contains(BEATS) || self.has_looked(&name) {
            return None;
        }
        self.0.push(name);
        Some(self.0.len())
    }

    /// Whether it is of a look, and not the first of its kind among those at the end.
    fn has_looked(&self, name: &str) -> bool {
        let of_looks = |done: &&String| LOOKS.iter().any(|look| done.contains(look));
        let mut row = self.0.iter().rev().take_while(of_looks);
        let kind = LOOKS.iter().find(|look| name.contains(**look));
        kind.is_some_and(|kind| row.any(|done| done.contains(kind)))
    }

    /// All effects among these.
    pub(crate) fn of(exchanges: &[Exchange]) -> Self {
        let mut effects = Self::default();
        for exchange in exchanges {
            effects.count(exchange);
        }
        effects
    }

    /// Whether one of the first `count` is named so.
    pub(crate) fn within(&self, count: usize, part: &str) -> bool {
        self.0[..count].iter().any(|name| name.contains(part))
    }
}

/// Without what the name of every row of one deployment says.
fn shortened(name: &str) -> String {
    let words = name.split(' ');
    let kept: Vec<&str> = words
        .filter(|word| !word.starts_with("deployment_id="))
        .collect();
    kept.join(" ")
}
