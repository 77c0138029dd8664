//! What this plugin is told, understood: a value of [`Settings`] cannot be wrong.

use std::path::PathBuf;
use std::time::Duration;

use shared::ci::Ci;
use shared::http::Proxies;
use shared::log::Level;
use shared::message::Outcome;
use shared::page::Format;
use shared::policy::{self, Policy};
use shared::problem::Problem;
use shared::record::Subject;
use shared::secret::Mask;
use shared::settings::catalog::Plugin;
use shared::settings::common::{self, DryRun};
use shared::settings::environment::Environment;
use shared::settings::forging::{self, Standing};
use shared::settings::judging;
use shared::settings::probing::{self, Probing};
use shared::settings::raw::{Found, Raw};
use shared::settings::read::{Reader, choice};
use shared::settings::telling::{self, Telling};
use shared::store::DatabaseConfig;
use shared::store::url::DatabaseUrl;
use shared::threshold::Thresholds;
use shared::value;

use crate::course::{Leg, Pace, check, wait, watch};

/// What the run does.
#[derive(Debug, Clone, PartialEq)]
pub enum Mode {
    /// Probes, in one leg or two.
    Judge(Vec<Leg>),
    /// Looks whether everything needed is there.
    Preflight,
    /// Tells how the deployment went.
    Summary,
}

/// Everything a run needs to know.
#[derive(Debug)]
pub struct Settings {
    /// Whose deployment.
    pub subject: Subject,
    /// What Woodpecker says.
    pub ci: Ci,
    /// What the run does.
    pub mode: Mode,
    /// Where it looks.
    pub probing: Probing,
    /// What it holds values against.
    pub thresholds: Thresholds,
    /// Whether this is the deployment's last check.
    pub is_final: bool,
    /// Whether a bad verdict fails the step.
    pub failure_fails: bool,
    /// What may be written and told.
    pub dry_run: DryRun,
    /// Whom to tell.
    pub telling: Telling,
    /// Where the commit's status is set, when it is to be.
    pub standing: Option<Standing>,
    /// PostgreSQL, if there is one.
    pub database: Option<DatabaseConfig>,
    /// What keeps the records that the database did not take.
    pub journal: PathBuf,
    /// The windows read back beside a verdict.
    pub windows: Vec<(String, Duration)>,
    /// Where the report goes.
    pub report: Option<(PathBuf, Format)>,
    /// A private authority.
    pub ca_certificate: Option<PathBuf>,
    /// HTTP proxies.
    pub proxies: Proxies,
    /// The script that a preflight looks at.
    pub script: Option<PathBuf>,
    /// The policy file that was read.
    pub policy_file: Option<String>,
    /// How much is said.
    pub log_level: Level,
    /// What must never be printed.
    pub mask: Mask,
    /// What is worth a line in the log.
    pub notes: Vec<String>,
}

impl Settings {
    /// Understands what was gathered.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn understand(
        raw: &Raw,
        found: Found,
        environment: &Environment,
    ) -> Result<Self, Vec<Problem>> {
        let Found {
            mut problems,
            mut notes,
        } = found;
        let ci = Ci::read(environment);
        let mut read = Reader::new(raw);
        let policy_text = common::policy_text(&mut read, &ci);
        let policy = load_policy(&mut read, policy_text.as_ref(), &mut notes);
        let subject = common::subject(&mut read, &ci);
        let summary = switch(&mut read, "summary");
        let mode = mode(&mut read, &policy, summary);
        let probing = probing::probing(&mut read, &policy, !summary);
        let mut mask = Mask::default();
        raw.hide_in(&mut mask);
        probing.secrets().for_each(|secret| mask.hide(secret));
        let told_of = if summary {
            &[Outcome::Success, Outcome::Warning, Outcome::Failure][..]
        } else {
            &[Outcome::Warning, Outcome::Failure]
        };
        // A team's steps share their settings: the secret may be meant for the flags of a rollout.
        let flags = policy.advanced.feature_flags.webhook.is_some();
        let telling = telling::telling_beside(&mut read, told_of, flags);
        let standing = forging::standing(&mut read, PLUGIN.name());
        notes.extend(idle(&read, &mode, &telling, standing.is_some()));
        let database = database(&mut read, &ci);
        if let Some(password) = database.as_ref().and_then(|one| one.url.password()) {
            mask.hide(password.reveal());
        }
        let settings = Self {
            thresholds: judging::thresholds(&mut read, &policy),
            is_final: is_final(&mut read, &mode, &subject),
            failure_fails: failure_fails(&mut read),
            dry_run: common::dry_run(&mut read),
            telling,
            standing,
            database,
            journal: common::journal(&read, &ci),
            windows: windows(&policy),
            report: report(&mut read, &ci),
            ca_certificate: common::path(&read, "ca_certificate", &ci),
            proxies: proxies(&mut read, environment),
            script: common::path(&read, "deployment_script", &ci),
            policy_file: policy_text.map(|(name, _)| name),
            log_level: common::log_level(&mut read),
            subject,
            ci,
            mode,
            probing,
            mask,
            notes,
        };
        problems.extend(read.finish());
        if problems.is_empty() {
            Ok(settings)
        } else {
            Err(problems)
        }
    }
}

/// A note for every setting that does nothing in this mode: `max_wait` without `wait` reads as if the step waited.
fn idle(read: &Reader, mode: &Mode, telling: &Telling, stands: bool) -> Vec<String> {
    let legs = match mode {
        Mode::Judge(legs) => &legs[..],
        Mode::Preflight | Mode::Summary => &[],
    };
    let judges = !legs.is_empty();
    let checks = legs.iter().any(|leg| matches!(leg, Leg::Check(_)));
    let waits = legs.iter().any(|leg| matches!(leg, Leg::Wait(_)));
    let preflights = matches!(mode, Mode::Preflight);
    let unmailed = telling.channels.email.is_none();
    let mail = "without smtp_server and email_to";
    let unheard = telling.channels.is_empty();
    let idle = [
        ("max_wait", judges && !waits, "without wait"),
        ("healthy_threshold", judges && !waits, "without wait"),
        ("initial_delay", checks, "without wait or watch"),
        ("retries", judges && !checks, "with wait or watch"),
        ("deployment_script", !preflights, "without preflight"),
        ("expect_version", !judges, "in a step that does not probe"),
        ("commit_status", preflights, "with preflight"),
        ("status_context", !stands, "without commit_status"),
        ("forge_token", !stands, "without commit_status"),
        (
            "notify_on",
            unheard,
            "without slack_webhook_url, webhook_url or email_to",
        ),
        ("email_from", unmailed, mail),
        ("smtp_username", unmailed, mail),
        ("smtp_port", unmailed, mail),
    ];
    // A plain variable is there for all of a team's steps; only what was written for this one can be a mistake.
    let own = |name: &str| {
        read.given(name).is_some_and(|given| {
            given.written.starts_with("PLUGIN_") || given.written.starts_with("--")
        })
    };
    idle.into_iter()
        .filter(|(name, is_idle, _)| *is_idle && own(name))
        .map(|(name, _, when)| format!("setting {name} does nothing {when}"))
        .collect()
}

/// The plugin that these settings are of.
pub const PLUGIN: Plugin = Plugin::Health;

fn switch(read: &mut Reader, name: &str) -> bool {
    read.read(name, value::boolean).unwrap_or(false)
}

fn load_policy(
    read: &mut Reader,
    text: Option<&(String, String)>,
    notes: &mut Vec<String>,
) -> Policy {
    let Some((name, text)) = text else {
        return Policy::default();
    };
    match policy::load(text, name, &common::environment(read)) {
        Ok(loaded) => {
            notes.extend(loaded.notes);
            loaded.policy
        }
        Err(problems) => {
            read.problems(problems);
            Policy::default()
        }
    }
}

fn mode(read: &mut Reader, policy: &Policy, summary: bool) -> Mode {
    let (preflight, waits) = (switch(read, "preflight"), switch(read, "wait"));
    let window = read.read("watch", value::duration_above_zero);
    let set = [
        ("preflight", preflight),
        ("summary", summary),
        ("wait", waits),
        ("watch", window.is_some()),
    ];
    for (name, _) in set[..2].iter().filter(|(_, on)| *on) {
        if let Some((other, _)) = set.iter().find(|(other, on)| *on && other != name) {
            read.refuse(name, format!("a step of its own, but {other} is set too"));
        }
    }
    let legs = legs(read, policy, waits, window);
    match (preflight, summary) {
        (true, _) => Mode::Preflight,
        (false, true) => Mode::Summary,
        (false, false) => Mode::Judge(legs),
    }
}

/// The legs of a run that judges.
fn legs(read: &mut Reader, policy: &Policy, waits: bool, window: Option<Duration>) -> Vec<Leg> {
    let checks = &policy.health_checks;
    let interval = read
        .read("interval", value::duration_above_zero)
        .or(checks.interval);
    let interval = interval.unwrap_or(Duration::from_secs(30));
    let retries = read.read("retries", value::count).or(checks.max_retries);
    let healthy_threshold = read.read("healthy_threshold", value::count_above_zero);
    let max_wait = read.read("max_wait", value::duration_above_zero);
    let max_wait = max_wait.unwrap_or(Duration::from_secs(300));
    let said = read
        .read("initial_delay", value::duration)
        .or(checks.initial_delay);
    // A tenth of the whole at most, or a short wait would be over before its first probe.
    let delay = |whole: Duration| said.unwrap_or((whole / 10).min(Duration::from_secs(30)));
    let pace = |initial_delay| Pace {
        interval,
        initial_delay,
    };
    let mut legs = Vec::new();
    if waits {
        let initial_delay = delay(max_wait);
        if initial_delay >= max_wait {
            let shown = value::show_duration(initial_delay);
            read.refuse(
                "max_wait",
                format!("a time longer than the initial delay of {shown}"),
            );
        }
        legs.push(Leg::Wait(wait::Wait {
            pace: pace(initial_delay),
            max_wait,
            healthy_threshold: healthy_threshold.unwrap_or(1),
        }));
    }
    if let Some(window) = window {
        let initial_delay = if waits { Duration::ZERO } else { delay(window) };
        legs.push(Leg::Watch(watch::Watch {
            pace: pace(initial_delay),
            window,
        }));
    }
    if legs.is_empty() {
        legs.push(Leg::Check(check::Check {
            pace: pace(Duration::ZERO),
            retries: retries.unwrap_or(3),
        }));
    }
    legs
}

fn is_final(read: &mut Reader, mode: &Mode, subject: &Subject) -> bool {
    let is_final = switch(read, "final");
    if is_final && !matches!(mode, Mode::Judge(_)) {
        read.refuse("final", "a step that probes: preflight and summary do not");
    }
    if is_final && subject.commit.is_none() && read.given("commit").is_none() {
        read.problem(Problem::unseen(
            "commit",
            "the commit that `final` writes down as deployed",
        ));
    }
    is_final
}

fn failure_fails(read: &mut Reader) -> bool {
    read.read("on_failure", |text| {
        choice(text, &[("fail", true), ("warn", false)], "fail or warn")
    })
    .unwrap_or(true)
}

fn database(read: &mut Reader, ci: &Ci) -> Option<DatabaseConfig> {
    let given = read.given("database_url")?;
    match DatabaseUrl::parse(given.text.trim()) {
        Ok(url) => Some(DatabaseConfig {
            url,
            ca_certificate: common::path(read, "ca_certificate", ci),
        }),
        Err(expected) => {
            read.refuse("database_url", expected);
            None
        }
    }
}

fn proxies(read: &mut Reader, environment: &Environment) -> Proxies {
    Proxies::from_pairs(environment.iter()).unwrap_or_else(|problems| {
        read.problems(problems);
        Proxies::default()
    })
}

fn windows(policy: &Policy) -> Vec<(String, Duration)> {
    let windows = &policy.monitoring_windows;
    [
        (windows.short_term, 5 * 60),
        (windows.medium_term, 30 * 60),
        (windows.long_term, 24 * 3600),
    ]
    .into_iter()
    .map(|(said, default)| said.unwrap_or(Duration::from_secs(default)))
    .map(|span| (value::show_duration(span), span))
    .collect()
}

fn report(read: &mut Reader, ci: &Ci) -> Option<(PathBuf, Format)> {
    let format = read.read("report_file", Format::from_path)?;
    Some((common::path(read, "report_file", ci)?, format))
}
