//! Settings: flags, `PLUGIN_*`, the plain variables of the original system, `CI_*`, the policy file, defaults, in
//! this order. Read once, understood once, refused all at once.

pub mod catalog;
pub mod common;
pub mod environment;
pub mod flags;
pub mod forging;
pub mod judging;
pub mod probing;
pub mod raw;
pub mod read;
pub mod showing;
pub mod telling;
