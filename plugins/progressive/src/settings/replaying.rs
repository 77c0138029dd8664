//! What a replay is told. Traffic, hooks, endpoints and the lease are nothing to it: they are not even understood.

use std::path::PathBuf;

use jiff::Timestamp;
use shared::ci::Ci;
use shared::endpoint::Endpoint;
use shared::log::Level;
use shared::policy::Policy;
use shared::problem::Problem;
use shared::secret::Mask;
use shared::settings::catalog;
use shared::settings::common;
use shared::settings::environment::Environment;
use shared::settings::judging;
use shared::settings::raw::{Found, Raw};
use shared::settings::read::Reader;
use shared::store::DatabaseConfig;
use shared::value;

use super::{PLUGIN, Settings, TAKEN_APART, analysis, counting, given, plan, stages};
use crate::replay::{Aside, Judging};

/// What a run is told to do.
#[derive(Debug)]
pub enum Told {
    /// To roll out, or to settle.
    Rollout(Box<Settings>),
    /// To judge a recorded rollout again.
    Replay(Box<Replaying>),
}

impl Told {
    /// Understands what was gathered, at the time `now`.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn understand(
        raw: &Raw,
        found: Found,
        environment: &Environment,
        now: Timestamp,
    ) -> Result<Self, Vec<Problem>> {
        if raw.get("replay").is_some() {
            let replaying = Replaying::understand(raw, found, environment)?;
            return Ok(Self::Replay(Box::new(replaying)));
        }
        let settings = Settings::understand(raw, found, environment, now)?;
        Ok(Self::Rollout(Box::new(settings)))
    }
}

/// What is replayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    /// A deployment of the records.
    Deployment(String),
    /// A JSON file of looks.
    File(PathBuf),
}

/// Everything a replay needs to know.
#[derive(Debug)]
pub struct Replaying {
    /// What is replayed.
    pub of: Of,
    /// The repository; absent where nobody named one, and then the records say.
    pub repo: Option<String>,
    /// The environment.
    pub environment: String,
    /// By what it is judged.
    pub judging: Judging,
    /// What cannot be replayed.
    pub aside: Aside,
    /// PostgreSQL, if there is one.
    pub database: Option<DatabaseConfig>,
    /// What is read where there is no database.
    pub journal: PathBuf,
    /// How much is said.
    pub log_level: Level,
    /// What must never be printed.
    pub mask: Mask,
    /// What is worth a line in the log.
    pub notes: Vec<String>,
}

impl Replaying {
    fn understand(
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
        let policy = given::policy(&mut read, &ci, &mut notes).unwrap_or_default();
        let database = given::database(&mut read, &ci);
        let replaying = Self {
            of: of(&read, &ci),
            repo: read.text("repo"),
            environment: common::environment(&mut read),
            judging: judged(&mut read, &policy),
            aside: aside(raw, &policy),
            journal: common::journal(&read, &ci),
            log_level: common::log_level(&mut read),
            mask: mask(raw, database.as_ref()),
            database,
            notes,
        };
        problems.extend(read.finish());
        if problems.is_empty() {
            Ok(replaying)
        } else {
            Err(problems)
        }
    }
}

/// What is there, or is called so, is a file.
fn of(read: &Reader, ci: &Ci) -> Of {
    let text = read.text("replay").unwrap_or_default();
    let path = ci.workspace.join(&text);
    let is_json = path
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    if is_json || path.is_file() {
        Of::File(path)
    } else {
        Of::Deployment(text)
    }
}

fn judged(read: &mut Reader, policy: &Policy) -> Judging {
    let thresholds = judging::thresholds(read, policy);
    Judging {
        rule: analysis::rules(read, policy, &thresholds).failed,
        icc_is_said: policy.analysis.icc.is_some(),
        min_samples: plan::min_samples(read, policy),
        max_wait: policy.progressive_deployment.max_wait_time,
        healthy_threshold: plan::healthy_threshold(read),
        on_inconclusive: plan::on_inconclusive(read),
        thresholds,
    }
}

/// What is wrong with these matters to nobody here.
fn aside(raw: &Raw, policy: &Policy) -> Aside {
    let mut read = Reader::new(raw);
    let progressive = &policy.progressive_deployment;
    let stages_by = if read.given("stages").is_some() {
        Some(read.written("stages"))
    } else if read.given("wait_time").is_some() {
        Some(read.written("wait_time"))
    } else {
        let in_policy = !progressive.stages.is_empty() || progressive.enabled == Some(false);
        in_policy.then(|| "the policy's progressive_deployment".to_owned())
    };
    let stages = stages::stages(&mut read, policy);
    let interval = read.read("interval", value::duration_above_zero);
    let soak = read.read("soak", value::duration);
    let latency = read.read("latency_limit", value::milliseconds);
    let named = |name: &str, key: &str| {
        if read.given(name).is_some() {
            read.written(name)
        } else {
            format!("the policy's {key}")
        }
    };
    let interval = interval
        .or(policy.health_checks.interval)
        .map(|interval| (named("interval", "health_checks.interval"), interval));
    let latency_limit = latency.or(policy.analysis.latency_limit).map(|limit| {
        (
            named("latency_limit", "analysis.latency_limit"),
            Some(limit),
        )
    });
    let source = read
        .text("count_by")
        .and_then(|word| counting::source(&word));
    Aside {
        stages: stages_by.zip(stages.map(|stages| stages.all().to_vec())),
        interval,
        soak: soak.map(|soak| (read.written("soak"), soak)),
        latency_limit,
        count_by: source.map(|source| (read.written("count_by"), source.to_owned())),
        endpoints: endpoints(&read),
    }
}

/// The addresses that a rollout would ask now, as its looks would name them.
fn endpoints(read: &Reader) -> Vec<(String, String)> {
    let names: &[&str] = if read.given("canary_endpoint").is_some() {
        &["canary_endpoint", "baseline_endpoint"]
    } else {
        &["endpoint", "baseline_endpoint"]
    };
    let given = names
        .iter()
        .filter_map(|name| Some((name, read.given(name)?)));
    let listed = given.flat_map(|(name, given)| {
        let parts = value::list(&given.text).unwrap_or_default();
        parts
            .into_iter()
            .map(move |part| (read.written(name), part))
    });
    let parsed = listed.filter_map(|(name, text)| {
        let endpoint = Endpoint::parse(&text).ok()?;
        Some((name, endpoint.to_string()))
    });
    parsed.collect()
}

/// Addresses are hidden by their secrets alone: the record names them.
fn mask(raw: &Raw, database: Option<&DatabaseConfig>) -> Mask {
    let mut mask = Mask::default();
    for setting in catalog::of(PLUGIN).filter(|setting| setting.secret) {
        let Some(given) = raw.get(setting.name) else {
            continue;
        };
        if !TAKEN_APART.contains(&setting.name) || !setting.name.ends_with("endpoint") {
            mask.hide(&given.text);
        }
        for part in value::list(&given.text).unwrap_or_default() {
            if let Ok(endpoint) = Endpoint::parse(&part) {
                endpoint
                    .secrets()
                    .into_iter()
                    .for_each(|one| mask.hide(one));
            }
        }
    }
    if let Some(password) = database.and_then(|one| one.url.password()) {
        mask.hide(password.reveal());
    }
    mask
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;

    fn told(pairs: &[(&str, &str)]) -> Result<Told, Vec<Problem>> {
        let environment = Environment::of(pairs.iter().map(|(n, v)| (n.into(), v.into())));
        let (raw, found) = Raw::gather(PLUGIN, &BTreeMap::new(), &environment);
        Told::understand(&raw, found, &environment, Timestamp::UNIX_EPOCH)
    }

    fn replaying(pairs: &[(&str, &str)]) -> Replaying {
        match told(&[&[("PLUGIN_REPLAY", "release-12")], pairs].concat()) {
            Ok(Told::Replay(replaying)) => *replaying,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_replay_needs_nothing_but_its_name_and_knows_files_by_theirs() {
        let bare = replaying(&[]);
        assert_eq!(bare.of, Of::Deployment("release-12".to_owned()));
        assert_eq!((bare.repo, &*bare.environment), (None, "production"));
        assert_eq!(bare.aside, Aside::default());
        let of = |text| replaying(&[("PLUGIN_REPLAY", text)]).of;
        for text in ["looks.json", "none/there.JSON", "Cargo.toml"] {
            assert!(matches!(of(text), Of::File(_)), "{text}");
        }
        assert!(matches!(of("src"), Of::Deployment(_)));
    }

    #[test]
    fn what_judges_is_understood_and_what_moves_traffic_is_not_even_looked_at() {
        let one = replaying(&[
            ("PLUGIN_CONSECUTIVE_FAILURES", "2"),
            ("PLUGIN_ALPHA", "0.001"),
            ("PLUGIN_MIN_SAMPLES", "9"),
            ("PLUGIN_ON_INCONCLUSIVE", "promote"),
            ("PLUGIN_TRAFFIC", "nonsense"),
            ("PLUGIN_HAPROXY_ADDRESS", "nonsense"),
            ("PLUGIN_DEADLINE", "nonsense"),
            ("PLUGIN_STAGES", "nonsense"),
        ]);
        assert_eq!(one.judging.thresholds.consecutive_failures, 2);
        assert!((one.judging.rule.alpha - 0.001).abs() < 1e-12);
        assert_eq!((one.judging.min_samples, one.aside), (9, Aside::default()));
        let wrong = told(&[("PLUGIN_REPLAY", "x"), ("PLUGIN_ALPHA", "2")]);
        assert_eq!(wrong.unwrap_err()[0].subject, "PLUGIN_ALPHA");
    }

    #[test]
    fn what_cannot_be_replayed_is_kept_by_its_name() {
        let one = replaying(&[
            ("PLUGIN_WAIT_TIME", "1m"),
            ("PLUGIN_INTERVAL", "5s"),
            ("PLUGIN_COUNT_BY", "traffic"),
            (
                "PLUGIN_CANARY_ENDPOINT",
                "http://u:geheim-1@10.0.0.12/health",
            ),
            ("PLUGIN_ENDPOINT", "http://unused/"),
        ]);
        let (by, stages) = one.aside.stages.unwrap();
        assert_eq!((&*by, stages.len()), ("PLUGIN_WAIT_TIME", 4));
        let interval = ("PLUGIN_INTERVAL".to_owned(), Duration::from_secs(5));
        assert_eq!(one.aside.interval, Some(interval));
        let source = ("PLUGIN_COUNT_BY".to_owned(), "haproxy".to_owned());
        assert_eq!(one.aside.count_by, Some(source));
        let [(_, endpoint)] = &one.aside.endpoints[..] else {
            panic!("{:?}", one.aside.endpoints)
        };
        assert!(endpoint.contains("10.0.0.12/health"), "{endpoint}");
        assert_eq!(one.mask.apply("geheim-1 at 10.0.0.12"), "*** at 10.0.0.12");
    }
}
