//! What a person sees: the plan, a line per part, the verdict. Pure.

pub mod lines;
pub mod stages;
pub mod told;
pub mod verdict;
