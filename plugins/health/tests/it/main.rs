//! The real binary as Woodpecker runs it: a cleared environment, `PLUGIN_*` and `CI_*` set, real servers on loopback.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test must fail it")]

mod corpus;
mod documents;
mod hostile;
mod modes;
mod page;
mod precedence;
mod preflight;
mod promises;
mod records;
mod refusals;
mod reports;
mod signals;
mod standing;
mod step;
mod telling;
mod thresholds;
