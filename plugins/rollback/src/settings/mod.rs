//! What this plugin is told, understood: a value of [`Settings`] cannot be wrong.

mod asked;
mod given;
mod hooks;
mod remote;

use std::path::PathBuf;
use std::time::Duration;

use shared::ci::Ci;
use shared::http::Proxies;
use shared::log::Level;
use shared::message::Outcome;
use shared::page::Format;
use shared::problem::Problem;
use shared::record::Subject;
use shared::secret::{Mask, Secret};
use shared::settings::catalog::{self, Plugin};
use shared::settings::common::{self, DryRun};
use shared::settings::environment::Environment;
use shared::settings::forging::{self, Forging};
use shared::settings::judging;
use shared::settings::probing::{self, Probing};
use shared::settings::raw::{Found, Raw};
use shared::settings::read::{Reader, choice};
use shared::settings::telling::{self, Telling};
use shared::store::DatabaseConfig;
use shared::threshold::Thresholds;
use shared::value;

use crate::plan::facts::Asked;

pub use asked::{Haproxy, TRAILER};
pub use hooks::{Hook, HookSettings};
pub use remote::Remote;

/// The plugin that these settings are of.
pub const PLUGIN: Plugin = Plugin::Rollback;

/// How long what was gone back to is watched.
const WATCH: Duration = Duration::from_secs(5 * 60);
/// How long a redeployment is waited for.
const MAX_WAIT: Duration = Duration::from_secs(5 * 60);

/// What the run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Rolls back.
    Rollback,
    /// Moves the marker to this commit: it is known to be good.
    Mark,
    /// Looks whether everything needed is there.
    Preflight,
}

/// Where the marker is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkerPlace {
    /// In the records.
    Database,
    /// As a reference on the remote.
    Git,
}

/// Where Woodpecker is.
#[derive(Debug, Clone)]
pub struct Woodpecker {
    /// Its address, without a slash at its end.
    pub url: String,
    /// A token.
    pub token: Secret,
}

/// What is looked at after the rollback.
#[derive(Debug)]
pub struct Looking {
    /// What is probed.
    pub probing: Probing,
    /// What values are held against.
    pub thresholds: Thresholds,
    /// The time between two probes.
    pub interval: Duration,
    /// How long.
    pub window: Duration,
}

/// Everything a run needs to know.
#[derive(Debug)]
pub struct Settings {
    /// Whose deployment this pipeline is about.
    pub subject: Subject,
    /// What Woodpecker says.
    pub ci: Ci,
    /// What the run does.
    pub mode: Mode,
    /// What is to be rolled back, to what, and how.
    pub asked: Asked,
    /// Why, where somebody said it.
    pub reason: Option<String>,
    /// Whether the question is answered already.
    pub force: bool,
    /// Where the marker is kept.
    pub marker: MarkerPlace,
    /// The repository.
    pub remote: Remote,
    /// Paths whose changes cannot be rolled back.
    pub irreversible: Vec<String>,
    /// For a redeployment.
    pub woodpecker: Option<Woodpecker>,
    /// How long a redeployment is waited for.
    pub max_wait: Duration,
    /// HAProxy, where there is one.
    pub haproxy: Haproxy,
    /// Whether two pools take turns.
    pub pools: bool,
    /// The deployment script or webhook.
    pub hook: HookSettings,
    /// What is looked at afterwards.
    pub looking: Looking,
    /// What is told at the forge.
    pub forging: Forging,
    /// Whether the rollback is recorded as a deployment at the forge.
    pub forge_deployment: bool,
    /// What may be written and told.
    pub dry_run: DryRun,
    /// Whom to tell.
    pub telling: Telling,
    /// PostgreSQL, if there is one.
    pub database: Option<DatabaseConfig>,
    /// What keeps the records that the database did not take.
    pub journal: PathBuf,
    /// Where the report goes.
    pub report: Option<(PathBuf, Format)>,
    /// A private authority.
    pub ca_certificate: Option<PathBuf>,
    /// HTTP proxies.
    pub proxies: Proxies,
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
        let policy = given::policy(&mut read, &ci, &mut notes);
        let subject = common::subject(&mut read, &ci);
        let hook = hooks::hook(&mut read, &ci, environment);
        let asked = asked::asked(&mut read, &subject, &ci, environment, &hook);
        let looking = looking(&mut read, &policy);
        let database = given::database(&mut read, &ci);
        let remote = remote::remote(&mut read, environment, asked.strategy);
        let max_wait = read.read("max_wait", value::duration_above_zero);
        let settings = Self {
            mode: mode(&mut read, &subject),
            forging: forging::forging(&mut read, &ci, &policy.incident_management, PLUGIN.name()),
            forge_deployment: given::forge_deployment(&mut read),
            reason: read.text("reason"),
            force: given::switch(&mut read, "force"),
            marker: marker(&mut read),
            irreversible: asked::irreversible(&mut read),
            woodpecker: asked::woodpecker(&mut read, asked.strategy),
            max_wait: max_wait.unwrap_or(MAX_WAIT),
            haproxy: asked::haproxy(&mut read, &policy, &ci),
            pools: asked::pools(&mut read, &policy),
            dry_run: common::dry_run(&mut read),
            telling: telling::telling(
                &mut read,
                &[Outcome::Success, Outcome::Warning, Outcome::Failure],
            ),
            journal: common::journal(&read, &ci),
            report: given::report(&mut read, &ci),
            ca_certificate: common::path(&read, "ca_certificate", &ci),
            proxies: given::proxies(&mut read, environment),
            log_level: common::log_level(&mut read),
            mask: mask(raw, &looking.probing, &hook, &remote, database.as_ref()),
            subject,
            ci,
            asked,
            remote,
            hook,
            looking,
            database,
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

fn mode(read: &mut Reader, subject: &Subject) -> Mode {
    let (mark, preflight) = (
        given::switch(read, "mark"),
        given::switch(read, "preflight"),
    );
    if mark && preflight {
        read.refuse("mark", "a step of its own, but preflight is set too");
    }
    let whole = |commit: &String| commit.len() == 40 || commit.len() == 64;
    if mark && !subject.commit.as_ref().is_some_and(whole) {
        read.refuse("commit", "the commit that `mark` calls good, in full");
    }
    match (mark, preflight) {
        (true, _) => Mode::Mark,
        (false, true) => Mode::Preflight,
        (false, false) => Mode::Rollback,
    }
}

fn marker(read: &mut Reader) -> MarkerPlace {
    let words = [
        ("database", MarkerPlace::Database),
        ("git", MarkerPlace::Git),
    ];
    let said = read.read("marker", |text| choice(text, &words, "database or git"));
    said.unwrap_or(MarkerPlace::Database)
}

fn looking(read: &mut Reader, policy: &shared::policy::Policy) -> Looking {
    let window = read.read("watch", value::duration_above_zero);
    Looking {
        probing: probing::probing(read, policy, false),
        thresholds: judging::thresholds(read, policy),
        interval: policy
            .health_checks
            .interval
            .unwrap_or(Duration::from_secs(30)),
        window: window.unwrap_or(WATCH),
    }
}

/// Settings that hold addresses or maps: their secrets are hidden one by one, or the host would be hidden with them.
const TAKEN_APART: &[&str] = &["endpoint", "remote", "script_env"];

fn mask(
    raw: &Raw,
    probing: &Probing,
    hook: &HookSettings,
    remote: &Remote,
    database: Option<&DatabaseConfig>,
) -> Mask {
    let mut mask = Mask::default();
    let whole = catalog::of(PLUGIN).filter(|one| one.secret && !TAKEN_APART.contains(&one.name));
    let texts = whole.filter_map(|setting| raw.get(setting.name));
    texts.for_each(|given| mask.hide(&given.text));
    let login = remote
        .address
        .as_ref()
        .and_then(|address| remote::login_of(address.reveal()));
    probing
        .secrets()
        .chain(hook.script_env.iter().map(|(_, value)| value.reveal()))
        .chain(
            remote
                .netrc
                .iter()
                .map(|(_, _, password)| password.reveal()),
        )
        .chain(login)
        .for_each(|secret| mask.hide(secret));
    if let Some(password) = database.and_then(|one| one.url.password()) {
        mask.hide(password.reveal());
    }
    mask
}
