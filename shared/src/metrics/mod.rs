//! Metrics from servers that collect them.

pub mod counters;
mod growth;
pub mod prometheus;
mod reading;
