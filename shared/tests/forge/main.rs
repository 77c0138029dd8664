//! The forge room against small forges on loopback that refuse what the real ones' descriptions refuse.

#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

mod deploying;
mod describing;
mod incidents;
mod knowing;
mod limits;
mod proposing;
mod together;

use std::time::Duration;

use jiff::Timestamp;
use shared::clock::SystemClock;
use shared::forge::{Desk, Forge, Kind, Place};
use shared::http::{Http, Proxies};
use shared::incident::{Incident, Key};
use shared::policy::Severity;
use shared::secret::Secret;
use shared::signal::Cancel;
use shared::tls::Roots;
use testbed::forge::{self as peer, Flavour};

/// Long enough for all that answers.
const PATIENT: Duration = Duration::from_secs(60);
const ALL: [Flavour; 3] = [Flavour::GitHub, Flavour::Forgejo, Flavour::GitLab];

fn kind(flavour: Flavour) -> Kind {
    match flavour {
        Flavour::GitHub => Kind::GitHub,
        Flavour::Forgejo => Kind::Gitea,
        Flavour::GitLab => Kind::GitLab,
    }
}

fn http() -> Http {
    let proxies = Proxies::from_pairs([("", ""); 0]).unwrap();
    Http::new(Roots::load(None).unwrap(), proxies, "plugin-rollback/1.2.3")
}

fn place_with(flavour: Flavour, url: &str, token: &str) -> Place {
    Place::new(kind(flavour), url, peer::REPO, Secret::new(token)).unwrap()
}

/// Does something with the forge room, against a forge.
fn at<T>(flavour: Flavour, peer: &peer::Forge, with: impl FnOnce(&Forge) -> T) -> T {
    let place = place_with(flavour, &peer.url(), peer::TOKEN);
    let (http, clock) = (http(), SystemClock::start(Cancel::default()));
    with(&Forge::open(&place, &http, &clock))
}

fn key() -> Key {
    Key {
        repo: peer::REPO.into(),
        environment: "production".into(),
        deployment: "acme-shop-production-8".into(),
    }
}

fn incident(note: &str) -> Incident {
    Incident {
        key: key(),
        note: note.into(),
        plugin: "plugin-rollback".into(),
        title: "rolled back: acme/shop production".into(),
        severity: Severity::High,
        what: "the canary failed at 25 %".into(),
        at: Timestamp::UNIX_EPOCH,
        commit: Some("0a1b2c3d".into()),
        reasons: vec!["error rate 7.1 % > limit 5 % (reported)".into()],
        facts: Vec::new(),
        charts: Vec::new(),
        timeline: vec!["10:00:00Z stage 1 of 4".into()],
        done: vec!["traffic put back".into()],
        not_done: Vec::new(),
        tasks: Vec::new(),
        links: vec![("pipeline".into(), "https://ci.example/8".into())],
    }
}

fn desk() -> Desk {
    Desk {
        labels: vec!["automated".into(), "severity:high".into()],
        assignees: vec!["kim".into()],
        template: None,
    }
}

/// Every request was one that the real forge takes.
fn all_were_right(peer: &peer::Forge) {
    assert_eq!(peer.refused(), Vec::<String>::new());
}
