//! The binary: turns flags and environment into settings, and the run's ending into an exit code.

use std::io::Write;

use plugin_health::run;
use plugin_health::settings::{PLUGIN, Settings};
use shared::clock::SystemClock;
use shared::exit::Exit;
use shared::guard;
use shared::log::{Level, Log};
use shared::secret::Mask;
use shared::settings::environment::Environment;
use shared::settings::flags;
use shared::settings::raw::Raw;
use shared::signal::Cancel;

const ABOUT: &str =
    "Proves that what was deployed is alive, is the right version, and meets its thresholds";

fn main() -> Exit {
    guard::caught(started)
}

fn started() -> Exit {
    let command = flags::command(PLUGIN, env!("CARGO_PKG_VERSION"), ABOUT);
    let given = match flags::parse(command, PLUGIN, std::env::args_os()) {
        Ok(given) => given,
        Err(error) => {
            let _ = error.print();
            if !error.use_stderr() {
                return Exit::Passed;
            }
            let _ = writeln!(
                std::io::stderr(),
                "\nREFUSED (exit 2): a flag is not understood; nothing was probed or written. Next: see --help"
            );
            return Exit::Refused;
        }
    };
    let environment = Environment::capture();
    let Ok(cancel) = Cancel::on_signals() else {
        return guard::deaf();
    };
    let clock = SystemClock::start(cancel.clone());
    let (raw, found) = Raw::gather(PLUGIN, &given, &environment);
    match Settings::understand(&raw, found, &environment) {
        Ok(settings) => {
            let log = Log::new(
                settings.log_level,
                &environment,
                settings.mask.clone(),
                &clock,
            );
            if guard::end_when_cancelled(&cancel, guard::GRACE, log.kept()).is_err() {
                return guard::deaf();
            }
            run::run(&settings, &clock, &cancel, &log)
        }
        Err(problems) => {
            let mut mask = Mask::default();
            raw.hide_in(&mut mask);
            let log = Log::new(Level::Info, &environment, mask, &clock);
            // What an older version does not know yet is one of the commonest problems.
            log.info(concat!(
                env!("CARGO_PKG_NAME"),
                " ",
                env!("CARGO_PKG_VERSION")
            ));
            log.refuse(&problems, "nothing was probed or written")
        }
    }
}
