//! `plugin-rollback`: returns a deployment to the last version known to be good, and opens the incident.
//!
//! One run: observe (records, traffic, branch) → decide (`plan`) → act (each part once, in `carry`) → record
//! (`ledger`).

pub mod calls;
pub mod carry;
pub mod confirm;
pub mod edges;
pub mod forging;
pub mod git;
pub mod ledger;
pub mod looking;
pub mod mark;
pub mod mover;
pub mod observe;
pub mod plan;
pub mod preflight;
pub mod redeploy;
pub mod report;
pub mod repository;
pub mod rows;
pub mod run;
pub mod settings;
pub mod turn;
pub mod watch;
