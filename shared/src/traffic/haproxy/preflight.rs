//! Whether a rollout can work here, and what is to be known about it.

use super::answer::start;
use super::instance::{Instance, LEVEL};
use super::moves::Admin;
use super::state::State;
use crate::traffic::{Fault, Health};

/// Whether shares can be set there and would be honoured.
pub(super) fn suitable(level: &str, state: &State, backend: &str) -> Result<(), Fault> {
    let unsuitable = |detail| Err(Fault::Unsuitable { detail });
    if level != "admin" {
        return Err(Fault::Refused {
            detail: format!("found level {}; {LEVEL}", start(level)),
        });
    }
    if state.algorithm != "roundrobin" {
        return unsuitable(format!(
            "backend {backend} balances by {}, which does not honour every weight: write `balance roundrobin`",
            state.algorithm
        ));
    }
    if let Some((name, weight)) = state.others.first() {
        return unsuitable(format!(
            "server {name} of backend {backend} carries traffic too, with weight {weight}: \
             take it out, or set its weight to 0"
        ));
    }
    if state.both().never_dark() != state.both() {
        return unsuitable(format!(
            "neither server of backend {backend} carries traffic ({}): give the live one a weight",
            state.words()
        ));
    }
    Ok(())
}

/// What was found, for the log.
pub(super) fn notes(instance: &Instance, state: &State, sticky: Option<String>) -> Vec<String> {
    let mut notes = vec![format!(
        "haproxy at {}: backend {}, {}",
        instance.address,
        instance.servers.backend,
        state.words()
    )];
    if state.mode == "tcp" {
        notes.push("mode tcp: what is counted is connections, not requests".into());
    }
    notes.extend(sticky.map(|by| format!("clients stick to a server by {by}")));
    for server in [&state.stable, &state.canary] {
        if server.health == Health::Down && server.setting.state == Admin::Ready {
            notes.push(format!("server {} is down", server.name));
        }
    }
    notes
}

/// What the configuration says, to which a reload returns.
pub(super) fn reload(state: &State) -> String {
    let (stable, canary) = (&state.stable, &state.canary);
    let warning = if canary.configured > 0 {
        format!(
            ", which gives traffic to {}: configure it with `weight 0`",
            canary.name
        )
    } else {
        String::new()
    };
    format!(
        "a reload of haproxy returns to the configured weights, {} {} and {} {}{warning} (unless its \
         `load-server-state-from-file` finds what `show servers state` said before)",
        stable.name, stable.configured, canary.name, canary.configured
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::haproxy::Servers;
    use crate::traffic::haproxy::answer::{SERVERS, STAT};

    #[test]
    fn a_reload_that_would_give_traffic_to_the_canary_is_told() {
        let servers = Servers {
            backend: "shop".into(),
            stable: "blue".into(),
            canary: "green".into(),
        };
        let state = State::read(STAT, SERVERS, &servers).unwrap();
        assert!(reload(&state).contains("gives traffic to green: configure it with `weight 0`"));
    }
}
