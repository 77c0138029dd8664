//! Is everything there that a rollback would need?

use std::path::Path;

use shared::exit::Exit;
use shared::log::{Log, Tone};

use crate::edges::{LIMITS, USER_AGENT};
use crate::settings::{Hook, Settings};

/// Looks at everything and changes nothing.
pub fn run(settings: &Settings, log: &Log) -> Exit {
    let mut problems = Vec::new();
    if let Some(Hook::Script(path)) = &settings.hook.hook {
        problems.extend(executable(path).err());
    }
    if let Some(database) = &settings.database {
        match shared::store::check(database, USER_AGENT, &LIMITS) {
            Ok((how, _)) => log.info(&format!("database: {how}")),
            Err(why) => problems.push(format!("database: {why}")),
        }
    }
    if problems.is_empty() {
        log.verdict(
            Tone::Good,
            "PASSED (exit 0): everything that a rollback would need is there",
        );
        return Exit::Passed;
    }
    let text = format!(
        "REFUSED (exit 2): {}. Next: mend it before you deploy; nothing was touched",
        problems.join("; ")
    );
    log.verdict(Tone::Bad, &text);
    Exit::Refused
}

fn executable(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    let shown = path.display();
    let data = std::fs::metadata(path).map_err(|error| {
        format!("deployment_script: {shown} cannot be read: {error}; is it committed?")
    })?;
    if !data.is_file() || data.permissions().mode() & 0o111 == 0 {
        return Err(format!(
            "deployment_script: {shown} is not executable; run git update-index --chmod=+x on it"
        ));
    }
    Ok(())
}
