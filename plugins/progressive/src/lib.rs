//! `plugin-progressive`: moves traffic to a new version in stages, judges every stage on evidence, and puts traffic
//! back by itself when the evidence is bad.
//!
//! One run: observe (probes, counters, the traffic's share) → decide (`rollout`, `stage`) → act (one step at a time,
//! in `carry`) → record (`ledger`).

pub mod calls;
pub mod carry;
pub mod counting;
pub mod edges;
pub mod forging;
pub mod ledger;
pub mod looking;
pub mod mover;
pub mod preflight;
pub mod replay;
pub mod replaying;
pub mod report;
pub mod rollout;
pub mod rows;
pub mod run;
pub mod sentry;
pub mod settings;
pub mod stage;
pub mod targets;
pub mod unnamed;
