//! What the three deployment-safety plugins have in common.
//!
//! Every plugin is one run of one loop: observe → decide → act → record. The *pure* rooms below decide and never
//! touch network, clock, file or database; the *edge* rooms do, and are named after what they touch; the *front*
//! rooms turn flags and environment into values and a verdict into an exit code. ARCHITECTURE.md holds the arrows
//! between them, and a test holds ARCHITECTURE.md.

// Pure rooms.
pub mod answer;
pub mod chart;
pub mod deployment;
pub mod endpoint;
pub mod evidence;
pub mod hook;
pub mod incident;
pub mod intent;
pub mod message;
pub mod metric;
pub mod page;
pub mod policy;
pub mod problem;
pub mod reason;
pub mod record;
pub mod sample;
pub mod secret;
pub mod signature;
pub mod split;
pub mod standing;
pub mod table;
pub mod tally;
pub mod threshold;
pub mod tick;
pub mod value;
pub mod verdict;
pub mod window;

// Edge rooms.
pub mod clock;
pub mod forge;
pub mod http;
pub mod metrics;
pub mod notify;
pub mod probe;
pub mod script;
pub mod signal;
pub mod store;
pub mod tls;
pub mod traffic;

// Front rooms.
pub mod ci;
pub mod exit;
pub mod guard;
pub mod log;
pub mod settings;
