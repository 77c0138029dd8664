//! Returns a deployment to the last version known to be good, and opens the incident.

pub mod git;
