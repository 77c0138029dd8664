//! After the last stage: promote, swap or stay; then the soak.

use shared::policy::Finish;
use shared::split::Share;

use super::{Phase, Reach, Span, Turn, What, Write};
use crate::stage::Watch;

impl Turn<'_> {
    /// The last stage passed.
    pub(super) fn finish(&mut self) -> Phase {
        match self.plan.finish {
            // What gets no new requests is given time before it is replaced.
            Finish::Promote if !self.plan.drain.is_zero() => Phase::Draining,
            Finish::Promote => self.enter(Write::Promote),
            Finish::Swap | Finish::Stay => self.soak(),
        }
    }

    /// Watches the end, if it is to be watched.
    pub(super) fn soak(&mut self) -> Phase {
        if self.plan.soak.is_zero() {
            return self.succeed();
        }
        self.begin_weighing();
        Phase::Watching(Span {
            what: What::Soak,
            watch: Watch::open(self.now, self.plan.soak),
        })
    }

    /// The share that traffic must have while this is watched; `None` before the first write.
    pub(super) fn expected(&self, what: What) -> Option<Share> {
        match what {
            What::First => None,
            What::Stage(stage) => Some(self.share_of(stage)),
            What::Soak if self.state.reach == Reach::Void => Some(Share::NONE),
            What::Promoted | What::Soak => Some(Share::ALL),
        }
    }
}
