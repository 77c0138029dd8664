//! Judging a recorded rollout again: the rollout itself is played once more, with the record for its world. Pure.
//!
//! ```text
//!   rows ──▶ attempts ──▶ stretches of looks            (record, document)
//!                              │
//!   rules of now ──▶ plan ──▶ next ⇄ what was recorded  (terms, world, course)
//!                              │
//!   recorded rules ──▶ plan ──▶ next ⇄ the same         to compare with
//! ```
//!
//! No rule is written down twice: every decision is [`crate::rollout::next`]'s. What depends on a limit is judged anew
//! from what was measured. Looks were made when they were made: a stage that these rules would have watched for longer
//! than it was ends the replay, and one that they would have left sooner goes on with the looks of the next.

mod course;
mod document;
mod record;
mod terms;
mod world;

pub use course::{Course, End, Moment, Passage, course};
pub use document::read;
pub use record::{Attempt, Named, Reading, Record, Row};
pub use terms::{Aside, Judging, NOBODY, Terms, differences};
