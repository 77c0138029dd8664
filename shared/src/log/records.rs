//! Records and the log: what the records have to say, and what a record may hold.

use serde_json::Value;

use super::{Level, Log, Tone};
use crate::record::Record;
use crate::store::Records;

/// What the records had to say so far: a journal that cannot be written is news once, not at every tick.
#[derive(Debug, Default)]
pub struct Notices {
    said: Vec<String>,
}

impl Notices {
    /// Says what is new.
    pub fn say(&mut self, records: &mut Records, log: &Log) {
        for notice in records.notices() {
            if self.said.contains(&notice.text) {
                continue;
            }
            let (level, tone) = if notice.warning {
                (Level::Warn, Tone::Caution)
            } else {
                (Level::Info, Tone::Faint)
            };
            log.line(level, tone, &notice.text);
            self.said.push(notice.text);
        }
    }
}

impl Log<'_> {
    /// A record as it may be kept: an endpoint can repeat in its answer what it was sent.
    #[must_use]
    pub fn masked_record(&self, mut record: Record) -> Record {
        let hide = |text: &mut String| *text = self.masked(text);
        match &mut record {
            Record::Check(check) => {
                check.checks_passed.iter_mut().for_each(hide);
                check.checks_failed.iter_mut().for_each(hide);
                hide(&mut check.endpoint);
            }
            Record::Deployment(deployment) => deployment.rollback_reason.iter_mut().for_each(hide),
            Record::Stage(stage) => stage.rollback_reason.iter_mut().for_each(hide),
            Record::Hold(held) => hide(&mut held.reason),
            Record::Abort(abort) => hide(&mut abort.reason),
            Record::Look(look) => masked_in(&mut look.seen, &hide),
            Record::Part(part) => part.note.iter_mut().for_each(hide),
            Record::Marker(_) | Record::Rollout(_) | Record::Lift(_) => {}
        }
        record
    }
}

/// Every text of a document, however deep.
fn masked_in(value: &mut Value, hide: &impl Fn(&mut String)) {
    match value {
        Value::String(text) => hide(text),
        Value::Array(all) => all.iter_mut().for_each(|one| masked_in(one, hide)),
        Value::Object(all) => all.values_mut().for_each(|one| masked_in(one, hide)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
