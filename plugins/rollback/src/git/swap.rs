//! Moving one reference of a remote, from exactly where it must be.

use git2::Oid;

use super::ask::{self, Move};
use super::error::GitError;
use super::lease::{self, Pushed};
use super::remote::Remote;
use super::wire::{Begun, Service, Wire, unreadable};
use super::work::Work;
use super::{barrier, incoming, report};

/// How much a server may say about a push: 4 MiB.
const ANSWER: u64 = 4 << 20;

impl Remote<'_> {
    /// Moves a reference, with the objects that the server lacks. However it ends, the reference is where it was or
    /// where it is to be, unless somebody else moved it.
    pub(super) fn swap(
        &self,
        work: &Work,
        change: &Move,
        objects: &[Oid],
    ) -> Result<Pushed, GitError> {
        let begun = self.begin(Service::Receive)?;
        let now = match &begun {
            Some(begun) => begun.advert.refs.get(&change.name).copied(),
            None => self.now(change)?,
        };
        if let Some(ended) = lease::before(change, now) {
            return Ok(ended);
        }
        let answer = match begun {
            Some(begun) => {
                let pack = work.pack(objects)?;
                self.push(begun, change, &pack)
            }
            None => self.swap_here(work, change, objects),
        };
        match answer {
            Ok(Ok(())) => Ok(Pushed::Done(change.new)),
            Ok(Err((why, words))) => {
                let ended = lease::after(change, self.now(change)?, Some((&why, &words)));
                Ok(ended.unwrap_or_else(|| Pushed::Refused {
                    said: barrier::said(&why, &words),
                }))
            }
            // What was cut off may have come through all the same.
            Err(error) => match self.now(change).map(|now| lease::after(change, now, None)) {
                Ok(Some(ended)) => Ok(ended),
                Ok(None) | Err(_) => Err(error),
            },
        }
    }

    fn now(&self, change: &Move) -> Result<Option<Oid>, GitError> {
        Ok(self.refs()?.get(&change.name).copied())
    }

    fn push(
        &self,
        begun: Begun<'_>,
        change: &Move,
        pack: &[u8],
    ) -> Result<Result<(), (String, String)>, GitError> {
        let advert = begun.advert.clone();
        let mut answer = Vec::new();
        begun.ask(&ask::push(&advert, change, pack), ANSWER, &mut answer)?;
        let broken = |error| unreadable(&self.shown, &error);
        let (told, words) = incoming::report(&advert, &mut answer.as_slice()).map_err(broken)?;
        let result = report::of(&told, &change.name).map_err(broken)?;
        Ok(result.map_err(|why| (why, words)))
    }

    fn swap_here(
        &self,
        work: &Work,
        change: &Move,
        objects: &[Oid],
    ) -> Result<Result<(), (String, String)>, GitError> {
        match &self.wire {
            Wire::Local(local) => {
                let swapped = local.swap(work, change, objects)?;
                Ok(swapped.map_err(|why| (why, String::new())))
            }
            Wire::Web(_) | Wire::Ssh(_) => Err(GitError::here("swap", &"no server was asked")),
        }
    }
}
