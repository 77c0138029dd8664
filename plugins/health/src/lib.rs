//! `plugin-health`: proves that what was deployed is alive, is the right version, and meets its thresholds.
//!
//! One run: observe (`probe`) → decide (`course`, `tick`, `rows`) → act (nothing: a gate moves nothing) → record.

pub mod course;
pub mod edges;
pub mod ledger;
pub mod preflight;
pub mod report;
pub mod rows;
pub mod run;
pub mod settings;
pub mod summary;
pub mod targets;
pub mod tick;
