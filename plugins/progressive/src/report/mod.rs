//! What a person sees: a line per transition, a table of the stages, the verdict. Pure.

pub mod lines;
pub mod overdue;
pub mod stages;
pub mod told;
pub mod verdict;
