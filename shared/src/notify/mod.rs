//! Telling people: Slack (and what speaks as it does), e-mail, a webhook of their own; raising and ending alarms at
//! `PagerDuty` and Alertmanager.
//!
//! A notification never fails a step and never delays one past its deadline. Each channel is tried up to three times
//! with a growing pause between, all channels at once; what could not be sent comes back in words for the log, and
//! no word of it holds a secret. A cancelled run still tells: it is the deadline that ends this, not the signal.

mod alarm;
pub mod alertmanager;
pub mod email;
pub mod pagerduty;
mod post;
mod retry;
pub mod slack;
mod text;
pub mod webhook;

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use jiff::Timestamp;
use ring::digest::{SHA256, digest};

use crate::clock::Clock;
use crate::http::{Http, Proxies};
use crate::message::Message;
use crate::secret::Secret;
use crate::signature::hex;
use crate::tls::Roots;
use crate::value::show_duration;

use retry::Failure;

/// How long all channels have together, when nobody says otherwise.
pub const DEADLINE: Duration = Duration::from_secs(15);

/// Where to tell it. What is absent is not told.
#[derive(Debug, Clone, Default)]
pub struct Channels {
    /// The address of an incoming webhook of Slack, Mattermost or Rocket.Chat. The whole of it is a secret.
    pub slack: Option<Secret>,
    /// Mail over SMTP.
    pub email: Option<email::Email>,
    /// A webhook of the team's own.
    pub webhook: Option<webhook::Webhook>,
    /// Incidents at `PagerDuty`.
    pub pagerduty: Option<pagerduty::PagerDuty>,
    /// Alerts at Alertmanager.
    pub alertmanager: Option<alertmanager::Alertmanager>,
}

impl Channels {
    /// Whether there is nobody to tell.
    pub fn is_empty(&self) -> bool {
        let nobody = self.slack.is_none() && self.email.is_none() && self.webhook.is_none();
        nobody && self.pagerduty.is_none() && self.alertmanager.is_none()
    }

    /// Those that keep an alarm until it is over.
    #[must_use]
    pub fn alarms(&self) -> Self {
        Self {
            pagerduty: self.pagerduty.clone(),
            alertmanager: self.alertmanager.clone(),
            ..Self::default()
        }
    }

    /// The others.
    #[must_use]
    pub fn people(&self) -> Self {
        Self {
            pagerduty: None,
            alertmanager: None,
            ..self.clone()
        }
    }
}

/// How the outside is reached.
#[derive(Debug)]
pub struct Reach {
    /// For all but mail.
    http: Http,
    /// Whom mail servers' certificates are checked against, in DER, beside the built-in authorities.
    roots: Vec<Vec<u8>>,
}

impl Reach {
    /// Trusts `roots`, goes through `proxies` and says that `user_agent` speaks.
    pub fn new(roots: Roots, proxies: Proxies, user_agent: &str) -> Self {
        Self {
            roots: roots.certificates(),
            http: Http::new(roots, proxies, user_agent),
        }
    }
}

/// A way to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Slack and what speaks as it does.
    Slack,
    /// Mail.
    Email,
    /// The team's own webhook.
    Webhook,
    /// `PagerDuty`.
    PagerDuty,
    /// Alertmanager.
    Alertmanager,
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Slack => "slack",
            Self::Email => "e-mail",
            Self::Webhook => "webhook",
            Self::PagerDuty => "pagerduty",
            Self::Alertmanager => "alertmanager",
        })
    }
}

/// What became of a message on one channel.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Which one.
    pub channel: Channel,
    /// Why it could not be told, in words for the log, without secrets.
    pub outcome: Result<(), String>,
}

/// What makes a message one of its kind, however often it is tried: receivers can drop a second copy.
#[derive(Debug, Clone)]
struct Stamp {
    at: Timestamp,
    /// 32 hexadecimal digits.
    id: String,
}

impl Stamp {
    fn new(message: &Message, at: Timestamp) -> Self {
        let hash = digest(&SHA256, format!("{at} {message:?}").as_bytes());
        Self {
            at,
            id: hex(&hash.as_ref()[..16]),
        }
    }
}

/// A message ready for its channel.
enum Job {
    Slack(slack::Letter),
    Email(email::Letter),
    Webhook(webhook::Letter),
    PagerDuty(pagerduty::Letter),
    Alertmanager(alertmanager::Letter),
}

impl Job {
    fn channel(&self) -> Channel {
        match self {
            Self::Slack(_) => Channel::Slack,
            Self::Email(_) => Channel::Email,
            Self::Webhook(_) => Channel::Webhook,
            Self::PagerDuty(_) => Channel::PagerDuty,
            Self::Alertmanager(_) => Channel::Alertmanager,
        }
    }

    fn attempt(&self, reach: &Reach, limit: Duration) -> Result<(), Failure> {
        match self {
            Self::Slack(letter) => letter.send(reach, limit),
            Self::Email(letter) => letter.send(reach, limit),
            Self::Webhook(letter) => letter.send(reach, limit),
            Self::PagerDuty(letter) => letter.send(reach, limit),
            Self::Alertmanager(letter) => letter.send(reach, limit),
        }
    }
}

/// One channel's progress. Times are since the start of [`send`].
struct Course {
    job: Arc<Job>,
    attempts: u32,
    /// When to try next; absent while an attempt runs and after the last.
    due: Option<Duration>,
    last_failure: Option<String>,
    outcome: Option<Result<(), String>>,
}

/// Tells a message on every channel; comes back when all are done, and at the deadline at the latest.
///
/// An attempt may use all the time that is left: to try again after a time-out could tell it twice.
pub fn send(
    channels: &Channels,
    message: &Message,
    reach: &Arc<Reach>,
    deadline: Duration,
    clock: &dyn Clock,
) -> Vec<Delivery> {
    let stamp = Stamp::new(message, clock.now());
    let mut courses = courses(channels, message, &stamp);
    let reach = Arc::clone(reach);
    let (tell, told) = channel();
    let began = clock.elapsed();
    let mut spent = Duration::ZERO;
    while spent < deadline && courses.iter().any(|course| course.outcome.is_none()) {
        for (number, course) in courses.iter_mut().enumerate() {
            if course.due.is_some_and(|due| due <= spent) {
                course.begin(number, &reach, deadline.saturating_sub(spent), &tell);
            }
        }
        let next = courses.iter().filter_map(|course| course.due).min();
        let wait = next
            .map_or(deadline, |due| due.min(deadline))
            .saturating_sub(spent);
        let event = told.recv_timeout(wait);
        // A clock that stands still must not keep this loop alive: what was waited has passed.
        let waited = match event {
            Err(RecvTimeoutError::Timeout) => wait,
            _ => Duration::ZERO,
        };
        spent = (spent + waited).max(clock.elapsed().saturating_sub(began));
        if let Ok((number, result)) = event {
            courses[number].end(result, spent, deadline);
        }
    }
    courses
        .into_iter()
        .map(|course| course.delivery(deadline))
        .collect()
}

fn courses(channels: &Channels, message: &Message, stamp: &Stamp) -> Vec<Course> {
    let slack = channels
        .slack
        .iter()
        .map(|url| Job::Slack(slack::Letter::new(url, message)));
    let email = channels
        .email
        .iter()
        .map(|email| Job::Email(email::Letter::new(email, message, stamp)));
    let webhook = channels
        .webhook
        .iter()
        .map(|webhook| Job::Webhook(webhook::Letter::new(webhook, message, stamp)));
    let pagerduty = channels
        .pagerduty
        .iter()
        .map(|pagerduty| Job::PagerDuty(pagerduty::Letter::new(pagerduty, message, stamp)));
    let alertmanager = channels
        .alertmanager
        .iter()
        .map(|server| Job::Alertmanager(alertmanager::Letter::new(server, message, stamp)));
    let people = slack.chain(email).chain(webhook);
    let jobs = people.chain(pagerduty).chain(alertmanager);
    jobs.map(|job| Course {
        job: Arc::new(job),
        attempts: 0,
        due: Some(Duration::ZERO),
        last_failure: None,
        outcome: None,
    })
    .collect()
}

type Report = (usize, Result<(), Failure>);

impl Course {
    /// Starts an attempt in a thread of its own, which is left behind if it outlives the deadline: no system call
    /// that hangs (a name server that is silent) can delay the step.
    fn begin(&mut self, number: usize, reach: &Arc<Reach>, limit: Duration, tell: &Sender<Report>) {
        self.due = None;
        self.attempts += 1;
        let (job, reach, done) = (Arc::clone(&self.job), Arc::clone(reach), tell.clone());
        let attempt = move || {
            // Nobody listens any more after the deadline.
            let _ = done.send((number, job.attempt(&reach, limit)));
        };
        let name = format!("notify-{}", self.job.channel());
        if let Err(error) = std::thread::Builder::new().name(name).spawn(attempt) {
            let text = format!("no thread could be started: {error}");
            let _ = tell.send((number, Err(Failure::soon(text))));
        }
    }

    fn end(&mut self, result: Result<(), Failure>, spent: Duration, deadline: Duration) {
        let Err(failure) = result else {
            self.outcome = Some(Ok(()));
            return;
        };
        match retry::pause(failure.again, self.attempts, deadline.saturating_sub(spent)) {
            Ok(pause) => {
                self.due = Some(spent + pause);
                self.last_failure = Some(failure.text);
            }
            Err(why) => self.outcome = Some(Err(format!("{}{why}", failure.text))),
        }
    }

    fn delivery(self, deadline: Duration) -> Delivery {
        let timed_out = || {
            let limit = show_duration(deadline);
            Err(match self.last_failure {
                Some(before) => format!("timed out after {limit}; the attempt before: {before}"),
                None => format!("timed out after {limit}"),
            })
        };
        Delivery {
            channel: self.job.channel(),
            outcome: self.outcome.unwrap_or_else(timed_out),
        }
    }
}
