//! What a person sees: a line per transition, a table of the stages, the verdict. Pure.

pub mod history;
pub mod incident;
pub mod lines;
pub mod overdue;
pub mod planned;
pub mod replayed;
pub mod stages;
pub mod standing;
pub mod told;
pub mod verdict;
