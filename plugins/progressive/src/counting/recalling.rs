//! What the records say of the time before: how often requests failed, and how much in bursts.

use shared::evidence::{self, Against};
use shared::log::{Level, Tone};
use shared::split::Counts;
use shared::store::UsualOf;

use crate::carry::Hands;
use crate::report::history;

impl Hands<'_> {
    /// What is usual here, from the records: said once, before anything begins.
    pub(crate) fn recall(&mut self) {
        let (span, rule) = (
            self.settings.long_term,
            self.settings.plan.rules.evidence.failed,
        );
        let source = self.source();
        let Some(source) = source else { return };
        let Some(usual) = self.ledger.usual(source, span) else {
            return;
        };
        // How often a check of ours fails says nothing of how often clients fail.
        if usual.of != UsualOf::Requests && source != "probes" {
            return;
        }
        let windows: Vec<Counts> = usual.windows.iter().map(|one| one.failures()).collect();
        if self.settings.counting.learns_icc {
            self.counting.icc = evidence::icc(&windows, usual.troubles, rule.icc);
        }
        if let Some(icc) = self.counting.icc {
            let text = history::bursts(icc, rule.icc, windows.len());
            self.log.line(Level::Info, Tone::Faint, &text);
        }
        self.counting.usual = evidence::usual(&windows, rule.alpha, self.icc());
        if let Some((limit, of)) = self.counting.usual.and_then(Against::before) {
            let text = history::usual((of, limit), usual.troubles, span, &rule, source);
            self.log.line(Level::Info, Tone::Faint, &text);
        }
    }

    /// How much failures are taken to come in bursts.
    pub(super) fn icc(&self) -> f64 {
        let rule = &self.settings.plan.rules.evidence.failed;
        self.counting.icc.unwrap_or(rule.icc)
    }
}
