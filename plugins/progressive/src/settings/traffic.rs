//! What moves the traffic.

use shared::ci::Ci;
use shared::policy::{Method, Policy};
use shared::problem::Problem;
use shared::settings::read::{Reader, choice};
use shared::settings::showing::{Shown, shown};
use shared::traffic::haproxy::Address;
use shared::value;

/// Which server is which side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sides {
    /// Always the same.
    Fixed {
        /// The server of the version that is live.
        stable: String,
        /// The server of the new version.
        canary: String,
    },
    /// They take turns: whichever carries all traffic is the stable side.
    Pools([String; 2]),
}

/// What moves the traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Traffic {
    /// HAProxy.
    Haproxy {
        /// Its runtime APIs.
        addresses: Vec<Address>,
        /// The backend.
        backend: String,
        /// The servers in it.
        sides: Sides,
        /// For `tls://` addresses.
        shown: Option<Shown>,
    },
    /// The deployment script.
    Script,
    /// The deployment webhook.
    Webhook,
    /// Nothing: stages are watched only.
    None,
}

pub(super) fn traffic(read: &mut Reader, policy: &Policy, ci: &Ci) -> Option<Traffic> {
    let words: Vec<_> = Method::ALL.iter().map(|one| (one.word(), *one)).collect();
    let said = read.read("traffic", |text| {
        choice(text, &words, "haproxy, script, webhook or none")
    });
    let method = said.or(policy.advanced.traffic_splitting.method);
    if method.is_none() && read.given("traffic").is_none() && !read.is_misspelt("traffic") {
        let expected = "what moves the traffic: haproxy, script, webhook or none";
        read.problem(Problem::unseen("traffic", expected));
    }
    let method = method?;
    if method != Method::Haproxy && read.given("pools").is_some() {
        read.refuse("pools", "traffic: haproxy, whose servers take turns");
    }
    match method {
        Method::Haproxy => haproxy(read, policy, ci),
        Method::Script => Some(Traffic::Script),
        Method::Webhook => Some(Traffic::Webhook),
        Method::None => Some(Traffic::None),
    }
}

fn haproxy(read: &mut Reader, policy: &Policy, ci: &Ci) -> Option<Traffic> {
    let splitting = &policy.advanced.traffic_splitting;
    let parse = |parts: &[String]| -> Result<Vec<Address>, value::Expected> {
        parts.iter().map(|part| Address::parse(part)).collect()
    };
    let said = read.read("haproxy_address", |text| parse(&value::list(text)?));
    let addresses = said.or_else(|| parse(&splitting.haproxy_address).ok());
    let addresses = addresses.filter(|all| !all.is_empty());
    if let (None, None) = (&addresses, read.given("haproxy_address")) {
        let expected =
            "HAProxy's runtime API, such as /run/haproxy/admin.sock or tcp://haproxy:9999";
        read.problem(Problem::unseen("haproxy_address", expected));
    }
    let tls = |address: &Address| matches!(address, Address::Tls(_));
    let secured = addresses.iter().flatten().any(tls);
    let shown = shown(read, ci, secured);
    let backend = name(
        read,
        "haproxy_backend",
        splitting.haproxy_backend.as_ref(),
        "the backend that holds both servers",
    );
    let sides = sides(read, policy);
    Some(Traffic::Haproxy {
        addresses: addresses?,
        backend: backend?,
        sides: sides?,
        shown,
    })
}

fn sides(read: &mut Reader, policy: &Policy) -> Option<Sides> {
    let splitting = &policy.advanced.traffic_splitting;
    let fixed = ["stable_server", "canary_server"];
    let own = fixed.iter().any(|name| read.given(name).is_some());
    let said = read.read("pools", |text| pair(&value::list(text)?));
    if said.is_some() && own {
        read.refuse("pools", "no stable_server or canary_server beside it");
    }
    // What a step says of the sides beats what the policy says of them in the other way.
    let pools = said.or_else(|| pair(&splitting.pools).ok().filter(|_| !own));
    if let Some(pools) = pools {
        return Some(Sides::Pools(pools));
    }
    if read.given("pools").is_some() {
        return None;
    }
    let stable = name(
        read,
        "stable_server",
        splitting.stable_server.as_ref(),
        "the server of the version that is live, or pools",
    );
    let canary = name(
        read,
        "canary_server",
        splitting.canary_server.as_ref(),
        "the server of the new version, or pools",
    );
    if let (Some(one), Some(other)) = (&stable, &canary)
        && one == other
    {
        read.refuse("canary_server", "another server than stable_server");
    }
    Some(Sides::Fixed {
        stable: stable?,
        canary: canary?,
    })
}

fn pair(names: &[String]) -> Result<[String; 2], value::Expected> {
    match names {
        [one, other] if one != other && [one, other].iter().all(|name| is_name(name)) => {
            Ok([one.clone(), other.clone()])
        }
        _ => Err("two different servers, such as blue,green"),
    }
}

fn name(
    read: &mut Reader,
    setting: &str,
    policy: Option<&String>,
    expected: &'static str,
) -> Option<String> {
    let wanted = "a name of letters, digits and -_.: only";
    let said = read.read(setting, |text| {
        let text = text.trim();
        is_name(text).then(|| text.to_owned()).ok_or(wanted)
    });
    let found = said.or_else(|| policy.cloned());
    if found.is_none() && read.given(setting).is_none() && !read.is_misspelt(setting) {
        read.problem(Problem::unseen(setting, expected));
    }
    found
}

/// Names go into commands of the runtime API.
fn is_name(text: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    !text.is_empty() && text.chars().all(good)
}
