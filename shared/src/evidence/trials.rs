//! The trials of a rollout: failed requests and slow ones, with α spent once over both.

use serde::{Deserialize, Serialize};

use super::weighed::{Bad, Than, Weighed};
use super::{Against, Counted, Finding, Pair, Rule, Trial, Use, alpha_left};

impl Rule {
    /// ln of the odds at which a trial rolls back: α is shared by the two tests that can.
    pub fn bar(&self) -> f64 {
        -(self.alpha / 2.0).ln()
    }

    /// The rate that is allowed where this one was usual before: by the allowed factor, but never more than the limit.
    pub fn held_to(&self, usual: f64) -> f64 {
        (usual * self.allowed_factor).min(self.limit)
    }

    /// Whether the limit allows less than what was usual before.
    pub fn is_stricter_than(&self, usual: f64) -> bool {
        self.limit <= usual * self.allowed_factor
    }
}

/// What the trials are judged by. They share α.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// Of failed requests.
    pub failed: Rule,
    /// Of slow ones; absent where nobody can tell which are.
    pub slow: Option<Rule>,
}

impl Rules {
    /// One rule for the trials that are on. What must be shown to be low is the rate of failures alone.
    pub fn of(whole: Rule, weighs_slow: bool) -> Self {
        let alpha = if weighs_slow {
            whole.alpha / 2.0
        } else {
            whole.alpha
        };
        let failed = Rule { alpha, ..whole };
        Self {
            failed,
            slow: weighs_slow.then_some(Rule {
                p_max: None,
                ..failed
            }),
        }
    }

    /// The same, with a part of α kept for the bound of what is usual where something can tell that.
    pub fn spent(whole: Rule, weighs_slow: bool, knows_usual: bool) -> Self {
        let alpha = if knows_usual {
            alpha_left(whole.alpha)
        } else {
            whole.alpha
        };
        Self::of(Rule { alpha, ..whole }, weighs_slow)
    }
}

/// Everything that is known of the new version's requests since the rollout began.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Trials {
    /// Of failed requests.
    pub failed: Trial,
    /// Of slow ones.
    #[serde(default)]
    pub slow: Trial,
}

/// What all counts come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Weighing {
    /// What weighs most against the version.
    pub most: Weighed,
    /// Whether that is enough to call it bad.
    pub is_bad: bool,
    /// Whether it is shown to be good enough; absent where nothing says how good it must be.
    pub is_shown: Option<bool>,
}

impl Trials {
    /// A stage begins.
    pub fn begin_stage(&mut self) {
        self.failed.begin_stage();
        self.slow.begin_stage();
    }

    /// What was counted since the look before. Slow requests are held against nothing but the old version's: the limit
    /// is one for failures, and how many are slow at any service is nobody's to say.
    pub fn update(&mut self, rules: &Rules, counted: &Counted, used: Use) {
        let held = |rule: &Rule| Rule {
            limit: match counted.against.before() {
                Some((usual, _)) => rule.held_to(usual),
                None => rule.limit,
            },
            icc: counted.icc.unwrap_or(rule.icc),
            ..*rule
        };
        self.failed
            .learn(&held(&rules.failed), counted.failed, used);
        if let (Some(rule), Some(slow)) = (&rules.slow, counted.slow) {
            self.slow.learn(&held(rule), slow, Use::Comparison);
        }
    }

    /// What all of it comes to. The words tell of the requests of this stage, failed and slow ones, and of those before
    /// it.
    pub fn weigh(&self, rules: &Rules, against: Against, failed: Pair, slow: Pair) -> Weighing {
        let finding = self.failed.finding(&rules.failed);
        let of_failed = (
            is_bad(finding),
            weighed(&self.failed, &rules.failed, against, failed),
        );
        let slower = self.slow.regression.log_e();
        let of_slow = rules.slow.map(|rule| {
            let than = Than::Baseline {
                times: rule.allowed_factor,
            };
            let weighed = Weighed {
                bad: Bad::Slow,
                stage: slow,
                before: super::less(self.slow.seen.canary, slow.canary),
                than,
                log_e: slower,
                of_service: matches!(against, Against::Service { .. }),
            };
            (slower >= rule.bar(), weighed)
        });
        // What no old version is beside is not weighed.
        let of_slow = of_slow.filter(|(is_bad, _)| *is_bad || slow.baseline.requests > 0);
        // Bad before suspicious, failed before slow.
        let (is_bad, most) = match of_slow {
            Some(slow) if (slow.0, slow.1.log_e) > (of_failed.0, of_failed.1.log_e) => slow,
            _ => of_failed,
        };
        let asked = rules.failed.p_max.is_some();
        Weighing {
            most,
            is_bad,
            is_shown: asked.then_some(matches!(finding, Finding::Good { .. })),
        }
    }
}

fn is_bad(finding: Finding) -> bool {
    matches!(finding, Finding::Worse { .. } | Finding::OverLimit { .. })
}

/// What weighs most of failed requests: what was found, or what comes nearest to it.
fn weighed(trial: &Trial, rule: &Rule, against: Against, stage: Pair) -> Weighed {
    let (worse, over) = (trial.regression.log_e(), trial.limit.log_e());
    let is_worse = match trial.finding(rule) {
        Finding::Worse { .. } => true,
        Finding::OverLimit { .. } => false,
        Finding::Silent | Finding::Good { .. } => worse >= over && stage.baseline.requests > 0,
    };
    let before = against.before();
    let before = before.filter(|(usual, _)| !rule.is_stricter_than(*usual));
    let (than, log_e) = match (is_worse, before) {
        (true, _) => (
            Than::Baseline {
                times: rule.allowed_factor,
            },
            worse,
        ),
        (false, Some((usual, of))) => {
            let limit = rule.held_to(usual);
            (Than::Usual { limit, of }, over)
        }
        (false, None) => (Than::Limit { limit: rule.limit }, over),
    };
    Weighed {
        bad: Bad::Failed,
        stage,
        before: super::less(trial.seen.canary, stage.canary),
        than,
        log_e,
        of_service: matches!(against, Against::Service { .. }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Window;
    use crate::split::Counts;
    use crate::threshold::Thresholds;

    fn rule() -> Rule {
        Rule {
            alpha: 0.01,
            beta: 0.05,
            allowed_factor: 1.0,
            limit: 0.01,
            p_max: None,
            icc: 0.0,
        }
    }

    fn pair(canary: (u64, u64), baseline: (u64, u64)) -> Pair {
        let counts = |(requests, failed)| Counts { requests, failed };
        Pair {
            canary: counts(canary),
            baseline: counts(baseline),
        }
    }

    fn counted(failed: Pair, slow: Option<Pair>) -> Counted {
        Counted::new(
            "haproxy",
            Window::Beside(failed),
            slow.map(Window::Beside),
            Against::Beside,
            &Thresholds::default(),
        )
    }

    #[test]
    fn the_chance_of_an_error_is_spent_once_over_all_trials() {
        let alone = Rules::of(rule(), false);
        assert_eq!((alone.failed, alone.slow), (rule(), None));
        let asked = Rule {
            p_max: Some(0.02),
            ..rule()
        };
        let both = Rules::of(asked, true);
        let slow = both.slow.unwrap();
        assert!((both.failed.alpha + slow.alpha - 0.01).abs() < 1e-12);
        assert_eq!((both.failed.p_max, slow.p_max), (Some(0.02), None));
        let kept = Rules::spent(rule(), false, true).failed.alpha;
        assert!((kept - alpha_left(0.01)).abs() < 1e-12 && kept < 0.01);
        assert_eq!(Rules::spent(rule(), true, false), Rules::of(rule(), true));
    }

    #[test]
    fn the_bar_that_is_told_is_the_one_at_which_a_trial_rolls_back() {
        let alone = |failed| {
            let mut trial = Trial::new();
            let window = Counts {
                requests: 100,
                failed,
            };
            trial.update(&rule(), Window::Alone(window));
            (
                is_bad(trial.finding(&rule())),
                trial.limit.log_e() >= rule().bar(),
            )
        };
        assert_eq!((alone(2), alone(30)), ((false, false), (true, true)));
        for failed in 2..30 {
            let (is_bad, is_over) = alone(failed);
            assert_eq!(is_bad, is_over, "{failed}");
        }
    }

    #[test]
    fn slow_requests_weigh_as_failed_ones_do_where_they_are_told() {
        let both = Rules::of(rule(), true);
        let good = pair((100, 0), (900, 0));
        let slow = pair((100, 60), (900, 9));
        let mut trials = Trials::default();
        trials.update(&both, &counted(good, Some(slow)), Use::All);
        let weighing = trials.weigh(&both, Against::Beside, good, slow);
        assert!(weighing.is_bad);
        assert_eq!(weighing.most.bad, Bad::Slow);
        let mut deaf = Trials::default();
        deaf.update(
            &Rules::of(rule(), false),
            &counted(good, Some(slow)),
            Use::All,
        );
        assert!(
            !deaf
                .weigh(&Rules::of(rule(), false), Against::Beside, good, good)
                .is_bad
        );
    }

    #[test]
    fn slow_requests_are_held_against_the_old_versions_alone() {
        let both = Rules::of(rule(), true);
        // Over any limit on failures, and on both sides.
        let slow = pair((1000, 60), (1000, 60));
        for (failed, slow) in [
            (
                Window::Alone(pair((1000, 0), (0, 0)).canary),
                Window::Alone(slow.canary),
            ),
            (
                Window::Beside(pair((1000, 0), (1000, 0))),
                Window::Beside(slow),
            ),
        ] {
            let counted = Counted {
                slow: Some(slow),
                failed,
                ..counted(failed.pair(), None)
            };
            let mut trials = Trials::default();
            for _ in 0..100 {
                trials.update(&both, &counted, Use::All);
            }
            let weighing = trials.weigh(&both, Against::Limit, failed.pair(), slow.pair());
            assert!(!weighing.is_bad, "{weighing:?}");
            assert!(weighing.most.log_e < 1e-9, "{weighing:?}");
        }
    }

    #[test]
    fn a_window_of_an_outage_is_good_for_nothing_but_the_comparison() {
        let asked = Rules::of(
            Rule {
                p_max: Some(0.01),
                ..rule()
            },
            false,
        );
        let after = |window, used| {
            let counted = Counted {
                failed: window,
                ..counted(Pair::default(), None)
            };
            let mut trials = Trials::default();
            trials.update(&asked, &counted, used);
            let seen = window.pair();
            let weighing = trials.weigh(&asked, Against::Limit, seen, seen);
            (weighing.is_bad, weighing.is_shown)
        };
        let bad = Window::Alone(pair((1000, 300), (0, 0)).canary);
        assert_eq!(after(bad, Use::All), (true, Some(false)));
        for used in [Use::NotTheLimit, Use::Comparison] {
            assert!(!after(bad, used).0, "{used:?}");
        }
        let good = Window::Beside(pair((1000, 0), (1000, 300)));
        assert_eq!(after(good, Use::NotTheLimit), (false, Some(true)));
        assert_eq!(after(good, Use::Comparison), (false, Some(false)));
        let worse = Window::Beside(pair((1000, 900), (1000, 300)));
        assert!(after(worse, Use::Comparison).0);
        // Without a request of the old version nobody knows whether it still lives.
        assert!(!after(Window::Beside(pair((1000, 300), (0, 0))), Use::All).0);
    }

    #[test]
    fn what_is_usual_here_takes_the_place_of_the_limit_and_never_allows_more() {
        let whole = Rule {
            limit: 0.3,
            ..rule()
        };
        let rules = Rules::of(whole, false);
        let of = Counts {
            requests: 9000,
            failed: 1800,
        };
        let canary = pair((100, 22), (0, 0));
        let found = |against| {
            let mut trials = Trials::default();
            let counted = Counted {
                against,
                failed: Window::Alone(canary.canary),
                ..counted(canary, None)
            };
            trials.update(&rules, &counted, Use::All);
            trials.weigh(&rules, against, canary, canary).is_bad
        };
        assert!(!found(Against::Limit));
        assert!(found(Against::Usual { limit: 0.02, of }));
        assert!(!found(Against::Usual { limit: 0.21, of }));
        assert!((rules.failed.held_to(0.9) - 0.3).abs() < 1e-12);
        let twice = Rule {
            allowed_factor: 2.0,
            ..whole
        };
        assert!((twice.held_to(0.1) - 0.2).abs() < 1e-12);
    }

    #[test]
    fn words_name_the_stricter_of_what_was_usual_and_the_limit() {
        let rules = Rules::of(rule(), false);
        let of = Counts {
            requests: 300,
            failed: 0,
        };
        let most = |against| {
            let stage = pair((112, 12), (0, 0));
            let counted = Counted {
                against,
                failed: Window::Alone(stage.canary),
                ..counted(stage, None)
            };
            let mut trials = Trials::default();
            trials.update(&rules, &counted, Use::All);
            trials.weigh(&rules, against, stage, stage).most
        };
        let (low, high) = (0.005, 0.3);
        assert_eq!(
            most(Against::Usual { limit: low, of }).than,
            Than::Usual { limit: low, of }
        );
        let loose = most(Against::Usual { limit: high, of });
        assert_eq!(loose.than, Than::Limit { limit: 0.01 });
        assert!(!loose.of_service);
        let service = most(Against::Service { limit: high, of });
        assert_eq!(service.than, Than::Limit { limit: 0.01 });
        assert!(service.of_service);
        assert_eq!(loose.log_e.to_bits(), service.log_e.to_bits());
    }

    #[test]
    fn words_tell_of_the_stage_and_of_what_was_before_it() {
        let rules = Rules::of(rule(), false);
        let mut trials = Trials::default();
        let (first, second) = (pair((50, 1), (450, 2)), pair((30, 9), (270, 1)));
        trials.update(&rules, &counted(first, None), Use::All);
        trials.begin_stage();
        trials.update(&rules, &counted(second, None), Use::All);
        let most = trials.weigh(&rules, Against::Beside, second, second).most;
        assert_eq!((most.stage, most.before), (second, first.canary));
    }

    #[test]
    fn a_rate_that_must_be_shown_is_shown_by_enough_good_requests() {
        let asked = Rules::of(
            Rule {
                p_max: Some(0.01),
                ..rule()
            },
            false,
        );
        let shown = |requests| {
            let pair = pair((requests, 0), (9 * requests, 0));
            let mut trials = Trials::default();
            trials.update(&asked, &counted(pair, None), Use::All);
            trials.weigh(&asked, Against::Beside, pair, pair).is_shown
        };
        assert_eq!((shown(100), shown(500)), (Some(false), Some(true)));
        let unasked = Rules::of(rule(), false);
        let nothing =
            Trials::default().weigh(&unasked, Against::Limit, Pair::default(), Pair::default());
        assert_eq!((nothing.is_shown, nothing.is_bad), (None, false));
    }

    #[test]
    fn trials_of_a_version_that_knew_no_slow_requests_are_read() {
        let mut written = serde_json::to_value(Trials::default()).unwrap();
        written.as_object_mut().unwrap().remove("slow");
        assert_eq!(
            serde_json::from_value::<Trials>(written).unwrap(),
            Trials::default()
        );
    }
}
