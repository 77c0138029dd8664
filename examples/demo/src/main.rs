//! The demonstration: the real plugins, run as Woodpecker runs them, against services on loopback.
//!
//! `cargo run -p demo` needs Rust, git and a shell, and nothing else: no database, no proxy, under a minute.

mod gate;
mod plugin;
mod rollback;
mod rollout;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;

use plugin::Plugins;

fn main() -> ExitCode {
    match play() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("the demo could not run: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Plays everything and says how much of it went otherwise than it must.
fn play() -> anyhow::Result<usize> {
    let plugins = Plugins::build()?;
    let folder = std::env::temp_dir().join(format!("deployment-demo-{}", std::process::id()));
    let workspaces = ["gate", "rollout", "rollback"].map(|name| folder.join(name));
    for workspace in &workspaces {
        std::fs::create_dir_all(workspace).context("the demo needs a temporary folder")?;
    }
    let [first, second, third] = &workspaces;
    let surprises = gate::play(&plugins, first)?
        + rollout::play(&plugins, second)?
        + rollback::play(&plugins, third)?;
    std::fs::remove_dir_all(&folder)?;
    say(&match surprises {
        0 => "\nEverything went as told.".to_owned(),
        n => format!("\n{n} of these went otherwise than told."),
    });
    Ok(surprises)
}

/// The demo's own voice.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
