//! What this plugin is told, understood: a value of [`Settings`] cannot be wrong.

mod analysis;
mod complete;
mod counting;
mod given;
mod hooks;
mod plan;
mod replaying;
mod stages;
mod traffic;

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use shared::ci::Ci;
use shared::endpoint::Endpoint;
use shared::evidence::Rules;
use shared::http::Proxies;
use shared::log::Level;
use shared::message::Outcome;
use shared::page::Format;
use shared::policy::{Freeze, Gate, Policy};
use shared::problem::Problem;
use shared::record::Subject;
use shared::secret::{Mask, Secret};
use shared::settings::catalog::{self, Plugin};
use shared::settings::common::{self, DryRun};
use shared::settings::environment::Environment;
use shared::settings::forging::{self, Forging};
use shared::settings::probing::{self, Probing};
use shared::settings::raw::{Found, Raw};
use shared::settings::read::Reader;
use shared::settings::telling::{self, Telling};
use shared::store::DatabaseConfig;
use shared::value;

use crate::rollout::{Mode, Plan};

pub use counting::{Asked, CountBy, Counting};
pub use hooks::{Hook, HookSettings};
pub use replaying::{Of, Replaying, Told};
pub use traffic::{Sides, Traffic};

/// The plugin that these settings are of.
pub const PLUGIN: Plugin = Plugin::Progressive;

/// What is asked about the versions.
#[derive(Debug)]
pub struct Sources {
    /// The service and what goes for every endpoint; without an endpoint of its own where the canary has one.
    pub probing: Probing,
    /// The canary's own endpoint.
    pub canary: Option<Endpoint>,
    /// The stable side's own endpoint.
    pub baseline: Option<Endpoint>,
}

/// Everything a run needs to know.
#[derive(Debug)]
pub struct Settings {
    /// Whose deployment.
    pub subject: Subject,
    /// What Woodpecker says.
    pub ci: Ci,
    /// What is to happen.
    pub plan: Plan,
    /// Only look whether everything needed is there.
    pub preflight: bool,
    /// What is asked about the versions.
    pub sources: Sources,
    /// Who counts requests.
    pub counting: Counting,
    /// How far back what is usual is looked for.
    pub long_term: Duration,
    /// What moves the traffic.
    pub traffic: Traffic,
    /// The deployment script or webhook.
    pub hook: HookSettings,
    /// What is told of every share, to switch feature flags by.
    pub flags: Option<Secret>,
    /// Numbers that must lie within bounds before anything begins.
    pub gates: Vec<Gate>,
    /// Times in which nothing is deployed.
    pub freezes: Vec<Freeze>,
    /// What may be written and told.
    pub dry_run: DryRun,
    /// Whom to tell.
    pub telling: Telling,
    /// What is told at the forge.
    pub forging: Forging,
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
    /// Understands what was gathered, at the time `now`: the deadline is counted from the pipeline's start.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn understand(
        raw: &Raw,
        found: Found,
        environment: &Environment,
        now: Timestamp,
    ) -> Result<Self, Vec<Problem>> {
        let Found {
            mut problems,
            mut notes,
        } = found;
        let ci = Ci::read(environment);
        let mut read = Reader::new(raw);
        let policy = given::policy(&mut read, &ci, &mut notes);
        let has_policy = policy.is_some();
        let policy = policy.unwrap_or_default();
        let subject = common::subject(&mut read, &ci);
        let dry_run = common::dry_run(&mut read);
        let mode = mode(&mut read, dry_run);
        let sources = sources(&mut read, &policy);
        let traffic = traffic::traffic(&mut read, &policy, &ci);
        let hook = hooks::hook(&mut read, &ci, environment, traffic.as_ref());
        let plan = plan::Told {
            subject: &subject,
            mode,
            traffic: traffic.as_ref(),
            hook: &hook,
            environment,
            now,
        };
        let mut plan = plan::plan(&mut read, &policy, &plan);
        let min_samples = plan.as_ref().map_or(0, |plan| plan.rules.min_samples);
        let counting =
            counting::counting(&mut read, &policy, &sources, traffic.as_ref(), min_samples);
        // The chance of an error is spent once over all that can err: failed requests, slow ones where they are told,
        // and the bound of what is usual where something can tell that.
        if let Some(plan) = &mut plan {
            plan.rules.bursts = matches!(counting.by, CountBy::Probes);
            plan.rules.counted_by = counting.by.source();
            plan.rules.known_by_counts = sources.canary.is_none() && counting.by.is_counter();
            let (whole, tells_slow) = (plan.rules.evidence.failed, counting.tells_slow());
            plan.rules.evidence = Rules::spent(whole, tells_slow, counting.knows_usual);
        }
        complete::complete(
            &mut read,
            &subject,
            (&sources, &counting.by),
            traffic.as_ref(),
            mode,
            plan.as_ref().map(|plan| plan.finish),
        );
        let telling = {
            let signs = policy.advanced.feature_flags.webhook.is_some();
            let when = [Outcome::Warning, Outcome::Failure];
            telling::telling_beside(&mut read, &when, signs)
        };
        let incidents = &policy.incident_management;
        let forging = forging::forging(&mut read, &ci, incidents, PLUGIN.name());
        let database = given::database(&mut read, &ci);
        let mask = mask(raw, &sources, &hook, &policy, database.as_ref());
        let report = given::report(&mut read, &ci);
        let proxies = given::proxies(&mut read, environment);
        let preflight = given::switch(&mut read, "preflight");
        let log_level = common::log_level(&mut read);
        let journal = common::journal(&read, &ci);
        let ca_certificate = common::path(&read, "ca_certificate", &ci);
        let mut wrong = read.finish();
        wrong.retain(|one| has_policy || !GIVEN_BY_POLICY.contains(&one.subject.as_str()));
        problems.extend(wrong);
        match (plan, traffic) {
            (Some(plan), Some(traffic)) if problems.is_empty() => Ok(Self {
                flags: policy.advanced.feature_flags.webhook,
                gates: policy.advanced.quality_gates,
                freezes: policy.freeze,
                subject,
                ci,
                plan,
                preflight,
                sources,
                counting,
                long_term: policy.monitoring_windows.long_term.unwrap_or(LONG_TERM),
                traffic,
                hook,
                dry_run,
                telling,
                forging,
                database,
                journal,
                report,
                ca_certificate,
                proxies,
                log_level,
                mask,
                notes,
            }),
            _ => Err(problems),
        }
    }
}

/// A day: at every hour of it something else is usual.
const LONG_TERM: Duration = Duration::from_secs(24 * 3600);

/// Settings that the policy can give. Where it cannot be read they are missing, which is no problem of their own.
const GIVEN_BY_POLICY: &[&str] = &[
    "traffic",
    "haproxy_address",
    "haproxy_backend",
    "stable_server",
    "canary_server",
    "pools",
    "finish",
];

fn mode(read: &mut Reader, dry_run: DryRun) -> Mode {
    let settle = given::switch(read, "settle");
    match (settle, dry_run) {
        (false, DryRun::Off) => Mode::Roll,
        (false, DryRun::On) => Mode::Dry { record: false },
        (false, DryRun::Record) => Mode::Dry { record: true },
        (true, DryRun::Off) => Mode::Settle,
        (true, _) => {
            read.refuse("settle", "no dry_run beside it, because settling writes");
            Mode::Settle
        }
    }
}

fn sources(read: &mut Reader, policy: &Policy) -> Sources {
    let own = |read: &mut Reader, name: &str| read.read(name, one_address);
    let (canary, baseline) = (own(read, "canary_endpoint"), own(read, "baseline_endpoint"));
    Sources {
        probing: probing::probing(read, policy, false),
        canary,
        baseline,
    }
}

/// A side has one address. A list would pass for an address with a comma in its path.
fn one_address(text: &str) -> Result<Endpoint, value::Expected> {
    let several = text.trim_start().starts_with('[') || text.matches("://").count() > 1;
    if several {
        return Err(
            "one address, such as http://10.0.0.12:8080/health: only endpoint takes a list",
        );
    }
    Endpoint::parse(text)
}

/// Settings that hold addresses or maps: their secrets are hidden one by one, or the host would be hidden with them.
const TAKEN_APART: &[&str] = &[
    "endpoint",
    "canary_endpoint",
    "baseline_endpoint",
    "metrics_endpoint",
    "integrity_endpoint",
    "headers",
    "script_env",
];

fn mask(
    raw: &Raw,
    sources: &Sources,
    hook: &HookSettings,
    policy: &Policy,
    database: Option<&DatabaseConfig>,
) -> Mask {
    let mut mask = Mask::default();
    let whole = catalog::of(PLUGIN).filter(|one| one.secret && !TAKEN_APART.contains(&one.name));
    let texts = whole.filter_map(|setting| raw.get(setting.name));
    texts.for_each(|given| mask.hide(&given.text));
    sources
        .probing
        .secrets()
        .chain(sources.canary.iter().flat_map(Endpoint::secrets))
        .chain(sources.baseline.iter().flat_map(Endpoint::secrets))
        .chain(hook.script_env.iter().map(|(_, value)| value.reveal()))
        .chain(
            policy
                .advanced
                .feature_flags
                .webhook
                .iter()
                .map(Secret::reveal),
        )
        .for_each(|secret| mask.hide(secret));
    if let Some(password) = database.and_then(|one| one.url.password()) {
        mask.hide(password.reveal());
    }
    mask
}

/// A list of guards to lift.
fn lifted(read: &mut Reader) -> crate::rollout::Lifted {
    let wanted = "the guards to lift, a list: hold, freeze, irreversible, moved-branch";
    let known = ["hold", "freeze", "irreversible", "moved-branch"];
    let words = read.read("override", |text| {
        let words = value::list(text)?;
        let right = words.iter().all(|word| known.contains(&word.as_str()));
        right.then_some(words).ok_or(wanted)
    });
    let has = |word: &str| words.iter().flatten().any(|one| one == word);
    crate::rollout::Lifted {
        hold: has("hold"),
        freeze: has("freeze"),
    }
}
