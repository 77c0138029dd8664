//! How much evidence a decision takes.

use shared::evidence::{Rule, Rules, limit};
use shared::policy::Policy;
use shared::threshold::Thresholds;

/// The rules of the trials.
pub(super) fn rules(policy: &Policy, thresholds: &Thresholds) -> Rules {
    let said = &policy.analysis;
    let whole = Rule {
        alpha: said.alpha.unwrap_or(0.01),
        beta: said.beta.unwrap_or(0.05),
        allowed_factor: said.allowed_factor.unwrap_or(1.0),
        limit: limit(thresholds),
        p_max: said.p_max.map(|percent| percent / 100.0),
        icc: 0.0,
    };
    Rules::of(whole, false)
}
