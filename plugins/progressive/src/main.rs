//! The binary: turns flags and environment into settings, and the run's ending into an exit code.

use std::io::Write;
use std::sync::Arc;

use plugin_progressive::run;
use plugin_progressive::settings::{PLUGIN, Told};
use shared::clock::{Clock, SystemClock};
use shared::exit::Exit;
use shared::guard;
use shared::log::{Level, Log};
use shared::secret::Mask;
use shared::settings::environment::Environment;
use shared::settings::flags;
use shared::settings::raw::Raw;
use shared::signal::Cancel;

const ABOUT: &str = "Moves traffic to a new version in stages, judges every stage on evidence, and puts traffic back \
                     by itself when the evidence is bad";

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
                "\nREFUSED (exit 2): a flag is not understood; nothing was touched. Next: see --help"
            );
            return Exit::Refused;
        }
    };
    let environment = Environment::capture();
    let Ok(cancel) = Cancel::on_signals() else {
        return guard::deaf();
    };
    let clock: Arc<dyn Clock + Send + Sync> = Arc::new(SystemClock::start(cancel.clone()));
    let (raw, found) = Raw::gather(PLUGIN, &given, &environment);
    match Told::understand(&raw, found, &environment, clock.now()) {
        Ok(Told::Rollout(settings)) => {
            let mask = settings.mask.clone();
            let log = Log::new(settings.log_level, &environment, mask, &*clock);
            run::run(&settings, &clock, &cancel, &log)
        }
        Ok(Told::Replay(replaying)) => {
            let mask = replaying.mask.clone();
            let log = Log::new(replaying.log_level, &environment, mask, &*clock);
            run::replay(&replaying, &cancel, &log)
        }
        Err(problems) => {
            let mut mask = Mask::default();
            raw.hide_in(&mut mask);
            let log = Log::new(Level::Info, &environment, mask, &*clock);
            // What an older version does not know yet is one of the commonest problems.
            log.info(concat!(
                env!("CARGO_PKG_NAME"),
                " ",
                env!("CARGO_PKG_VERSION")
            ));
            log.refuse(&problems, "nothing was touched")
        }
    }
}
