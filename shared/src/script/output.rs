//! What a script says, in bounds.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::process::Child;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::http::Progress;

/// How many lines are kept: the last ones.
const LINES: usize = 200;
/// How much of a line is kept.
const LINE_BYTES: u64 = 2000;

/// Where a script said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Its standard output.
    Out,
    /// Its standard error.
    Err,
}

/// One line of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Where it said it.
    pub stream: Stream,
    /// What it said, without control characters.
    pub text: String,
}

/// Reads along while a script runs.
pub(super) struct Gathered {
    lines: Arc<Mutex<VecDeque<Line>>>,
    ended: Receiver<()>,
    readers: usize,
}

impl Gathered {
    pub(super) fn from(child: &mut Child) -> Self {
        let (tell, ended) = channel();
        let mut gathered = Self {
            lines: Arc::default(),
            ended,
            readers: 0,
        };
        if let Some(out) = child.stdout.take() {
            gathered.read(Stream::Out, out, tell.clone());
        }
        if let Some(err) = child.stderr.take() {
            gathered.read(Stream::Err, err, tell);
        }
        gathered
    }

    fn read(&mut self, stream: Stream, pipe: impl Read + Send + 'static, tell: Sender<()>) {
        let lines = Arc::clone(&self.lines);
        let reading = std::thread::Builder::new()
            .name("script-output".into())
            .spawn(move || {
                gather(stream, pipe, &lines);
                // Nobody listens any more when the script left something running.
                let _ = tell.send(());
            });
        self.readers += usize::from(reading.is_ok());
    }

    /// What was said last, once the script has ended. What it left running is not waited for beyond `limit`.
    pub(super) fn last_lines(self, limit: Duration) -> Vec<Line> {
        let progress = Progress::start(limit);
        for _ in 0..self.readers {
            if self.ended.recv_timeout(progress.left()).is_err() {
                break;
            }
        }
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *lines).into()
    }
}

fn gather(stream: Stream, pipe: impl Read, lines: &Mutex<VecDeque<Line>>) {
    let mut pipe = BufReader::new(pipe);
    let mut within = false;
    loop {
        let mut bytes = Vec::new();
        let read = pipe.by_ref().take(LINE_BYTES).read_until(b'\n', &mut bytes);
        if !matches!(read, Ok(1..)) {
            return;
        }
        let rest_of_line = within;
        within = !bytes.ends_with(b"\n");
        if rest_of_line {
            continue;
        }
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_end().replace('\t', " ");
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(Line { stream, text });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(said: &[u8]) -> Vec<String> {
        let lines = Mutex::new(VecDeque::new());
        gather(Stream::Out, said, &lines);
        let lines = lines.into_inner().unwrap();
        lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn control_characters_do_not_reach_the_log() {
        assert_eq!(gathered(b"a\x1b[2Jb\tc\r\n\nlast"), ["a[2Jb c", "", "last"]);
    }

    #[test]
    fn the_last_lines_are_kept_and_each_is_cut() {
        let many: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
        let kept = gathered(many.join("\n").as_bytes());
        assert_eq!((kept.len(), kept[0].as_str()), (LINES, "800"));
        let long = "x".repeat(50_000) + "\nnext\n";
        let kept = gathered(long.as_bytes());
        assert_eq!((kept[0].len(), kept[1].as_str()), (2000, "next"));
    }
}
