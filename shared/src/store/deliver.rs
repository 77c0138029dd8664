//! From the journal to the database.

use std::collections::HashSet;

use super::journal::Journal;
use super::limits::Limits;
use super::line::{Line, lines};
use super::postgres::{Database, Ending, Failure};
use super::write::insert_all;
use crate::clock::Clock;
use crate::record::Entry;

/// Entries in one transaction: few enough for the deadline even over a slow line.
const BATCH: usize = 32;

/// What a delivery came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Delivery {
    /// Entries that the database has now.
    pub(super) delivered: usize,
    /// Lines moved aside, with why.
    pub(super) rejected: Vec<String>,
    /// Entries that still wait.
    pub(super) left: usize,
    /// Lines of a newer plugin version, left for it.
    pub(super) newer: usize,
    /// Why some still wait.
    pub(super) failure: Option<String>,
    /// The database cannot be used any more.
    pub(super) down: bool,
}

/// What becomes of lines that the database has and the journal keeps too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// The run goes on: who comes after its death may find only the journal.
    Keep,
    /// The run is over.
    Drop,
}

/// A delivery from end to end.
pub(super) struct Courier<'a> {
    pub(super) journal: &'a Journal,
    /// The keys of lines that the database has.
    pub(super) kept_too: &'a HashSet<String>,
    pub(super) known: Known,
    pub(super) database: &'a Database,
    /// Who says so, in the rows.
    pub(super) application: &'a str,
    pub(super) limits: &'a Limits,
    pub(super) clock: &'a dyn Clock,
}

impl Courier<'_> {
    /// Delivers what the journal holds and shortens it to what is left.
    ///
    /// The lines go only after the transaction has come through: whoever is killed between leaves lines whose keys
    /// the database knows already.
    pub(super) fn deliver(&self) -> Delivery {
        let mut delivery = Delivery::default();
        if let Err(why) = self.empty_into(&mut delivery) {
            delivery.failure = Some(why);
        }
        delivery
    }

    fn empty_into(&self, delivery: &mut Delivery) -> Result<(), String> {
        let Some(mut locked) = self.journal.lock()? else {
            return Ok(());
        };
        let bytes = locked.read()?;
        let (mut kept, mut aside, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
        let mut dropped = 0;
        for (raw, line) in lines(&bytes) {
            match line {
                Line::Entry(entry) if self.kept_too.contains(&entry.key) => match self.known {
                    Known::Keep => kept.push(raw),
                    Known::Drop => dropped += 1,
                },
                Line::Entry(entry) => waiting.push((raw, *entry)),
                Line::Newer => {
                    delivery.newer += 1;
                    kept.push(raw);
                }
                Line::Broken => {
                    aside.push(raw);
                    delivery.rejected.push("it is not a whole entry".to_owned());
                }
            }
        }
        let until = self.clock.elapsed() + self.limits.deliver;
        let mut rest = waiting.as_slice();
        while !rest.is_empty() && delivery.failure.is_none() {
            let (batch, after) = rest.split_at(rest.len().min(BATCH));
            if self.clock.elapsed() > until {
                delivery.failure = Some("the time for delivering is over".to_owned());
                break;
            }
            match self.send(batch) {
                Ok(refused) => {
                    delivery.delivered += batch.len() - refused.len();
                    for (place, why) in refused {
                        aside.push(batch[place].0);
                        delivery.rejected.push(why);
                    }
                    rest = after;
                }
                Err(Failure::Refused(why) | Failure::Down(why)) => {
                    delivery.down = true;
                    delivery.failure = Some(why);
                }
            }
        }
        delivery.left = rest.len();
        if !aside.is_empty() {
            self.journal.reject(&aside)?;
        }
        if dropped + delivery.delivered + aside.len() > 0 {
            kept.extend(rest.iter().map(|(raw, _)| *raw));
            locked.keep(&kept)?;
        }
        Ok(())
    }

    fn send(&self, batch: &[(&[u8], Entry)]) -> Result<Vec<(usize, String)>, Failure> {
        let entries: Vec<Entry> = batch.iter().map(|(_, entry)| entry.clone()).collect();
        let by = self.application.to_owned();
        let patience = self.limits.patience();
        self.database
            .run(patience, Ending::Commit, move |transaction| {
                insert_all(transaction, &entries, &by)
            })
    }
}
