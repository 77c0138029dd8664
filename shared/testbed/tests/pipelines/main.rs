//! Whole workflows, executed as they stand: those of the examples and those of README.md.
#![expect(clippy::unwrap_used, reason = "what goes wrong in a test must fail it")]

mod asked;
mod examples;
mod pages;
mod policies;
mod readme;
mod seven_stages;
