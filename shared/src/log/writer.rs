//! Lines on their way out, in a thread of their own: whoever reads the log slowly, or not at all, holds no rollout up.
//!
//! A line is waited for as long as that goes quickly, so that what was said is out before the next thing is done. From
//! the first line that takes too long on nobody waits, until the reader has caught up.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long one line is waited for.
const PATIENCE: Duration = Duration::from_millis(250);
/// How long the end of the log is waited for while nothing of it moves.
const LAST_PATIENCE: Duration = Duration::from_secs(5);
/// How many lines may wait; what comes on top of them is left out.
const LINES_MAX: usize = 10_000;

/// Hands lines over.
pub(super) struct Writer {
    queue: Arc<Queue>,
    patience: (Duration, Duration),
}

struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lines: VecDeque<String>,
    /// Lines handed over and lines written, in all.
    handed: u64,
    written: u64,
    left_out: usize,
    /// The reader is behind: nobody waits for a line.
    is_stalled: bool,
    is_over: bool,
}

impl Writer {
    /// Writes to `out` from here on.
    pub(super) fn to(out: Box<dyn Write + Send>) -> Self {
        Self::patient(out, (PATIENCE, LAST_PATIENCE))
    }

    fn patient(out: Box<dyn Write + Send>, patience: (Duration, Duration)) -> Self {
        let queue = Arc::new(Queue {
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let serving = Arc::clone(&queue);
        let started = std::thread::Builder::new()
            .name("log".into())
            .spawn(move || serving.serve(out));
        if started.is_err() {
            // Without a thread there is no log; the verdict is in the exit code.
            queue.state().is_over = true;
        }
        Self { queue, patience }
    }

    /// Hands a line over, and waits until it is out, if that is quick.
    pub(super) fn line(&self, line: String) {
        let mut state = self.queue.state();
        if state.is_over {
            return;
        }
        if state.lines.len() >= LINES_MAX {
            state.left_out += 1;
            return;
        }
        state.lines.push_back(line);
        state.handed += 1;
        self.queue.changed.notify_all();
        if !state.is_stalled {
            self.wait(state, self.patience.0);
        }
    }

    /// Waits until everything is out, as long as something moves.
    pub(super) fn flush(&self) {
        let state = self.queue.state();
        if !state.is_over {
            self.wait(state, self.patience.1);
        }
    }

    /// Waits until all that was handed over is written; gives up when nothing was for this long.
    fn wait(&self, mut state: MutexGuard<'_, State>, patience: Duration) {
        let goal = state.handed;
        while state.written < goal {
            let before = state.written;
            let waited = self
                .queue
                .changed
                .wait_timeout_while(state, patience, |state| state.written == before);
            let timed_out;
            (state, timed_out) = waited.unwrap_or_else(PoisonError::into_inner);
            if timed_out.timed_out() {
                state.is_stalled = true;
                return;
            }
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.queue.state().is_stalled {
            self.flush();
        }
        self.queue.state().is_over = true;
        self.queue.changed.notify_all();
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, mut out: Box<dyn Write + Send>) {
        while let Some(line) = self.next() {
            // A log whose pipe is closed must not end the run.
            let _ = writeln!(out, "{line}");
            let _ = out.flush();
            let mut state = self.state();
            state.written += 1;
            if state.lines.is_empty() {
                state.is_stalled = false;
                if state.left_out > 0 {
                    let count = std::mem::take(&mut state.left_out);
                    let text = format!("{count} lines of the log were left out: nobody read it");
                    state.lines.push_back(text);
                    state.handed += 1;
                }
            }
            drop(state);
            self.changed.notify_all();
        }
    }

    /// The next line; nothing when the log is over and all of it is out.
    fn next(&self) -> Option<String> {
        let waiting = |state: &mut State| state.lines.is_empty() && !state.is_over;
        let waited = self.changed.wait_while(self.state(), waiting);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        state.lines.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::mpsc;

    use super::*;

    const SHORT: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(1));

    #[test]
    fn a_line_is_out_before_the_next_thing_is_done() {
        let (mut reader, out) = std::io::pipe().unwrap();
        let long = Duration::from_secs(60);
        let writer = Writer::patient(Box::new(out), (long, long));
        writer.line("one".to_owned());
        // Nothing is left to wait for, so whatever is there is all there is.
        assert_eq!(writer.queue.state().written, 1);
        writer.line("two".to_owned());
        drop(writer);
        let mut said = String::new();
        reader.read_to_string(&mut said).unwrap();
        assert_eq!(said, "one\ntwo\n");
    }

    #[test]
    fn a_log_that_nobody_reads_holds_nobody_up_and_loses_nothing_once_it_is_read() {
        let (mut reader, out) = std::io::pipe().unwrap();
        let writer = Writer::patient(Box::new(out), SHORT);
        let line = "x".repeat(1000);
        // Far more than a pipe holds.
        for number in 0..500 {
            writer.line(format!("{number} {line}"));
        }
        writer.flush();
        assert!(writer.queue.state().is_stalled);
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            let mut said = String::new();
            reader.read_to_string(&mut said).unwrap();
            tell.send(said).unwrap();
        });
        drop(writer);
        let said = told.recv().unwrap();
        let numbers: Vec<usize> = said
            .lines()
            .map(|line| line.split(' ').next().unwrap().parse().unwrap())
            .collect();
        assert_eq!(numbers, (0..500).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_too_much_to_wait_is_left_out_and_counted() {
        let (mut reader, out) = std::io::pipe().unwrap();
        let writer = Writer::patient(Box::new(out), SHORT);
        let line = "x".repeat(100_000);
        for _ in 0..LINES_MAX + 30 {
            writer.line(line.clone());
            if writer.queue.state().lines.len() > 1 {
                break;
            }
        }
        for _ in 0..LINES_MAX {
            writer.line("more".to_owned());
        }
        let left_out = writer.queue.state().left_out;
        assert!((1..=LINES_MAX).contains(&left_out), "{left_out}");
        drop(writer);
        let mut said = String::new();
        reader.read_to_string(&mut said).unwrap();
        let last = format!("{left_out} lines of the log were left out: nobody read it");
        assert_eq!(said.lines().last(), Some(last.as_str()));
    }
}
