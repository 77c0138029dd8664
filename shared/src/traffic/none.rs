//! Traffic that somebody else moves.

use crate::hook::Call;
use crate::split::{Share, Snapshot};
use crate::tally::Tally;

use super::{Health, Preflight, Reading, TrafficError, TrafficManager};

/// Watches only: stages are waited for and judged, and nothing is moved. To set or restore does nothing, and
/// [`TrafficManager::moves`] says so.
#[derive(Debug, Clone, Copy, Default)]
pub struct Watching;

impl TrafficManager for Watching {
    fn name(&self) -> &'static str {
        "none"
    }

    fn moves(&self) -> bool {
        false
    }

    fn preflight(&self) -> Result<Preflight, TrafficError> {
        Ok(Preflight {
            notes: vec![
                "traffic is none: stages are watched, and nothing here moves traffic or puts it back"
                    .into(),
            ],
            reload: None,
        })
    }

    fn read(&self) -> Result<Reading, TrafficError> {
        Ok(Reading {
            share: None,
            snapshot: Snapshot {
                manager: self.name().into(),
                share: Share::NONE,
                detail: serde_json::Value::Null,
            },
            stable: Health::Unchecked,
            canary: Health::Unchecked,
            places: Vec::new(),
        })
    }

    fn set(&self, _: Share, _: Call) -> Result<(), TrafficError> {
        Ok(())
    }

    fn restore(&self, _: &Snapshot, _: Call) -> Result<(), TrafficError> {
        Ok(())
    }

    fn observe(&self) -> Result<Option<Tally>, TrafficError> {
        Ok(None)
    }
}
