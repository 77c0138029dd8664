//! What a rollout writes down of each look.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{DRY_RUN, STANDARD};
use crate::split::Served;

/// Where [`Look::seen`] says whether the old version was over its limit by what was counted.
const OUTAGE: &str = "/look/counts/outage";

/// Where it says what the old version's own probes came to.
const JUDGED: &str = "/look/baseline/judged/judged";

/// One look of a rollout: inserts a row of `deployment_looks`. What was seen is kept whole, so that it can be judged
/// again by other rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// The stage it belongs to, from 1; 0 where it belongs to none.
    pub stage: i32,
    /// What was watched: `first`, `stage`, `promoted` or `soak`.
    pub what: String,
    /// Its place among the looks of the run, from 1.
    pub number: i32,
    /// The canary's share at the time, 0 to 100; absent where it could not be read.
    #[serde(default)]
    pub traffic_percentage: Option<i32>,
    /// Who counted requests, such as `haproxy`; absent where nobody did.
    #[serde(default)]
    pub source: Option<String>,
    /// Requests of the stable side since the look before.
    #[serde(default)]
    pub stable: Option<Served>,
    /// Requests of the canary since the look before.
    #[serde(default)]
    pub canary: Option<Served>,
    /// Everything that was seen, as the rollout itself keeps it.
    #[serde(default)]
    pub seen: Value,
    /// Only walked through.
    #[serde(default)]
    pub dry_run: bool,
}

impl Look {
    /// The type in the database.
    pub fn deployment_type(&self) -> &'static str {
        if self.dry_run { DRY_RUN } else { STANDARD }
    }

    /// Whether something was known to be wrong with the old version: what it served then is not usual. A statement of
    /// the store asks the same.
    pub fn is_troubled(&self) -> bool {
        let outage = self.seen.pointer(OUTAGE).and_then(Value::as_bool);
        let judged = self.seen.pointer(JUDGED).and_then(Value::as_str);
        outage == Some(true) || judged.is_some_and(|word| word != "good")
    }
}
