//! `plugin-rollback`: returns a deployment to the last version known to be good, and opens the incident.
//!
//! Not built yet: it refuses to run, so that no pipeline takes its silence for success.

use std::io::Write;

use shared::exit::Exit;

fn main() -> Exit {
    let text = concat!(
        "REFUSED (exit 2): plugin-rollback ",
        env!("CARGO_PKG_VERSION"),
        " is not built yet; nothing was touched. Next: remove this step until a release has it"
    );
    // A log that nobody reads changes nothing about the refusal.
    let _ = writeln!(std::io::stdout(), "{text}");
    Exit::Refused
}
