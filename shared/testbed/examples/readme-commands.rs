//! Prints the commands by which README.md builds the images, one a line: whoever builds them in CI runs these.
//!
//! `cargo run -q -p testbed --example readme-commands`

use std::io::Write;

use testbed::markdown::{blocks, commands};

fn main() -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    for command in commands(&blocks("README.md")) {
        if command.starts_with("docker build ") {
            writeln!(output, "{command}")?;
        }
    }
    Ok(())
}
