//! Metrics from servers that collect them.

pub mod prometheus;
mod reading;
