//! The question before a rollback, for a person at a terminal.

use std::io::{IsTerminal, Write};
use std::sync::mpsc;
use std::time::Duration;

use shared::signal::Cancel;

/// How often a cancelled run is noticed while the question stands.
const GLANCE: Duration = Duration::from_millis(100);

/// Whether there is somebody to ask.
pub fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// Asks, and waits for the answer. A cancelled run has said no.
pub fn ask(question: &str, cancel: &Cancel) -> bool {
    let mut out = std::io::stdout();
    let _ = write!(out, "{question} [y/N] ");
    let _ = out.flush();
    let (tell, told) = mpsc::channel();
    // Reading cannot be interrupted, so it is done where nobody waits for it.
    let reading = std::thread::Builder::new()
        .name("question".into())
        .spawn(move || {
            let mut line = String::new();
            let read = std::io::stdin().read_line(&mut line);
            // Nobody listens any more when the run was cancelled.
            let _ = tell.send(read.is_ok() && is_yes(&line));
        });
    if reading.is_err() {
        return false;
    }
    loop {
        match told.recv_timeout(GLANCE) {
            Ok(yes) => return yes,
            Err(mpsc::RecvTimeoutError::Disconnected) => return false,
            Err(mpsc::RecvTimeoutError::Timeout) if cancel.is_cancelled() => return false,
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
    }
}

fn is_yes(line: &str) -> bool {
    matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::is_yes;

    #[test]
    fn only_a_clear_yes_is_one() {
        assert!(is_yes("y\n") && is_yes(" YES \n"));
        assert!(!is_yes("\n") && !is_yes("yep\n") && !is_yes("no\n"));
    }
}
