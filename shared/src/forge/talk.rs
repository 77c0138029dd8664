//! Speaking with a forge: within a time limit, with its patience, and never with the token to somebody else.

use std::time::Duration;

use serde_json::Value;

use crate::clock::{Clock, Wake};
use crate::endpoint::{Endpoint, Scheme};
use crate::http::{Http, Request, Response};
use crate::reason::{Phase, Reason};
use crate::secret::{Mask, Secret};
use crate::value::show_duration;

use super::call::{Call, Page};
use super::dialect::Dialect;
use super::place::Place;
use super::said::{Answer, Next, message, next, refusal};

/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(20);
/// How often one call is sent at most.
const ATTEMPTS: u32 = 5;
/// The pause after the first attempt; it doubles.
const PAUSE: Duration = Duration::from_millis(500);
/// How many moves are followed.
const MOVES: usize = 3;
/// A page of a hundred issues, each as long as it may be, fits.
const BODY_LIMIT: u64 = 32 << 20;
/// How many pages are read of one list.
const PAGES: u32 = 100;

/// A call that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failed {
    /// The status, when there was an answer.
    pub(super) status: Option<u16>,
    /// The forge's own words.
    pub(super) said: String,
    /// What was asked, what came of it and what to do, in one line without secrets.
    pub(super) text: String,
    /// Whether it may have been carried out all the same.
    pub(super) perhaps: bool,
}

/// One conversation: everything that one operation of the room says, within its time.
pub(super) struct Talk<'a> {
    pub(super) place: &'a Place,
    pub(super) http: &'a Http,
    pub(super) clock: &'a dyn Clock,
    /// When it is over, by the clock's elapsed time.
    pub(super) until: Duration,
    /// What is worth a line in the log.
    pub(super) notes: Vec<String>,
}

impl Talk<'_> {
    pub(super) fn dialect(&self) -> &'static dyn Dialect {
        self.place.kind.dialect()
    }

    pub(super) fn repo(&self) -> String {
        self.place.repo_path()
    }

    pub(super) fn note(&mut self, text: impl Into<String>) {
        let text = self.masked(&text.into());
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }

    /// Asks; `what` is what is wanted, as in "refused to …".
    pub(super) fn ask(&mut self, what: &str, call: &Call) -> Result<Answer, Failed> {
        let mut endpoint = self
            .place
            .endpoint(&call.path)
            .map_err(|expected| self.failed(what, &format!("expected {expected}")))?;
        let (mut attempts, mut moves) = (0, 0);
        loop {
            attempts += 1;
            let sent = self.send(&endpoint, call);
            let (after, failed) = match sent {
                Ok(answer) if answer.is_good() => return Ok(answer),
                Ok(answer) => match next(&answer, self.clock.now()) {
                    Next::Elsewhere(location) => {
                        moves += 1;
                        endpoint = self.elsewhere(what, &endpoint, &location, moves)?;
                        attempts -= 1;
                        continue;
                    }
                    Next::Wait(wait) => (Some(wait), self.refused(what, &answer)),
                    Next::Soon => (again(call, attempts), self.refused(what, &answer)),
                    Next::GiveUp => (None, self.refused(what, &answer)),
                },
                Err(reason) => {
                    let after = PAUSE * 2_u32.pow(attempts.saturating_sub(1));
                    let after = may_repeat(call, &reason).then_some(after);
                    (after, self.silent(what, call, &reason))
                }
            };
            match after {
                Some(wait) if attempts < ATTEMPTS => self.pause(wait, failed)?,
                _ => return Err(failed),
            }
        }
    }

    /// Every entry of a list, through all its pages.
    pub(super) fn all(
        &mut self,
        what: &str,
        call: impl Fn(Page) -> Call,
    ) -> Result<Vec<Value>, Failed> {
        let size = self.dialect().page_size();
        let mut entries = Vec::new();
        for number in 1..=PAGES {
            let answer = self.ask(what, &call(Page { number, size }))?;
            let more = answer.has_more(size);
            let Value::Array(page) = answer.body else {
                return Err(self.failed(what, "the answer is no list"));
            };
            entries.extend(page);
            if !more {
                return Ok(entries);
            }
        }
        self.note(format!(
            "only the newest {} entries were looked through to {what}",
            entries.len()
        ));
        Ok(entries)
    }

    /// Waits a moment; false when there is no time for it.
    pub(super) fn rest(&self, wait: Duration) -> bool {
        wait < self.left() && self.clock.sleep(wait) == Wake::Elapsed
    }

    fn left(&self) -> Duration {
        self.until.saturating_sub(self.clock.elapsed())
    }

    fn pause(&self, wait: Duration, mut failed: Failed) -> Result<(), Failed> {
        if self.rest(wait) {
            return Ok(());
        }
        let wait = show_duration(wait);
        failed.text = format!(
            "{}; another attempt {wait} later would be too late",
            failed.text
        );
        Err(failed)
    }

    fn send(&self, endpoint: &Endpoint, call: &Call) -> Result<Answer, Reason> {
        let left = self.left();
        if left.is_zero() {
            let limit = Duration::ZERO;
            return Err(Reason::Timeout {
                phase: Phase::Connect,
                limit,
            });
        }
        let body = call.body.as_ref().map(Value::to_string);
        let own = self.dialect().headers().iter();
        let mut headers: Vec<(String, Secret)> = own
            .map(|(name, value)| ((*name).to_owned(), Secret::new(*value)))
            .collect();
        headers.push(self.place.authorization());
        if body.is_some() {
            headers.push(("content-type".into(), Secret::new("application/json")));
        }
        let request = Request {
            method: call.method,
            headers: &headers,
            body: body.as_deref().map(str::as_bytes),
            body_limit: BODY_LIMIT,
            follow: 0,
            ..Request::get(endpoint, left.min(REQUEST))
        };
        let response = self.http.send(&request).map_err(|failure| failure.reason)?;
        read(response)
    }

    /// Where a call goes on to. What a renamed repository's address leads to is asked with the token only if the same
    /// host answers there.
    fn elsewhere(
        &mut self,
        what: &str,
        here: &Endpoint,
        location: &str,
        moves: usize,
    ) -> Result<Endpoint, Failed> {
        let Some(there) = here.join(location) else {
            return Err(self.failed(what, "it leads to something that is no http address"));
        };
        let lifted = here.scheme == Scheme::Http
            && there.scheme == Scheme::Https
            && (here.port, there.port) == (80, 443)
            && there.host.eq_ignore_ascii_case(&here.host);
        if !there.same_origin(here) && !lifted {
            let why = format!(
                "it leads to {}, which does not get the token; is forge_url right?",
                there.host
            );
            return Err(self.failed(what, &why));
        }
        if moves > MOVES {
            return Err(self.failed(what, &format!("it leads on more than {MOVES} times")));
        }
        let repo = self.place.repo().to_owned();
        self.note(format!(
            "the forge says that {repo} has moved: set its new name as repo"
        ));
        Ok(there)
    }

    fn failed(&self, what: &str, why: &str) -> Failed {
        let forge = self.place.kind.name();
        Failed {
            status: None,
            said: String::new(),
            text: self.masked(&format!("{forge} could not be asked to {what}: {why}")),
            perhaps: false,
        }
    }

    fn refused(&self, what: &str, answer: &Answer) -> Failed {
        Failed {
            status: Some(answer.status),
            said: message(answer),
            text: self.masked(&refusal(self.place.kind, what, answer)),
            perhaps: answer.status >= 500,
        }
    }

    fn silent(&self, what: &str, call: &Call, reason: &Reason) -> Failed {
        let timed_out = matches!(reason, Reason::Timeout { .. }) && self.left().is_zero();
        let why = if timed_out {
            "there was no time left".to_owned()
        } else {
            reason.to_string()
        };
        Failed {
            perhaps: call.body.is_some() && !is_unsent(reason),
            ..self.failed(what, &why)
        }
    }

    /// A forge may repeat what it was sent.
    pub(super) fn masked(&self, text: &str) -> String {
        let mut mask = Mask::default();
        mask.hide(self.place.token().reveal());
        mask.apply(text)
    }
}

fn read(response: Response) -> Result<Answer, Reason> {
    if response.cut {
        return Err(Reason::BodyTooLarge { limit: BODY_LIMIT });
    }
    let body = serde_json::from_slice(&response.body);
    let good = (200..300).contains(&response.status);
    let body = match body {
        Ok(body) => body,
        Err(_) if response.body.is_empty() || !good => Value::Null,
        Err(_) => {
            let detail = "the answer is no JSON; is forge_url the forge's address?".to_owned();
            return Err(Reason::Body { detail });
        }
    };
    Ok(Answer {
        status: response.status,
        headers: response.headers,
        body,
    })
}

/// When to send again what was answered with trouble.
fn again(call: &Call, attempts: u32) -> Option<Duration> {
    call.repeatable
        .then(|| PAUSE * 2_u32.pow(attempts.saturating_sub(1)))
}

/// Whether the request surely never arrived.
fn is_unsent(reason: &Reason) -> bool {
    match reason {
        Reason::Unresolved { .. } | Reason::Certificate { .. } => true,
        Reason::Unreachable { phase, .. } | Reason::Timeout { phase, .. } => {
            matches!(phase, Phase::Resolve | Phase::Connect | Phase::Tls)
        }
        _ => false,
    }
}

fn may_repeat(call: &Call, reason: &Reason) -> bool {
    let lasting = matches!(
        reason,
        Reason::Certificate { .. } | Reason::Body { .. } | Reason::BodyTooLarge { .. }
    );
    !lasting && (call.repeatable || is_unsent(reason))
}
