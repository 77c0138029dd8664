//! Who counts requests.

use std::time::Duration;

use shared::endpoint::{Endpoint, Scheme};
use shared::metrics::counters::Selectors;
use shared::metrics::prometheus::{Prometheus, Queries};
use shared::policy::Policy;
use shared::settings::read::{Reader, choice};
use shared::value::{self, Expected};

use super::{Sides, Sources, Traffic};
use crate::replay::NOBODY;
use crate::stage::LOOKS_MAX;
use crate::targets::Places;

/// Who counts requests.
#[derive(Debug, Clone)]
pub enum CountBy {
    /// Nobody: looks are judged by themselves.
    Nobody,
    /// The traffic manager.
    Traffic,
    /// A Prometheus server that scrapes both sides.
    Prometheus(Box<Asked>),
    /// The versions themselves, in their answers.
    Answers,
    /// Our own probes, many at each look.
    Probes,
}

impl CountBy {
    /// The word in the records and the log; the traffic manager's own name is its own.
    pub fn word(&self) -> Option<&'static str> {
        match self {
            Self::Nobody | Self::Traffic => None,
            Self::Prometheus(_) => Some("prometheus"),
            Self::Answers => Some("answers"),
            Self::Probes => Some("probes"),
        }
    }

    /// The word in the records, the traffic manager's among them; absent where nobody counts.
    pub(super) fn source(&self) -> Option<String> {
        let word = match self {
            // The one traffic manager that counts.
            Self::Traffic => Some("haproxy"),
            other => other.word(),
        };
        word.map(str::to_owned)
    }

    /// Whether the canary is known by its requests alone where it has no endpoint of its own. Our own probes of the
    /// service are samples anyway.
    pub(super) fn is_counter(&self) -> bool {
        matches!(self, Self::Traffic | Self::Prometheus(_))
    }
}

/// What a Prometheus server is asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The server.
    pub endpoint: Endpoint,
    /// The counters.
    pub selectors: Selectors,
    /// What `$side` stands for: the stable side, then the canary; of pools, the first and the second.
    pub names: [String; 2],
}

impl Asked {
    /// The server itself.
    pub fn server(&self, timeout: Duration) -> Prometheus {
        Prometheus {
            base: self.endpoint.clone(),
            headers: Vec::new(),
            queries: Queries::default(),
            timeout,
            show_name: false,
        }
    }

    /// What `$side` stands for: the stable side, then the canary.
    pub fn sides(&self, places: Places) -> [String; 2] {
        let [one, other] = self.names.clone();
        match places {
            Places::AsNamed => [one, other],
            Places::Exchanged => [other, one],
        }
    }
}

/// Who counts, and what is slow.
#[derive(Debug, Clone)]
pub struct Counting {
    /// Who counts.
    pub by: CountBy,
    /// Our own probes that take longer are slow.
    pub slow_over: Option<Duration>,
    /// Whether the history says how much failures come in bursts: nobody else does.
    pub learns_icc: bool,
    /// Whether something can tell what is usual here.
    pub knows_usual: bool,
}

impl Counting {
    /// Whether slow requests are told from others.
    pub fn tells_slow(&self) -> bool {
        match &self.by {
            CountBy::Nobody | CountBy::Traffic => false,
            CountBy::Prometheus(asked) => asked.selectors.fast.is_some(),
            CountBy::Answers | CountBy::Probes => self.slow_over.is_some(),
        }
    }

    /// What to say where `latency_limit` is set and nobody tells which requests were slower.
    pub fn unheard(&self) -> Option<&'static str> {
        self.slow_over?;
        match &self.by {
            CountBy::Nobody => {
                Some("latency_limit counts for nothing: nobody counts requests, see count_by")
            }
            CountBy::Traffic => Some(
                "latency_limit counts for nothing: the proxy knows averages of times, not which requests were slow; see \
                 count_by",
            ),
            CountBy::Prometheus(asked) if asked.selectors.fast.is_none() => Some(
                "latency_limit counts for nothing: with Prometheus it is query_fast that tells which requests were fast \
                 enough",
            ),
            CountBy::Prometheus(_) | CountBy::Answers | CountBy::Probes => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Auto,
    None,
    Traffic,
    Prometheus,
    Answers,
    Probes,
}

const WORDS: [(&str, Word); 6] = [
    ("auto", Word::Auto),
    ("none", Word::None),
    ("traffic", Word::Traffic),
    ("prometheus", Word::Prometheus),
    ("answers", Word::Answers),
    ("probes", Word::Probes),
];

/// The source that records name where `count_by` says this, [`NOBODY`] where there is none; absent where the word leaves
/// that open.
pub(super) fn source(word: &str) -> Option<&'static str> {
    match choice(word, &WORDS, "").ok()? {
        Word::Auto => None,
        Word::None => Some(NOBODY),
        // The one traffic manager that counts.
        Word::Traffic => Some("haproxy"),
        Word::Prometheus => Some("prometheus"),
        Word::Answers => Some("answers"),
        Word::Probes => Some("probes"),
    }
}

pub(super) fn counting(
    read: &mut Reader,
    policy: &Policy,
    sources: &Sources,
    traffic: Option<&Traffic>,
    min_samples: u32,
) -> Counting {
    let said = read.read("count_by", |text| {
        choice(
            text,
            &WORDS,
            "auto, none, traffic, prometheus, answers or probes",
        )
    });
    let asked = asked(read, traffic);
    let slower = read.read("latency_limit", value::milliseconds);
    let counts = matches!(traffic, Some(Traffic::Haproxy { .. }));
    let single = sources.canary.is_none();
    let wrong = match said.unwrap_or(Word::Auto) {
        Word::Traffic if traffic.is_some() && !counts => {
            Some("a traffic manager that counts requests, such as haproxy")
        }
        Word::Prometheus if read.given("query_requests").is_none() => {
            Some("query_requests and query_failed beside it")
        }
        Word::Answers if single => {
            Some("canary_endpoint beside it: the service's own answers do not tell whose they are")
        }
        _ => None,
    };
    if let Some(expected) = wrong {
        read.refuse("count_by", expected);
    }
    let auto = || match &asked {
        Some(asked) => CountBy::Prometheus(Box::new(asked.clone())),
        None if counts => CountBy::Traffic,
        None if single || min_samples > LOOKS_MAX => CountBy::Probes,
        None => CountBy::Nobody,
    };
    let by = match said.unwrap_or(Word::Auto) {
        Word::Auto => auto(),
        Word::None => CountBy::Nobody,
        Word::Traffic => CountBy::Traffic,
        Word::Prometheus => asked.map_or(CountBy::Nobody, |asked| {
            CountBy::Prometheus(Box::new(asked))
        }),
        Word::Answers => CountBy::Answers,
        Word::Probes => CountBy::Probes,
    };
    Counting {
        knows_usual: matches!(by, CountBy::Probes) || read.given("database_url").is_some(),
        by,
        learns_icc: policy.analysis.icc.is_none(),
        slow_over: slower.or(policy.analysis.latency_limit),
    }
}

/// What Prometheus is asked; nothing where no counter is named.
fn asked(read: &mut Reader, traffic: Option<&Traffic>) -> Option<Asked> {
    let names = read.read("metrics_sides", |text| pair(&value::list(text)?));
    let requests = read.read("query_requests", Selectors::check);
    let failed = read.read("query_failed", Selectors::check);
    let fast = read.read("query_fast", Selectors::check);
    let given = |name: &str| read.given(name).is_some();
    let [has_requests, has_failed, has_fast] =
        ["query_requests", "query_failed", "query_fast"].map(given);
    let first = ["query_requests", "query_failed", "query_fast"];
    let Some(first) = first.into_iter().find(|name| given(name)) else {
        if given("metrics_sides") {
            read.refuse("metrics_sides", "query_requests and query_failed beside it");
        }
        return None;
    };
    // Of what cannot be used at all nothing more is said.
    let is_wrong = (has_requests && requests.is_none())
        || (has_failed && failed.is_none())
        || (has_fast && fast.is_none());
    let endpoint = read.read("metrics_endpoint", http_endpoint);
    let has_endpoint = read.given("metrics_endpoint").is_some();
    let missing = match (has_requests && has_failed, has_endpoint) {
        (true, true) => None,
        (false, true) => Some("both query_requests and query_failed"),
        (true, false) => Some("a metrics_endpoint to send the query to"),
        (false, false) => {
            Some("both query_requests and query_failed, and a metrics_endpoint to send them to")
        }
    };
    if let Some(missing) = missing.filter(|_| !is_wrong) {
        read.refuse(first, missing);
    }
    let pools = match traffic {
        Some(Traffic::Haproxy {
            sides: Sides::Pools(pools),
            ..
        }) => Some(pools.clone()),
        _ => None,
    };
    let usual = || ["stable", "canary"].map(str::to_owned);
    Some(Asked {
        endpoint: endpoint?,
        selectors: Selectors {
            requests: requests?,
            failed: failed?,
            fast,
        },
        names: names.or(pools).unwrap_or_else(usual),
    })
}

fn pair(names: &[String]) -> Result<[String; 2], Expected> {
    let fits = |name: &String| !name.is_empty() && !name.contains(['"', '\\', '\n', '$']);
    match names {
        [one, other] if one != other && fits(one) && fits(other) => {
            Ok([one.clone(), other.clone()])
        }
        _ => Err("the two values of the label that tells the sides apart, such as stable,canary"),
    }
}

fn http_endpoint(text: &str) -> Result<Endpoint, Expected> {
    Endpoint::parse(text)
        .ok()
        .filter(|endpoint| endpoint.scheme != Scheme::Tcp)
        .ok_or("an address such as https://prometheus.example")
}
