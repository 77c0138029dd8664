//! The last resort: a run that panics, or that hangs after it was cancelled, still ends with its own code and a last
//! line that says so.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::exit::Exit;
use crate::signal::Cancel;

/// How long a cancelled run may take to end by itself. Woodpecker kills it 20 seconds after the signal.
pub const GRACE: Duration = Duration::from_secs(13);
/// How long the last line may take where nobody reads the log any more.
const LAST_LINE: Duration = Duration::from_secs(1);

thread_local! {
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Does the work of a whole process. A panic in it becomes [`Exit::Bug`], with the place in the source on the last
/// line. The panic's own text is left out: it can hold any value, a secret too.
pub fn caught(work: impl FnOnce() -> Exit) -> Exit {
    let before = panic::take_hook();
    panic::set_hook(Box::new(note));
    IS_GUARDED.set(true);
    let ended = panic::catch_unwind(AssertUnwindSafe(work));
    IS_GUARDED.set(false);
    panic::set_hook(before);
    ended.unwrap_or_else(|_| {
        let place = PLACE
            .take()
            .unwrap_or_else(|| "an unknown place".to_owned());
        say_within(&bug(&place), LAST_LINE);
        Exit::Bug
    })
}

/// Ends the process once the run was cancelled and has not ended within `grace`: a server that hangs, or a log that
/// nobody reads, must not keep it until it is killed. A verdict that was reached before is not lost with it. Only for a
/// run that has nothing to put back.
///
/// # Errors
/// When there is no thread for it.
pub fn end_when_cancelled(
    cancel: &Cancel,
    grace: Duration,
    judged: Arc<Mutex<Option<String>>>,
) -> std::io::Result<()> {
    when_cancelled(cancel, move || {
        pause(grace);
        let judged = judged.lock().unwrap_or_else(PoisonError::into_inner).take();
        end(Exit::Cancelled, &overdue(judged.as_deref()));
    })
}

/// Does something in a thread of its own once the run was cancelled, whatever the rest of it is stuck in.
///
/// # Errors
/// When there is no thread for it.
pub fn when_cancelled(
    cancel: &Cancel,
    work: impl FnOnce() + Send + 'static,
) -> std::io::Result<()> {
    let cancel = cancel.clone();
    let watch = move || {
        while !cancel.wait(Duration::from_secs(3600)) {}
        work();
    };
    std::thread::Builder::new()
        .name("guard".into())
        .spawn(watch)
        .map(drop)
}

/// Ends the process with this last line, wherever the rest of it is stuck. Only for a run that can end in no other way.
#[expect(
    clippy::disallowed_methods,
    reason = "main is stuck, so the exit code cannot leave by it"
)]
pub fn end(exit: Exit, line: &str) {
    say_within(&format!("\n{line}"), LAST_LINE);
    std::process::exit(i32::from(exit.code()));
}

/// The end of a run that cannot hear signals: it must not begin, because nothing could stop it in order.
pub fn deaf() -> Exit {
    let code = Exit::Bug.code();
    say(&format!(
        "BUG (exit {code}): the handlers of SIGTERM and SIGINT could not be installed. Next: look at the agent's limits \
         on processes"
    ));
    Exit::Bug
}

fn bug(place: &str) -> String {
    let code = Exit::Bug.code();
    format!(
        "\nBUG (exit {code}): this plugin stopped at {place}, which is a bug of ours and says nothing about the \
         deployment. Next: report it with this log; until then the deployment is unjudged"
    )
}

fn overdue(judged: Option<&str>) -> String {
    let code = Exit::Cancelled.code();
    let verdict = judged.map_or_else(
        || "there was no verdict yet".to_owned(),
        |verdict| format!("the verdict had been: {verdict}"),
    );
    format!(
        "CANCELLED (exit {code}): the pipeline was cancelled; what did not answer in time was left (a server, the \
         database, people to tell); {verdict}"
    )
}

/// Notes where a panic happened. On a thread that nobody guards it is said at once: its work is lost, the run goes on.
fn note(panic: &PanicHookInfo<'_>) {
    let place = panic
        .location()
        .map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    if IS_GUARDED.get() {
        PLACE.set(Some(place));
        return;
    }
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("without a name").to_owned();
    let line = format!("a bug of ours: the thread {name} stopped at {place}");
    say_within(&line, LAST_LINE);
}

/// A log that nobody reads any more must not end the run in another way.
fn say(line: &str) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

/// A pipe that is full blocks for ever whoever writes to it, so that is another thread.
fn say_within(line: &str, limit: Duration) {
    let (tell, told) = mpsc::channel();
    let line = line.to_owned();
    let _ = std::thread::Builder::new().spawn(move || {
        say(&line);
        let _ = tell.send(());
    });
    let _ = told.recv_timeout(limit);
}

/// A wait that a cancelled run gets, unlike the clock's sleep.
pub fn pause(time: Duration) {
    let (keep, never) = mpsc::channel::<()>();
    let _ = never.recv_timeout(time);
    drop(keep);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_our_own_exit_code_with_its_place_and_without_its_text() {
        assert_eq!(caught(|| panic!("hunter2222")), Exit::Bug);
        assert_eq!(caught(|| Exit::Bad), Exit::Bad);
        let line = bug("src/run.rs:1:2");
        assert!(line.starts_with("\nBUG (exit 70): "), "{line}");
        assert!(line.contains("src/run.rs:1:2"), "{line}");
    }
}
