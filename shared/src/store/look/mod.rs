//! Every look of a rollout, to be judged again; and what is usual in an environment, as the looks before tell it.

pub(super) mod read;
pub(super) mod replay;
pub(super) mod write;

use std::time::Duration;

use jiff::Timestamp;

use super::records::Records;
use super::seen::Seen;
use crate::evidence::untroubled;
use crate::record::Look;
use crate::split::Served;

/// The most windows that are asked for, the newest ones: more of them would tell no more.
const WINDOWS_MAX: usize = 10_000;

/// Checks that lie within one such span are one window.
const CHECKS_SPAN: Duration = Duration::from_secs(600);

/// A look as it was recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Looked {
    /// When it was made, by the clock of the run that made it.
    pub at: Timestamp,
    /// What was seen.
    pub look: Look,
    /// Who recorded it, such as `plugin-progressive/1.2.3`; absent where nothing says so.
    pub by: Option<String>,
}

/// What was counted of the version that is live, without the times at which something was known to be wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usual {
    /// What a window holds.
    pub of: UsualOf,
    /// The windows, oldest first.
    pub windows: Vec<Served>,
    /// How often windows were left out because something was known to be wrong: those in a row are once.
    pub troubles: usize,
}

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsualOf {
    /// Requests of the stable side during earlier rollouts.
    Requests,
    /// Health checks of the last version known to be good: no requests were counted.
    Checks,
}

impl Usual {
    /// Requests in windows, oldest first, each with whether something was known to be wrong.
    fn requests(all: impl IntoIterator<Item = (Served, bool)>) -> Self {
        let (windows, troubles) = untroubled(all);
        Self {
            of: UsualOf::Requests,
            windows,
            troubles,
        }
    }

    fn checks(windows: Vec<Served>) -> Self {
        Self {
            of: UsualOf::Checks,
            windows,
            troubles: 0,
        }
    }
}

impl Records<'_> {
    /// What was counted by `source` of the stable side in the time before now (the database's now, where there is
    /// one), without the looks at which something was known to be wrong with it; where it counted nothing, the health
    /// checks of the last version known to be good.
    ///
    /// # Errors
    /// When there is no database to ask and the journal cannot be read.
    pub fn usual(
        &mut self,
        repo: &str,
        environment: &str,
        source: &str,
        span: Duration,
    ) -> Result<Seen<Usual>, String> {
        let asked = [repo, environment, source].map(str::to_owned);
        let now = self.clock.now();
        self.answer(
            move |transaction| read::usual(transaction, &asked[0], &asked[1], &asked[2], span),
            |entries| replay::usual(entries, repo, environment, source, (span, now)),
        )
    }
}
