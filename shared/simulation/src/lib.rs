//! Rollouts played ten thousand times with fixed seeds, to see how often a rule of deciding is wrong and how late it is
//! right: the project's own beside those of others, on the same traffic.
//!
//! A [`world::World`] is traffic and what is wrong with it; a [`rule::Rule`] looks at its counts and may roll back; a
//! [`course`] is one rollout of one rule in one world; a [`cell`] is what many of them come to; a [`board`] is many cells.

pub mod board;
pub mod cell;
pub mod course;
pub mod grid;
pub mod page;
pub mod past;
pub mod plot;
pub mod random;
pub mod rule;
pub mod scrape;
pub mod world;
