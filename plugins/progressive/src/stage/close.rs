//! Judging a stage whose time is over and that nothing ended early.

use std::collections::BTreeMap;

use shared::evidence::{beyond_luck, breaches, clearly_better, is_over, limit};
use shared::metric::Metric;
use shared::reason::Reason;
use shared::threshold::Measured;
use shared::verdict::Verdict;
use shared::window::counted;

use super::sums::Sums;
use super::{Evidence, Rules, Watch};

/// The verdict on the whole of it.
///
/// Reported and measured values are held against the limits by their means. Rates that we count are held against them
/// only where the sample can carry it: ten probes with one failure are not "90 %, roll back", and two failed requests of
/// a hundred are what a good version shows every now and then.
pub(super) fn verdict(watch: &Watch, rules: &Rules) -> Verdict {
    let (seen, sums) = (&watch.seen, &watch.sums);
    let (attempts, failures) = (sums.attempts, sums.failures);
    let Held {
        broken,
        warnings,
        mut thin,
    } = held(sums.means.values(), rules);
    let mut reasons = broken;
    reasons.extend(counted(attempts.max(1), failures, &rules.thresholds));
    match rates(sums, rules) {
        Rates::Held => {}
        Rates::Broken(breaches) => reasons.extend(breaches),
        Rates::Unsure(breaches) => thin.extend(breaches),
    }
    let asked = asked(sums, rules);
    let enough = attempts >= rules.min_looks()
        && asked.is_none_or(|all| all >= u64::from(rules.min_samples));
    if enough && failures == attempts {
        // Failures too scattered for a row, and nothing good among them.
        reasons.push(Reason::NoneGood { attempts });
    }
    if !reasons.is_empty() {
        return Verdict::Fail { reasons };
    }
    let evidence = seen.last().map(|look| &look.evidence);
    let promoted = evidence == Some(&Evidence::Promote);
    let mut missing = thin;
    if let Some(Evidence::Unshown { reason }) = evidence {
        missing.push(reason.clone());
    }
    if !enough {
        missing.push(Reason::TooFew {
            samples: asked.map_or(attempts, |all| u32::try_from(all).unwrap_or(u32::MAX)),
            needed: rules.min_samples,
        });
    }
    if !missing.is_empty() && !promoted {
        return Verdict::Inconclusive { reasons: missing };
    }
    let mut warnings = warnings;
    if failures > 0 {
        warnings.push(Reason::SomeFailed { failures, attempts });
    }
    if sums.degraded {
        warnings.push(Reason::Degraded);
    }
    Verdict::Pass { warnings }
}

#[derive(Default)]
struct Held {
    broken: Vec<Reason>,
    warnings: Vec<Reason>,
    thin: Vec<Reason>,
}

fn held(means: BTreeMap<(String, Metric, String), Measured>, rules: &Rules) -> Held {
    let mut held = Held::default();
    for ((endpoint, _, _), mean) in means {
        let named = |reason: Reason| reason.at(&endpoint);
        let judged = rules.thresholds.judge(std::slice::from_ref(&mean));
        let failures = judged.failures.into_iter().map(named);
        if mean.samples < rules.min_looks() {
            held.thin.extend(failures);
        } else {
            held.broken.extend(failures);
            held.warnings.extend(judged.warnings.into_iter().map(named));
        }
    }
    held
}

/// The answers of the new version among our own requests, where they are the samples.
fn asked(sums: &Sums, rules: &Rules) -> Option<u64> {
    let all = sums.failed.unwrap_or_default();
    rules.bursts.then_some(all.canary.requests)
}

/// What counted requests come to against the limits.
enum Rates {
    /// Within them, or too few to say.
    Held,
    /// Over one.
    Broken(Vec<Reason>),
    /// Over one, but luck explains it, or the old version was so, too, and the new one is not clearly better.
    Unsure(Vec<Reason>),
}

fn rates(sums: &Sums, rules: &Rules) -> Rates {
    let limits = &rules.thresholds;
    let Some((sum, size)) = sums.speaking() else {
        return Rates::Held;
    };
    let over = |note| breaches(sum.canary, limits, note);
    if over("").is_empty() {
        return Rates::Held;
    }
    if is_over(sum.baseline, limits) {
        // What the old version suffers from and the new one does not is no reason to keep the old one.
        return if clearly_better(sum) {
            Rates::Held
        } else {
            Rates::Unsure(vec![Reason::BothOver { pair: sum }])
        };
    }
    let rule = &rules.evidence.failed;
    // The one that the trials weighed with.
    let learned = sums.last.as_ref().and_then(|counted| counted.icc);
    let phi = 1.0 + 2.0 * learned.unwrap_or(rule.icc) * size;
    if beyond_luck(sum.canary, limit(limits), rule.alpha, phi) {
        Rates::Broken(over(""))
    } else {
        Rates::Unsure(over(", which luck explains"))
    }
}

pub(super) fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
