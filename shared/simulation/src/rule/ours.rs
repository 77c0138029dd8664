//! The project's own rule, by the code that the plugin runs.

use shared::evidence::{self, Finding, Pair, Trial, Window};

use super::{Rule, Steps};
use crate::scrape::LAG;

/// What may be set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// See [`evidence::Rule`].
    pub rule: evidence::Rule,
    /// Whether the source is late, so that the first looks after a change of the shares are left out.
    pub laggy: bool,
}

/// One rollout.
#[derive(Debug, Clone)]
pub struct Ours {
    settings: Settings,
    trial: Trial,
    steps: Steps,
    accepted: [Option<u32>; 3],
}

impl Ours {
    /// Nothing is known yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            trial: Trial::new(),
            steps: Steps::default(),
            accepted: [None; 3],
        }
    }
}

impl Rule for Ours {
    fn share(&self) -> Option<f64> {
        self.steps.share()
    }

    fn look(&mut self, seen: Option<Pair>) -> bool {
        let (stage, before) = (self.steps.stage(), self.steps.in_stage());
        if before == 0 && stage > 0 {
            self.trial.begin_stage();
        }
        self.steps.done += 1;
        let discarded = self.settings.laggy && before < u32::try_from(LAG).unwrap_or(0);
        let Some(pair) = seen.filter(|_| !discarded) else {
            return false;
        };
        self.trial.update(&self.settings.rule, Window::Beside(pair));
        match self.trial.finding(&self.settings.rule) {
            Finding::Worse { .. } | Finding::OverLimit { .. } => true,
            Finding::Good { .. } => {
                self.accepted[stage].get_or_insert(before + 1);
                false
            }
            Finding::Silent => false,
        }
    }

    fn accepted(&self) -> [Option<u32>; 3] {
        self.accepted
    }
}
