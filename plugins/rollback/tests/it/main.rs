//! The real binary against real servers, and the corpus of its settings.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod alarms;
mod branches;
mod corpus;
mod documents;
mod down;
mod plans;
mod promises;
mod redeploying;
mod rollouts;
mod step;
mod turns;
