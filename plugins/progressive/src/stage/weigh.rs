//! Weighing counted requests: what a look adds, and what all of them come to.

use shared::evidence::{Against, Counted, Pair, Trials, Window};
use shared::reason::Reason;
use shared::split::Share;

use super::{Evidence, Kind, Look, Rules, Watch};

/// Whether a span can only be passed by a version that is shown to be good enough, where the rules say how good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// It is a stage.
    Yes,
    /// It is the time after the last one.
    No,
}

/// Weighs a look before it is added to the span: the trials learn what it counted, and it is told what all of that
/// comes to.
pub fn weigh(trials: &mut Trials, watch: &Watch, look: &mut Look, rules: &Rules, asked: Asked) {
    if let Some(counted) = &look.counts {
        trials.update(&rules.evidence, counted);
    }
    let seen = || watch.seen.iter().chain([&*look]);
    let against = seen().filter_map(|look| look.counts.as_ref()).last();
    // Where nobody counted, nothing was weighed.
    let Some(against) = against.map(|counted| counted.against) else {
        return;
    };
    let failed = sum(seen(), |counted| Some(counted.failed)).unwrap_or_default();
    let slow = sum(seen(), |counted| counted.slow).unwrap_or_default();
    let weighing = trials.weigh(&rules.evidence, against, failed, slow);
    // Nobody but the probes comes to a version without a share.
    let asked = asked == Asked::Yes && look.share != Ok(Share::NONE);
    look.evidence = match weighing.is_shown.filter(|_| asked) {
        _ if weighing.is_bad => Evidence::Rollback {
            reasons: vec![Reason::Weighed {
                weighed: weighing.most,
            }],
        },
        Some(true) => Evidence::Promote,
        Some(false) => Evidence::Unshown {
            reason: Reason::Unshown {
                canary: failed.canary,
                p_max: 100.0 * rules.evidence.failed.p_max.unwrap_or_default(),
            },
        },
        None => Evidence::Silent,
    };
    look.weighed = Some(weighing.most);
}

/// The sum of what looks counted; nothing where none of them did.
pub(super) fn sum<'l>(
    looks: impl IntoIterator<Item = &'l Look>,
    of: impl Fn(&Counted) -> Option<Window>,
) -> Option<Pair> {
    let counts = looks.into_iter().filter_map(|look| look.counts.as_ref());
    let windows = counts.filter_map(of).map(Window::pair);
    windows.reduce(Pair::plus)
}

/// The requests that are held against the limits: those of shared outages say nothing. With them the mean size of their
/// windows, weighted by itself: as many of a window's failures can have one cause.
pub(super) fn speaking(seen: &[Look]) -> Option<(Pair, Against, f64)> {
    let looks = || seen.iter().filter(|look| look.kind() != Kind::Shared);
    let all = sum(looks(), |counted| Some(counted.failed))?;
    let counts = looks().filter_map(|look| look.counts.as_ref());
    let against = counts.clone().last()?.against;
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^53 requests")]
    let sizes = counts.map(|counted| counted.failed.pair().canary.requests as f64);
    let (sum, squares) = sizes.fold((0.0, 0.0), |(sum, squares), size| {
        (sum + size, squares + size * size)
    });
    let size = if sum > 0.0 { squares / sum } else { 0.0 };
    Some((all, against, size))
}
