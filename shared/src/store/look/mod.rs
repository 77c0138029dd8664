//! Every look of a rollout, to be judged again; and what is usual in an environment, as the looks before tell it.

pub(super) mod read;
pub(super) mod replay;
pub(super) mod write;

use std::time::Duration;

use jiff::Timestamp;

use super::records::Records;
use super::seen::Seen;
use crate::record::Look;
use crate::split::Served;

/// The most windows that are asked for: a day of looks every second.
const WINDOWS_MAX: usize = 86_400;

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

/// What was counted of the version that is live, window by window, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Usual {
    /// Requests of the stable side during earlier rollouts.
    Requests(Vec<Served>),
    /// Health checks of the last version known to be good: no requests were counted.
    Checks(Vec<Served>),
}

impl Usual {
    /// The windows, whatever was counted.
    pub fn windows(&self) -> &[Served] {
        match self {
            Self::Requests(windows) | Self::Checks(windows) => windows,
        }
    }
}

impl Records<'_> {
    /// What was counted by `source` of the stable side in the time before now (the database's now, where there is
    /// one); where it counted nothing, the health checks of the last version known to be good.
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
