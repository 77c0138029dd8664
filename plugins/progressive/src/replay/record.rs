//! Rows of looks into attempts and what each of them watched, one after the other.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use shared::record;

use super::terms::Terms;
use crate::rollout::What;
use crate::rows::{Kept, watched};
use crate::stage::Look;

/// Whose looks they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The repository as `owner/name`.
    pub repo: String,
    /// The environment.
    pub environment: String,
    /// The deployment.
    pub deployment_id: String,
}

/// A recorded look, understood.
#[derive(Debug, Clone)]
pub struct Row {
    /// When it was recorded.
    pub at: Timestamp,
    /// Its place among the looks of its run, from 1.
    pub number: i32,
    /// Only walked through.
    pub dry_run: bool,
    what: What,
    opened: Duration,
    wait: Duration,
    look: Look,
    terms: Arc<Terms>,
}

/// Understands looks one by one. What all of a run have in common is kept once.
#[derive(Debug, Default)]
pub struct Reading {
    last: Option<Arc<Terms>>,
}

impl Reading {
    /// Understands a look, recorded by this version of the plugin where that is known.
    ///
    /// # Errors
    /// When this version cannot understand it.
    pub fn row(
        &mut self,
        at: Timestamp,
        look: record::Look,
        by: Option<&str>,
    ) -> Result<Row, String> {
        let number = look.number;
        let kept = serde_json::from_value(look.seen).map_err(|error| fault(&error));
        let told = (look.what.as_str(), look.stage);
        let row = kept.and_then(|kept| self.kept(at, told, (number, look.dry_run), kept));
        let by = by.map_or_else(String::new, |by| format!(", recorded by {by},"));
        row.map_err(|why| format!("look {number}{by} cannot be replayed: {why}"))
    }

    pub(super) fn kept(
        &mut self,
        at: Timestamp,
        (what, stage): (&str, i32),
        (number, dry_run): (i32, bool),
        kept: Kept,
    ) -> Result<Row, String> {
        let what = watched(what, stage)
            .ok_or_else(|| format!("nothing is known of what it watched: {what:.20} {stage}"))?;
        let Kept {
            look,
            opened,
            wait,
            rules,
            outline,
        } = kept;
        let terms = Terms { rules, outline };
        let terms = match &self.last {
            Some(last) if **last == terms => Arc::clone(last),
            _ => {
                if terms.recorded("", false).is_none() {
                    return Err("its stages or its finish make no plan".to_owned());
                }
                Arc::new(terms)
            }
        };
        self.last = Some(Arc::clone(&terms));
        Ok(Row {
            at,
            number,
            dry_run,
            what,
            opened,
            wait,
            look,
            terms,
        })
    }
}

/// What is wrong with a document, without any value of it: it may be the wrong file, and hold a secret.
pub(super) fn fault(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    if text.starts_with("missing field") || error.is_syntax() || error.is_eof() {
        return text.to_owned();
    }
    let is_told = ["invalid ", "unknown "]
        .iter()
        .any(|one| text.starts_with(one));
    let expected = text.rsplit_once(", expected ").filter(|_| is_told);
    expected.map_or("another shape".to_owned(), |(_, expected)| {
        format!("expected {expected}")
    })
}

/// Everything that was recorded of a rollout.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its runs, the earliest first.
    pub attempts: Vec<Attempt>,
    /// Whether there are looks of dry runs beside it, which say nothing of it.
    pub leaves_dry_runs: bool,
}

/// One run.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// What it was judged by, and what was planned.
    pub terms: Arc<Terms>,
    /// Only walked through.
    pub is_dry: bool,
    /// Numbers of looks that nobody recorded.
    pub missing: i32,
    pub(super) stretches: Vec<Stretch>,
}

/// Looks at one thing, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stretch {
    pub(super) what: What,
    pub(super) opened: Duration,
    pub(super) wait: Duration,
    pub(super) looks: Vec<Seen>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    pub(super) at: Timestamp,
    pub(super) number: i32,
    pub(super) look: Look,
}

impl Record {
    /// Puts rows in their order. Dry runs are left out where there is anything else.
    pub fn of(rows: Vec<Row>) -> Self {
        let is_dry = rows.iter().all(|row| row.dry_run);
        let leaves_dry_runs = !is_dry && rows.iter().any(|row| row.dry_run);
        let mut attempts: Vec<Attempt> = Vec::new();
        let mut last: Option<(i32, Timestamp)> = None;
        for row in rows.into_iter().filter(|row| row.dry_run == is_dry) {
            if last == Some((row.number, row.at)) {
                continue;
            }
            // Every run counts its looks from 1.
            let begins = last.is_none_or(|(number, _)| row.number <= number);
            let before = if begins {
                0
            } else {
                last.map_or(0, |(n, _)| n)
            };
            last = Some((row.number, row.at));
            if begins {
                attempts.push(Attempt {
                    terms: Arc::clone(&row.terms),
                    is_dry,
                    missing: 0,
                    stretches: Vec::new(),
                });
            }
            if let Some(attempt) = attempts.last_mut() {
                attempt.missing += row.number - before - 1;
                attempt.add(row);
            }
        }
        Self {
            attempts,
            leaves_dry_runs,
        }
    }

    /// When its first run began, by the wall clock; absent where it holds none.
    pub fn began(&self) -> Option<Timestamp> {
        self.attempts.first()?.began()
    }

    /// The names of all endpoints that were asked.
    pub fn endpoints(&self) -> impl Iterator<Item = &str> {
        let looks = self.attempts.iter().flat_map(|one| &one.stretches);
        let firsts = looks.filter_map(|stretch| stretch.looks.first());
        firsts.flat_map(|seen| {
            let old = seen.look.baseline.iter();
            let ticks = std::iter::once(&seen.look.new).chain(old);
            ticks
                .flat_map(|tick| &tick.samples)
                .map(|sample| sample.endpoint.as_str())
        })
    }

    /// Who counted requests; absent where nobody did.
    pub fn source(&self) -> Option<&str> {
        let stretches = self.attempts.iter().flat_map(|one| &one.stretches);
        let mut looks = stretches.flat_map(|stretch| &stretch.looks);
        looks.find_map(|seen| Some(seen.look.counts.as_ref()?.source.as_str()))
    }
}

impl Attempt {
    /// When it began, by the wall clock.
    pub(super) fn began(&self) -> Option<Timestamp> {
        let first = self.stretches.first()?.looks.first()?;
        first.at.checked_sub(first.look.new.ended).ok()
    }

    fn add(&mut self, row: Row) {
        let (what, opened, wait) = (row.what, row.opened, row.wait);
        let seen = Seen {
            at: row.at,
            number: row.number,
            look: row.look,
        };
        match self.stretches.last_mut() {
            Some(last) if last.what == what && last.opened == opened => last.looks.push(seen),
            _ => self.stretches.push(Stretch {
                what,
                opened,
                wait,
                looks: vec![seen],
            }),
        }
    }
}
