//! The step's log: one line an event, no cursor movement, because Woodpecker's viewer shows lines as they come.

mod records;
mod writer;

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::Clock;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::secret::Mask;
use crate::settings::environment::Environment;

pub use records::Notices;
use writer::Writer;

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What went wrong.
    Error,
    /// What may be going wrong.
    Warn,
    /// What happens.
    Info,
    /// Every probe.
    Debug,
}

/// What a line means, for its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    Plain,
    /// Good.
    Good,
    /// Worth a look.
    Caution,
    /// Bad.
    Bad,
    /// Less important than the lines around it.
    Faint,
}

/// Writes lines to the standard output; a reader that does not read holds nobody up. Known secrets never get there.
pub struct Log<'a> {
    level: Level,
    colour: bool,
    mask: Mask,
    clock: &'a dyn Clock,
    out: Writer,
    judged: Arc<Mutex<Option<String>>>,
}

impl<'a> Log<'a> {
    /// A log on the standard output. Colours are on under Woodpecker and on a terminal, unless `NO_COLOR` is set.
    pub fn new(level: Level, environment: &Environment, mask: Mask, clock: &'a dyn Clock) -> Self {
        let wanted = environment.get("CI") == Some("woodpecker") || std::io::stdout().is_terminal();
        let colour = wanted && environment.get("NO_COLOR").is_none();
        Self {
            level,
            colour,
            mask,
            clock,
            out: Writer::to(Box::new(std::io::stdout())),
            judged: Arc::default(),
        }
    }

    /// Keeps the verdict while there is still something to do before it is said.
    pub fn keep(&self, verdict: &str) {
        let verdict = one_line(&self.mask.apply(verdict));
        *self.judged.lock().unwrap_or_else(PoisonError::into_inner) = Some(verdict);
    }

    /// The verdict that is kept, for [`crate::guard`].
    pub fn kept(&self) -> Arc<Mutex<Option<String>>> {
        Arc::clone(&self.judged)
    }

    /// A line with the time of day (UTC) before it.
    pub fn line(&self, level: Level, tone: Tone, text: &str) {
        if level > self.level {
            return;
        }
        let time = self.clock.now().strftime("%H:%M:%SZ");
        let text = one_line(&self.mask.apply(text));
        self.write(&format!("{time} {}", self.paint(tone, &text)));
    }

    /// Text as it is, such as a table: after an empty line, its lines start at the left edge.
    pub fn block(&self, tone: Tone, text: &str) {
        if self.level >= Level::Info {
            self.write("");
            for line in self.mask.apply(text).lines() {
                self.write(&self.paint(tone, &one_line(line)));
            }
        }
    }

    /// The verdict: shown at every level, last and alone.
    pub fn verdict(&self, tone: Tone, text: &str) {
        if self.level >= Level::Info {
            self.write("");
        }
        self.write(&self.paint(tone, &one_line(&self.mask.apply(text))));
        self.out.flush();
    }

    /// Every problem on a line of its own, and the refusal last, with what was left alone because of it: `nothing was
    /// touched`.
    pub fn refuse(&self, problems: &[Problem], left_alone: &str) -> Exit {
        for problem in problems {
            self.line(Level::Error, Tone::Bad, &problem.to_string());
        }
        let count = match problems.len() {
            1 => "1 problem".to_owned(),
            n => format!("{n} problems"),
        };
        let code = Exit::Refused.code();
        let next = "mend what is named above";
        let text =
            format!("REFUSED (exit {code}): {count} in the settings; {left_alone}. Next: {next}");
        self.verdict(Tone::Bad, &text);
        Exit::Refused
    }

    /// A line that says what happens.
    pub fn info(&self, text: &str) {
        self.line(Level::Info, Tone::Plain, text);
    }

    /// A line that says what may be going wrong.
    pub fn warn(&self, text: &str) {
        self.line(Level::Warn, Tone::Caution, text);
    }

    /// The text without the known secrets, for what leaves by other ways than the log.
    pub fn masked(&self, text: &str) -> String {
        self.mask.apply(text)
    }

    fn paint(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Plain => return text.to_owned(),
            _ if !self.colour => return text.to_owned(),
            Tone::Good => "32",
            Tone::Caution => "33",
            Tone::Bad => "31",
            Tone::Faint => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    fn write(&self, line: &str) {
        self.out.line(line.to_owned());
    }
}

/// What comes from outside (an answer, an error of the database) must not begin a line that looks like ours, nor
/// colour it.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(
            one_line("version 1\nPASSED (exit 0)\u{1b}[2J"),
            "version 1 PASSED (exit 0) [2J"
        );
    }
}
