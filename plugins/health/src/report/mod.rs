//! What a person sees: the log's lines, the tables, the verdict, the message, the written report. Pure.

pub mod ending;
pub mod lines;
pub mod standing;
pub mod tables;
pub mod told;
