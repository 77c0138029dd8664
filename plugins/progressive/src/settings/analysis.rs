//! How much evidence a decision takes.

use shared::evidence::{Rule, Rules, limit};
use shared::policy::Policy;
use shared::settings::read::Reader;
use shared::threshold::Thresholds;
use shared::value;

/// The rules of the trials. The limit without a baseline is the stricter one of error rate and availability.
pub(super) fn rules(read: &mut Reader, policy: &Policy, thresholds: &Thresholds) -> Rules {
    let said = &policy.analysis;
    let alpha = read.read("alpha", value::chance).or(said.alpha);
    let factor = read.read("allowed_factor", value::factor);
    let p_max = read.read("p_max", value::percentage_within);
    let whole = Rule {
        alpha: alpha.unwrap_or(Rule::DEFAULT.alpha),
        beta: said.beta.unwrap_or(Rule::DEFAULT.beta),
        allowed_factor: factor
            .or(said.allowed_factor)
            .unwrap_or(Rule::DEFAULT.allowed_factor),
        limit: limit(thresholds),
        p_max: p_max.or(said.p_max).map(|percent| percent / 100.0),
        icc: said.icc.unwrap_or(Rule::DEFAULT.icc),
    };
    // Whether slow ones are told is a matter of who counts.
    Rules::of(whole, false)
}

#[cfg(test)]
mod tests {
    use shared::settings::judging;
    use shared::settings::raw::Raw;

    use super::*;

    fn of(policy: &str) -> Rules {
        let policy = shared::policy::load(policy, "policy", "production")
            .unwrap()
            .policy;
        let raw = Raw::default();
        let mut read = Reader::new(&raw);
        let thresholds = judging::thresholds(&mut read, &policy);
        rules(&mut read, &policy, &thresholds)
    }

    #[test]
    fn no_statistics_are_needed() {
        assert_eq!(of("").failed, Rule::DEFAULT);
    }

    #[test]
    fn the_policy_says_otherwise() {
        let text = "rollback_thresholds: {availability: 95, error_rate: 10}\n\
                    analysis: {alpha: 0.001, beta: 0.01, allowed_factor: 2, icc: 0.1, p_max: 2}";
        let rule = of(text).failed;
        assert_eq!(
            (rule.alpha, rule.beta, rule.allowed_factor),
            (0.001, 0.01, 2.0)
        );
        assert_eq!((rule.icc, rule.p_max), (0.1, Some(0.02)));
        assert!((rule.limit - 0.05).abs() < 1e-12);
    }
}
