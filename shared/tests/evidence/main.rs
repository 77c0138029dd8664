//! The evidence room: exact values, laws that hold for whatever is counted, the guarantees summed over every outcome,
//! and the page that explains it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod exact;
mod laws;
mod outcomes;
mod page;

#[path = "../../examples/evidence-page/page.rs"]
mod content;
#[path = "../../examples/evidence-page/picture.rs"]
mod picture;
#[path = "../../examples/evidence-page/runs.rs"]
mod runs;
#[path = "../../examples/evidence-page/table.rs"]
mod table;

use shared::evidence::{Limit, Pair, Promote, Regression};
use shared::split::Counts;

fn counts(requests: u64, failed: u64) -> Counts {
    Counts { requests, failed }
}

fn pair(canary: Counts, baseline: Counts) -> Pair {
    Pair { canary, baseline }
}
