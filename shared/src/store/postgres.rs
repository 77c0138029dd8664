//! The one connection to the database, in a thread of its own.
//!
//! A server that hangs in mid-query answers nothing and closes nothing, and no time-out of its own can end that. So
//! every piece of work is handed to the thread, and the caller waits for the answer up to a deadline.
//!
//! Every piece of work is one transaction, with its settings local to it and no named statements: nothing stays in a
//! session, which a pooler in transaction mode would hand to somebody else.

use std::error::Error as _;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use postgres::{Client, Transaction};

use super::limits::Limits;
use super::tls::{self, Connector};
use super::url::{DatabaseUrl, Tls};
use crate::value::show_duration;

/// Where the database is and whom to trust.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// `database_url`.
    pub url: DatabaseUrl,
    /// `ca_certificate`: a PEM file of authorities that are trusted beside the system's.
    pub ca_certificate: Option<PathBuf>,
}

/// Why a piece of work was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// The database will never take this value: it breaks a type or a constraint.
    Refused(String),
    /// Anything else. The connection is not to be used any more.
    Down(String),
}

/// How the transaction around a piece of work ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Commit,
    RollBack,
}

/// How long a piece of work may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// A statement, by the server's own watch.
    pub(super) statement: Duration,
    /// The whole, by ours.
    pub(super) reply: Duration,
}

type Job = Box<dyn FnOnce(&mut Client) + Send>;

/// An open connection.
#[derive(Debug)]
pub(super) struct Database {
    jobs: Option<Sender<Job>>,
    /// Says nothing; it is closed when the thread has ended.
    ended: Receiver<()>,
}

impl Database {
    /// Connects. Tells with it how the connection is protected, for the log.
    ///
    /// # Errors
    /// When the database cannot be reached within the limits or refuses the login or the TLS handshake.
    pub(super) fn connect(
        config: &DatabaseConfig,
        application: &str,
        limits: &Limits,
    ) -> Result<(Self, String), String> {
        let failed = |why: String| format!("{} could not be used: {why}", config.url);
        let Connector { tls, unchecked } =
            tls::connector(&config.url, config.ca_certificate.as_deref()).map_err(failed)?;
        let mut settings = config.url.config().clone();
        let connect = settings
            .get_connect_timeout()
            .map_or(limits.connect, |asked| limits.connect.min(*asked));
        settings.connect_timeout(connect);
        if settings.get_application_name().is_none() {
            settings.application_name(application);
        }
        let (jobs, queue) = mpsc::channel::<Job>();
        let (opened, opening) = mpsc::channel();
        let (ending, ended) = mpsc::channel();
        std::thread::Builder::new()
            .name("postgres".into())
            .spawn(move || {
                let _ending: Sender<()> = ending;
                let outcome = settings.connect(tls).map_err(|error| describe(&error));
                let (mut client, outcome) = match outcome {
                    Ok(client) => (Some(client), Ok(())),
                    Err(why) => (None, Err(why)),
                };
                // The caller may have given up waiting; then the queue is closed as well.
                drop(opened.send(outcome));
                if let Some(client) = &mut client {
                    for job in queue {
                        job(client);
                    }
                }
            })
            .map_err(|error| failed(error.to_string()))?;
        let outcome = opening.recv_timeout(limits.reply).unwrap_or_else(|_| {
            Err(format!(
                "no connection within {}",
                show_duration(limits.reply)
            ))
        });
        outcome.map_err(failed)?;
        let protection = protection(config.url.tls, unchecked.load(Ordering::Relaxed));
        let database = Self {
            jobs: Some(jobs),
            ended,
        };
        Ok((database, format!("{} {protection}", config.url)))
    }

    /// Does a piece of work in a transaction.
    ///
    /// # Errors
    /// [`Failure::Refused`] when the value itself is refused; the transaction is rolled back and the connection stays
    /// good. [`Failure::Down`] for everything else, and when there is no answer in time.
    pub(super) fn run<T: Send + 'static>(
        &self,
        patience: Patience,
        ending: Ending,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, postgres::Error> + Send + 'static,
    ) -> Result<T, Failure> {
        let (done, answer) = mpsc::channel();
        let job = move |client: &mut Client| {
            // Nobody listens any more if the deadline has passed.
            drop(done.send(in_transaction(client, patience.statement, ending, work)));
        };
        let gone = || Failure::Down("the connection has ended".to_owned());
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.send(Box::new(job)).map_err(|_| gone())?;
        match answer.recv_timeout(patience.reply) {
            Ok(outcome) => outcome.map_err(|error| Failure::of(&error)),
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(gone()),
            Err(mpsc::RecvTimeoutError::Timeout) => Err(Failure::Down(format!(
                "the database gave no answer within {}",
                show_duration(patience.reply)
            ))),
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.jobs = None;
        // Time to say goodbye, or the server logs a broken connection; one that hangs is left behind.
        let _ = self.ended.recv_timeout(Duration::from_millis(200));
    }
}

fn in_transaction<T>(
    client: &mut Client,
    statement: Duration,
    ending: Ending,
    work: impl FnOnce(&mut Transaction<'_>) -> Result<T, postgres::Error>,
) -> Result<T, postgres::Error> {
    let mut transaction = client.transaction()?;
    let millis = statement.as_millis();
    transaction.batch_execute(&format!(
        "SET LOCAL TimeZone = 'UTC'; SET LOCAL statement_timeout = {millis}; \
         SET LOCAL idle_in_transaction_session_timeout = {millis}"
    ))?;
    let value = work(&mut transaction)?;
    match ending {
        Ending::Commit => transaction.commit()?,
        Ending::RollBack => transaction.rollback()?,
    }
    Ok(value)
}

impl Failure {
    fn of(error: &postgres::Error) -> Self {
        if refuses_value(error) {
            Self::Refused(describe(error))
        } else {
            Self::Down(describe(error))
        }
    }
}

/// Whether the error speaks of a value (SQLSTATE classes 22, data exception, 23, integrity constraint, and 54, program
/// limit), which no later try will change.
pub(super) fn refuses_value(error: &postgres::Error) -> bool {
    error
        .code()
        .is_some_and(|code| matches!(code.code().get(..2), Some("22" | "23" | "54")))
}

/// The error with its causes, in one line: the top message alone says next to nothing.
pub(super) fn describe(error: &postgres::Error) -> String {
    let mut parts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string().replace('\n', "; ");
        if !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
        cause = error.source();
    }
    let text = parts.join(": ");
    let text = text.strip_prefix("db error: ").unwrap_or(&text).to_owned();
    if text.contains("UnknownIssuer") {
        return format!(
            "{text}; name the authority with ca_certificate, or with sslrootcert in database_url"
        );
    }
    text
}

fn protection(tls: Tls, unchecked_handshake: bool) -> &'static str {
    match tls {
        Tls::Off => "without TLS (sslmode=disable)",
        Tls::IfOffered if unchecked_handshake => {
            "with TLS whose certificate is not checked (sslmode=prefer; verify-full would check it)"
        }
        Tls::IfOffered => "without TLS, which the server does not offer (sslmode=prefer)",
        Tls::Unchecked => {
            "with TLS whose certificate is not checked (sslmode=require; verify-full would check it)"
        }
        Tls::Chain => "with TLS, authority checked, name not (verify-full would check it)",
        Tls::Full => "with TLS, authority and name checked",
    }
}
