//! What the records say: asked of the database, or of the journal when there is none to ask.

use std::time::Duration;

use jiff::Timestamp;
use postgres::Transaction;

use super::records::Records;
use super::seen::{History, Seen, Source};
use super::{line, read, replay};
use crate::record::{Entry, Window};

impl Records<'_> {
    /// Sums up the checks of the spans before `now`, those made while waiting for a start left out.
    ///
    /// # Errors
    /// When there is no database to ask and the journal cannot be read.
    pub fn windows(
        &mut self,
        repo: &str,
        environment: &str,
        spans: &[(&str, Duration)],
        now: Timestamp,
    ) -> Result<Seen<Vec<Window>>, String> {
        let (asked_repo, asked_environment) = (repo.to_owned(), environment.to_owned());
        let asked: Vec<(String, Duration)> = spans
            .iter()
            .map(|(label, span)| ((*label).to_owned(), *span))
            .collect();
        self.answer(
            move |transaction| {
                read::windows(transaction, &asked_repo, &asked_environment, &asked, now)
            },
            |entries| replay::windows(entries, repo, environment, spans, now),
        )
    }

    /// A deployment's state and its latest checks, newest first, at most `checks` of them.
    ///
    /// # Errors
    /// When there is no database to ask and the journal cannot be read.
    pub fn deployment(
        &mut self,
        repo: &str,
        environment: &str,
        deployment_id: &str,
        checks: usize,
    ) -> Result<Seen<History>, String> {
        let asked = [repo, environment, deployment_id].map(str::to_owned);
        self.answer(
            move |transaction| {
                let [repo, environment, id] = &asked;
                read::deployment(transaction, repo, environment, id, checks)
            },
            |entries| replay::deployment(entries, repo, environment, deployment_id, checks),
        )
    }

    /// The commit that a marker of the environment names, such as [`crate::record::LAST_STABLE`].
    ///
    /// # Errors
    /// When there is no database to ask and the journal cannot be read.
    pub fn marker(
        &mut self,
        repo: &str,
        environment: &str,
        name: &str,
    ) -> Result<Seen<Option<String>>, String> {
        let asked = [repo, environment, name].map(str::to_owned);
        self.answer(
            move |transaction| {
                let [repo, environment, name] = &asked;
                read::marker(transaction, repo, environment, name)
            },
            |entries| replay::marker(entries, repo, environment, name),
        )
    }

    pub(super) fn answer<T: Send + 'static>(
        &mut self,
        ask: impl FnOnce(&mut Transaction<'_>) -> Result<T, postgres::Error> + Send + 'static,
        replay: impl FnOnce(&[Entry]) -> T,
    ) -> Result<Seen<T>, String> {
        if let Some(Ok(value)) = self.ask(ask) {
            return Ok(Seen {
                value,
                source: Source::Database,
            });
        }
        let mut entries = line::entries(&self.journal.read()?);
        entries.extend(self.stuck.iter().cloned());
        Ok(Seen {
            value: replay(&entries),
            source: Source::Journal,
        })
    }
}
