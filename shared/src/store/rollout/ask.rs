//! What the records say of rollouts: asked of the database, or of the journal when there is none to ask.

use super::{Done, Good, Held, LastRollout, read, replay};
use crate::record::{Abort, Stage};
use crate::store::line;
use crate::store::records::Records;
use crate::store::seen::{Deployed, Seen, Source};

impl Records<'_> {
    /// The newest rollout of an environment, unless it was finished or settled. One that was left on purpose comes
    /// with its mark, and is not to be touched. A newer rollout makes every older one void.
    ///
    /// Read it again under the lease before settling it. An answer of the journal while a database is configured may
    /// be old: somebody else may have settled it.
    ///
    /// # Errors
    /// When there is no database to ask and the journal cannot be read.
    pub fn unfinished(
        &mut self,
        repo: &str,
        environment: &str,
    ) -> Result<Seen<Option<LastRollout>>, String> {
        let newest = self.newest(repo, environment, None)?;
        Ok(Seen {
            value: newest.value.filter(replay::is_open),
            source: newest.source,
        })
    }

    /// The newest rollout of an environment, however it was closed: what the traffic as it is goes back to.
    ///
    /// # Errors
    /// When there is no database to ask and the journal cannot be read.
    pub fn last_rollout(
        &mut self,
        repo: &str,
        environment: &str,
    ) -> Result<Seen<Option<LastRollout>>, String> {
        self.newest(repo, environment, None)
    }

    /// The last state of a deployment's rollout, with its snapshot, however it was closed.
    ///
    /// # Errors
    /// When there is no database to ask and the journal cannot be read.
    pub fn rollout(
        &mut self,
        repo: &str,
        environment: &str,
        deployment_id: &str,
    ) -> Result<Seen<Option<LastRollout>>, String> {
        self.newest(repo, environment, Some(deployment_id))
    }

    /// Asks both: the journal may hold what is not delivered yet.
    pub(super) fn newest(
        &mut self,
        repo: &str,
        environment: &str,
        deployment_id: Option<&str>,
    ) -> Result<Seen<Option<LastRollout>>, String> {
        let asked = [repo, environment].map(str::to_owned);
        let id = deployment_id.map(str::to_owned);
        let rows = self.ask(move |transaction| {
            read::rollout(transaction, &asked[0], &asked[1], id.as_deref())
        });
        let lines = self.journal.read().map(|bytes| {
            let mut entries = line::entries(&bytes);
            entries.extend(self.stuck.iter().cloned());
            replay::rollout(&entries, repo, environment, deployment_id)
        });
        if let Some(Ok(row)) = rows {
            let candidates = row.into_iter().chain(lines.ok().flatten());
            return Ok(Seen {
                value: candidates.reduce(replay::newer),
                source: Source::Database,
            });
        }
        Ok(Seen {
            value: lines?,
            source: Source::Journal,
        })
    }

    /// The stages of a deployment, in their order, those of a dry run last.
    ///
    /// # Errors
    /// When there is no database to ask and the journal cannot be read.
    pub fn stages(
        &mut self,
        repo: &str,
        environment: &str,
        deployment_id: &str,
    ) -> Result<Seen<Vec<Stage>>, String> {
        let asked = [repo, environment, deployment_id].map(str::to_owned);
        self.answer(
            move |transaction| read::stages(transaction, &asked[0], &asked[1], &asked[2]),
            |entries| replay::stages(entries, repo, environment, deployment_id),
        )
    }

    /// The parts of a deployment's rollback that are done, in the order of their names.
    ///
    /// # Errors
    /// When there is no database to ask and the journal cannot be read.
    pub fn parts(
        &mut self,
        repo: &str,
        environment: &str,
        deployment_id: &str,
    ) -> Result<Seen<Vec<Done>>, String> {
        let asked = [repo, environment, deployment_id].map(str::to_owned);
        self.answer(
            move |transaction| read::parts(transaction, &asked[0], &asked[1], &asked[2]),
            |entries| replay::parts(entries, repo, environment, deployment_id),
        )
    }

    /// The deployments of an environment whose incidents were opened and, as far as is written down, not closed: the
    /// newest first, at most ten.
    ///
    /// # Errors
    /// When there is no database to ask and the journal cannot be read.
    pub fn incidents(
        &mut self,
        repo: &str,
        environment: &str,
    ) -> Result<Seen<Vec<String>>, String> {
        let asked = [repo, environment].map(str::to_owned);
        self.answer(
            move |transaction| read::incidents(transaction, &asked[0], &asked[1]),
            |entries| replay::incidents(entries, repo, environment),
        )
    }

    /// The first request to stop the run of a deployment that has this token; without one, any run of it.
    ///
    /// # Errors
    /// When there is no database to ask and the journal cannot be read.
    pub fn abort_requested(
        &mut self,
        repo: &str,
        environment: &str,
        deployment_id: &str,
        token: Option<i64>,
    ) -> Result<Seen<Option<Abort>>, String> {
        let asked = [repo, environment, deployment_id].map(str::to_owned);
        self.answer(
            move |transaction| read::abort(transaction, &asked[0], &asked[1], &asked[2], token),
            |entries| replay::abort(entries, repo, environment, deployment_id, token),
        )
    }

    /// Why a commit is not to be deployed to an environment; absent when it may be.
    ///
    /// # Errors
    /// When there is no database to ask and the journal cannot be read.
    pub fn held(
        &mut self,
        repo: &str,
        environment: &str,
        commit: &str,
    ) -> Result<Seen<Option<Held>>, String> {
        let asked = [repo, environment, commit].map(str::to_owned);
        self.answer(
            move |transaction| read::held(transaction, &asked[0], &asked[1], &asked[2]),
            |entries| replay::held(entries, repo, environment, commit),
        )
    }

    /// The newest deployment of another commit than `bad` that succeeded, was proved to be that version, and was not
    /// rolled back or held since. A dry run is none.
    ///
    /// # Errors
    /// When there is no database to ask and the journal cannot be read.
    pub fn last_good(
        &mut self,
        repo: &str,
        environment: &str,
        bad: &str,
    ) -> Result<Seen<Option<Good>>, String> {
        let asked = [repo, environment, bad].map(str::to_owned);
        self.answer(
            move |transaction| read::last_good(transaction, &asked[0], &asked[1], &asked[2]),
            |entries| replay::last_good(entries, repo, environment, bad),
        )
    }

    /// The latest deployments of an environment with their names, newest first, at most `limit`: dry runs and
    /// rollbacks too.
    ///
    /// # Errors
    /// When there is no database to ask and the journal cannot be read.
    pub fn recent(
        &mut self,
        repo: &str,
        environment: &str,
        limit: usize,
    ) -> Result<Seen<Vec<(String, Deployed)>>, String> {
        let asked = [repo, environment].map(str::to_owned);
        self.answer(
            move |transaction| read::recent(transaction, &asked[0], &asked[1], limit),
            |entries| replay::recent(entries, repo, environment, limit),
        )
    }
}
